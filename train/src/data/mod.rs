//! Labelled tiles in files or on slides, and batches for training: data sets ([`Dataset`]), splits ([`SplitPlan`]), checks for leaks
//! ([`check_leaks`]), and batches ([`Loader`], [`Augmentation`]). Guarantees that the same files and the same seed give
//! the same split and the same bytes, on any number of threads. Decoding is left to [`kiln_tile`].

mod augmentation;
mod colour_jitter;
mod column_counts;
mod columns;
mod content;
mod dataset;
mod elastic;
mod error;
mod inspect;
mod labels;
mod leaks;
mod list;
mod loader;
mod masks;
mod open;
mod partition;
mod plan;
pub(crate) mod random;
mod sampling;
mod slide_list;
mod slides;
mod split;
pub mod stain;
mod stratify;
pub mod synth;
mod synthesis;
mod tiles;

pub use augmentation::Augmentation;
pub use colour_jitter::ColourJitter;
pub use column_counts::{ColumnCount, ValueCount};
pub use content::{ContentDigests, dataset_digest, tile_digests};
pub(crate) use content::{current_digest, joined_groups};
pub use dataset::{Dataset, Entry};
pub use error::{DataError, GroupKind};
pub use inspect::{
    ClassCount, ColourCheck, DuplicateTiles, GroupCount, IgnoredContent, Inspection, LabelConflict, SizeCount,
    SplitCount, Unreadable, inspect,
};
pub use labels::{
    LabelCount, LabelKind, NORMAL_LABELS, close_labels, label_counts, likely, look_alike, nearest, shown,
};
pub use leaks::{check_leaks, check_measured, divided_slides};
pub use loader::{Batches, Loader, LoaderOptions, TileBatch};
pub use masks::check_masks;
pub use plan::SplitPlan;
pub(crate) use plan::unlabelled_training_tiles;
pub(crate) use sampling::{Sample, class_counts, samples};
pub use sampling::{Sampling, Synthesis};
pub use slides::SlideOptions;
pub use split::Split;
pub use tiles::DatasetTiles;

pub(crate) type Result<T, E = DataError> = std::result::Result<T, E>;
