#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use ndarray::Array1;

use super::*;
use crate::score::Format;
use crate::session::Outputs;

const SETTLE: Duration = Duration::from_millis(30);
const PATIENCE: Duration = Duration::from_millis(150);

/// Scores a tile by its first pixel.
#[derive(Default)]
struct FirstPixel {
    /// Tiles that were run.
    tiles: usize,
}

impl Scorer for FirstPixel {
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
        self.tiles += batch;
        let scores: Array1<f32> = pixels.chunks(kiln_tile::TILE_BYTES).map(|tile| f32::from(tile[0])).collect();
        Ok(Outputs { batch, arrays: BTreeMap::from([("score".to_owned(), scores.into_dyn())]) })
    }
    fn fixed_batch(&self) -> Option<usize> {
        None
    }
    fn provider(&self) -> String {
        "test".to_owned()
    }
    fn nodes(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }
}

/// A binary BMP of one grey value.
fn bmp(value: u8) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend(u32::try_from(54 + kiln_tile::TILE_BYTES).unwrap().to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(54u32.to_le_bytes());
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(256i32.to_le_bytes());
    bytes.extend(256i32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(24u16.to_le_bytes());
    bytes.extend([0; 24]);
    bytes.resize(54 + kiln_tile::TILE_BYTES, value);
    bytes
}

/// A watched folder with its scorer.
struct Watched {
    root: tempfile::TempDir,
    watch: FolderWatch,
    scorer: FirstPixel,
    stop: AtomicBool,
}

impl Watched {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("in")).unwrap();
        let watch = open(root.path());
        Self { root, watch, scorer: FirstPixel::default(), stop: AtomicBool::new(false) }
    }

    /// Another process after the end of this one.
    fn restarted(self) -> Self {
        drop(self.watch);
        let watch = open(self.root.path());
        Self { root: self.root, watch, scorer: FirstPixel::default(), stop: AtomicBool::new(false) }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("in").join(name)
    }

    fn search(&mut self) -> Round {
        let rule = DecisionRule::new(0.5, vec![], &[]);
        let options = PipelineOptions { batch: 2, workers: 2 };
        self.watch.search(std::slice::from_mut(&mut self.scorer), &rule, &options, &self.stop, &mut |_| {}).unwrap()
    }

    /// Searches until every file has settled and the patience with bad ones is over.
    fn settle(&mut self) -> Round {
        let mut all = self.search();
        for _ in 0..3 {
            sleep(PATIENCE / 2);
            let round = self.search();
            all.scored += round.scored;
            all.failed += round.failed;
            all.copies += round.copies;
            all.waiting = round.waiting;
        }
        all
    }

    /// File name, score and status of every row.
    fn rows(&self) -> Vec<(String, Option<f32>, String)> {
        let target = self.root.path().join("scores.jsonl");
        let rows =
            score::rows(&target, Format::Jsonl, &Columns::for_files(&[])).unwrap().map(std::result::Result::unwrap);
        let name = |path: &str| Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
        rows.map(|row| (name(&row.path), row.score, row.status)).collect()
    }
}

fn open(root: &Path) -> FolderWatch {
    let target = root.join("scores.jsonl");
    let waiting = Waiting { settle: SETTLE, patience: PATIENCE };
    let columns = Columns::for_files(&[]);
    let claim = Journal::claim(&target, Format::Jsonl).unwrap();
    FolderWatch::open(&root.join("in"), claim, (&columns, "key"), Decoder::default(), waiting).unwrap()
}

#[test]
fn each_content_is_scored_once_under_any_name_and_by_any_process() {
    let mut watched = Watched::new();
    assert_eq!(watched.search(), Round::default(), "an empty folder");
    for value in 1..=5 {
        watched.put(&format!("slide {}/t{value}.bmp", value % 2), &bmp(value));
    }
    assert_eq!(watched.search(), Round { waiting: 5, ..Round::default() });
    let round = watched.settle();
    assert_eq!((round.scored, round.failed, round.waiting), (5, 0, 0));
    watched.put("copy.bmp", &bmp(3));
    watched.put("new.bmp", &bmp(9));
    let round = watched.settle();
    assert_eq!((round.scored, round.copies), (1, 1));
    let mut watched = watched.restarted();
    assert_eq!((watched.watch.scored(), watched.watch.failed()), (6, 0));
    fs::rename(watched.path("new.bmp"), watched.path("renamed.bmp")).unwrap();
    let round = watched.settle();
    assert_eq!((round.scored, round.failed, round.waiting), (0, 0, 0));
    assert_eq!(watched.scorer.tiles, 0, "nothing was run again");
    assert_eq!(watched.rows().len(), 6);
}

#[test]
fn the_last_row_of_a_path_has_the_score_of_its_content() {
    let mut watched = Watched::new();
    for (step, value) in [1, 2, 1, 2].into_iter().enumerate() {
        watched.put("x.bmp", &bmp(value));
        assert_eq!(watched.settle().scored, 1, "step {step}");
    }
    assert_eq!(watched.scorer.tiles, 2, "a known content is not run again");
    watched.put("1.bmp", &bmp(3));
    watched.put("2.bmp", &bmp(4));
    assert_eq!(watched.settle().scored, 2);
    watched.put("2.bmp", &bmp(3));
    assert_eq!(watched.settle().scored, 1);
    let mut watched = watched.restarted();
    assert_eq!(watched.settle(), Round::default());
    let watched = watched.restarted();
    watched.put("x.bmp", &bmp(4));
    watched.put("new copy.bmp", &bmp(4));
    let mut watched = watched;
    let round = watched.settle();
    assert_eq!((round.scored, round.copies, watched.scorer.tiles), (1, 1, 0));
    let rows = watched.rows();
    let last = |name: &str| rows.iter().rev().find(|row| row.0 == name).and_then(|row| row.1);
    assert_eq!([last("x.bmp"), last("1.bmp"), last("2.bmp")], [Some(4.0), Some(3.0), Some(3.0)]);
    assert_eq!(last("new copy.bmp"), None);
}

