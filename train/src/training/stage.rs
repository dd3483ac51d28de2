//! The stages of a training. Most models have one; the classifier of a hybrid may learn alone first, and then together with
//! the autoencoder, from its best epoch on. Each stage has a separate course of the learning rate, patience and best
//! epoch.

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};

use super::state::TrainingState;
use crate::Config;
use crate::model::{LossOptions, Part, Zoo};

/// The current stage of a training, by configuration and state.
pub(super) struct Stage<'a> {
    config: &'a Config,
    state: &'a TrainingState,
    steps: u64,
}

impl<'a> Stage<'a> {
    /// The stage of `state`, for epochs of `steps` steps.
    pub(super) fn new(config: &'a Config, state: &'a TrainingState, steps: usize) -> Self {
        Self { config, state, steps: steps as u64 }
    }

    /// The part of the model that learns.
    pub(super) fn part(&self) -> Part {
        if self.is_first_of_two() { Part::Classifier } else { Part::Whole }
    }

    /// Parameters of the loss of the next step.
    pub(super) fn loss(&self) -> LossOptions {
        LossOptions { divergence: self.divergence(), ..self.validation_loss() }
    }

    /// Parameters of the loss of a validation: with the full divergence, so that epochs compare.
    pub(super) fn validation_loss(&self) -> LossOptions {
        let label_smoothing = self.config.training.label_smoothing;
        LossOptions { label_smoothing, part: self.part(), ..LossOptions::default() }
    }

    /// Adam's step size at `step` of the whole training, from 0.
    pub(super) fn learning_rate(&self, step: u64) -> f64 {
        let training = &self.config.training;
        let (_, first) = self.begin();
        training.learning_rate * training.schedule.factor(step.saturating_sub(first), self.epochs() * self.steps)
    }

    /// The step size of every weight of `zoo` at `step`: the parts that stage one trained have a smaller one in stage two.
    pub(super) fn learning_rates(&self, step: u64, zoo: &Zoo) -> ModuleLearningRate {
        let rate = self.learning_rate(step);
        if self.state.stage_two.is_none() {
            return rate.into();
        }
        let slow = rate * self.config.model.settings().classifier_rate();
        let groups = zoo.first_stage_params().into_iter();
        groups.fold(ModuleLrScheduler::new(rate), |rates, group| rates.with_group(group, slow)).step()
    }

    /// Side of the window of its tiles that a step uses; `None` for whole tiles.
    pub(super) fn crop(&self) -> Option<usize> {
        let takes_windows = self.config.model.settings().window_step(self.part()).is_some();
        self.config.training.crop.filter(|_| takes_windows)
    }

    /// Another stage follows this one.
    pub(super) fn is_first_of_two(&self) -> bool {
        self.config.model.settings().classifier_epochs() > 0 && self.state.stage_two.is_none()
    }

    /// The stage has had its epochs, or has run out of patience.
    pub(super) fn is_over(&self) -> bool {
        self.state.is_over(self.begin().0 + self.epochs(), self.config.training.early_stopping)
    }

    /// Epochs and steps of the training before this stage.
    fn begin(&self) -> (u64, u64) {
        self.state.stage_two.map_or((0, 0), |stage| (stage.epoch, stage.step))
    }

    /// Steps of this stage so far.
    pub(super) fn steps_done(&self) -> u64 {
        self.state.step.saturating_sub(self.begin().1)
    }

    /// Epochs of this stage, at most.
    fn epochs(&self) -> u64 {
        let alone = self.config.model.settings().classifier_epochs();
        match self.part() {
            Part::Classifier => alone,
            Part::Whole => epochs(self.config) - alone,
        }
    }

    /// The factor on the divergence at the next step: grows linearly from 0 over the epochs of its warm-up.
    fn divergence(&self) -> f64 {
        let over = self.config.model.settings().beta_warmup_epochs() * self.steps;
        let done = self.steps_done();
        if done >= over { 1.0 } else { done as f64 / over as f64 }
    }
}

/// Passes over the training tiles, at most, in all stages.
pub(super) fn epochs(config: &Config) -> u64 {
    if config.model.settings().learns_in_one_pass() { 1 } else { config.training.epochs }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use burn::module::{ParamId, list_param_ids};

    use super::*;

    const TWO: &str = "name: h\nmodel: {kind: hybrid, classifier_epochs: 2, beta_warmup_epochs: 2}\ntraining: {epochs: 6, \
                       crop: 128, learning_rate: 1.0, schedule: {kind: cosine}}\n";

    fn at(step: u64, two: bool) -> TrainingState {
        let mut state = TrainingState { epoch: 2, step: 20, best_epoch: 1, ..TrainingState::default() };
        if two {
            state.begin_stage_two();
        }
        TrainingState { step, ..state }
    }

    #[test]
    fn the_classifier_learns_alone_from_windows_and_all_together_from_whole_tiles() {
        let config = Config::parse(TWO, "two.yaml", &[]).unwrap();
        let (first, second) = (at(20, false), at(20, true));
        let (first, second) = (Stage::new(&config, &first, 10), Stage::new(&config, &second, 10));
        assert_eq!((first.part(), first.crop(), first.is_over()), (Part::Classifier, Some(128), true));
        assert_eq!((second.part(), second.crop(), second.is_over()), (Part::Whole, None, false));
    }

    #[test]
    fn each_stage_has_the_whole_course_of_the_learning_rate() {
        let config = Config::parse(TWO, "two.yaml", &[]).unwrap();
        let (first, second) = (at(0, false), at(20, true));
        assert!((Stage::new(&config, &first, 10).learning_rate(0) - 1.0).abs() < 1e-12);
        assert!(Stage::new(&config, &first, 10).learning_rate(20) < 1e-12);
        assert!((Stage::new(&config, &second, 10).learning_rate(20) - 1.0).abs() < 1e-12);
        assert!((Stage::new(&config, &second, 10).learning_rate(40) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_parts_of_stage_one_move_less_in_stage_two() {
        let config = Config::parse(TWO, "two.yaml", &["model.classifier_rate=0.25".to_owned()]).unwrap();
        let zoo = Zoo::new(&config.model, 2, 1, &burn::tensor::Device::flex());
        let groups = zoo.first_stage_params();
        let trained = |id: &ParamId| groups.iter().any(|group| group.matches(id, None));
        assert!(list_param_ids(&zoo).iter().any(trained), "nothing of the classifier");
        let (first, second) = (at(0, false), at(20, true));
        let (first, second) = (Stage::new(&config, &first, 10), Stage::new(&config, &second, 10));
        let (first, second) = (first.learning_rates(0, &zoo), second.learning_rates(20, &zoo));
        for id in list_param_ids(&zoo) {
            assert_eq!(first.lr_from_param(id, None), 1.0);
            assert_eq!(second.lr_from_param(id, None), if trained(&id) { 0.25 } else { 1.0 });
        }
    }

    #[test]
    fn the_divergence_grows_from_where_the_autoencoder_begins_to_learn() {
        let config = Config::parse(TWO, "two.yaml", &[]).unwrap();
        let factor = |step| Stage::new(&config, &at(step, true), 10).loss().divergence;
        assert_eq!([factor(20), factor(30), factor(40), factor(55)], [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(Stage::new(&config, &at(30, true), 10).validation_loss().divergence, 1.0);
    }
}
