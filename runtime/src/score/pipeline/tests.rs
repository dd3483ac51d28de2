#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice::from_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use kiln_files::FileDigest;
use kiln_tile::{Decoder, TILE_BYTES, Tile, TileError, TileRead};
use ndarray::Array1;

use super::super::{Listed, ListedTiles};
use super::*;
use crate::session::Outputs;

/// Scores a tile by its first pixel, and remembers the batches that it ran.
#[derive(Default)]
struct FirstPixel {
    fixed: Option<usize>,
    batches: Vec<usize>,
    broken: bool,
}

impl Scorer for FirstPixel {
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
        assert_eq!(pixels.len(), batch * TILE_BYTES);
        if self.broken {
            return Err(threads_ended());
        }
        self.batches.push(batch);
        let scores: Array1<f32> = pixels.chunks(TILE_BYTES).map(|tile| f32::from(tile[0])).collect();
        Ok(Outputs { batch, arrays: BTreeMap::from([("score".to_owned(), scores.into_dyn())]) })
    }
    fn fixed_batch(&self) -> Option<usize> {
        self.fixed
    }
    fn provider(&self) -> String {
        "test".to_owned()
    }
    fn nodes(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }
}

/// A 256x256 BMP of one grey value.
fn bmp(value: u8) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend(u32::try_from(54 + TILE_BYTES).unwrap().to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(54u32.to_le_bytes());
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(256i32.to_le_bytes());
    bytes.extend(256i32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(24u16.to_le_bytes());
    bytes.extend([0; 24]);
    bytes.resize(54 + TILE_BYTES, value);
    bytes
}

/// Tiles whose grey value is their index; every seventh is missing.
fn tiles(folder: &Path, n: u8) -> Vec<Listed> {
    let tile = |index: u8| {
        let path = folder.join(format!("t{index}.bmp"));
        if index % 7 != 6 {
            std::fs::write(&path, bmp(index)).unwrap();
        }
        Listed { path, refused: None }
    };
    (0..n).map(tile).collect()
}

/// The files, decoded as they are.
fn listed(tiles: &[Listed]) -> ListedTiles<'_> {
    ListedTiles::new(tiles, Decoder::default())
}

fn options(batch: usize, workers: usize) -> PipelineOptions {
    PipelineOptions { batch, workers }
}

fn scored(scorer: &mut FirstPixel, tiles: &[Listed], options: &PipelineOptions) -> Result<(Vec<ScoreRow>, Summary)> {
    let mut rows = Vec::new();
    let rule = DecisionRule::new(10.0, vec![], &[]);
    let summary = run(from_mut(scorer), &rule, &listed(tiles), options, &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok((rows, summary))
}

#[test]
fn rows_keep_the_order_whatever_the_batch_and_the_workers() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 40);
    for (batch, workers) in [(1, 1), (3, 2), (8, 5), (64, 3)] {
        let (rows, summary) = scored(&mut FirstPixel::default(), &tiles, &options(batch, workers)).unwrap();
        assert_eq!((summary.tiles, summary.scored, summary.failed), (40, 35, 5));
        for (index, (row, tile)) in rows.iter().zip(&tiles).enumerate() {
            assert_eq!(row.path, tile.path.to_string_lossy());
            assert_eq!(row.digest, std::fs::read(&tile.path).ok().map(|bytes| FileDigest::new(&bytes)));
            let expected = (index % 7 != 6).then_some(f32::from(u8::try_from(index).unwrap()));
            assert_eq!(row.score, expected);
            assert_eq!(row.status == "not_found: no such file", expected.is_none(), "{}", row.status);
            assert_eq!(row.label.as_deref(), expected.map(|score| if score >= 10.0 { "anomalous" } else { "normal" }));
        }
    }
}

#[test]
fn a_batch_larger_than_the_source_takes_no_memory_in_advance() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 2);
    let mut scorer = FirstPixel::default();
    let (rows, _) = scored(&mut scorer, &tiles, &options(usize::MAX, 2)).unwrap();
    assert_eq!((rows.len(), scorer.batches), (2, vec![2]));
}

#[test]
fn scorers_side_by_side_give_the_same_rows_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 40);
    let (alone, _) = scored(&mut FirstPixel::default(), &tiles, &options(3, 2)).unwrap();
    for (count, fixed) in [(2, None), (3, None), (5, Some(4)), (1, None)] {
        let mut scorers: Vec<FirstPixel> = (0..count).map(|_| FirstPixel { fixed, ..FirstPixel::default() }).collect();
        let mut rows = Vec::new();
        let rule = DecisionRule::new(10.0, vec![], &[]);
        let mut keep = |row| {
            rows.push(row);
            Ok(())
        };
        let summary = run(&mut scorers, &rule, &listed(&tiles), &options(3, 2), &mut keep).unwrap();
        assert_eq!((rows, summary.scored, summary.failed), (alone.clone(), 35, 5), "{count} scorers");
    }
}

#[test]
fn one_broken_scorer_of_several_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 30);
    let mut scorers = [FirstPixel::default(), FirstPixel { broken: true, ..FirstPixel::default() }];
    let rule = DecisionRule::new(10.0, vec![], &[]);
    let outcome = run(&mut scorers, &rule, &listed(&tiles), &options(2, 1), &mut |_| Ok(()));
    // The other scorer may have taken every batch before.
    assert!(outcome.is_err() || scorers[1].batches.is_empty());
    let mut refuse = |_| Err(threads_ended());
    let mut whole = [FirstPixel::default(), FirstPixel::default()];
    assert!(run(&mut whole, &rule, &listed(&tiles), &options(2, 1), &mut refuse).is_err());
}

