//! Pictures of a run: loss curves, ROC and precision-recall curves, sheets of tiles. Each function returns a [`Picture`], a
//! PNG in memory that can be saved or embedded in the report. Guarantees the same look on every machine (the font is
//! compiled in), and that every colour is accompanied by a shape, a dash or a word. The choice of tiles is left to the
//! caller; [`choose_tiles`] helps.
//!
//! Charts have twice the pixels of their display size, for sharp text on dense screens.

mod canvas;
mod chart;
mod comparison;
mod cost;
mod curves;
mod error;
mod growth;
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
pub use growth::{ValueError, error_growth};
pub use insight::{Insight, insight_sheet};
pub use intervals::interval_rows;
pub use latent::{LatentPoint, interpolation_strips, latent_map};
pub use ranking::roc_and_pr;
pub use reconstruction::{Reconstruction, reconstruction_sheet};
pub use sheet::{SheetTile, TrainingTile, choose_tiles, score_sheet, training_sheet};

#[cfg(test)]
mod tests;
