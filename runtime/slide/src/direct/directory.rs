//! Directories of a TIFF (TIFF 6.0, section 2) or BigTIFF, read from an open file. The `tiff` crate is not used here: it
//! reads the tile lists of the first directory before limits can be set, and refuses those over 1 MiB, which large slides
//! exceed. Lengths are checked against the file before anything is allocated.

use std::collections::BTreeMap;

use super::file::SlideFile;
use super::reason::{NotDirect, structure};

/// Limit of the values of one tag. The longest lists are those of tiles: 4 million tiles of 256 pixels cover a square of
/// half a million pixels.
const MAX_VALUES: u64 = 1 << 22;

/// Limit of the directories of one file.
const MAX_DIRECTORIES: usize = 4096;

/// Limit of the tags of one directory.
const MAX_ENTRIES: u64 = 4096;

/// Tag numbers of TIFF 6.0 and its supplements.
pub(super) mod tag {
    pub(in super::super) const IMAGE_WIDTH: u16 = 256;
    pub(in super::super) const IMAGE_LENGTH: u16 = 257;
    pub(in super::super) const BITS_PER_SAMPLE: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in super::super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_LENGTH: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
    /// Depth of a volume, SGI's extension.
    pub(in super::super) const IMAGE_DEPTH: u16 = 32997;
}

/// A TIFF file and the format of its numbers.
pub(super) struct Container<'a> {
    file: &'a SlideFile,
    little_endian: bool,
    big: bool,
}

/// One directory.
pub(super) struct Directory {
    entries: BTreeMap<u16, Entry>,
}

struct Entry {
    kind: u16,
    count: u64,
    value: Value,
}

enum Value {
    Inline(Vec<u8>),
    /// Offset in the file.
    At(u64),
}

impl<'a> Container<'a> {
    /// Reads the header and all directories of the main chain.
    pub(super) fn open(file: &'a SlideFile) -> Result<(Self, Vec<Directory>), NotDirect> {
        let head = file.read(0, 8).map_err(|_| NotDirect::NotTiff)?;
        let little_endian = head.starts_with(b"II");
        if !little_endian && !head.starts_with(b"MM") {
            return Err(NotDirect::NotTiff);
        }
        let mut container = Self { file, little_endian, big: false };
        let first = match container.join(&head[2..4]) {
            42 => container.join(&head[4..8]),
            43 if container.join(&head[4..6]) == 8 && container.join(&head[6..8]) == 0 => {
                container.big = true;
                container.number(8, 8)?
            }
            _ => return Err(NotDirect::NotTiff),
        };
        let directories = container.directories(first)?;
        Ok((container, directories))
    }

    fn directories(&self, first: u64) -> Result<Vec<Directory>, NotDirect> {
        let (mut found, mut places) = (Vec::new(), std::collections::HashSet::new());
        let mut next = first;
        while next != 0 {
            if !places.insert(next) {
                return Err(structure("its directories form a cycle"));
            }
            if found.len() == MAX_DIRECTORIES {
                return Err(structure(format!("it has more than {MAX_DIRECTORIES} directories")));
            }
            let (directory, following) = self.directory(next)?;
            found.push(directory);
            next = following;
        }
        Ok(found)
    }

    /// Reads the directory at a byte of the file. Returns it and the offset of the next one.
    fn directory(&self, at: u64) -> Result<(Directory, u64), NotDirect> {
        let (head, size, inline) = if self.big { (8_u64, 20_u64, 8_usize) } else { (2, 12, 4) };
        let count = self.number(at, head)?;
        if count > MAX_ENTRIES {
            return Err(structure(format!("a directory has {count} tags")));
        }
        let bytes = self.file.read(at.saturating_add(head), count * size + inline as u64)?;
        let (table, next) = bytes.split_at((count * size) as usize);
        let mut entries = BTreeMap::new();
        for entry in table.chunks_exact(size as usize) {
            let (tag, kind) = (self.join(&entry[..2]) as u16, self.join(&entry[2..4]) as u16);
            let (count, value) = (self.join(&entry[4..4 + inline]), &entry[4 + inline..]);
            // Values of unknown types are skipped, TIFF 6.0, section 2.
            let Some(length) = size_of_kind(kind).map(|size| count.saturating_mul(size)) else { continue };
            let value = match usize::try_from(length) {
                Ok(length) if length <= inline => Value::Inline(value[..length].to_vec()),
                _ => Value::At(self.join(value)),
            };
            // Of a tag that is present twice, readers use the first.
            entries.entry(tag).or_insert(Entry { kind, count, value });
        }
        Ok((Directory { entries }, self.join(next)))
    }

    fn number(&self, at: u64, length: u64) -> Result<u64, NotDirect> {
        Ok(self.join(&self.file.read(at, length)?))
    }

    /// Joins the bytes of an unsigned number.
    fn join(&self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.little_endian { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
    }

    fn value(&self, entry: &Entry, size: u64) -> Result<Vec<u8>, NotDirect> {
        match &entry.value {
            Value::Inline(bytes) => Ok(bytes.clone()),
            Value::At(at) => Ok(self.file.read(*at, entry.count.saturating_mul(size))?),
        }
    }

    /// Reads the unsigned values of a tag; `None` without the tag.
    pub(super) fn numbers(&self, directory: &Directory, tag: u16) -> Result<Option<Vec<u64>>, NotDirect> {
        let Some(entry) = directory.entries.get(&tag) else { return Ok(None) };
        let size = match entry.kind {
            1 | 3 | 4 | 13 | 16 | 18 => size_of_kind(entry.kind).unwrap_or(1),
            kind => return Err(structure(format!("tag {tag} has the type {kind}, expected an unsigned one"))),
        };
        if entry.count > MAX_VALUES {
            return Err(structure(format!("tag {tag} has {} values", entry.count)));
        }
        let bytes = self.value(entry, size)?;
        Ok(Some(bytes.chunks_exact(size as usize).map(|bytes| self.join(bytes)).collect()))
    }

    /// Reads the only value of a tag; `default` without the tag.
    pub(super) fn only(&self, directory: &Directory, tag: u16, default: u64) -> Result<u64, NotDirect> {
        match self.numbers(directory, tag)?.as_deref() {
            None => Ok(default),
            Some([value]) => Ok(*value),
            Some(values) => Err(structure(format!("tag {tag} has {} values, expected one", values.len()))),
        }
    }

    /// Reads the bytes of a tag; empty without the tag.
    pub(super) fn bytes(&self, directory: &Directory, tag: u16) -> Result<Vec<u8>, NotDirect> {
        match directory.entries.get(&tag) {
            Some(entry) if size_of_kind(entry.kind) == Some(1) && entry.count <= MAX_VALUES => self.value(entry, 1),
            Some(_) => Err(structure(format!("tag {tag} has an unusual type or length"))),
            None => Ok(Vec::new()),
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
