//! Pictures of a run: loss curves, ROC and precision-recall, sheets of tiles. Each function gives a [`Picture`], a PNG
//! in memory that can be saved or put into the report. Promises to look the same on every machine (the font is
//! compiled in) and to be readable without colour: what a colour says, a shape, a dash or a word says too. Which tiles
//! are worth showing is partly the caller's choice; [`choose_tiles`] helps.
//!
//! Charts are drawn at twice the size that they are meant to be seen at, for sharp text on dense screens.

mod canvas;
mod chart;
mod comparison;
mod cost;
mod curves;
mod error;
mod insight;
mod intervals;
mod latent;
mod ranking;
mod reconstruction;
mod sheet;
mod style;

pub use canvas::Picture;
pub use comparison::{ComparedScores, compared_curves};
pub use cost::{Cost, quality_by_cost};
pub use curves::{EpochRecord, loss_curves};
pub use error::PictureError;
pub use insight::{Insight, insight_sheet};
pub use intervals::interval_rows;
pub use latent::{LatentPlace, interpolation_strips, latent_map};
pub use ranking::roc_and_pr;
pub use reconstruction::{Reconstruction, reconstruction_sheet};
pub use sheet::{SheetTile, TrainingTile, choose_tiles, score_sheet, training_sheet};

#[cfg(test)]
mod tests;
