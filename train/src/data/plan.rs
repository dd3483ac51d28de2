//! The split of a whole data set, and its form as a CSV file.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::split::Split;
use super::{DataError, Dataset, Result, list};

/// The split of a whole data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPlan {
    /// The split of each tile, by its index in [`Dataset::entries`].
    pub assignments: Vec<Split>,
    /// The seed of the split; 0 for one that was read from a file.
    pub seed: u64,
}

impl SplitPlan {
    /// The indices of the tiles of one split, ascending.
    #[must_use]
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.assignments.len()).filter(|index| self.assignments[*index] == split).collect()
    }

    /// True if it is the split that the data set's list states.
    pub(super) fn is_of_list(&self, dataset: &Dataset) -> bool {
        let stated = dataset.entries.iter().map(|entry| entry.split);
        !dataset.is_empty() && stated.eq(self.assignments.iter().copied().map(Some))
    }

    /// Writes `path,label,group,split`, in the order of the data set, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written, or a tile that a list cannot hold.
    pub fn write_csv(&self, dataset: &Dataset, path: &Path) -> Result<()> {
        list::write(path, &dataset.entries, Some(&self.assignments))
    }

    /// Reads a file that [`SplitPlan::write_csv`] wrote. Its paths are relative to the data set's root, wherever the
    /// file is.
    ///
    /// # Errors
    /// An invalid line; a tile that only one of the two has; a tile whose label or group has changed.
    pub fn read_csv(dataset: &Dataset, path: &Path) -> Result<Self> {
        let stored = list::read(path)?;
        let by_path: HashMap<&PathBuf, usize> =
            stored.iter().enumerate().map(|(at, entry)| (&entry.path, at)).collect();
        let mismatch = |what: String| {
            DataError::dataset(path, format!("{what}; the data set has changed since the split was made"))
        };
        let mut assignments = Vec::with_capacity(dataset.len());
        for entry in &dataset.entries {
            let name = entry.path.display();
            let row = by_path.get(&entry.path).map(|at| &stored[*at]);
            let row = row.ok_or_else(|| mismatch(format!("tile `{name}` is not in the split")))?;
            if row.label != entry.label || row.group != entry.group {
                return Err(mismatch(format!("tile `{name}` has another label or group in the split")));
            }
            let split = row.split.ok_or_else(|| DataError::dataset(path, "there is no column `split`"))?;
            assignments.push(split);
        }
        if stored.len() > dataset.len() {
            let known: std::collections::HashSet<_> = dataset.entries.iter().map(|entry| &entry.path).collect();
            let extra = stored.iter().find(|row| !known.contains(&row.path));
            let name = extra.map_or_else(String::new, |row| row.path.display().to_string());
            return Err(mismatch(format!("tile `{name}` of the split is not in the data set")));
        }
        Ok(Self { assignments, seed: 0 })
    }

    /// The number of tiles of each label in each split.
    #[must_use]
    pub fn counts(&self, dataset: &Dataset) -> BTreeMap<Split, BTreeMap<String, usize>> {
        let mut counts: BTreeMap<Split, BTreeMap<String, usize>> = BTreeMap::new();
        for (entry, split) in dataset.entries.iter().zip(&self.assignments) {
            *counts.entry(*split).or_default().entry(entry.label.clone()).or_default() += 1;
        }
        counts
    }
}
