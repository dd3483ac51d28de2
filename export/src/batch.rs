//! The batch axis of an exported graph.

use std::fmt;
use std::str::FromStr;

/// The first axis of the graph's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batch {
    /// Symbolic, named `batch`.
    #[default]
    Dynamic,
    /// A number, for servers and accelerators that need one.
    Fixed(usize),
}

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<usize>() {
            Ok(number) if (1..=1024).contains(&number) => Ok(Self::Fixed(number)),
            _ if text == "dynamic" => Ok(Self::Dynamic),
            _ => Err(format!("`{text}` is neither `dynamic` nor a number in 1..=1024")),
        }
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dynamic => f.write_str("dynamic"),
            Self::Fixed(number) => write!(f, "{number}"),
        }
    }
}
