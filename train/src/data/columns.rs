//! Further columns of a list: attributes of tiles, such as the centre or the scanner. They divide tiles for figures by
//! subgroup and for folds by centre; no split, no digest and no training depends on them otherwise.

use std::collections::BTreeMap;

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
