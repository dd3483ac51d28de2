//! Whole slides: reading ([`Slide`]), tissue, tile grids, annotations and labels, tile lists, heat maps and lesions.
//! Coordinates are level-0 pixels with the origin at the top left. The crate depends on neither burn nor ONNX Runtime.

mod annotation;
mod grid;
mod label;
mod list;
mod place;
mod tissue;

pub use annotation::{AnnotationError, AnnotationLimits, AnnotationProblem, Annotations, GroupMap, GroupRole, Polygon};
pub use grid::{DEFAULT_TISSUE, Edge, Grid, GridError, GridOptions, Overlap};
pub use label::{Label, LabelError, LabelRule, Labeller};
pub use list::{ListError, ListLimits, ListedPlace, TileList, TileListWriter, slide_reference};
pub use place::Place;
pub use tissue::{Thumbnail, TissueError, TissueMask, TissueOptions};
