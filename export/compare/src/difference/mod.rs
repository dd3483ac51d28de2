//! The difference of one output between two sides: on a tile, and over all tiles.

mod output;
mod sketch;
mod tile;

pub(crate) use output::OutputTally;
pub use output::{OutputDifference, Quantiles, WorstTile};
pub(crate) use sketch::{Keys, Sketches};
pub use tile::TileDifference;
pub(crate) use tile::measure;
