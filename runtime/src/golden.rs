//! `golden.npz`: a few real tiles and the trained model's outputs for them, so that any machine can verify a bundle without
//! the trainer. Any NumPy reads it; the same content gives the same bytes; and the reader compares every size in the file
//! with the bytes that follow before it uses the size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write as _};
use std::iter;
use std::path::Path;

use kiln_files::publish;
use kiln_tile::{SIDE, TILE_BYTES, Tile};
use ndarray::{ArrayD, ArrayView4};
use zip::{CompressionMethod, ZipWriter};

use crate::npz::{Limits, array_name, entries, open, options, read_array, text, to_npy};
use crate::session::Outputs;
use crate::{Error, Result};

/// The limit for the bytes of a golden file, and of its arrays together.
const MAX_BYTES: u64 = 512 << 20;
/// The limit for the number of arrays: the tiles and one for each output.
const MAX_ARRAYS: usize = 64;
/// The name of the array of tiles, and of the graph's input.
const TILE: &str = "tile";
/// The name of the array of tiles before stain normalisation.
const DECODED: &str = "decoded";

/// Tiles and the trained model's outputs for them.
#[derive(Debug, Clone)]
pub struct Golden {
    /// The tiles, in the order of the outputs' first axis.
    pub tiles: Vec<Tile>,
    /// The same tiles before stain normalisation, if the graph's caller normalises.
    pub decoded: Option<Vec<Tile>>,
    /// Each graph output by name, f32 `[tiles, ...]`.
    pub outputs: Outputs,
}

