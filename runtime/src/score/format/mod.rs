//! Formats of result files. `docs/adding-an-output-format.md` lists the files to touch for another one.

mod codec;
mod csv;
mod jsonl;
#[cfg_attr(not(feature = "parquet"), path = "no_parquet.rs")]
mod parquet;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

pub(super) use self::codec::{Codec, RowsRead, WriteRows};
use super::error::TargetError;
use super::target::can_be_file;
use crate::{Error, Result};

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values as in RFC 4180, with a header line.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet, snappy-compressed; needs a file, and the cargo feature `parquet`.
    Parquet,
}

impl Format {
    /// Every format, in the order of help texts. A build may lack some: see [`Format::names`].
    pub const ALL: [Self; 3] = [Self::Csv, Self::Jsonl, Self::Parquet];

    pub(super) fn codec(self) -> &'static Codec {
        match self {
            Self::Csv => &csv::CODEC,
            Self::Jsonl => &jsonl::CODEC,
            Self::Parquet => &parquet::CODEC,
        }
    }

    /// The names of the formats in this build: `csv, jsonl or parquet`.
    #[must_use]
    pub fn names() -> String {
        listed(Self::built().map(|codec| codec.name.to_owned()), "or")
    }

    /// The extensions of the first choice: `.csv, .jsonl or .parquet`.
    pub(super) fn file_names() -> String {
        listed(Self::built().map(|codec| format!(".{}", codec.name)), "or")
    }

    /// The format of a file's extension: `csv`, `jsonl` or `ndjson`, `parquet`.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.codec().extensions.contains(&extension.as_str()))
    }

    /// The format of a result file: the requested one, else that of the name. A file is never written in another format
    /// than its name promises.
    ///
    /// # Errors
    /// [`Error::Target`] if the name has no extension of a format and none is requested, or an extension of another one;
    /// if a folder or a device is there; if this build lacks the format.
    pub fn for_file(path: &Path, asked: Option<Self>) -> Result<Self> {
        can_be_file(path)?;
        let file = || path.to_owned();
        match (Self::from_path(path), asked) {
            (Some(named), Some(asked)) if named != asked => {
                let (named, asked) = (named.codec().name, asked.codec().name);
                Err(TargetError::OtherFormat { path: file(), named, asked }.into())
            }
            (Some(format), _) | (None, Some(format)) => format.supported(),
            (None, None) => {
                let extensions = Self::built().flat_map(|codec| codec.extensions).map(|name| format!(".{name}"));
                Err(TargetError::NoFormat { path: file(), extensions: listed(extensions, "and") }.into())
            }
        }
    }

    /// The format itself, if rows of it can go to a stream.
    ///
    /// # Errors
    /// [`Error::Target`] if they need a file, or this build lacks the format.
    pub fn for_stream(self) -> Result<Self> {
        if self.codec().streams {
            return self.supported();
        }
        Err(TargetError::NotAStream { format: self.codec().title }.into())
    }

    /// The format itself, if this build has it.
    fn supported(self) -> Result<Self> {
        let Codec { title: format, lacks, .. } = *self.codec();
        let Some(feature) = lacks else { return Ok(self) };
        Err(TargetError::NotBuilt { format, feature }.into())
    }

    fn built() -> impl Iterator<Item = &'static Codec> {
        Self::ALL.into_iter().map(Self::codec).filter(|codec| codec.lacks.is_none())
    }
}

/// `a, b or c`.
fn listed(names: impl Iterator<Item = String>, word: &str) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} {word} {last}", before.join(", ")),
        _ => names.concat(),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codec().name)
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|format| format.codec().name == text);
        let unknown = || {
            let known: Vec<_> = Self::built().map(|codec| codec.name).collect();
            TargetError::UnknownFormat { name: text.to_owned(), known: known.join(", ") }
        };
        known.ok_or_else(unknown)?.supported()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_its_format() {
        assert_eq!(Format::from_path(Path::new("a/b.CSV")), Some(Format::Csv));
        assert_eq!(Format::from_path(Path::new("b.ndjson")), Some(Format::Jsonl));
        assert_eq!(Format::from_path(Path::new("b.parquet")), Some(Format::Parquet));
        assert_eq!(Format::from_path(Path::new("scores")), None);
    }

    #[test]
    fn a_file_has_the_format_that_its_name_promises() {
        let format = |name: &str, asked| Format::for_file(Path::new(name), asked);
        for name in ["x.json", "x.xlsx", "x.csv.gz", "x.txt", "x.png", "x", ".csv", "x.csv ", "x.", "x.tsv"] {
            let error = format(name, None).map_err(|error| error.to_string());
            assert!(error.is_err_and(|text| text.contains(".csv, .jsonl, .ndjson and .parquet")), "{name}");
            assert_eq!(format(name, Some(Format::Jsonl)).ok(), Some(Format::Jsonl), "{name}");
        }
        assert_eq!(format("x.ndjson", Some(Format::Jsonl)).ok(), Some(Format::Jsonl));
        assert_eq!(format("x.PARQUET", None).ok(), Some(Format::Parquet));
        for (name, asked) in [("x.csv", Format::Parquet), ("x.jsonl", Format::Csv), ("x.parquet", Format::Jsonl)] {
            assert!(format(name, Some(asked)).is_err_and(|error| error.to_string().contains("promises")), "{name}");
        }
    }

    #[test]
    fn names_read_back() {
        for (name, format) in [("csv", Format::Csv), ("jsonl", Format::Jsonl), ("parquet", Format::Parquet)] {
            assert_eq!(name.parse::<Format>().ok(), Some(format));
            assert_eq!(format.to_string(), name);
        }
        assert!("xlsx".parse::<Format>().is_err());
    }
}
