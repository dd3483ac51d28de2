//! The labels of a data set with their number of tiles.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::spelling::look_alike;
use crate::data::Dataset;

/// Labels of normal tiles by default.
pub const NORMAL_LABELS: [&str; 5] = ["benign", "normal", "healthy", "negative", "colon_n"];

/// The kind of a label: normal or anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// A normal tile.
    Normal,
    /// An anomalous tile.
    Anomalous,
}

impl LabelKind {
    /// `normal` or `anomalous`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Anomalous => "anomalous",
        }
    }
}

/// One row of the table of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCount {
    /// The label.
    pub label: String,
    /// Number of its tiles.
    pub tiles: usize,
    /// Normal or anomalous.
    pub counts_as: LabelKind,
}

/// The labels of a data set with their numbers of tiles, normal ones first.
#[must_use]
pub fn label_counts(dataset: &Dataset, normal: &[String]) -> Vec<LabelCount> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &dataset.entries {
        *counts.entry(&entry.label).or_default() += 1;
    }
    let row = |(label, tiles): (&str, usize)| {
        let counts_as = if normal.iter().any(|name| name == label) { LabelKind::Normal } else { LabelKind::Anomalous };
        LabelCount { label: label.to_owned(), tiles, counts_as }
    };
    let mut rows: Vec<LabelCount> = counts.into_iter().map(row).collect();
    rows.sort_by_key(|row| row.counts_as == LabelKind::Anomalous);
    rows
}

/// Pairs of a normal and an anomalous label that differ in one letter, or in its position. Both may be correct (`normal`
/// and `anormal`), so they cause a warning and not an error.
#[must_use]
pub fn close_labels(rows: &[LabelCount]) -> Vec<(&str, &str)> {
    let of = |wanted| rows.iter().filter(move |row| row.counts_as == wanted);
    let letters = |label: &str| label.chars().count() >= 5 && !label.chars().any(char::is_numeric);
    let pairs = of(LabelKind::Normal).flat_map(|normal| of(LabelKind::Anomalous).map(move |other| (normal, other)));
    pairs
        .map(|(normal, other)| (normal.label.as_str(), other.label.as_str()))
        .filter(|(normal, other)| letters(normal) && letters(other))
        .filter(|(normal, other)| is_slip(&normal.to_lowercase(), &other.to_lowercase()))
        .collect()
}

/// True if two words differ by one typing error: a letter that is additional, missing, wrong or misplaced (`bening`,
/// `begnin`).
fn is_slip(one: &str, other: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    match strsim::damerau_levenshtein(one, other) {
        1 => true,
        2 => sorted(one) == sorted(other),
        _ => false,
    }
}

/// The label that `word` resembles most: one that a reader would confuse with it, else the one with the smallest edit
/// distance.
#[must_use]
pub fn nearest<'a>(word: &str, labels: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |label: &str| {
        let letters = strsim::damerau_levenshtein(&word.to_lowercase(), &label.to_lowercase());
        (!look_alike(word, label), letters)
    };
    labels.into_iter().min_by_key(|label| distance(label))
}

/// The label that `word` is probably a misspelling of: one that a reader would confuse with it, or that differs by one typing
/// error. For a usual name of normal tiles it is another such name: `anormal` is not `normal` with an error.
#[must_use]
pub fn likely<'a>(word: &str, labels: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let is_usual = |name: &str| NORMAL_LABELS.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_near = |label: &str| {
        let slip = word.chars().count() >= 3 && is_slip(&word.to_lowercase(), &label.to_lowercase());
        look_alike(word, label) || slip && (!is_usual(word) || is_usual(label))
    };
    nearest(word, labels.into_iter().filter(|label| is_near(label)))
}

/// An example tile of a label.
pub(in crate::data) fn example<'a>(dataset: &'a Dataset, label: &str) -> Option<&'a PathBuf> {
    dataset.entries.iter().find(|entry| entry.label == label).map(|entry| &entry.path)
}
