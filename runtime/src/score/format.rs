//! The formats in which rows can be had.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::target::can_be_file;
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

    /// The format of a result file: the one that is asked for, else the one of the name. A file is never written in
    /// another format than its name promises.
    ///
    /// # Errors
    /// [`Error::Argument`] if the name has no extension of a format and none is asked for, or an extension of another one;
    /// if a folder or a device is there.
    pub fn for_file(path: &Path, asked: Option<Self>) -> Result<Self, Error> {
        can_be_file(path)?;
        let wrong = |reason: String| Error::Argument { argument: path.display().to_string(), reason };
        match (Self::of_path(path), asked) {
            (Some(named), Some(asked)) if named != asked => Err(wrong(format!(
                "the name promises {named} and --format asks for {asked}\nhint: leave out --format, or name a file that ends with .{asked}"
            ))),
            (Some(format), _) | (None, Some(format)) => Ok(format),
            (None, None) => Err(wrong(
                "the format cannot be told from the name, which ends with none of .csv, .jsonl, .ndjson and .parquet\n\
                 hint: choose one of these, or add --format csv, jsonl or parquet"
                    .to_owned(),
            )),
        }
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
        for (name, format) in Format::ALL {
            assert_eq!(name.parse::<Format>().ok(), Some(format));
            assert_eq!(format.to_string(), name);
        }
        assert!("xlsx".parse::<Format>().is_err());
    }
}
