//! Checks of all labels and groups of a data set together.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::folders::first_copy;
use super::problem::shown;
use super::spelling::{code_points, difference, keys, spelling};
use crate::data::dataset::Entry;
use crate::data::{DataError, Result};

/// Refuses two labels or two groups that a reader would confuse, and a class folder whose name marks it as a copy of
/// another.
///
/// # Errors
/// [`DataError::Dataset`] with both names and a tile of each.
pub(in crate::data) fn check(origin: &Path, entries: &[Entry]) -> Result<()> {
    let mut labels: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut groups: BTreeMap<&str, &Path> = BTreeMap::new();
    for entry in entries {
        labels.entry(&entry.label).or_insert(&entry.path);
        if let Some(group) = &entry.group {
            groups.entry(group).or_insert(&entry.path);
        }
    }
    let label_keys = |label: &str| keys(label).to_vec();
    if let Some((one, other)) = first_pair(labels.keys().copied(), label_keys) {
        return Err(pair_error(origin, "labels", (one, labels[one]), (other, labels[other])));
    }
    // In a list, labels are explicit, so only folders are checked for copies.
    let folders: Vec<&str> = if origin.is_dir() { labels.keys().copied().collect() } else { Vec::new() };
    if let Some((copy, original)) = first_copy(&folders) {
        let reason = format!(
            "by its name, the class folder {} is a copy of {}\nhint: move the copy out of {}, rename it, or list the \
             tiles and their labels in a tiles.csv",
            shown(copy),
            shown(original),
            origin.display()
        );
        return Err(DataError::dataset(origin, reason));
    }
    // Identifiers of slides may differ only in case, or in `I` and `1`, so fewer differences count for groups.
    if let Some((one, other)) = first_pair(groups.keys().copied(), |group| vec![spelling(group)]) {
        return Err(pair_error(origin, "groups", (one, groups[one]), (other, groups[other])));
    }
    Ok(())
}

fn first_pair<'a>(
    texts: impl Iterator<Item = &'a str>,
    keys: impl Fn(&str) -> Vec<String>,
) -> Option<(&'a str, &'a str)> {
    let mut seen: HashMap<(usize, String), &str> = HashMap::new();
    for text in texts {
        for key in keys(text).into_iter().enumerate() {
            if let Some(first) = seen.insert(key, text) {
                return Some((first, text));
            }
        }
    }
    None
}

fn pair_error(origin: &Path, what: &str, one: (&str, &Path), other: (&str, &Path)) -> DataError {
    let named = |(text, tile): (&str, &Path)| {
        format!("{}{} (tile {})", shown(text), code_points(text), shown(&tile.to_string_lossy()))
    };
    let rename = if what == "labels" {
        "if they are one class, give both the same name; if they are two, rename one so that they differ clearly"
    } else {
        "use one spelling for each slide, patient or source image"
    };
    let reason = format!(
        "the {what} {} and {} differ only in {}\nhint: {rename}",
        named(one),
        named(other),
        difference(one.0, other.0)
    );
    DataError::dataset(origin, reason)
}