#[test]
fn a_fixed_batch_is_filled_up_and_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut scorer = FirstPixel { fixed: Some(4), ..FirstPixel::default() };
    let (rows, _) = scored(&mut scorer, &tiles(folder.path(), 6), &options(1, 2)).unwrap();
    assert_eq!((rows.len(), scorer.batches), (6, vec![4, 4]));
    assert_eq!(rows[5].score, Some(5.0));
}

#[test]
fn tiles_refused_by_the_listing_get_their_row() {
    let refused = Listed { path: PathBuf::from("locked"), refused: Some("unreadable: permission denied".to_owned()) };
    let (rows, summary) = scored(&mut FirstPixel::default(), &[refused], &options(8, 2)).unwrap();
    assert_eq!((rows[0].status.as_str(), summary.scored), ("unreadable: permission denied", 0));
}

#[test]
fn a_scorer_or_a_reader_that_fails_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = tiles(folder.path(), 30);
    let mut broken = FirstPixel { broken: true, ..FirstPixel::default() };
    assert!(scored(&mut broken, &tiles, &options(2, 3)).is_err());
    let rule = DecisionRule::new(0.0, vec![], &[]);
    let mut refuse = |_| Err(threads_ended());
    assert!(run(&mut [FirstPixel::default()], &rule, &listed(&tiles), &options(2, 3), &mut refuse).is_err());
}

#[test]
fn a_graph_without_the_classes_of_its_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rule = DecisionRule::new(0.0, vec!["benign".to_owned()], &[]);
    let tiles = tiles(folder.path(), 1);
    let error = run(&mut [FirstPixel::default()], &rule, &listed(&tiles), &options(1, 1), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("output `probabilities` is missing"), "{error}");
}

#[test]
fn nothing_but_bad_tiles_needs_no_scorer() {
    let missing: Vec<_> =
        (0..3000).map(|index| Listed { path: PathBuf::from(format!("no/{index}.png")), refused: None }).collect();
    let mut scorer = FirstPixel::default();
    let (rows, summary) = scored(&mut scorer, &missing, &options(8, 2)).unwrap();
    assert_eq!((rows.len(), summary.failed, scorer.batches.len()), (3000, 3000, 0));
}

/// Tiles without files: a grey tile, or a failure where `bad` holds. Notes the highest index that was read.
struct Greys {
    count: usize,
    bad: fn(usize) -> bool,
    highest: AtomicUsize,
}

impl Greys {
    fn new(count: usize, bad: fn(usize) -> bool) -> Self {
        Self { count, bad, highest: AtomicUsize::new(0) }
    }
}

impl TileSource for Greys {
    fn len(&self) -> usize {
        self.count
    }
    fn name(&self, index: usize) -> Cow<'_, str> {
        index.to_string().into()
    }
    fn digest(&self, _: usize) -> std::result::Result<FileDigest, TileError> {
        Err(TileError::NotFound)
    }
    fn read(&self, index: usize) -> TileRead {
        self.highest.fetch_max(index, Ordering::SeqCst);
        if (self.bad)(index) {
            return TileRead::refused("unreadable: bad".to_owned());
        }
        TileRead { digest: None, tile: Ok(Tile::from_pixels(vec![index as u8; TILE_BYTES]).unwrap()) }
    }
}

#[test]
fn tiles_are_read_only_so_far_ahead_of_the_rows() {
    let rule = DecisionRule::new(10.0, vec![], &[]);
    for (count, batch, workers) in [(1, 4, 3), (3, 4, 3)] {
        let source = Greys::new(2_000, |index| index % 11 == 3);
        let mut scorers: Vec<_> = (0..count).map(|_| FirstPixel::default()).collect();
        let (mut next, mut most) = (0, 0);
        run(&mut scorers, &rule, &source, &options(batch, workers), &mut |row| {
            assert_eq!((row.path.as_str(), row.is_ok()), (next.to_string().as_str(), next % 11 != 3));
            most = most.max(source.highest.load(Ordering::SeqCst) - next);
            next += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(next, 2_000);
        // Batches on their way, the open one, the next two and that of this row, each with bad tiles, and tiles being read.
        let bound = (2 * count + 4) * (batch + 2) + 2 * workers.max(count);
        assert!(most <= bound, "{most} tiles ahead with {count} scorers, {bound} expected at most");
    }
}

#[test]
fn one_tile_before_many_bad_ones_is_not_held_up() {
    let rule = DecisionRule::new(10.0, vec![], &[]);
    for count in [1, 2] {
        let source = Greys::new(5_000, |index| index > 0);
        let mut scorers: Vec<_> = (0..count).map(|_| FirstPixel::default()).collect();
        let mut rows = 0;
        let summary = run(&mut scorers, &rule, &source, &options(8, 2), &mut |_| {
            rows += 1;
            // The first row comes long before the end.
            assert!(rows > 1 || source.highest.load(Ordering::SeqCst) < 4_000);
            Ok(())
        });
        assert_eq!((summary.unwrap().failed, rows), (4_999, 5_000));
    }
}

#[test]
fn a_panic_of_a_thread_ends_the_run() {
    let rule = DecisionRule::new(10.0, vec![], &[]);
    for count in [1, 2] {
        let source = Greys::new(500, |index| {
            assert_ne!(index, 250, "on purpose");
            false
        });
        let mut scorers: Vec<_> = (0..count).map(|_| FirstPixel::default()).collect();
        let scored = || run(&mut scorers, &rule, &source, &options(8, 2), &mut |_| Ok(()));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(scored));
        assert!(outcome.is_err() || outcome.is_ok_and(|outcome| outcome.is_err()));
    }
}
