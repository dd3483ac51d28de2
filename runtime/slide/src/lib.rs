//! Whole slides: reading, tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

pub mod lesion;
mod slide_row;
mod slide_score;

pub use kiln_tile::{Place, SlideTile};
pub use slide_row::{SlideRow, read_slides, write_slides, write_slides_file};
pub use slide_score::{SlideRule, SlideScore, SlideScoreError, SlideScoreOptions, SlideScorer};
