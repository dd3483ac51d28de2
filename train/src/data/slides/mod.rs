//! Places on slides, read by the source that also serves scoring. No picture is written: a tile is read from its slide when
//! it is needed. The list of the places is read by `slide_list`.

mod names;
mod options;
mod set;

pub(super) use names::short_names;
pub use options::SlideOptions;
pub(super) use set::{ListedSlide, SlideSet};
