//! Whole slides: reading ([`Slide`]), tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

mod error;
mod level;
pub mod openslide;
mod place;
mod region;

pub use error::{ResolutionError, SlideError};
pub use level::{AssociatedImage, Bounds, Level};
pub use place::Place;
pub use region::{MAX_READ_PIXELS, ReadError, Region, WHITE};
