//! Whole slides: reading ([`Slide`]), tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

mod direct;
mod level;
mod place;
mod plan;
mod read;
mod region;
mod resample;

pub use direct::{Direct, NotDirect, TileCache};
pub use level::{AssociatedImage, Bounds, Level};
pub use place::Place;
pub use plan::{PlanError, RESOLUTION_TOLERANCE, ReadPlan, Resampling};
pub use read::{LevelReader, Outside, PlaceError};
pub use region::{MAX_READ_PIXELS, ReadError, Region, WHITE};
