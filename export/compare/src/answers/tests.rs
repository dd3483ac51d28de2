#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use kiln_runtime::npz::to_npy;
use ndarray::{Array1, Array2};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::facts::SideKind;

fn tile(path: &str, digest: u8) -> SavedTile {
    let info = TileInfo { path: path.to_owned(), label: Some("tumour".to_owned()), group: None };
    SavedTile { info, digest: FileDigest::new(&[digest]) }
}

fn outputs(scores: &[f32]) -> Outputs {
    let maps = Array2::from_shape_fn((scores.len(), 3), |(row, at)| scores[row] + at as f32);
    let arrays = [("score", Array1::from(scores.to_vec()).into_dyn()), ("vector", maps.into_dyn())];
    Outputs { batch: scores.len(), arrays: arrays.map(|(name, array)| (name.to_owned(), array)).into() }
}

fn written(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("answers.npz");
    let mut writer = AnswersWriter::new(&path);
    writer.add(vec![tile("a.png", 1), tile("b.png", 2)], &outputs(&[0.25, 0.5])).unwrap();
    writer.add(vec![tile("c.png", 3)], &outputs(&[1.0])).unwrap();
    writer.finish(SideFacts::new(SideKind::Bundle, "bundle@fp32:cpu", 0.5), "three tiles").unwrap();
    path
}

fn archive(folder: &Path, entries: &[(&str, Vec<u8>)]) -> std::path::PathBuf {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    let path = folder.join("made.npz");
    fs::write(&path, archive.finish().unwrap().into_inner()).unwrap();
    path
}

#[test]
fn what_is_written_is_read_by_name_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let mut read = SavedAnswers::read(&path).unwrap();
    assert_eq!((read.source.as_str(), read.outputs.batch), ("three tiles", 3));
    assert_eq!(read.facts.as_ref().unwrap().label, "bundle@fp32:cpu");
    let infos = |names: &[&str]| names.iter().map(|name| tile(name, 0).info).collect::<Vec<_>>();
    read.align(&infos(&["c.png", "a.png", "b.png"])).unwrap();
    let rows = read.rows(&[0, 2]);
    assert_eq!(rows.arrays["score"].as_slice().unwrap(), [1.0, 0.5]);
    assert_eq!(rows.arrays["vector"].shape(), [2, 3]);
    assert!(read.check_digest(0, FileDigest::new(&[3])).is_ok());
    let error = read.check_digest(0, FileDigest::new(&[4])).unwrap_err().to_string();
    assert!(error.contains("c.png"), "{error}");
    let again = fs::read(&path).unwrap();
    assert_eq!(fs::read(written(folder.path())).unwrap(), again, "the same answers give the same bytes");
}

#[test]
fn answers_to_other_tiles_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut read = SavedAnswers::read(&written(folder.path())).unwrap();
    let mut refused = |names: &[&str]| {
        let infos: Vec<_> = names.iter().map(|name| tile(name, 0).info).collect();
        read.align(&infos).unwrap_err().to_string()
    };
    assert!(refused(&["a.png", "b.png", "d.png"]).contains("no answer for d.png"));
    assert!(refused(&["a.png", "b.png"]).contains("also has answers for c.png"));
    assert!(refused(&["1", "2", "3", "4", "5"]).contains("1, 2, 3 and 2 more tiles"));
}

#[test]
fn a_repeated_tile_has_its_answers_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.npz");
    let mut writer = AnswersWriter::new(&path);
    let saved = vec![tile("a.png", 1), tile("b.png", 2), tile("a.png", 1), tile("c.png", 3), tile("c.png", 4)];
    writer.add(saved, &outputs(&[0.25, 0.5, 0.75, 1.0, 2.0])).unwrap();
    writer.finish(SideFacts::new(SideKind::Bundle, "bundle@fp32:cpu", 0.5), "a list").unwrap();
    let mut read = SavedAnswers::read(&path).unwrap();
    let infos = |names: &[&str]| names.iter().map(|name| tile(name, 0).info).collect::<Vec<_>>();
    let scores =
        |read: &SavedAnswers, tiles: &[usize]| read.rows(tiles).arrays["score"].iter().copied().collect::<Vec<_>>();
    read.align(&read.tile_set().tiles.clone()).unwrap();
    assert_eq!(scores(&read, &[0, 1, 2, 3, 4]), [0.25, 0.5, 0.75, 1.0, 2.0]);
    read.align(&infos(&["c.png", "a.png", "b.png", "c.png"])).unwrap();
    assert_eq!(scores(&read, &[0, 1, 2, 3]), [1.0, 0.25, 0.5, 2.0]);
    // Two different tiles of one name cannot be told apart.
    let error = read.align(&infos(&["a.png", "b.png", "c.png"])).unwrap_err().to_string();
    assert!(error.contains("2 different tiles of the name c.png, and there are 1 here"), "{error}");
}

