//! A data set: tiles with a label, and optionally a group and a split.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::split::Split;

/// One tile of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the data set's root, without `..`.
    pub path: PathBuf,
    /// Name of the class.
    pub label: String,
    /// The slide, patient or source image of the tile, if known.
    pub group: Option<String>,
    /// The split from the list, if it has one.
    pub split: Option<Split>,
}

/// Labelled tiles under one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The folder that the paths are relative to.
    pub root: PathBuf,
    /// The tiles in the order of the list; sorted by path if there is no list.
    pub entries: Vec<Entry>,
    /// The CSV list that was read, if any.
    pub list: Option<PathBuf>,
}

impl Dataset {
    /// The labels, sorted.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let labels: BTreeSet<&str> = self.entries.iter().map(|entry| entry.label.as_str()).collect();
        labels.into_iter().map(str::to_owned).collect()
    }

    /// The file of tile `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::len`].
    #[must_use]
    pub fn full_path(&self, index: usize) -> PathBuf {
        self.root.join(&self.entries[index].path)
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

    /// The name of a tile's group; the tile's own path if it has no group.
    #[must_use]
    pub fn group_name(&self, index: usize) -> String {
        let entry = &self.entries[index];
        entry.group.clone().unwrap_or_else(|| entry.path.to_string_lossy().into_owned())
    }
}
