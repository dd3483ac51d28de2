//! Errors of data sets, lists, splits and tiles. Every message names the file, the line or the tile.

use std::io;
use std::path::{Path, PathBuf};

use kiln_files::Fault;
use kiln_tile::TileError;

use super::Split;
use super::labels::{LabelKind, likely, shown};

/// An error between files of tiles and batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The data set as a whole cannot be used.
    #[error("data set {}: {reason}", path.display())]
    Dataset {
        /// The folder or the list.
        path: PathBuf,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// The data set has no tiles.
    #[error("data set {}: no tiles: {reason}", path.display())]
    NoTiles {
        /// The folder or the list.
        path: PathBuf,
        /// The expected content, or the cause.
        reason: &'static str,
    },
    /// The folder for a new data set exists already.
    #[error("data set {}: exists already; choose another folder, or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A tile has a label that the model has no class for.
    #[error(
        "data set {}: tile {}: the label {} is none of the classes {}{}",
        path.display(), shown(&tile.to_string_lossy()), shown(label), list(classes), nearest_of(label, classes)
    )]
    UnknownLabel {
        /// The root of the data set.
        path: PathBuf,
        /// The label.
        label: String,
        /// A tile with it.
        tile: PathBuf,
        /// The model's classes.
        classes: Vec<String>,
    },
    /// All tiles to evaluate are normal, or all are anomalous.
    #[error(
        "data set {}: none of the {tiles} tiles to evaluate is {}, and the AUROC needs both kinds; their labels are {}, and \
         the model's normal labels are {}",
        path.display(), missing.name(), list(labels), list(normal)
    )]
    OneKind {
        /// The root of the data set.
        path: PathBuf,
        /// Number of tiles to evaluate.
        tiles: usize,
        /// The kind that no tile has.
        missing: LabelKind,
        /// The labels of the tiles.
        labels: Vec<String>,
        /// The model's normal labels.
        normal: Vec<String>,
    },
    /// A line of a CSV list is invalid.
    #[error("{}, line {line}: {reason}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// The line, from 1; the header is line 1.
        line: u64,
        /// The problem, and how to solve it.
        reason: String,
    },
    /// A label has fewer groups than there are splits.
    #[error(
        "split: label `{label}` has {groups} {} of tiles, and {splits} splits that hold whole {} need at least {splits}; \
         {}",
        kind.noun(*groups), kind.noun(2), kind.remedy()
    )]
    TooFewGroups {
        /// The label.
        label: String,
        /// Number of its groups.
        groups: usize,
        /// Number of splits with a fraction above 0.
        splits: usize,
        /// The kind of the groups.
        kind: GroupKind,
    },
    /// No assignment of groups gives every split every label.
    #[error(
        "split: the {groups} {0} cannot be divided so that each split has every label ({1}); each label needs at least \
         {splits} {0} that can be placed apart, so {2}",
        kind.noun(2), counts(labels), kind.remedy()
    )]
    Indivisible {
        /// Number of groups.
        groups: usize,
        /// Each label with the number of its groups.
        labels: Vec<(String, usize)>,
        /// Number of splits with a fraction above 0.
        splits: usize,
        /// The kind of the groups.
        kind: GroupKind,
    },
    /// One image has two labels.
    #[error(
        "split: `{}` (label `{}`) and `{}` (label `{}`) have the same {same}; correct the label, or remove one of the two",
        tiles[0].display(), labels[0], tiles[1].display(), labels[1]
    )]
    ConflictingLabels {
        /// The part that is equal: `file content` or `pixels`.
        same: &'static str,
        /// The two tiles.
        tiles: [PathBuf; 2],
        /// Their labels.
        labels: [String; 2],
    },
    /// One image is in two splits.
    #[error(
        "the split leaks: `{}` ({}) and `{}` ({}) have the same {same}; remove one of the two, or give them one group",
        tiles[0].display(), splits[0], tiles[1].display(), splits[1]
    )]
    ImageInTwoSplits {
        /// The part that is equal: `file content` or `pixels`.
        same: &'static str,
        /// The two tiles.
        tiles: [PathBuf; 2],
        /// Their splits.
        splits: [Split; 2],
    },
    /// One group is in two splits.
    #[error(
        "the split leaks: `{}` ({}) and `{}` ({}) are both of group `{group}`; a group belongs to one split",
        tiles[0].display(), splits[0], tiles[1].display(), splits[1]
    )]
    GroupInTwoSplits {
        /// The group.
        group: String,
        /// The two tiles.
        tiles: [PathBuf; 2],
        /// Their splits.
        splits: [Split; 2],
    },
    /// Digests or assignments of another data set.
    #[error("split: {found} {of} for {tiles} tiles")]
    Length {
        /// Number of values.
        found: usize,
        /// The values: `digests` or `assignments`.
        of: &'static str,
        /// Number of tiles of the data set.
        tiles: usize,
    },
    /// An index beyond the data set.
    #[error("split: tile {index} of {tiles} does not exist")]
    Index {
        /// The index.
        index: usize,
        /// Number of tiles of the data set.
        tiles: usize,
    },
    /// A list of slide tiles is invalid.
    #[error("{0}")]
    TileList(Box<kiln_slide::ListError>),
    /// OpenSlide is missing or unusable. It is part of the message, and therefore not a source.
    #[error("{0}")]
    OpenSlide(Box<kiln_slide::openslide::LibraryError>),
    /// A slide cannot be opened, or its resolution is unknown. The reason names the slide.
    #[error("{reason}")]
    Slide {
        /// The slide.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The places on a slide do not have the resolution of the tiles.
    #[error(
        "{}: the tiles of {} are {side} level-0 pixels wide, which are {found:.4} µm/px at {level_0:.4} µm/px of level 0, but {}; \
         list the tiles again for one resolution",
        path.display(), slide.display(), stated(*resolution, *is_stated)
    )]
    Resolution {
        /// The list.
        path: PathBuf,
        /// The slide.
        slide: PathBuf,
        /// Resolution of level 0 in µm/px.
        level_0: f64,
        /// Side of the slide's tiles in level-0 pixels.
        side: u32,
        /// Their resolution in µm/px.
        found: f64,
        /// Resolution of the tiles in µm/px.
        resolution: f64,
        /// It was stated by the caller, and is not that of the first slide.
        is_stated: bool,
    },
    /// A tile of a slide cannot be read.
    #[error("tile {}: {reason}", tile.display())]
    SlideTile {
        /// The tile's identity: `SLIDE#minx,miny,widthxheight`.
        tile: PathBuf,
        /// A short stable code, a colon and the cause.
        reason: String,
    },
    /// A tile cannot be used.
    #[error("tile {}: {reason}", path.display())]
    Tile {
        /// The tile's file.
        path: PathBuf,
        /// The cause. It is part of the message, and therefore not a source.
        reason: TileError,
    },
    /// An option is out of range.
    #[error("{key} is {found}: {expected}")]
    Option {
        /// The option's name, as in a configuration.
        key: &'static str,
        /// The given value.
        found: String,
        /// The accepted values.
        expected: &'static str,
    },
    /// The file system reported an error.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause. It is part of the message, and therefore not a source.
        reason: io::Error,
    },
    /// A loader's thread ended before its work did.
    #[error("a loader thread ended early; this is a bug: please report it with the log of the run")]
    WorkerLost,
}

