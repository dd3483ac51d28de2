//! Classical baselines that run in seconds. Each is fitted to the training split and scores the same tiles as the models.
//! The colour baselines show how much of the task staining alone solves, with anomalous tiles in training
//! ([`crate::metrics::ColourBaseline`]) and without ([`ColourNeighbours`]); [`PixelPca`] shows how well tiles can be
//! reconstructed without a network. Fitted by linfa.

mod features;
mod kind;
mod neighbours;
mod pca;

pub use features::{ColourFeatures, THUMBNAIL, TileFeatures, thumbnail};
pub use kind::{BaselineKind, FittedBaseline};
pub use neighbours::ColourNeighbours;
pub use pca::PixelPca;

#[cfg(test)]
mod tests;
