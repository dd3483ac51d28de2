//! Whole slides: reading ([`Slide`]), tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

pub mod lesion;
mod place;
mod slide_row;
mod slide_score;

pub use place::Place;
pub use slide_row::{SlideRow, read_slides, write_slides, write_slides_file};
pub use slide_score::{SlideRule, SlideScore, SlideScoreError, SlideScoreOptions, SlideScorer};
