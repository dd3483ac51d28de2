//! The list of all fuzz targets.

use crate::target::Target;
use crate::tile;
#[cfg(feature = "runtime")]
use crate::{bundle, endpoint, golden, journal, list, part, pbtxt, progress, rows, signature, slide};
#[cfg(feature = "train")]
use crate::{tiles, yaml};

/// All targets.
#[must_use]
pub fn targets() -> Vec<Target> {
    [
        &[tile::TARGET][..],
        #[cfg(feature = "runtime")]
        &[bundle::MANIFEST, bundle::GRAPH, golden::TARGET, list::LINES, list::NUL, rows::TARGET, part::TARGET],
        #[cfg(feature = "runtime")]
        &[progress::TARGET, journal::JOURNAL, journal::STATUS, pbtxt::TARGET, signature::TARGET],
        #[cfg(feature = "runtime")]
        &[endpoint::HTTP, endpoint::GRPC],
        #[cfg(feature = "runtime")]
        &[slide::ANNOTATIONS, slide::LIST, slide::TABLE],
        #[cfg(feature = "train")]
        &[yaml::CONFIG, yaml::STUDY, tiles::TARGET],
    ]
    .concat()
}

/// Returns the target with this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}
