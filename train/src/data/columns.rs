//! Further columns of a list: attributes of tiles, such as the centre or the scanner. They divide tiles for figures by
//! subgroup and for folds by centre; no split, no digest and no training depends on them otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::dataset::Dataset;

/// Further columns that every list may have. Others must be asked for by name: an unknown column may be a mistyped `group`.
pub(super) const FURTHER: [&str; 2] = ["centre", "scanner"];

/// The values of further columns by name, one for each tile; `None` where a field is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FurtherColumns(BTreeMap<String, Vec<Option<String>>>);

impl FurtherColumns {
    /// Columns without values yet.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| (name.to_owned(), Vec::new())).collect())
    }

    /// Adds the value of the next tile to a column.
    pub(super) fn push(&mut self, name: &str, value: Option<String>) {
        if let Some(values) = self.0.get_mut(name) {
            values.push(value);
        }
    }

    /// The values of the tiles `indices`, in this order.
    pub(super) fn select(&self, indices: &[usize]) -> Self {
        let picked = |values: &Vec<Option<String>>| indices.iter().map(|&index| values[index].clone()).collect();
        Self(self.0.iter().map(|(name, values)| (name.clone(), picked(values))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&[Option<String>]> {
        self.0.get(name).map(Vec::as_slice)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// True if a list may have this further column.
pub(super) fn is_further(name: &str, asked: &[&str]) -> bool {
    FURTHER.contains(&name) || asked.contains(&name)
}

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
