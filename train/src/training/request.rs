//! Request and outcome of a training.

use std::path::PathBuf;
use std::sync::Arc;

use super::Run;
use crate::Config;
use crate::features::FeatureBackend;
use crate::picture::EpochRecord;

/// The request of a training.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// The resolved configuration.
    pub config: Config,
    /// The data set; overrides the configuration's.
    pub data: Option<PathBuf>,
    /// The run's folder.
    pub out: PathBuf,
    /// Continues the training in `out`, if there is one.
    pub resume: bool,
    /// The OpenSlide library for tiles of slides; `None` for the installed one, else the system's.
    pub openslide: Option<PathBuf>,
    /// A `split.csv` to use instead of a split drawn from the seed, so that compared trainings share one.
    pub split: Option<PathBuf>,
    /// Computes features of frozen backbones for `training.features`; `None` leaves them to burn.
    pub features: Option<Arc<dyn FeatureBackend>>,
}

/// The end of a training.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A complete run.
    Finished(Box<Run>),
    /// Stopped by its observer, after these epochs. The folder holds a training that can be resumed.
    Stopped(Vec<EpochRecord>),
}