#[test]
fn a_file_that_holds_its_tiles_refuses_other_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let scores = to_npy(&Array1::from(vec![0.5_f32, 0.75])).unwrap();
    let pixels = ndarray::Array4::from_shape_fn((2, 256, 256, 3), |(tile, ..)| tile as u8);
    let tiles = to_npy(&pixels).unwrap();
    let mut read = SavedAnswers::read(&archive(folder.path(), &[("tile.npy", tiles), ("score.npy", scores)])).unwrap();
    read.align(&read.tile_set().tiles.clone()).unwrap();
    let digest = |value: u8| FileDigest::new(&[value; kiln_tile::TILE_BYTES]);
    assert!(read.holds_tiles() && read.check_digest(1, digest(1)).is_ok());
    let error = read.check_digest(1, digest(2)).unwrap_err().to_string();
    assert!(error.contains("the tile in row 1 had pixels"), "{error}");
}

#[test]
fn arrays_of_another_program_are_rows_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let scores = to_npy(&Array1::from(vec![0.5_f32, 0.75])).unwrap();
    let mut read = SavedAnswers::read(&archive(folder.path(), &[("score.npy", scores)])).unwrap();
    assert!(read.facts.is_none() && read.tiles.is_empty());
    assert_eq!(read.tile_set().tiles[1].path, "row 1");
    read.align(&read.tile_set().tiles.clone()).unwrap();
    assert_eq!(read.rows(&[1]).arrays["score"].as_slice().unwrap(), [0.75]);
    let error = read.align(&[tile("a", 0).info]).unwrap_err().to_string();
    assert!(error.contains("2 rows without names, and there are 1 tiles"), "{error}");
}

#[test]
fn hostile_files_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let f4 = |values: &[f32]| to_npy(&Array1::from(values.to_vec())).unwrap();
    let f8 = to_npy(&Array1::from(vec![1.0_f64])).unwrap();
    let scalar = to_npy(&ndarray::arr0(1.0_f32)).unwrap();
    let record = |tiles: &str, schema: u32| {
        let side = serde_json::to_string(&SideFacts::new(SideKind::Bundle, "b", 0.5)).unwrap();
        format!(r#"{{"schema": {schema}, "side": {side}, "source": "x", "tiles": {tiles}}}"#).into_bytes()
    };
    type Entries = Vec<(&'static str, Vec<u8>)>;
    let cases: [(Entries, &str); 9] = [
        (vec![], "no answers"),
        (vec![("score.npy", f8)], "array `score`"),
        (vec![("score.npy", scalar)], "no axis of tiles"),
        (vec![("score.npy", f4(&[1.0])), ("other.npy", f4(&[1.0, 2.0]))], "rows, and others have"),
        (vec![("score.npy", f4(&[1.0])), (RECORD, record("[]", 1))], "names 0 tiles"),
        (vec![("score.npy", f4(&[1.0])), (RECORD, record("[]", 9))], "schema 9"),
        (vec![("score.npy", f4(&[1.0])), (RECORD, b"{".to_vec())], "answers.json"),
        (vec![("../score.npy", f4(&[1.0]))], "not the name of an array"),
        (vec![("notes.txt", b"x".to_vec())], "not an .npy array"),
    ];
    for (entries, expected) in cases {
        let error = SavedAnswers::read(&archive(folder.path(), &entries)).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let whole = fs::read(written(folder.path())).unwrap();
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        let cut = folder.path().join("cut.npz");
        fs::write(&cut, &whole[..length]).unwrap();
        assert!(SavedAnswers::read(&cut).is_err(), "{length}");
    }
}
