//! Promises of scoring, golden verification and measuring, on real ONNX Runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::slice::from_mut;
use std::time::Duration;

use common::onnx::tile_model;
use image::{ImageFormat, Rgb, RgbImage};
use kiln_runtime::bench::{self, Opened, Plan, Window};
use kiln_runtime::parity::{GOLDEN_BATCHES, against_golden};
use kiln_runtime::score::{self, Listed, ListedTiles, PipelineOptions, ScoreRow, Summary};
use kiln_runtime::{DecisionRule, Session, SessionOptions, golden};
use kiln_tile::{Decoder, SizePolicy, TILE_BYTES, Tile};

fn session(batch: Option<u64>) -> Session {
    let options = SessionOptions { threads: Some(1), ..SessionOptions::default() };
    Session::open_bytes(common::runtime(), "test graph", &tile_model(batch), &options).unwrap()
}

fn grey(value: u8, side: u32) -> RgbImage {
    RgbImage::from_pixel(side, side, Rgb([value; 3]))
}

fn png(value: u8, side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    grey(value, side).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A PNG whose header announces 100,000 x 100,000 pixels, with a right checksum.
fn header_bomb() -> Vec<u8> {
    let mut bytes = png(0, 256);
    bytes[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&100_000_u32.to_be_bytes());
    let checksum = crc32(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&checksum);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn scored(session: &mut Session, tiles: &[Listed], policy: SizePolicy) -> (Vec<ScoreRow>, Summary) {
    let options = PipelineOptions { batch: 4, workers: 3 };
    let source = ListedTiles::new(tiles, Decoder::new(policy));
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let mut rows = Vec::new();
    let summary = score::run(from_mut(session), &rule, &source, &options, &mut |row| {
        rows.push(row);
        Ok(())
    });
    (rows, summary.unwrap())
}

/// The test graph's score of a tile of one grey. A mean over 196608 values in single precision is not exact; greys that
/// are five steps apart differ by 0.02.
fn assert_close(score: Option<f32>, grey: u8) {
    let expected = f32::from(grey) / 255.0;
    assert!((score.unwrap() - expected).abs() < 1e-3, "{score:?}, expected {expected}");
}

fn files(folder: &Path, files: &[(&str, Vec<u8>)]) -> Vec<PathBuf> {
    let write = |(name, bytes): &(&str, Vec<u8>)| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    files.iter().map(write).collect()
}

#[test]
fn a_bad_tile_of_every_kind_is_named_with_its_reason_and_the_rest_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let whole = png(255, 256);
    files(
        folder.path(),
        &[
            ("01_good.png", whole.clone()),
            ("03_empty.png", vec![]),
            ("04_text.png", b"not an image at all".to_vec()),
            ("05_bomb.png", header_bomb()),
            ("06_small.png", png(9, 200)),
            ("07_truncated.png", whole[..whole.len() / 2].to_vec()),
            ("09_good.PNG", png(0, 256)),
        ],
    );
    fs::create_dir(folder.path().join("08_folder.png")).unwrap();
    let names = ["01_good", "02_missing", "03_empty", "04_text", "05_bomb", "06_small", "07_truncated", "08_folder"];
    let mut list: String = names.iter().map(|name| format!("{}/{name}.png\n", folder.path().display())).collect();
    list += &format!("{}/09_good.PNG", folder.path().display());
    let tiles = score::list(&["-".into()], &mut list.as_bytes()).unwrap();
    let (rows, summary) = scored(&mut session(None), &tiles, SizePolicy::Error);

    let expected = [
        "ok",
        "not_found: ",
        "truncated: ",
        "unsupported: ",
        "too_large: ",
        "wrong_size: 200x200",
        "truncated: ",
        "unreadable: ",
        "ok",
    ];
    assert_eq!(rows.len(), expected.len());
    for ((row, tile), expected) in rows.iter().zip(&tiles).zip(expected) {
        assert_eq!(row.path, tile.path.to_string_lossy());
        assert!(row.status.starts_with(expected), "{}: {}", row.path, row.status);
        assert_eq!(row.score.is_some(), expected == "ok");
    }
    assert_eq!((summary.tiles, summary.scored, summary.failed), (9, 2, 7));
    assert_eq!((rows[0].score, rows[8].score), (Some(1.0), Some(0.0)));
}

#[cfg(unix)]
#[test]
fn a_pipe_named_like_a_tile_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.png");
    if !std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo here");
        return;
    }
    let (rows, _) = scored(&mut session(None), &[Listed { path: pipe, refused: None }], SizePolicy::Error);
    assert_eq!(rows[0].status, "unreadable: not a regular file");
}