impl DataError {
    /// Error category; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::ImageInTwoSplits { .. } | Self::GroupInTwoSplits { .. } => Fault::Check,
            Self::Tile { reason, .. } => reason.fault(),
            Self::Io { reason, .. } if reason.kind() != io::ErrorKind::NotFound => Fault::Environment,
            Self::WorkerLost => Fault::Environment,
            Self::TileList(error) => error.fault(),
            Self::OpenSlide(error) => error.fault(),
            Self::Dataset { .. }
            | Self::NoTiles { .. }
            | Self::Exists { .. }
            | Self::UnknownLabel { .. }
            | Self::OneKind { .. }
            | Self::List { .. }
            | Self::TooFewGroups { .. }
            | Self::Indivisible { .. }
            | Self::ConflictingLabels { .. }
            | Self::Length { .. }
            | Self::Index { .. }
            | Self::Slide { .. }
            | Self::Resolution { .. }
            | Self::SlideTile { .. }
            | Self::Option { .. }
            | Self::Io { .. } => Fault::Input,
        }
    }

    pub(super) fn dataset(path: &Path, reason: impl Into<String>) -> Self {
        Self::Dataset { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |reason| Self::Io { path, reason }
    }
}

/// The kind of the groups that a split keeps whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// Groups that the list states, or single files.
    Groups,
    /// Slides, because the list of slide tiles states no groups.
    Slides,
}

impl GroupKind {
    fn noun(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Groups, 1) => "group",
            (Self::Groups, _) => "groups",
            (Self::Slides, 1) => "slide",
            (Self::Slides, _) => "slides",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Groups => "add tiles of other groups, or state the split of each tile in a `split` column",
            Self::Slides => "list tiles of more slides, or state the split of each tile in a `split` column",
        }
    }
}

fn stated(resolution: f64, is_stated: bool) -> String {
    if is_stated {
        format!("`micrometres_per_pixel` is {resolution}")
    } else {
        format!("those of the first slide are {resolution:.4} µm/px")
    }
}

fn list(labels: &[String]) -> String {
    labels.iter().map(|label| shown(label)).collect::<Vec<_>>().join(", ")
}

fn nearest_of(label: &str, classes: &[String]) -> String {
    let near = likely(label, classes.iter().map(String::as_str));
    near.map_or_else(String::new, |near| format!("; the nearest label is {}", shown(near)))
}

fn counts(labels: &[(String, usize)]) -> String {
    labels.iter().map(|(label, groups)| format!("`{label}` in {groups}")).collect::<Vec<_>>().join(", ")
}
