//! Features of a frozen backbone, by burn or by another program. A [`FeatureBackend`], which the caller of a training provides,
//! opens a [`FrozenBackbone`] as a [`FeatureExtractor`]; burn computes the features if there is none. Either way the first
//! tiles are computed by both, and features that differ from burn's by more than [`TOLERANCE`] are never used: an extractor
//! of lower precision fails. Caching is left to the training.

mod burn;
mod difference;
mod source;

use std::error::Error;
use std::fmt;

use kiln_files::Fault;

pub(crate) use self::burn::BurnExtractor;
pub use difference::TOLERANCE;
pub(crate) use difference::difference;
pub use source::FeatureSource;

pub use crate::model::backbone::FrozenBackbone;

/// Vectors of tiles by a frozen backbone.
#[derive(Debug, Clone, PartialEq)]
pub struct TileVectors {
    /// Vectors of whole tiles, `[tiles, features]`.
    pub features: Vec<f32>,
    /// Vectors of patches, `[tiles, side, side, features]`, if the backbone gives them.
    pub patches: Option<Vec<f32>>,
}

/// Runs frozen backbones elsewhere than in burn.
pub trait FeatureBackend: fmt::Debug + Send + Sync {
    /// Prepares a backbone, to compute on at most this many `threads`.
    ///
    /// # Errors
    /// If this machine lacks something, or the backbone cannot be run.
    fn open(&self, backbone: &FrozenBackbone, threads: usize) -> Result<Box<dyn FeatureExtractor>, BackendError>;
}

/// Computes the vectors of one frozen backbone. The vectors of a tile depend on the tile alone, not on the tiles beside it or
/// on the number of threads.
pub trait FeatureExtractor {
    /// Everything beside tile and weights that changes a bit of the vectors: program, version, operations, processor. Part of
    /// the cache's key and of `run.json`.
    fn identity(&self) -> &str;

    /// The number of tiles at once that is the fastest.
    fn batch(&self) -> usize;

    /// Vectors of decoded tiles, u8 `[tiles, 256, 256, 3]`.
    ///
    /// # Errors
    /// If they cannot be computed.
    fn vectors(&mut self, pixels: &[u8], tiles: usize) -> Result<TileVectors, BackendError>;
}

/// The error of a [`FeatureBackend`] or [`FeatureExtractor`].
#[derive(Debug)]
pub struct BackendError {
    /// Error category; decides the exit status.
    pub fault: Fault,
    /// The cause.
    pub source: Box<dyn Error + Send + Sync>,
}

impl BackendError {
    /// An error with its category.
    pub fn new(fault: Fault, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { fault, source: source.into() }
    }
}

impl From<BackendError> for crate::Error {
    fn from(BackendError { fault, source }: BackendError) -> Self {
        Self::Features { fault, source }
    }
}