#[test]
fn content_whose_row_is_damaged_is_scored_again_and_other_files_get_their_rows() {
    let mut watched = Watched::new();
    for value in [1, 2] {
        watched.put("x.bmp", &bmp(value));
        watched.settle();
    }
    let journal = Journal::path_of(&watched.root.path().join("scores.jsonl"));
    let text = fs::read_to_string(&journal).unwrap();
    // The first row, with another score of the same length.
    fs::write(&journal, text.replacen("\"score\":1", "\"score\":7", 1)).unwrap();
    assert_ne!(fs::read_to_string(&journal).unwrap(), text);
    watched.put("x.bmp", &bmp(1));
    watched.put("y.bmp", &bmp(3));
    let round = watched.settle();
    assert_eq!((round.scored, round.failed, round.waiting), (2, 0, 0));
    assert_eq!(watched.scorer.tiles, 4);
    let rows = watched.rows();
    let last = |name: &str| rows.iter().rev().find(|row| row.0 == name).and_then(|row| row.1);
    assert_eq!((last("x.bmp"), last("y.bmp")), (Some(1.0), Some(3.0)));
}

#[test]
fn a_file_that_breaks_again_gets_its_row_again() {
    let mut watched = Watched::new();
    let whole = bmp(4);
    for bytes in [&whole[..400], &whole, &whole[..400]] {
        watched.put("a.bmp", bytes);
        watched.settle();
    }
    let scores: Vec<_> = watched.rows().into_iter().map(|row| row.1).collect();
    assert_eq!(scores, [None, Some(4.0), None]);
}

#[test]
fn two_copies_that_arrive_together_have_one_row() {
    let mut watched = Watched::new();
    for name in ["a.bmp", "b.bmp", "c.bmp"] {
        watched.put(name, &bmp(7));
    }
    let round = watched.settle();
    assert_eq!((round.scored, round.copies), (1, 2));
    assert_eq!(watched.rows(), [("a.bmp".to_owned(), Some(7.0), "ok".to_owned())]);
}

#[test]
fn a_partial_file_is_waited_for_and_a_broken_one_is_reported_once_and_tried_again_when_it_changes() {
    let mut watched = Watched::new();
    let whole = bmp(4);
    watched.put("partial.bmp.part", &whole);
    watched.put("broken.bmp", &whole[..whole.len() / 2]);
    let round = watched.settle();
    assert_eq!((round.scored, round.failed, round.waiting), (0, 1, 0));
    assert!(watched.rows()[0].2.starts_with("truncated: "), "{:?}", watched.rows());
    let mut watched = watched.restarted();
    assert_eq!(watched.settle().failed, 0, "it was reported by the process before");
    fs::rename(watched.path("partial.bmp.part"), watched.path("partial.bmp")).unwrap();
    watched.put("broken.bmp", &bmp(5));
    let round = watched.settle();
    assert_eq!((round.scored, round.failed), (2, 0));
    let rows = watched.rows();
    let named = |name: &str| rows.iter().filter(|row| row.0 == name).map(|row| row.1).collect::<Vec<_>>();
    assert_eq!((named("broken.bmp"), named("partial.bmp")), (vec![None, Some(5.0)], vec![Some(4.0)]));
}

#[test]
fn a_request_to_stop_leaves_the_rest_for_the_next_process() {
    let mut watched = Watched::new();
    for value in 0..20 {
        watched.put(&format!("t{value}.bmp"), &bmp(value));
    }
    watched.search();
    sleep(SETTLE);
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let options = PipelineOptions { batch: 2, workers: 1 };
    let stop = &watched.stop;
    let on_outcome = &mut |_: &Outcome<'_>| stop.store(true, Ordering::Relaxed);
    let scorers = std::slice::from_mut(&mut watched.scorer);
    let round = watched.watch.search(scorers, &rule, &options, stop, on_outcome).unwrap();
    // The batch that was running, and the tiles that had been read ahead.
    assert!((2..20).contains(&round.scored), "{round:?}");
    assert_eq!((round.scored + round.waiting, watched.rows().len()), (20, round.scored));
    let before = round.scored;
    let mut watched = watched.restarted();
    assert_eq!(watched.settle().scored, 20 - before);
    let mut names: Vec<_> = watched.rows().into_iter().map(|row| row.0).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 20);
}

#[test]
fn a_folder_that_is_away_is_an_error_and_comes_back() {
    let mut watched = Watched::new();
    watched.put("a.bmp", &bmp(1));
    watched.settle();
    let (here, away) = (watched.root.path().join("in"), watched.root.path().join("away"));
    fs::rename(&here, &away).unwrap();
    let rule = DecisionRule::new(0.5, vec![], &[]);
    let options = PipelineOptions { batch: 2, workers: 1 };
    let scorers = std::slice::from_mut(&mut watched.scorer);
    let error = watched.watch.search(scorers, &rule, &options, &watched.stop, &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Read { path, .. } if path == &here), "{error}");
    fs::rename(&away, &here).unwrap();
    let round = watched.settle();
    assert_eq!((round.scored, round.copies, round.waiting), (0, 0, 0));
}
