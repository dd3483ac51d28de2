//! `golden.npz`: the archive, and an array inside a sound archive.

use std::io::{Cursor, Write as _};

use kiln_runtime::golden::{self, Golden};
use kiln_tile::TILE_BYTES;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::scratch;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "golden",
    run,
    sound,
    hostile,
    words: &[
        "PK\u{3}\u{4}",
        "PK\u{1}\u{2}",
        "PK\u{5}\u{6}",
        "PK\u{6}\u{6}",
        "PK\u{6}\u{7}",
        ".npy",
        "tile.npy",
        "score.npy",
        "decoded.npy",
        "NUMPY",
        "'descr':",
        "'<f4'",
        "'|u1'",
        "'<f8'",
        "'fortran_order':",
        "'shape':",
        "True",
        "False",
        "(1, 256, 256, 3)",
        "(1,)",
        "()",
        "{",
        "}",
        "[",
        "]",
        "{{{{{{{{",
        "((((((((",
    ],
    rounds: 4_000,
    memory: 8 << 20,
};

/// Reads the input as a whole file, or as the array `score` of an otherwise sound file: a change to an array inside an
/// archive fails at the archive's checksum, and would not reach the reader of arrays.
fn run(bytes: &[u8]) -> bool {
    let whole = read(bytes);
    if !bytes.starts_with(b"PK") {
        return read(&archive(CompressionMethod::Stored, &[("tile.npy", &tile()), ("score.npy", bytes)]));
    }
    whole
}

fn read(archive: &[u8]) -> bool {
    let Ok(found) = golden::read(&scratch::put("golden.npz", archive)) else { return false };
    let Golden { tiles, decoded, outputs } = &found;
    assert!(!tiles.is_empty() && tiles.iter().all(|tile| tile.pixels().len() == TILE_BYTES));
    assert!(decoded.as_ref().is_none_or(|decoded| decoded.len() == tiles.len()));
    assert_eq!(outputs.batch, tiles.len());
    for (name, array) in &outputs.arrays {
        assert_eq!(array.shape().first(), Some(&tiles.len()), "array `{name}` has not one row a tile");
        assert_eq!(array.shape().iter().product::<usize>(), array.len());
        assert!(array.len() * 4 <= archive.len() * 1100, "array `{name}` is larger than the file can hold");
    }
    true
}

fn archive(method: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// An array in NumPy's format 1.0 with this header.
fn array(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padding = 64 - (bytes.len() + 2 + header.len() + 1) % 64;
    bytes.extend(u16::try_from(header.len() + padding + 1).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + padding, b' ');
    bytes.push(b'\n');
    bytes.extend(data);
    bytes
}

fn header(kind: &str, order: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}")
}

fn tile() -> Vec<u8> {
    array(&header("|u1", "False", "(1, 256, 256, 3)"), &vec![200; TILE_BYTES])
}

fn floats(count: u16) -> Vec<u8> {
    (0..count).flat_map(|value| (f32::from(value) / 7.0).to_le_bytes()).collect()
}

fn sound() -> Vec<Vec<u8>> {
    let score = array(&header("<f4", "False", "(1,)"), &floats(1));
    let map = array(&header("<f4", "False", "(1, 2, 3)"), &floats(6));
    let columns = array(&header("<f4", "True", "(1, 2, 3)"), &floats(6));
    let tile = tile();
    let entries: [(&str, &[u8]); 3] = [("tile.npy", &tile), ("score.npy", &score), ("error_map.npy", &map)];
    let decoded: [(&str, &[u8]); 2] = [("tile.npy", &tile), ("decoded.npy", &tile)];
    vec![
        score.clone(),
        map.clone(),
        columns,
        // Deflated, the pixels are few bytes, so that changes meet the archive's structure.
        archive(CompressionMethod::Deflated, &entries),
        archive(CompressionMethod::Deflated, &decoded),
        archive(CompressionMethod::Stored, &entries),
    ]
}

fn hostile() -> Vec<Vec<u8>> {
    let nested = |open: &str, count: usize| array(&open.repeat(count), &[]);
    let inside = |shape: String| array(&header("<f4", "False", &shape), &floats(1));
    let tile = tile();
    let small: [(&str, &[u8]); 2] = [("tile.npy", &tile), ("a/../score.npy", b"")];
    vec![
        nested("{", 900),
        nested("(", 900),
        nested("[", 900),
        nested("-", 900),
        nested("{1:", 300),
        array(&"{".repeat(60_000), &[]),
        inside("(1, 18446744073709551615, 9)".to_owned()),
        inside(format!("({})", "1, ".repeat(300))),
        inside(format!("({}1)", "0, ".repeat(300))),
        inside("{1: (2, [3, {4}])}".to_owned()),
        archive(CompressionMethod::Deflated, &small),
        archive(CompressionMethod::Deflated, &[]),
    ]
}
