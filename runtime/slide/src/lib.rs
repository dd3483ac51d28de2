//! Whole slides: reading, tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

mod annotation;
mod dicom;
mod direct;
mod error;
mod files;
mod grid;
pub mod heatmap;
mod inspect;
mod label;
pub mod lesion;
mod level;
mod list;
mod ome;
pub mod openslide;
mod pixels;
mod plan;
mod privacy;
pub mod probe;
mod pyramid;
mod read;
mod region;
mod regular_file;
mod resample;
mod resolution;
mod search;
mod slide;
mod slide_row;
mod slide_score;
mod source;
mod spacing;
mod threads;
mod thumbnail;
mod tiff_header;
mod tiff_writer;
mod tiling;
mod tissue;

pub use annotation::{AnnotationError, AnnotationLimits, AnnotationProblem, Annotations, GroupMap, GroupRole, Polygon};
pub use direct::{Direct, NotDirect, TileCache};
pub use error::{ResolutionError, SlideError};
pub use files::{SlideIdentity, content_digest};
pub use grid::{DEFAULT_TISSUE, Edge, Grid, GridError, GridOptions, Overlap};
pub use inspect::Inspection;
pub use kiln_tile::{Place, SlideTile};
pub use label::{Label, LabelError, LabelRule, Labeller};
pub use level::{AssociatedImage, Bounds, Level};
pub use list::{ListError, ListLimits, ListedPlace, TileList, TileListWriter, slide_reference};
pub use pixels::png_of;
pub use plan::{PlanError, RESOLUTION_TOLERANCE, ReadPlan, Resampling};
pub use privacy::{Finding, FindingKind};
pub use pyramid::{
    PYRAMID_BLOCK, PYRAMID_TILE, PyramidError, PyramidOptions, PyramidSummary, RegionSource, TileCompression,
    write_pyramid, write_pyramid_file,
};
pub use read::{LevelReader, Outside, PlaceError};
pub use region::{MAX_READ_PIXELS, ReadError, Region, WHITE};
pub use resolution::{MAX_MPP, MIN_MPP, Mpp, MppSource};
pub use search::{LeftOut, SlideSearch, is_slide, is_unsupported_slide, slides_in};
pub use slide::{Reader, Slide};
pub use slide_row::{SlideRow, read_slides, write_slides, write_slides_file};
pub use slide_score::{SlideRule, SlideScore, SlideScoreError, SlideScoreOptions, SlideScorer};
pub use source::{ReadOptions, SlideReading, SlideTiles};
pub use spacing::{SpacingError, tile_spacing};
pub use thumbnail::Thumbnail;
pub use tiling::{Labelling, Tiling, TilingError, TilingOptions, thumbnail_with_tiles};
pub use tissue::{Thumbnail as TissueThumbnail, TissueError, TissueMask, TissueOptions};
