//! Reads a reference from NumPy's `.npz`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use kiln_tile::{SIDE, TILE_BYTES, Tile};
use ndarray::ArrayD;
use zip::ZipArchive;

use super::{Reference, array, wrong};
use crate::import::ImportError;

/// The limit for the bytes of all arrays together.
const MOST: u64 = 1 << 30;

/// The array of tiles.
const TILE: &str = "tile";

pub(super) fn read(path: &Path) -> Result<Reference, ImportError> {
    let failed = |error: &dyn std::fmt::Display| wrong(path, error.to_string());
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| wrong(path, format!("not an .npz file: {error}; write it with `numpy.savez`")))?;
    let mut room = MOST;
    let mut tiles = None;
    let mut arrays: BTreeMap<String, ArrayD<f64>> = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| failed(&error))?;
        let name = entry.name().map_err(|error| failed(&error))?.into_owned();
        let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
        let size = entry.size();
        room =
            room.checked_sub(size).ok_or_else(|| wrong(path, format!("arrays of more than {MOST} bytes together")))?;
        let mut bytes = Vec::new();
        entry.take(size + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        if name == TILE {
            tiles = Some(pixels(&bytes).map_err(|reason| wrong(path, format!("array `{TILE}`: {reason}")))?);
        } else {
            let shown = name.escape_debug().to_string();
            let array = array::parse(&bytes).map_err(|reason| wrong(path, format!("array `{shown}`: {reason}")))?;
            arrays.insert(name, array);
        }
    }
    let tiles: Vec<Tile> = tiles.ok_or_else(|| wrong(path, "no array `tile` with the tiles, u8 [n, 256, 256, 3]"))?;
    if arrays.is_empty() {
        return Err(wrong(path, "no outputs beside `tile`; add an array for each, by its name"));
    }
    for (name, array) in &arrays {
        if array.shape().first() != Some(&tiles.len()) {
            let (shape, tiles, name) = (array.shape(), tiles.len(), name.escape_debug());
            return Err(wrong(path, format!("array `{name}` has the shape {shape:?}, but there are {tiles} tiles")));
        }
    }
    let names = (0..tiles.len()).map(|number| format!("tile {number}")).collect();
    Ok(Reference { path: path.to_owned(), tiles, names, arrays })
}

/// The tiles of an array u8 `[n, 256, 256, 3]`.
fn pixels(bytes: &[u8]) -> Result<Vec<Tile>, String> {
    let side = SIDE as usize;
    let Some((shape, pixels)) = array::bytes_of(bytes) else {
        return Err(format!("tiles are u8 [n, {side}, {side}, 3] in row-major order, before any preprocessing"));
    };
    match shape.as_slice() {
        [n, height, width, 3] if *n > 0 && [*height, *width] == [side, side] => {}
        shape => return Err(format!("its shape is {shape:?}; tiles are [n, {side}, {side}, 3]")),
    }
    pixels.chunks_exact(TILE_BYTES).map(|tile| Tile::from_pixels(tile.to_vec()).map_err(|e| e.to_string())).collect()
}
