//! The formats in which rows can be had.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::Error;

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values as RFC 4180 has them, with a header line.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet, snappy-compressed; needs a file.
    Parquet,
}

impl Format {
    /// Every format with its name.
    pub const ALL: [(&'static str, Self); 3] = [("csv", Self::Csv), ("jsonl", Self::Jsonl), ("parquet", Self::Parquet)];

    /// The format that a file's extension stands for: `csv`, `jsonl` or `ndjson`, `parquet`.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        if extension == "ndjson" { Some(Self::Jsonl) } else { extension.parse().ok() }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, format)| format == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, format)| *format).ok_or_else(|| Error::Argument {
            argument: text.to_owned(),
            reason: "unknown format; known are: csv, jsonl, parquet".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_its_format() {
        assert_eq!(Format::of_path(Path::new("a/b.CSV")), Some(Format::Csv));
        assert_eq!(Format::of_path(Path::new("b.ndjson")), Some(Format::Jsonl));
        assert_eq!(Format::of_path(Path::new("b.parquet")), Some(Format::Parquet));
        assert_eq!(Format::of_path(Path::new("scores")), None);
    }

    #[test]
    fn names_read_back() {
        for (name, format) in Format::ALL {
            assert_eq!(name.parse::<Format>().ok(), Some(format));
            assert_eq!(format.to_string(), name);
        }
        assert!("xlsx".parse::<Format>().is_err());
    }
}
