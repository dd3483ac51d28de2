//! Which tile is trained on, which chooses, which measures. Groups stay whole, labels are spread evenly, tiles that are
//! the same image count as one group, and the same seed gives the same split wherever the files lie.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kiln_tile::{Decoder, SizePolicy};
use serde::{Deserialize, Serialize};

use super::leaks::{self, ContentDigests};
use super::{DataError, Dataset, Result, list, stratify};

/// What a tile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Weights are fitted to it.
    Train,
    /// Early stopping and the threshold are chosen on it.
    Val,
    /// Figures are measured on it.
    Test,
}

impl Split {
    /// All splits, in the order of the fractions.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// `train`, `val` or `test`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|split| split.name() == text);
        known.ok_or_else(|| format!("unknown split `{text}`; known: train, val, test"))
    }
}

/// The split of a whole data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPlan {
    /// The split of each tile, by its index in [`Dataset::entries`].
    pub assignments: Vec<Split>,
    /// The seed that it was made with; 0 where it was read.
    pub seed: u64,
}

impl SplitPlan {
    /// 80-10-10.
    pub const FRACTIONS: [f64; 3] = [0.8, 0.1, 0.1];

    /// Splits by `fractions` (train, val, test). Reads and decodes every tile once, to find tiles that are the same
    /// image; [`SplitPlan::make_with`] takes digests that are there already.
    ///
    /// # Errors
    /// See [`SplitPlan::make_with`]; and a tile that is missing.
    pub fn make(dataset: &Dataset, fractions: [f64; 3], seed: u64) -> Result<Self> {
        let digests = leaks::digests(dataset, &Decoder::new(SizePolicy::Resize))?;
        Self::make_with(dataset, &digests, fractions, seed)
    }

    /// Splits by `fractions` (train, val, test; they sum to 1, and a fraction of 0 leaves that split empty), group by
    /// group, stratified by label. Tiles that are the same image are joined into one group first. A `split` column in
    /// the list is taken as it is, once it is known not to leak.
    ///
    /// # Errors
    /// Fractions that are none; identical tiles with different labels; a label with fewer groups than there are
    /// splits; a `split` column that leaks.
    pub fn make_with(dataset: &Dataset, digests: &[ContentDigests], fractions: [f64; 3], seed: u64) -> Result<Self> {
        check_fractions(fractions)?;
        leaks::check_labels(dataset, digests)?;
        if let Some(assignments) = dataset.entries.iter().map(|entry| entry.split).collect::<Option<Vec<_>>>() {
            let plan = Self { assignments, seed };
            leaks::check_leaks(dataset, &plan, digests)?;
            return Ok(plan);
        }
        let units = leaks::joined_groups(dataset, digests);
        let assignments = stratify::assign(dataset, &units, fractions, seed)?;
        Ok(Self { assignments, seed })
    }

    /// The tiles of one split, by index, ascending.
    #[must_use]
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.assignments.len()).filter(|index| self.assignments[*index] == split).collect()
    }

    /// Writes `path,label,group,split`, in the order of the data set, whole or not at all.
    ///
    /// # Errors
    /// What the file system said.
    pub fn write_csv(&self, dataset: &Dataset, path: &Path) -> Result<()> {
        list::write(path, &dataset.entries, Some(&self.assignments))
    }

    /// Reads what [`SplitPlan::write_csv`] wrote. The paths in it are relative to the data set's root, wherever the
    /// file lies.
    ///
    /// # Errors
    /// A line that is wrong; a tile that only one of the two has; a tile whose label or group has changed.
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

fn check_fractions(fractions: [f64; 3]) -> Result<()> {
    let sane = fractions.iter().all(|fraction| fraction.is_finite() && *fraction >= 0.0);
    if sane && fractions[0] > 0.0 && (fractions.iter().sum::<f64>() - 1.0).abs() < 1e-6 {
        return Ok(());
    }
    Err(DataError::Option {
        key: "split fractions",
        found: format!("{fractions:?}"),
        expected: "three numbers for train, val and test, none negative, train above 0, that sum to 1",
    })
}
