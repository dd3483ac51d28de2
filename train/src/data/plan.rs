//! The split of a whole data set, and its form as a CSV file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::columns::FurtherColumns;
use super::dataset::Entry;
use super::open::UNLABELLED;
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

    /// The split that the data set's list states; `None` unless it states that of every tile.
    #[must_use]
    pub fn of_list(dataset: &Dataset) -> Option<Self> {
        let assignments = dataset.entries.iter().map(|entry| entry.split).collect::<Option<Vec<_>>>()?;
        Some(Self { assignments, seed: 0 })
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
        list::write(path, &dataset.entries, Some(&self.assignments), &FurtherColumns::default())
    }

    /// As [`SplitPlan::write_csv`], with the columns `centre` and `scanner` behind, if the data set has them: a list that can
    /// take the place of the data set's.
    ///
    /// # Errors
    /// As [`SplitPlan::write_csv`].
    pub fn write_list(&self, dataset: &Dataset, path: &Path) -> Result<()> {
        list::write(path, &dataset.entries, Some(&self.assignments), &dataset.columns)
    }

    /// Reads a file that [`SplitPlan::write_csv`] wrote. Its paths are relative to the data set's root, wherever the
    /// file is.
    ///
    /// # Errors
    /// An invalid line; a tile that only one of the two has; a tile whose label or group has changed.
    pub fn read_csv(dataset: &Dataset, path: &Path) -> Result<Self> {
        let stored = StoredSplit::read(path)?;
        let split =
            |entry: &Entry| stored.split_of(entry, Some(entry.label.as_str()))?.ok_or_else(|| stored.without(entry));
        let assignments = dataset.entries.iter().map(split).collect::<Result<_>>()?;
        stored.refuse_more_than(dataset)?;
        Ok(Self { assignments, seed: 0 })
    }

    /// True if the data set has its tiles in the order of a file that [`SplitPlan::write_csv`] wrote.
    ///
    /// # Errors
    /// A file that is no list of tiles.
    pub(crate) fn is_in_order_of(dataset: &Dataset, path: &Path) -> Result<bool> {
        let stored = list::read(path)?;
        Ok(stored.iter().map(|row| &row.path).eq(dataset.entries.iter().map(|entry| &entry.path)))
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

/// The tiles that learning without labels may use by a file that [`SplitPlan::write_csv`] wrote, as indices: those of the
/// training split, and tiles without a label that the file does not have, unless their group is in the validation or test
/// split. A training leaves such tiles out, so its `split.csv` does not have them.
///
/// # Errors
/// As [`SplitPlan::read_csv`], for tiles with a label.
pub(crate) fn unlabelled_training_tiles(dataset: &Dataset, path: &Path) -> Result<Vec<usize>> {
    let stored = StoredSplit::read(path)?;
    stored.refuse_more_than(dataset)?;
    let held_back: HashSet<&str> = stored
        .entries
        .iter()
        .filter(|row| row.split != Some(Split::Train))
        .filter_map(|row| row.group.as_deref())
        .collect();
    let mut learnt = Vec::new();
    for (index, entry) in dataset.entries.iter().enumerate() {
        let label = Some(entry.label.as_str()).filter(|label| *label != UNLABELLED);
        let is_learnt = match stored.split_of(entry, label)? {
            Some(split) => split == Split::Train,
            None if label.is_some() => return Err(stored.without(entry)),
            None => entry.group.as_deref().is_none_or(|group| !held_back.contains(group)),
        };
        if is_learnt {
            learnt.push(index);
        }
    }
    Ok(learnt)
}

/// The rows of a file with a split.
struct StoredSplit<'a> {
    path: &'a Path,
    entries: Vec<Entry>,
    by_path: HashMap<PathBuf, usize>,
}

impl<'a> StoredSplit<'a> {
    fn read(path: &'a Path) -> Result<Self> {
        let entries = list::read(path)?;
        let by_path = entries.iter().enumerate().map(|(at, entry)| (entry.path.clone(), at)).collect();
        Ok(Self { path, entries, by_path })
    }

