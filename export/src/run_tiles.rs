//! The tiles of a run on which its variants are calibrated and judged.

use std::sync::Arc;

use kiln_train::data::{Dataset, Split};
use kiln_train::training::Run;

use super::Result;
use super::variant::{GateTiles, OBSERVED, OnTiles};

/// Training tiles for calibration, the validation split for the gate.
pub(crate) struct RunTiles<'a> {
    pub(crate) run: &'a Run,
    pub(crate) dataset: &'a Arc<Dataset>,
}

impl RunTiles<'_> {
    fn each(&self, chosen: Vec<usize>, batch: usize, each: OnTiles<'_>) -> Result<()> {
        for part in self.run.loader(self.dataset, chosen, batch)?.epoch(0, 0) {
            let part = part.map_err(kiln_train::Error::from)?;
            let truth = |label: &usize| Some(self.run.facts.classes.is_anomalous(*label));
            let truths: Vec<Option<bool>> = part.labels.iter().map(truth).collect();
            each(part.pixels, &truths)?;
        }
        Ok(())
    }
}

impl GateTiles for RunTiles<'_> {
    /// Evenly spaced tiles of the training split.
    fn calibration(&self, each: OnTiles<'_>) -> Result<()> {
        let train = self.run.indices(self.dataset, Split::Train)?;
        let stride = train.len().div_ceil(OBSERVED).max(1);
        self.each(train.into_iter().step_by(stride).collect(), 1, each)
    }

    fn gate(&self, batch: usize, each: OnTiles<'_>) -> Result<()> {
        self.each(self.run.indices(self.dataset, Split::Val)?, batch, each)
    }
}
