//! The labels of a data set as numbers.

use crate::data::{likely, shown};

/// The labels of a data set as numbers: normal classes first, each part in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Classes {
    /// Labels by class number.
    pub names: Vec<String>,
    /// Number of normal labels, which come first.
    pub normal: usize,
}

impl Classes {
    /// A class number is anomalous.
    #[must_use]
    pub fn is_anomalous(&self, class: usize) -> bool {
        class >= self.normal
    }

    /// The labels that count as normal.
    #[must_use]
    pub fn normal_names(&self) -> &[String] {
        &self.names[..self.normal]
    }

    /// The number of a label.
    #[must_use]
    pub fn number(&self, label: &str) -> Option<usize> {
        self.names.iter().position(|name| name == label)
    }
}

/// The label that was probably meant, if one is near, and all labels.
pub(crate) fn nearest_of(name: &str, labels: &[String]) -> String {
    match likely(name, labels.iter().map(String::as_str)) {
        Some(near) => format!("the nearest label is {}; the labels are {}", shown(near), listed(labels)),
        None if labels.is_empty() => "there are no labels".to_owned(),
        None => format!("the labels are {}", listed(labels)),
    }
}

/// Labels in a sentence.
pub(crate) fn listed(labels: &[String]) -> String {
    labels.iter().map(|label| shown(label)).collect::<Vec<_>>().join(", ")
}
