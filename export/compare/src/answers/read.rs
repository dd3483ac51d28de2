//! Reading saved answers. The file is hostile: sizes are compared with the bytes that follow before they are used.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use kiln_files::FileDigest;
use kiln_runtime::Outputs;
use kiln_runtime::npz::{Limits, array_name, entries, open, read_array};
use kiln_tile::{SIDE, TILE_BYTES};

use super::{RECORD, Record, SCHEMA, SavedAnswers};
use crate::{CompareError, Result};

/// The limit for all arrays together, in bytes.
const MAX_BYTES: u64 = 16 << 30;
/// The limit for the record, in bytes: a million tiles with long names.
const MAX_RECORD: u64 = 512 << 20;
/// The limit for the number of arrays.
const MAX_ARRAYS: usize = 256;
/// The name of the array of tiles that golden files and other programs have beside the outputs.
const TILE: &str = "tile";

impl SavedAnswers {
    /// Reads a file of answers: an `.npz` of f32 arrays, each with one row for a tile, and `answers.json` if Kiln wrote it.
    /// The array `tile` of golden files is kept as the digests of its tiles; `decoded` is left out.
    ///
    /// # Errors
    /// [`CompareError::Answers`] with the array and the reason.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |reason| CompareError::Answers { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let (record, held, outputs) = from_reader(BufReader::new(file)).map_err(wrong)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (facts, source, tiles) = match record {
            Some(record) => (Some(record.side), record.source, record.tiles),
            None => (None, format!("rows of {name}"), Vec::new()),
        };
        Ok(Self { path: path.to_owned(), facts, source, tiles, outputs, held, rows: Vec::new() })
    }
}

fn from_reader(reader: impl Read + Seek) -> Result<(Option<Record>, Vec<FileDigest>, Outputs), String> {
    let (mut record, mut held) = (None, Vec::new());
    let mut arrays = BTreeMap::new();
    let limits = Limits { arrays: MAX_ARRAYS, bytes: MAX_BYTES };
    entries(open(reader)?, limits, |file, entry, size| {
        if file == RECORD {
            record = Some(read_record(entry, size)?);
            return Ok(());
        }
        let name = array_name(file)?;
        if name == TILE {
            held = digests(entry, size);
            return Ok(());
        }
        if name == "decoded" {
            return Ok(());
        }
        let array = read_array::<f32>(name, entry, size);
        let array = array.map_err(|reason| format!("{reason}; answers are float32 arrays in .npy format 1.0"))?;
        if array.ndim() == 0 {
            return Err(format!("array `{name}` has no axis of tiles"));
        }
        arrays.insert(name.to_owned(), array);
        Ok(())
    })?;
    let rows = arrays.values().next().map(|array| array.shape()[0]);
    let Some(batch) = rows.filter(|rows| *rows > 0) else { return Err("it has no answers".to_owned()) };
    if let Some((name, array)) = arrays.iter().find(|(_, array)| array.shape()[0] != batch) {
        return Err(format!("array `{name}` has {} rows, and others have {batch}", array.shape()[0]));
    }
    if let Some(record) = &record {
        let tiles = record.tiles.len();
        if tiles != batch {
            return Err(format!("{RECORD} names {tiles} tiles, and the arrays have {batch} rows"));
        }
    }
    if !held.is_empty() && held.len() != batch {
        return Err(format!("array `{TILE}` has {} tiles, and the others have {batch} rows", held.len()));
    }
    Ok((record, held, Outputs { batch, arrays }))
}

/// The digests of tiles, u8 `[n, 256, 256, 3]`; none of any other array.
fn digests(entry: &mut impl Read, size: u64) -> Vec<FileDigest> {
    let side = SIDE as usize;
    let Ok(array) = read_array::<u8>(TILE, entry, size) else { return Vec::new() };
    if array.shape().get(1..) != Some(&[side, side, 3]) {
        return Vec::new();
    }
    array
        .as_standard_layout()
        .as_slice()
        .map_or_else(Vec::new, |pixels| pixels.chunks_exact(TILE_BYTES).map(FileDigest::new).collect())
}

fn read_record(entry: &mut impl Read, size: u64) -> Result<Record, String> {
    if size > MAX_RECORD {
        return Err(format!("{RECORD} has {size} bytes, over the limit of {MAX_RECORD}"));
    }
    let bytes = kiln_files::read_head(entry, size + 1).map_err(|error| format!("{RECORD}: {error}"))?;
    #[derive(serde::Deserialize)]
    struct Header {
        schema: u32,
    }
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| format!("{RECORD}: {error}"))?;
    if header.schema != SCHEMA {
        return Err(format!("{RECORD} has schema {}; this release reads schema {SCHEMA}", header.schema));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("{RECORD}: {error}"))
}
