//! The keys that divide tiles into subgroups.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The word for [`SubgroupKey::Colour`].
const COLOUR: &str = "colour";
/// Columns of a list that are no subgroups.
const REFUSED: [&str; 3] = ["path", "label", "split"];

/// A key that divides tiles into subgroups, in a configuration one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SubgroupKey {
    /// `colour`: pink and purple tiles, see [`ColourClusters`](crate::metrics::ColourClusters).
    Colour,
    /// A column of the list of tiles, such as `centre` or `scanner`.
    Column(String),
}

impl SubgroupKey {
    /// The column, if it is one.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Colour => None,
            Self::Column(name) => Some(name),
        }
    }

    /// `colour`, or the name of the column.
    #[must_use]
    pub fn name(&self) -> &str {
        self.column().unwrap_or(COLOUR)
    }

    /// The columns among keys.
    pub(crate) fn columns(keys: &[Self]) -> Vec<&str> {
        keys.iter().filter_map(Self::column).collect()
    }

    /// The first problem with several keys that shows without the tiles.
    pub(crate) fn problem_of(keys: &[Self]) -> Option<String> {
        let twice = || {
            let (_, key) = keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key))?;
            Some(format!("`{key}` is listed twice"))
        };
        keys.iter().find_map(Self::problem).or_else(twice)
    }

    /// The problem that shows without the tiles.
    pub(crate) fn problem(&self) -> Option<String> {
        let name = self.column()?;
        if name.is_empty() || name.trim() != name || name.contains(char::is_control) || name.len() > 200 {
            return Some(format!("{name:?} is no name of a column"));
        }
        REFUSED.contains(&name).then(|| format!("`{name}` is no subgroup; name another column, or colour"))
    }
}

impl From<String> for SubgroupKey {
    fn from(name: String) -> Self {
        if name == COLOUR { Self::Colour } else { Self::Column(name) }
    }
}

impl From<SubgroupKey> for String {
    fn from(key: SubgroupKey) -> Self {
        key.name().to_owned()
    }
}

impl fmt::Display for SubgroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