/// Writes a golden file in one step, replacing an earlier one.
///
/// # Errors
/// [`Error::Golden`] if the number of rows of an output is not the number of tiles; [`Error::Write`].
pub fn write(path: &Path, golden: &Golden) -> Result<()> {
    let bytes = to_bytes(golden).map_err(|reason| Error::Golden { path: path.to_owned(), reason })?;
    publish::write_file(path, &bytes).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Reads a golden file.
///
/// ```no_run
/// let golden = kiln_runtime::golden::read("bundle/golden.npz".as_ref())?;
/// println!("{} tiles score {}", golden.tiles.len(), golden.outputs.arrays["score"]);
/// # Ok::<(), kiln_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::Read`]; [`Error::Golden`] if the file is over a limit, or does not contain u8 `tile` (and `decoded`)
/// `[n, 256, 256, 3]` and f32 arrays of `n` rows.
pub fn read(path: &Path) -> Result<Golden> {
    let golden = |reason| Error::Golden { path: path.to_owned(), reason };
    let io = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > MAX_BYTES {
        return Err(golden(format!("{bytes} bytes, over the limit of {MAX_BYTES}")));
    }
    from_reader(BufReader::new(file)).map_err(golden)
}

/// Makes an `.npz` with fixed time stamps and arrays in the order `tile`, `decoded`, then outputs by name. Entries are
/// stored, not deflated: pixels and floats hardly shrink, and a stored entry cannot be a decompression bomb.
fn to_bytes(golden: &Golden) -> Result<Vec<u8>, String> {
    golden.check()?;
    let options = options(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let decoded = golden.decoded.iter().map(|tiles| (DECODED, tiles));
    for (name, tiles) in iter::once((TILE, &golden.tiles)).chain(decoded) {
        archive.start_file(format!("{name}.npy"), options).map_err(text)?;
        archive.write_all(&npy_of_tiles(tiles)?).map_err(text)?;
    }
    for (name, array) in &golden.outputs.arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(text)?;
        archive.write_all(&to_npy(array)?).map_err(text)?;
    }
    archive.finish().map(Cursor::into_inner).map_err(text)
}

fn npy_of_tiles(tiles: &[Tile]) -> Result<Vec<u8>, String> {
    let pixels: Vec<u8> = tiles.iter().flat_map(Tile::pixels).copied().collect();
    let side = SIDE as usize;
    to_npy(&ArrayView4::from_shape((tiles.len(), side, side, 3), &pixels).map_err(text)?)
}

fn from_reader(reader: impl Read + Seek) -> Result<Golden, String> {
    let (mut tiles, mut decoded) = (None, None);
    let mut arrays = BTreeMap::new();
    let limits = Limits { arrays: MAX_ARRAYS, bytes: MAX_BYTES };
    entries(open(reader)?, limits, |file, entry, size| {
        match array_name(file)? {
            TILE => tiles = Some(read_tiles(TILE, &read_array::<u8>(TILE, entry, size)?)?),
            DECODED => decoded = Some(read_tiles(DECODED, &read_array::<u8>(DECODED, entry, size)?)?),
            name => drop(arrays.insert(name.to_owned(), read_array::<f32>(name, entry, size)?)),
        }
        Ok(())
    })?;
    let tiles = tiles.ok_or("no array `tile`")?;
    let outputs = Outputs { batch: tiles.len(), arrays };
    let golden = Golden { tiles, decoded, outputs };
    golden.check()?;
    Ok(golden)
}

impl Golden {
    /// Checks that every array has one row for each tile.
    fn check(&self) -> Result<(), String> {
        let rows = self.tiles.len();
        match &self.decoded {
            Some(decoded) if decoded.len() != rows => {
                return Err(format!("array `{DECODED}` has {} tiles, expected {rows}", decoded.len()));
            }
            _ => {}
        }
        self.outputs.arrays.iter().try_for_each(|(name, array)| check_rows(name, array, rows))
    }
}

fn read_tiles(name: &str, pixels: &ArrayD<u8>) -> Result<Vec<Tile>, String> {
    let side = SIDE as usize;
    match pixels.shape() {
        [n, height, width, 3] if *n > 0 && [*height, *width] == [side, side] => {}
        shape => return Err(format!("array `{name}` has shape {shape:?}, expected [n, {side}, {side}, 3]")),
    }
    let pixels = pixels.as_slice().ok_or_else(|| format!("array `{name}` is not contiguous"))?;
    pixels.chunks_exact(TILE_BYTES).map(|tile| Tile::from_pixels(tile.to_vec()).map_err(text)).collect()
}

fn check_rows(name: &str, array: &ArrayD<f32>, tiles: usize) -> Result<(), String> {
    match array.shape().first() {
        Some(rows) if *rows == tiles => Ok(()),
        _ => Err(format!("array `{name}` has shape {:?}, expected {tiles} rows, one for each tile", array.shape())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::{Array1, Array2};
    use zip::write::SimpleFileOptions;

    fn tiles(n: u8) -> Vec<Tile> {
        (0..n).map(|value| Tile::from_pixels(vec![value; TILE_BYTES]).unwrap()).collect()
    }

    fn outputs(n: usize) -> Outputs {
        let scores = Array1::from_shape_fn(n, |row| row as f32 / 7.0);
        let probabilities = Array2::from_shape_fn((n, 2), |(row, class)| (row + class) as f32);
        let arrays = [("score", scores.into_dyn()), ("probabilities", probabilities.into_dyn())];
        Outputs { batch: n, arrays: arrays.map(|(name, array)| (name.to_owned(), array)).into() }
    }

    fn golden(n: u8) -> Golden {
        Golden { tiles: tiles(n), decoded: None, outputs: outputs(n.into()) }
    }

    fn parse(bytes: &[u8]) -> Result<Golden, String> {
        from_reader(Cursor::new(bytes))
    }

    fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    /// An array whose header states what its bytes do not hold.
    fn forged(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let padding = 64 - (bytes.len() + 2 + header.len() + 1) % 64;
        bytes.extend(u16::try_from(header.len() + padding + 1).unwrap().to_le_bytes());
        bytes.extend(header.bytes());
        bytes.resize(bytes.len() + padding, b' ');
        bytes.push(b'\n');
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.npz");
        for decoded in [None, Some(tiles(6)[3..].to_vec())] {
            write(&path, &Golden { decoded: decoded.clone(), ..golden(3) }).unwrap();
            let found = read(&path).unwrap();
            assert_eq!((&found.tiles, &found.decoded), (&tiles(3), &decoded));
            assert_eq!((found.outputs.arrays, found.outputs.batch), (outputs(3).arrays, 3));
        }
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        assert_eq!(to_bytes(&golden(2)).unwrap(), to_bytes(&golden(2)).unwrap());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = to_bytes(&golden(1)).unwrap();
        for length in [0, 1, 30, 100, whole.len() / 2, whole.len() - 1] {
            assert!(parse(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
    }

    #[test]
    fn a_header_that_promises_terabytes_allocates_nothing() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }";
        let reason = parse(&archive(&[("score.npy", forged(header, 16))])).unwrap_err();
        assert!(reason.contains("array `score`: missing"), "{reason}");
        let overflowing = "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9, 9), }";
        assert!(parse(&archive(&[("score.npy", forged(overflowing, 16))])).is_err());
    }

    #[test]
    fn a_deeply_nested_header_is_refused_before_it_is_parsed() {
        let reason = parse(&archive(&[("score.npy", forged(&"(".repeat(60_000), 0))])).unwrap_err();
        assert!(reason.contains("over the limit of 1024"), "{reason}");
    }

    /// Found by fuzzing: thirty braces took minutes.
    #[test]
    fn a_header_that_nests_is_refused_at_once() {
        for open in ["{", "(", "[", "{1:", "([{"] {
            let reason = parse(&archive(&[("score.npy", forged(&open.repeat(300), 0))])).unwrap_err();
            assert!(reason.contains("more than one dictionary"), "{open}: {reason}");
        }
    }

    #[test]
    fn wrong_shapes_types_and_names_are_named() {
        let f4 = |shape: &str, data| {
            forged(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"), data)
        };
        let u1 = |shape: &str, data| {
            forged(&format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"), data)
        };
        let whole = u1("(1, 256, 256, 3)", TILE_BYTES);
        let cases = [
            (archive(&[("score.npy", f4("(1,)", 4))]), "no array `tile`"),
            (archive(&[("tile.npy", u1("(1, 2, 2, 3)", 12))]), "shape [1, 2, 2, 3]"),
            (archive(&[("tile.npy", u1("(0, 256, 256, 3)", 0))]), "shape [0, 256, 256, 3]"),
            (archive(&[("tile.npy", f4("(1, 256, 256, 3)", 4 * TILE_BYTES))]), "array `tile`: incorrect descriptor"),
            (archive(&[("tile.npy", whole.clone()), ("score.npy", f4("(2,)", 8))]), "array `score` has shape [2]"),
            (archive(&[("tile.npy", whole.clone()), ("score.npy", f4("()", 4))]), "array `score` has shape []"),
            (archive(&[("tile.npy", whole.clone()), ("notes.txt", vec![])]), "`notes.txt` is not an .npy array"),
            (archive(&[("tile.npy", whole.clone()), ("../x.npy", f4("(1,)", 4))]), "`../x.npy` is not the name"),
            (archive(&[("tile.npy", whole.clone()), ("/x.npy", f4("(1,)", 4))]), "`/x.npy` is not the name"),
            (archive(&[("tile.npy", whole.clone()), ("a\\b.npy", f4("(1,)", 4))]), "is not the name"),
            (archive(&[("tile.npy", whole.clone()), (".npy", f4("(1,)", 4))]), "`.npy` is not the name"),
            (archive(&[("tile.npy", whole), ("a\nb.npy", f4("(1,)", 4))]), "is not the name"),
        ];
        for (bytes, expected) in cases {
            let reason = parse(&bytes).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn arrays_of_other_kinds_are_refused_and_fortran_order_is_read_right() {
        let whole = npy_of_tiles(&tiles(2)).unwrap();
        let with = |score: Vec<u8>| parse(&archive(&[("tile.npy", whole.clone()), ("score.npy", score)]));
        for kind in ["|O", ">f4", "<f8", "<f2", "|S4", "<U1", "<i4", "|V4", "=f4"] {
            let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2,), }}");
            assert!(with(forged(&header, 8)).unwrap_err().contains("array `score`"), "{kind}");
        }
        let record = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }";
        assert!(with(forged(record, 8)).is_err());
        for header in ["{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "x", ""]
        {
            assert!(with(forged(header, 8)).is_err(), "{header}");
        }
        // Two rows of three, by columns.
        let mut columns = forged("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 0);
        columns.extend([0_f32, 10.0, 1.0, 11.0, 2.0, 12.0].iter().flat_map(|value| value.to_le_bytes()));
        let found = with(columns).unwrap();
        let rows: Vec<f32> = found.outputs.arrays["score"].iter().copied().collect();
        assert_eq!(rows, [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    }

    #[test]
    fn an_array_that_is_there_twice_is_refused() {
        let mut bytes = archive(&[("tile.npy", npy_of_tiles(&tiles(1)).unwrap()), ("tale.npy", Vec::new())]);
        let names: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..*at + 4] == b"tale").collect();
        assert_eq!(names.len(), 2, "the local header and the central directory");
        names.into_iter().for_each(|at| bytes[at..at + 4].copy_from_slice(b"tile"));
        assert!(parse(&bytes).unwrap_err().contains("twice"));
    }

    #[test]
    fn an_archive_that_unpacks_to_more_than_it_states_is_refused() {
        let zeros = vec![0_u8; 64 << 20];
        let mut bytes = archive(&[("tile.npy", zeros)]);
        assert!(bytes.len() < 1 << 20, "a bomb: {} bytes", bytes.len());
        assert!(parse(&bytes).unwrap_err().contains("array `tile`"));
        // The central directory, and the local header, state 12 bytes.
        for (signature, offset) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
            let at = bytes.windows(4).position(|window| window == signature).unwrap() + offset;
            bytes[at..at + 4].copy_from_slice(&12_u32.to_le_bytes());
        }
        assert!(parse(&bytes).is_err());
    }

    #[test]
    fn outputs_of_another_length_are_not_written() {
        let wrong = Golden { outputs: outputs(3), ..golden(2) };
        assert!(to_bytes(&wrong).unwrap_err().contains("expected 2 rows"));
        let wrong = Golden { decoded: Some(tiles(1)), ..golden(2) };
        assert!(to_bytes(&wrong).unwrap_err().contains("`decoded` has 1 tiles, expected 2"));
    }
}
