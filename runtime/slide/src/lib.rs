//! Whole slides: reading, tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

mod dicom;
mod direct;
mod error;
mod files;
mod inspect;
pub mod lesion;
mod level;
mod ome;
pub mod openslide;
mod plan;
mod privacy;
pub mod probe;
mod read;
mod region;
mod resample;
mod resolution;
mod slide;
mod slide_row;
mod slide_score;
mod source;
mod thumbnail;
mod tiff_header;

pub use direct::{Direct, NotDirect, TileCache};
pub use error::{ResolutionError, SlideError};
pub use inspect::Inspection;
pub use kiln_tile::{Place, SlideTile};
pub use level::{AssociatedImage, Bounds, Level};
pub use plan::{PlanError, RESOLUTION_TOLERANCE, ReadPlan, Resampling};
pub use privacy::{Finding, FindingKind};
pub use read::{LevelReader, Outside, PlaceError};
pub use region::{MAX_READ_PIXELS, ReadError, Region, WHITE};
pub use resolution::{MAX_MPP, MIN_MPP, Mpp, MppSource};
pub use slide::{Reader, Slide};
pub use slide_row::{SlideRow, read_slides, write_slides, write_slides_file};
pub use slide_score::{SlideRule, SlideScore, SlideScoreError, SlideScoreOptions, SlideScorer};
pub use source::{ReadOptions, SlideReading, SlideTiles};
pub use thumbnail::Thumbnail;