#[test]
fn rows_keep_the_order_of_the_inputs_at_every_batch_rule() {
    let folder = tempfile::tempdir().unwrap();
    for value in (0..=255_u8).step_by(5) {
        fs::write(folder.path().join(format!("t{value}.png")), png(value, 256)).unwrap();
    }
    let tiles = score::list(&[folder.path().to_owned()], &mut std::io::empty()).unwrap();
    for batch in [None, Some(3)] {
        let (rows, summary) = scored(&mut session(batch), &tiles, SizePolicy::Error);
        assert_eq!(summary.scored, 52);
        for (row, value) in rows.iter().zip((0..=255_u8).step_by(5)) {
            assert!(row.path.ends_with(&format!("t{value}.png")), "{}", row.path);
            assert_close(row.score, value);
        }
    }
}

#[test]
fn another_size_is_scored_where_the_policy_says_so() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), &[("small.png", png(51, 200)), ("large.png", png(51, 300))]);
    let tiles = score::list(&[folder.path().to_owned()], &mut std::io::empty()).unwrap();
    let (rows, _) = scored(&mut session(None), &tiles, SizePolicy::Resize);
    rows.iter().for_each(|row| assert_close(row.score, 51));
    let (rows, _) = scored(&mut session(None), &tiles, SizePolicy::CenterCrop);
    assert_eq!(rows.iter().map(ScoreRow::is_ok).collect::<Vec<_>>(), [true, false]);
}

/// Golden tiles with the outputs that the session itself gives, changed by `change`.
fn golden_file(session: &mut Session, folder: &Path, change: impl Fn(&mut f32)) -> golden::Golden {
    let tiles: Vec<_> = (0..5).map(|value| Tile::from_pixels(vec![value * 50; TILE_BYTES]).unwrap()).collect();
    let pixels: Vec<u8> = tiles.iter().flat_map(Tile::pixels).copied().collect();
    let mut outputs = session.run(&pixels, tiles.len()).unwrap();
    outputs.arrays.get_mut("score").unwrap().iter_mut().for_each(change);
    let path = folder.join("golden.npz");
    golden::write(&path, &golden::Golden { tiles, decoded: None, outputs }).unwrap();
    golden::read(&path).unwrap()
}

#[test]
fn a_graph_that_answers_as_before_passes_its_golden_outputs_at_every_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session(None);
    let golden = golden_file(&mut session, folder.path(), |_| ());
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let report = against_golden(&mut session, &golden, &rule, &GOLDEN_BATCHES).unwrap();
    assert!(report.passed, "{report:?}");
    assert_eq!((report.tiles, report.decisions_changed), (5, 0));
    assert_eq!(report.provider, "cpu");
    assert!(report.nodes["cpu"] > 0);
}

#[test]
fn golden_outputs_that_differ_fail_and_say_which() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session(None);
    let golden = golden_file(&mut session, folder.path(), |score| *score = 1.0 - *score);
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let report = against_golden(&mut session, &golden, &rule, &GOLDEN_BATCHES).unwrap();
    assert!(!report.passed);
    assert_eq!(report.changed_tiles, [0, 1, 2, 3, 4]);
    let missed: Vec<_> = report.outputs.iter().filter(|output| !output.passed).map(|output| &output.name).collect();
    assert_eq!(missed, ["score"]);
}

#[test]
fn a_bench_measures_every_batch_and_says_who_ran_the_nodes() {
    let window = Window {
        warm_up: Duration::ZERO,
        min_duration: Duration::ZERO,
        min_count: 5,
        max_duration: Duration::from_secs(20),
    };
    let plan = Plan { batches: vec![1, 2], threads: vec![1], window, ..Plan::default() };
    let tiles = [Tile::from_pixels(vec![3; TILE_BYTES]).unwrap()];
    let mut open = |_| {
        let scorer = session(None);
        Ok(Opened { load_ms: scorer.load_ms(), engine_build_ms: None, skipped: scorer.skipped().to_vec(), scorer })
    };
    let report = bench::measure(&mut open, &tiles, &plan, &mut |_| ()).unwrap();
    assert_eq!(report.results.iter().map(|result| result.batch).collect::<Vec<_>>(), [1, 2]);
    assert!(report.load_ms > 0.0 && report.first_ms > 0.0);
    for result in &report.results {
        assert!(result.nodes["cpu"] > 0 && result.queries >= 5 && result.tiles_per_s > 0.0);
    }
}
