//! The request of a study: configuration, data and folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::StudyConfig;
use crate::Result;
use crate::features::FeatureBackend;

/// A study to run.
#[derive(Debug, Clone)]
pub struct StudyRequest {
    /// The configuration.
    pub config: StudyConfig,
    /// The folder that the paths in the configuration are relative to.
    pub folder: PathBuf,
    /// The data set; overrides that of the configuration.
    pub data: Option<PathBuf>,
    /// The study's folder. A study in it is continued.
    pub out: PathBuf,
    /// The OpenSlide library for tiles of slides; `None` for the installed one, else the system's.
    pub openslide: Option<PathBuf>,
    /// Computes features of frozen backbones for `training.features`; `None` leaves them to burn.
    pub features: Option<Arc<dyn FeatureBackend>>,
}

impl StudyRequest {
    /// Reads a study from its file.
    ///
    /// # Errors
    /// As [`StudyConfig::read`].
    pub fn read(path: &Path, sets: &[String], data: Option<PathBuf>, out: Option<PathBuf>) -> Result<Self> {
        let config = StudyConfig::read(path, sets)?;
        let out = out.unwrap_or_else(|| PathBuf::from("studies").join(&config.name));
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { config, folder: folder.to_owned(), data, out, openslide: None, features: None })
    }
}
