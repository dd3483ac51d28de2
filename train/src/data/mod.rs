//! Labelled tiles on disk, and their way into training: what a data set holds ([`Dataset`]), how it is split
//! ([`SplitPlan`]), what would leak ([`check_leaks`]), and how tiles reach the model in batches ([`Loader`],
//! [`Augmentation`]). Promises that the same files and the same seed give the same split and the same bytes, on any
//! number of threads. What a pixel is, is [`kiln_tile`]'s business; what is learnt from it, the training loop's.

mod augmentation;
mod dataset;
mod elastic;
mod error;
mod inspect;
mod jitter;
mod labels;
mod leaks;
mod list;
mod loader;
mod masks;
pub(crate) mod random;
mod sampling;
mod split;
pub mod stain;
mod stratify;
pub mod synth;
mod synthesis;

pub use augmentation::{Augmentation, ColourJitter};
pub use dataset::{Dataset, Entry};
pub use error::DataError;
pub use inspect::{
    ClassCount, ColourCheck, GroupCount, Inspection, LabelConflict, LeftAside, SizeCount, SplitCount, TwinTiles,
    Unreadable, inspect,
};
pub use labels::{CountsAs, LabelCount, NORMAL_LABELS, close_labels, label_counts, look_alike, nearest, shown};
pub use leaks::{ContentDigests, check_leaks, digest, digests};
pub use loader::{Batches, Loader, LoaderOptions, TileBatch};
pub use masks::check_masks;
pub(crate) use sampling::{Sample, class_counts, samples};
pub use sampling::{Sampling, Synthesis};
pub use split::{Split, SplitPlan};

pub(crate) type Result<T, E = DataError> = std::result::Result<T, E>;