    /// The split of a tile with this label, or without a label; `None` if the file does not have the tile.
    fn split_of(&self, entry: &Entry, label: Option<&str>) -> Result<Option<Split>> {
        let Some(row) = self.by_path.get(&entry.path).map(|at| &self.entries[*at]) else { return Ok(None) };
        if label.is_some_and(|label| row.label != label) || row.group != entry.group {
            let name = entry.path.display();
            return Err(self.mismatch(format!("tile `{name}` has another label or group in the split")));
        }
        let missing = || DataError::dataset(self.path, "there is no column `split`");
        row.split.ok_or_else(missing).map(Some)
    }

    /// The error for a tile that the file does not have.
    fn without(&self, entry: &Entry) -> DataError {
        self.mismatch(format!("tile `{}` is not in the split", entry.path.display()))
    }

    /// Refuses a file with tiles that the data set does not have.
    fn refuse_more_than(&self, dataset: &Dataset) -> Result<()> {
        let known: HashSet<&PathBuf> = dataset.entries.iter().map(|entry| &entry.path).collect();
        match self.entries.iter().find(|row| !known.contains(&row.path)) {
            Some(row) => {
                Err(self.mismatch(format!("tile `{}` of the split is not in the data set", row.path.display())))
            }
            None => Ok(()),
        }
    }

    fn mismatch(&self, what: String) -> DataError {
        DataError::dataset(self.path, format!("{what}; the data set has changed since the split was made"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::data::SlideOptions;

    fn listed(folder: &Path, rows: &str) -> Dataset {
        std::fs::write(folder.join("tiles.csv"), format!("path,label,group\n{rows}")).unwrap();
        Dataset::open_unlabelled(folder, &SlideOptions::default()).unwrap()
    }

    #[test]
    fn tiles_without_a_label_follow_their_group_and_tiles_with_one_must_be_in_the_split() {
        let folder = tempfile::tempdir().unwrap();
        let split = folder.path().join("split.csv");
        let rows = "a.png,benign,s1,train\nb.png,benign,s2,val\nc.png,tumour,s3,test\n";
        std::fs::write(&split, format!("path,label,group,split\n{rows}")).unwrap();
        let tiles =
            "a.png,benign,s1\nb.png,,s2\nc.png,tumour,s3\nd.png,,s1\ne.png,,s2\nf.png,,s3\ng.png,,s4\nh.png,,\n";
        let dataset = listed(folder.path(), tiles);
        assert_eq!(unlabelled_training_tiles(&dataset, &split).unwrap(), [0, 3, 6, 7]);
        // With labels, `b.png` has lost its own.
        let strict = SplitPlan::read_csv(&dataset, &split).unwrap_err().to_string();
        assert!(strict.contains("tile `b.png` has another label or group"), "{strict}");
        let refusal =
            |rows: &str| unlabelled_training_tiles(&listed(folder.path(), rows), &split).unwrap_err().to_string();
        let further = refusal(&format!("{tiles}i.png,benign,s1\n"));
        assert!(further.contains("tile `i.png` is not in the split; the data set has changed"), "{further}");
        let other = refusal(&tiles.replace("a.png,benign", "a.png,tumour"));
        assert!(other.contains("tile `a.png` has another label or group"), "{other}");
        let moved = refusal(&tiles.replace("d.png,,s1\n", "").replace("a.png,benign,s1", "d.png,benign,s1"));
        assert!(moved.contains("tile `a.png` of the split is not in the data set"), "{moved}");
    }

    #[test]
    fn the_order_of_the_list_is_compared_with_that_of_the_split() {
        let folder = tempfile::tempdir().unwrap();
        let split = folder.path().join("split.csv");
        let [a, b] = ["a.png,benign,s1\n", "b.png,tumour,s2\n"];
        let dataset = listed(folder.path(), &format!("{a}{b}"));
        let plan = SplitPlan { assignments: vec![Split::Train, Split::Test], seed: 0 };
        plan.write_csv(&dataset, &split).unwrap();
        assert!(SplitPlan::is_in_order_of(&dataset, &split).unwrap());
        let turned = listed(folder.path(), &format!("{b}{a}"));
        assert_eq!(SplitPlan::read_csv(&turned, &split).unwrap().assignments, [Split::Test, Split::Train]);
        assert!(!SplitPlan::is_in_order_of(&turned, &split).unwrap());
    }
}
