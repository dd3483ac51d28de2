//! A data set: tiles with a label, and optionally a group and a split. Tiles are image files, or places on slides.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::columns::FurtherColumns;
use super::slides::SlideSet;
use super::split::Split;

/// One tile of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tile's identity in splits and reports: the path of its file relative to the data set's root, without `..`; for
    /// a tile of a slide `SLIDE#minx,miny,widthxheight`.
    pub path: PathBuf,
    /// Name of the class.
    pub label: String,
    /// The slide, patient or source image of the tile, if known.
    pub group: Option<String>,
    /// The split from the list, if it has one.
    pub split: Option<Split>,
}

/// Labelled tiles: files under one folder, or places on slides. [`Dataset::tile`] reads both.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The folder that the paths are relative to.
    pub root: PathBuf,
    /// The tiles in the order of the list; sorted by path if there is no list.
    pub entries: Vec<Entry>,
    /// The CSV list that was read, if any.
    pub list: Option<PathBuf>,
    /// Number of tiles of the list that have no label. They are left out: a missing label is never guessed.
    pub unlabelled: usize,
    pub(super) source: Source,
    pub(super) columns: FurtherColumns,
}

/// The pixels of the tiles.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Each tile is a file.
    Files,
    /// Each tile is a place on a slide.
    Slides {
        /// The slides and their places.
        set: Arc<SlideSet>,
        /// The place of each entry, by its number in `set`.
        numbers: Vec<usize>,
        /// The list states no groups, so the slide is the group of each tile.
        groups_are_slides: bool,
    },
}

impl Dataset {
    /// A data set of image files. Nothing is read.
    #[must_use]
    pub fn from_files(root: PathBuf, entries: Vec<Entry>, list: Option<PathBuf>) -> Self {
        Self { root, entries, list, unlabelled: 0, source: Source::Files, columns: FurtherColumns::default() }
    }

    /// The tiles `indices` as a data set, in this order.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`].
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let source = match &self.source {
            Source::Files => Source::Files,
            Source::Slides { set, numbers, groups_are_slides } => Source::Slides {
                set: Arc::clone(set),
                numbers: indices.iter().map(|index| numbers[*index]).collect(),
                groups_are_slides: *groups_are_slides,
            },
        };
        let entries = indices.iter().map(|index| self.entries[*index].clone()).collect();
        let columns = self.columns.select(indices);
        Self { root: self.root.clone(), entries, list: self.list.clone(), unlabelled: self.unlabelled, source, columns }
    }

    /// The values of a further column of the list, such as `centre`, or of `group`, in the order of the entries. A value is
    /// `None` where the field is empty; all is `None` if the list has no such column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Vec<Option<&str>>> {
        if name == "group" {
            let known = self.entries.iter().any(|entry| entry.group.is_some());
            return known.then(|| self.entries.iter().map(|entry| entry.group.as_deref()).collect());
        }
        self.columns.get(name).map(|values| values.iter().map(Option::as_deref).collect())
    }

    /// The names of the further columns of the list, sorted.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.names()
    }

    /// The labels, sorted.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let labels: BTreeSet<&str> = self.entries.iter().map(|entry| entry.label.as_str()).collect();
        labels.into_iter().map(str::to_owned).collect()
    }

    /// The number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are no tiles. [`Dataset::open`] never returns an empty data set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True if the tiles are places on slides.
    #[must_use]
    pub fn is_of_slides(&self) -> bool {
        matches!(self.source, Source::Slides { .. })
    }

    /// The resolution that the tiles are read at, in µm/px; `None` for image files.
    #[must_use]
    pub fn slide_resolution(&self) -> Option<f64> {
        match &self.source {
            Source::Files => None,
            Source::Slides { set, .. } => Some(set.resolution()),
        }
    }

    /// The name of a tile's group; the tile's own path if it has no group.
    #[must_use]
    pub fn group_name(&self, index: usize) -> String {
        let entry = &self.entries[index];
        entry.group.clone().unwrap_or_else(|| entry.path.to_string_lossy().into_owned())
    }

    /// True if the group of each tile is its slide, because the list states none.
    pub(super) fn groups_are_slides(&self) -> bool {
        matches!(self.source, Source::Slides { groups_are_slides: true, .. })
    }

    /// The number of the slide of each tile; empty for image files.
    pub(super) fn slide_numbers(&self) -> Vec<usize> {
        match &self.source {
            Source::Files => Vec::new(),
            Source::Slides { set, numbers, .. } => numbers.iter().map(|number| set.slide_of(*number)).collect(),
        }
    }
}
