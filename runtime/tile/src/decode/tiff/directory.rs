//! Directories of a TIFF (TIFF 6.0, section 2) or BigTIFF: tags and their values. Values are read on demand, with limits.

use std::collections::BTreeMap;

use crate::error::TileError;

/// Limit of the values of one tag. The longest lists are offsets of strips and tiles.
const MAX_VALUES: u64 = 1 << 20;

/// Limit of the directories of one file.
const MAX_DIRECTORIES: usize = 4096;

/// A TIFF file: its bytes and the format of its numbers.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) little_endian: bool,
    big: bool,
}

/// One directory.
pub(super) struct Directory<'a> {
    container: Container<'a>,
    entries: BTreeMap<u16, Entry>,
    /// Offset of the next directory.
    pub(super) next: Option<u64>,
}

struct Entry {
    kind: u16,
    count: u64,
    /// Offset of the value, in the entry or elsewhere in the file.
    at: u64,
}

impl<'a> Container<'a> {
    /// Reads the header. Returns the container and the offset of the first directory.
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Self, u64), TileError> {
        let little_endian = bytes.first() == Some(&b'I');
        let mut container = Self { bytes, little_endian, big: false };
        container.big = container.number(2, 2)? == 43;
        if !container.big {
            return Ok((container, container.number(4, 4)?));
        }
        if (container.number(4, 2)?, container.number(6, 2)?) != (8, 0) {
            return Err(damaged("its BigTIFF header is damaged"));
        }
        Ok((container, container.number(8, 8)?))
    }

    /// Reads an unsigned number of 1, 2, 4 or 8 bytes.
    fn number(&self, at: u64, length: u64) -> Result<u64, TileError> {
        let bytes = self.slice(at, length)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(if self.little_endian { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) })
    }

    /// Returns a range of bytes of the file.
    pub(super) fn slice(&self, at: u64, length: u64) -> Result<&'a [u8], TileError> {
        let range = at.checked_add(length).and_then(|end| Some(usize::try_from(at).ok()?..usize::try_from(end).ok()?));
        range.and_then(|range| self.bytes.get(range)).ok_or(TileError::Truncated)
    }

    /// Reads all directories of the main chain.
    pub(super) fn directories(self, first: u64) -> Result<Vec<Directory<'a>>, TileError> {
        let (mut found, mut places) = (Vec::new(), std::collections::HashSet::new());
        // Directories that do not overlap cannot have more entries than fit in the file.
        let mut room = self.bytes.len() as u64 / self.entry_size();
        let mut next = Some(first);
        while let Some(at) = next.filter(|at| *at != 0) {
            if !places.insert(at) {
                return Err(damaged("its directories form a cycle"));
            }
            if found.len() == MAX_DIRECTORIES {
                return Err(TileError::Refused(format!("a TIFF with more than {MAX_DIRECTORIES} pages")));
            }
            let directory = self.directory(at)?;
            let left = room.checked_sub(directory.entries.len() as u64);
            room = left.ok_or_else(|| damaged("its directories overlap"))?;
            next = directory.next;
            found.push(directory);
        }
        Ok(found)
    }

    fn entry_size(self) -> u64 {
        if self.big { 20 } else { 12 }
    }

    fn directory(self, at: u64) -> Result<Directory<'a>, TileError> {
        let (head, size, inline) = if self.big { (8, self.entry_size(), 8) } else { (2, self.entry_size(), 4) };
        let count = self.number(at, head)?;
        let first = at + head;
        // Checked as a whole, so that a damaged count fails here.
        let length = count.checked_mul(size).ok_or(TileError::Truncated)?;
        self.slice(first, length)?;
        let mut entries = BTreeMap::new();
        for index in 0..count {
            let entry = first + index * size;
            let (tag, kind) = (self.number(entry, 2)? as u16, self.number(entry + 2, 2)? as u16);
            let count = self.number(entry + 4, inline)?;
            let value = entry + 4 + inline;
            let length = size_of_kind(kind).map(|size| count.saturating_mul(size));
            let at = if length.is_some_and(|length| length > inline) { self.number(value, inline)? } else { value };
            if entries.insert(tag, Entry { kind, count, at }).is_some() {
                return Err(damaged("a tag is present twice"));
            }
        }
        let next = self.number(first + length, inline)?;
        Ok(Directory { container: self, entries, next: Some(next).filter(|next| *next != 0) })
    }
}

impl<'a> Directory<'a> {
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    /// Reads the unsigned values of a tag; `None` without the tag.
    pub(super) fn numbers(&self, tag: u16) -> Result<Option<Vec<u64>>, TileError> {
        let Some(entry) = self.entries.get(&tag) else { return Ok(None) };
        let size = match entry.kind {
            1 | 3 | 4 | 13 => size_of_kind(entry.kind).unwrap_or(1),
            16 | 18 if self.container.big => 8,
            kind => return Err(TileError::Damaged(format!("tag {tag} has the type {kind}, expected an unsigned one"))),
        };
        if entry.count > MAX_VALUES {
            return Err(TileError::Damaged(format!("tag {tag} has {} values", entry.count)));
        }
        self.container.slice(entry.at, entry.count * size)?;
        (0..entry.count)
            .map(|index| self.container.number(entry.at + index * size, size))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Reads the only value of a tag; `default` without the tag.
    pub(super) fn number(&self, tag: u16, default: u64) -> Result<u64, TileError> {
        match self.numbers(tag)?.as_deref() {
            None => Ok(default),
            Some([value]) => Ok(*value),
            Some(values) => Err(TileError::Damaged(format!("tag {tag} has {} values, expected one", values.len()))),
        }
    }

    /// Returns the number of values of a tag; 0 without the tag.
    pub(super) fn count(&self, tag: u16) -> u64 {
        self.entries.get(&tag).map_or(0, |entry| entry.count)
    }

    /// Returns the bytes of a tag of bytes, text or unknown content; empty without the tag.
    pub(super) fn bytes(&self, tag: u16) -> Result<&'a [u8], TileError> {
        match self.entries.get(&tag) {
            Some(entry) if size_of_kind(entry.kind) == Some(1) => self.container.slice(entry.at, entry.count),
            _ => Ok(&[]),
        }
    }
}

fn size_of_kind(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}

pub(super) fn damaged(reason: &str) -> TileError {
    TileError::Damaged(reason.to_owned())
}
