//! The request of a pre-training.

use std::path::PathBuf;

use super::config::PretrainConfig;

/// The request of a pre-training.
#[derive(Debug, Clone)]
pub struct PretrainRequest {
    /// The resolved configuration.
    pub config: PretrainConfig,
    /// The data set; overrides the configuration's.
    pub data: Option<PathBuf>,
    /// A `split.csv` of the same tiles: those of its training split are used, and those without a label that are of no group
    /// in its validation or test split.
    pub split: Option<PathBuf>,
    /// The file of weights to write.
    pub out: PathBuf,
    /// The OpenSlide library for tiles of slides; `None` for the installed one, else the system's.
    pub openslide: Option<PathBuf>,
}
