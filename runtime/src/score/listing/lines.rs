//! Lists of files: one name a line, or names that end with NUL as `find -print0` writes them. On Unix a name is bytes, and
//! a name that is not UTF-8 is taken as it is. A list that is surely no list of files is refused, with the line's number.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::{Listed, tile};
use crate::score::error::ListingError;
use crate::{Error, Result};

/// Bytes of one name of a list: over twice the longest path that Linux opens.
const MAX_NAME: u64 = 10_000;

/// The separator between the names of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Separator {
    /// A line break, `\n` or `\r\n`. Lines that are empty or hold only white space are passed over, and so is a byte order
    /// mark.
    #[default]
    Line,
    /// NUL. A name can hold anything else, line breaks too.
    Null,
}

/// Adds the files that a list names.
pub(super) fn read(
    reader: &mut dyn BufRead,
    file: &Path,
    separator: Separator,
    listed: &mut Vec<Listed>,
) -> Result<()> {
    let end = match separator {
        Separator::Line => b'\n',
        Separator::Null => b'\0',
    };
    let mut name = Vec::new();
    for number in 1_u64.. {
        name.clear();
        let mut limited = std::io::Read::take(&mut *reader, MAX_NAME);
        let read =
            limited.read_until(end, &mut name).map_err(|source| Error::Read { path: file.to_owned(), source })?;
        if read == 0 {
            break;
        }
        let is_ended = name.pop_if(|byte| *byte == end).is_some();
        let list = || file.to_owned();
        if number == 1 && (name.starts_with(b"\xff\xfe") || name.starts_with(b"\xfe\xff")) {
            return Err(ListingError::Utf16 { list: list() }.into());
        }
        match separator {
            Separator::Line => match line(&mut name) {
                Line::Name => {}
                Line::Nul => return Err(ListingError::Nul { list: list(), line: number }.into()),
                Line::CarriageReturn => return Err(ListingError::CarriageReturn { list: list(), line: number }.into()),
            },
            Separator::Null if !is_ended && name.contains(&b'\n') => {
                return Err(ListingError::LineBreaks { list: list(), name: number }.into());
            }
            Separator::Null => {}
        }
        if read as u64 == MAX_NAME && !is_ended {
            let place = match separator {
                Separator::Line => format!("line {number}"),
                Separator::Null => format!("name {number}"),
            };
            return Err(ListingError::TooLong { list: list(), place, limit: MAX_NAME }.into());
        }
        if !name.is_empty() {
            listed.push(listed_as(&name));
        }
    }
    Ok(())
}

/// Result of a line.
enum Line {
    /// A name, or nothing.
    Name,
    /// A NUL in the line.
    Nul,
    /// A carriage return before the end of the line.
    CarriageReturn,
}

/// Leaves the name of a line.
fn line(name: &mut Vec<u8>) -> Line {
    name.pop_if(|byte| *byte == b'\r');
    if name.starts_with("\u{feff}".as_bytes()) {
        name.drain(..'\u{feff}'.len_utf8());
    }
    if name.contains(&b'\0') {
        return Line::Nul;
    }
    if name.contains(&b'\r') {
        return Line::CarriageReturn;
    }
    if name.iter().all(u8::is_ascii_whitespace) {
        name.clear();
    }
    Line::Name
}

fn listed_as(name: &[u8]) -> Listed {
    match path_from(name) {
        Some(path) => tile(path),
        None => Listed {
            path: String::from_utf8_lossy(name).into_owned().into(),
            refused: Some("unreadable: the name is not UTF-8, which this system requires".to_owned()),
        },
    }
}

/// A path from the bytes of its name. Only Unix has names that are not UTF-8; elsewhere these give `None`.
pub(super) fn path_from(name: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        Some(Path::new(std::ffi::OsStr::from_bytes(name)).to_owned())
    }
    #[cfg(not(unix))]
    std::str::from_utf8(name).ok().map(PathBuf::from)
}
