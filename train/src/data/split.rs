//! The three splits by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The purpose of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Weights are fitted to it.
    Train,
    /// Early stopping and the threshold are chosen on it.
    Val,
    /// Metrics are computed on it.
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
