//! What a sceptic would ask for beside a network: methods that cost seconds and know little. Each is fitted on the
//! training split and scores the same tiles as the models do, so that a study compares like with like. Colour
//! statistics tell how far staining gives the answer away, with anomalous tiles to learn from
//! ([`crate::metrics::ColourBaseline`]) and without ([`ColourNeighbours`]); [`PixelPca`] tells how far tiles can be
//! rebuilt without any network. The fits are linfa's.

mod features;
mod kind;
mod neighbours;
mod pca;

pub use features::{THUMBNAIL, TileColour, TileFeatures, thumbnail};
pub use kind::{BaselineKind, Fitted};
pub use neighbours::ColourNeighbours;
pub use pca::PixelPca;

#[cfg(test)]
mod tests;
