//! The state of a training: everything beside weights and optimiser that a resumed training needs to equal an
//! uninterrupted one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{EarlyStopping, StoppingMetric};
use crate::picture::EpochRecord;

/// The state of a training between two steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct TrainingState {
    /// Current epoch, from 0.
    pub(crate) epoch: u64,
    /// Steps done in it.
    pub(crate) step_of_epoch: usize,
    /// Steps done in all.
    pub(crate) step: u64,
    /// Sum of the losses of this epoch's steps.
    pub(crate) loss_sum: f64,
    /// Seconds spent in this epoch, over all interruptions.
    pub(crate) seconds: f64,
    /// Figures of the complete epochs.
    pub(crate) history: Vec<EpochRecord>,
    /// The best epoch, from 1; 0 before there is one.
    pub(crate) best_epoch: u64,
    /// The last epoch that patience counts as better, from 1; 0 before there is one.
    #[serde(default)]
    pub(crate) improved_epoch: u64,
    /// SHA-256 over the data set's labels, groups and tile digests.
    #[serde(default)]
    pub(crate) data_sha256: String,
    /// SHA-256 of `split.csv`; missing in a checkpoint of an older Kiln.
    #[serde(default)]
    pub(crate) split_sha256: Option<String>,
    /// SHA-256 of the other files of the checkpoint, by name; missing in one of an older Kiln.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) files_sha256: BTreeMap<String, String>,
    /// Training is over.
    pub(crate) finished: bool,
    /// SHA-256 of the file of the backbone's pretrained weights.
    #[serde(default)]
    pub(crate) backbone_sha256: Option<String>,
    /// Identity of what computed the features of a frozen backbone; missing without one, and in a checkpoint of an older
    /// Kiln, which used burn.
    #[serde(default)]
    pub(crate) features: Option<String>,
    /// Seconds that computing the features of a frozen backbone took, now or when they were cached; missing without them.
    #[serde(default)]
    pub(crate) features_s: Option<f64>,
    /// Beginning of stage two; `None` before it.
    #[serde(default)]
    pub(crate) stage_two: Option<StageTwo>,
}

/// Beginning of the second stage of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StageTwo {
    /// Epochs before it.
    pub(crate) epoch: u64,
    /// Steps before it.
    pub(crate) step: u64,
    /// The epoch whose weights it started from, from 1.
    pub(crate) from: u64,
}

impl TrainingState {
    /// Mean loss of the epoch so far.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss_sum / self.step_of_epoch.max(1) as f64
    }

    /// Closes the epoch with its record; returns true if it is the best so far. Any improvement makes an epoch the best;
    /// only an improvement of `min_delta` resets patience.
    pub(crate) fn close_epoch(
        &mut self,
        record: EpochRecord,
        metric: StoppingMetric,
        stopping: Option<EarlyStopping>,
    ) -> bool {
        let min_delta = stopping.map_or(0.0, |stopping| stopping.min_delta);
        let better = |than: u64, by: f64| self.record(than).is_none_or(|before| is_better(&record, before, metric, by));
        let (best, improved) = (better(self.best_epoch, 0.0), better(self.improved_epoch, min_delta));
        if best {
            self.best_epoch = record.epoch;
        }
        if improved {
            self.improved_epoch = record.epoch;
        }
        self.history.push(record);
        self.epoch += 1;
        self.step_of_epoch = 0;
        self.loss_sum = 0.0;
        self.seconds = 0.0;
        best
    }

    /// Begins stage two, in which no earlier epoch counts as the best.
    pub(crate) fn begin_stage_two(&mut self) {
        self.stage_two = Some(StageTwo { epoch: self.epoch, step: self.step, from: self.best_epoch });
        (self.best_epoch, self.improved_epoch) = (0, 0);
    }

    /// The stage has had its epochs, or patience has run out.
    pub(crate) fn is_over(&self, epochs: u64, stopping: Option<EarlyStopping>) -> bool {
        self.epoch >= epochs || self.stops_early(stopping)
    }

    /// Patience has run out.
    pub(crate) fn stops_early(&self, stopping: Option<EarlyStopping>) -> bool {
        stopping
            .is_some_and(|stopping| self.improved_epoch > 0 && self.epoch - self.improved_epoch >= stopping.patience)
    }

    fn record(&self, epoch: u64) -> Option<&EpochRecord> {
        self.history.iter().find(|record| record.epoch == epoch)
    }
}

fn is_better(new: &EpochRecord, best: &EpochRecord, metric: StoppingMetric, min_delta: f64) -> bool {
    let lower_loss = new.val_loss < best.val_loss - min_delta;
    match (metric, new.val_auroc, best.val_auroc) {
        (StoppingMetric::ValAuroc, Some(new_auroc), Some(best_auroc)) => {
            new_auroc > best_auroc + min_delta || (new_auroc.total_cmp(&best_auroc).is_eq() && lower_loss)
        }
        _ => lower_loss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64, val_loss: f64, val_auroc: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            step: epoch * 10,
            learning_rate: 0.001,
            train_loss: 1.0,
            val_loss,
            val_auroc: Some(val_auroc),
            seconds: 1.0,
        }
    }

    #[test]
    fn patience_counts_epochs_since_the_best_one() {
        let stopping = Some(EarlyStopping { patience: 2, min_delta: 0.0 });
        let mut state = TrainingState::default();
        assert!(state.close_epoch(record(1, 0.5, 0.9), StoppingMetric::ValLoss, None));
        assert!(!state.close_epoch(record(2, 0.6, 0.95), StoppingMetric::ValLoss, None));
        assert!(!state.is_over(10, stopping));
        assert!(!state.close_epoch(record(3, 0.55, 0.95), StoppingMetric::ValLoss, None));
        assert!(state.is_over(10, stopping));
        assert_eq!(state.best_epoch, 1);
    }

    #[test]
    fn any_improvement_keeps_an_epoch_and_min_delta_resets_patience() {
        let stopping = Some(EarlyStopping { patience: 2, min_delta: 0.1 });
        let mut state = TrainingState::default();
        let mut closed = |loss, auroc| {
            let record = record(state.epoch + 1, loss, auroc);
            (state.close_epoch(record, StoppingMetric::ValAuroc, stopping), state.stops_early(stopping))
        };
        assert_eq!(closed(0.5, 0.80), (true, false));
        // Better, but by too little for patience; then worse, at a lower loss.
        assert_eq!(closed(0.5, 0.85), (true, false));
        assert_eq!(closed(0.1, 0.84), (false, true));
    }

    #[test]
    fn stage_two_has_a_separate_best_epoch() {
        let mut state = TrainingState::default();
        state.close_epoch(record(1, 0.5, 0.9), StoppingMetric::ValLoss, None);
        state.begin_stage_two();
        assert!(state.close_epoch(record(2, 7.0, 0.9), StoppingMetric::ValLoss, None));
        assert_eq!(state.best_epoch, 2);
        assert_eq!(state.stage_two.map(|stage| (stage.epoch, stage.from)), Some((1, 1)));
    }

    #[test]
    fn by_auroc_the_lower_loss_decides_between_equals() {
        let mut state = TrainingState::default();
        assert!(state.close_epoch(record(1, 0.5, 0.9), StoppingMetric::ValAuroc, None));
        assert!(state.close_epoch(record(2, 0.4, 0.9), StoppingMetric::ValAuroc, None));
        assert!(!state.close_epoch(record(3, 0.3, 0.8), StoppingMetric::ValAuroc, None));
        assert_eq!(state.best_epoch, 2);
    }
}
