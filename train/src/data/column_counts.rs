//! Counts of tiles by the values of further columns: see [`columns`](super::columns).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::dataset::Dataset;

/// Numbers of tiles by the values of a further column of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnCount {
    /// Name of the column.
    pub column: String,
    /// Its values, in alphabetical order.
    pub values: Vec<ValueCount>,
    /// Number of tiles whose field is empty.
    pub empty: usize,
}

/// Number of tiles and groups with a value of a further column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// Number of its tiles.
    pub tiles: usize,
    /// Number of their groups; a tile without a group counts as one.
    pub groups: usize,
    /// Number of its tiles of each label.
    pub labels: BTreeMap<String, usize>,
}

impl ColumnCount {
    /// The counts of a column; `None` if the list does not have it.
    pub(super) fn new(dataset: &Dataset, name: &str) -> Option<Self> {
        let column = dataset.column(name)?;
        let mut tiles = BTreeMap::<&str, Vec<usize>>::new();
        for (index, value) in column.iter().enumerate() {
            if let Some(value) = value {
                tiles.entry(value).or_default().push(index);
            }
        }
        let count = |(value, tiles): (&str, Vec<usize>)| ValueCount::new(dataset, value, &tiles);
        let empty = column.iter().filter(|value| value.is_none()).count();
        Some(Self { column: name.to_owned(), values: tiles.into_iter().map(count).collect(), empty })
    }
}

impl ValueCount {
    fn new(dataset: &Dataset, value: &str, tiles: &[usize]) -> Self {
        let groups: BTreeSet<String> = tiles.iter().map(|&index| dataset.group_name(index)).collect();
        let mut labels = BTreeMap::<String, usize>::new();
        for &index in tiles {
            *labels.entry(dataset.entries[index].label.clone()).or_default() += 1;
        }
        Self { value: value.to_owned(), tiles: tiles.len(), groups: groups.len(), labels }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_column_is_counted_by_value_with_labels_groups_and_empty_fields() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "a.png,benign,s1,north\nb.png,tumour,s1,north\nc.png,tumour,s2,south\nd.png,benign,s3,\n";
        std::fs::write(folder.path().join("tiles.csv"), format!("path,label,group,centre\n{rows}")).unwrap();
        let dataset = Dataset::open(folder.path()).unwrap();
        let found = ColumnCount::new(&dataset, "centre").unwrap();
        let counts: Vec<(&str, usize, usize)> =
            found.values.iter().map(|one| (one.value.as_str(), one.tiles, one.groups)).collect();
        assert_eq!((counts, found.empty), (vec![("north", 2, 1), ("south", 1, 1)], 1));
        assert_eq!(found.values[0].labels, BTreeMap::from([("benign".to_owned(), 1), ("tumour".to_owned(), 1)]));
        assert_eq!(ColumnCount::new(&dataset, "scanner"), None);
    }
}
