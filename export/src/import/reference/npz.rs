//! Reads a reference from NumPy's `.npz`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use kiln_runtime::npz::{Limits, entries};
use kiln_tile::{SIDE, TILE_BYTES, Tile};
use ndarray::ArrayD;
use zip::ZipArchive;

use super::{Reference, array, wrong};
use crate::import::ImportError;

/// Limits for the tiles and the outputs.
const LIMITS: Limits = Limits { arrays: 1 << 16, bytes: 1 << 30 };

/// The array of tiles.
const TILE: &str = "tile";

pub(super) fn read(path: &Path) -> Result<Reference, ImportError> {
    let file = File::open(path).map_err(|error| wrong(path, error.to_string()))?;
    let archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| wrong(path, format!("not an .npz file: {error}; write it with `numpy.savez`")))?;
    let mut tiles = None;
    let mut arrays: BTreeMap<String, ArrayD<f64>> = BTreeMap::new();
    entries(archive, LIMITS, |file, entry, size| {
        let name = file.strip_suffix(".npy").unwrap_or(file);
        let bytes = kiln_files::read_head(entry, size.saturating_add(1)).map_err(|error| error.to_string())?;
        if name == TILE {
            tiles = Some(pixels(&bytes).map_err(|reason| format!("array `{TILE}`: {reason}"))?);
        } else {
            let array = array::parse(&bytes);
            let array = array.map_err(|reason| format!("array `{}`: {reason}", name.escape_debug()))?;
            arrays.insert(name.to_owned(), array);
        }
        Ok(())
    })
    .map_err(|reason| wrong(path, reason))?;
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
