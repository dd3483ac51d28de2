//! Decoding on several threads, batches to one scorer, rows in input order. Jobs are handed out only so far ahead of
//! the last row, so that memory stays the same for ten tiles and for ten million, and one slow tile holds up nothing
//! but its own place.

use std::collections::VecDeque;
use std::path::Path;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use kiln_files::FileDigest;
use kiln_tile::{Decoder, TILE_BYTES, Tile, TileError};
use serde::Serialize;

use super::{Listed, ScoreRow};
use crate::decision::DecisionRule;
use crate::scorer::{Scorer, run_padded};
use crate::session::Outputs;
use crate::{Error, Result};

/// How tiles are fed to the scorer.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// Tiles in a batch. A scorer with a fixed batch has its own.
    pub batch: usize,
    /// Threads that decode.
    pub workers: usize,
    /// Size policy and limits.
    pub decoder: Decoder,
}

impl PipelineOptions {
    /// Tiles in a batch unless told otherwise: measured on two cores, larger batches only cost memory.
    pub const DEFAULT_BATCH: usize = 8;
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Tiles listed, and rows given.
    pub tiles: usize,
    /// Tiles with a score.
    pub scored: usize,
    /// Tiles without one.
    pub failed: usize,
    /// Wall time of decoding and inference, without opening the session.
    pub seconds: f64,
    /// Tiles with a score, a second.
    pub tiles_per_s: f64,
}

impl Summary {
    pub(super) fn of(tiles: usize, scored: usize, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let tiles_per_s = scored as f64 / seconds.max(f64::MIN_POSITIVE);
        Self { tiles, scored, failed: tiles - scored, seconds, tiles_per_s }
    }
}

/// Scores every listed tile and gives one row for each to `on_row`, in the order of `tiles`. A tile that cannot be
/// decoded becomes a row with its reason.
///
/// # Errors
/// If the scorer fails, if its outputs have no `score`, or what `on_row` said; the rows given so far stand.
pub fn run(
    scorer: &mut impl Scorer,
    rule: &DecisionRule,
    tiles: &[Listed],
    options: &PipelineOptions,
    on_row: &mut dyn FnMut(ScoreRow) -> Result<()>,
) -> Result<Summary> {
    let started = Instant::now();
    let batch = scorer.fixed_batch().unwrap_or(options.batch).max(1);
    let mut batches = Batches::new(rule, on_row);
    thread::scope(|scope| -> Result<()> {
        // Dropped with this closure, so that the workers end whether or not all goes well.
        let mut feed = Feed::start(scope, tiles, options, batch);
        while let Some((index, decoded)) = feed.next()? {
            batches.push(&tiles[index].path, decoded);
            if batches.is_due(batch) || feed.is_at_end() {
                batches.run(scorer)?;
            }
        }
        Ok(())
    })?;
    Ok(Summary::of(tiles.len(), batches.scored, started.elapsed()))
}

/// What a worker made of a file.
pub(super) struct Decoded {
    /// The digest of the very bytes that were decoded; none if they could not be read.
    digest: Option<FileDigest>,
    /// A tile, or the `status` with the reason why there is none.
    tile: Result<Tile, String>,
}

fn work(todo: &Receiver<usize>, done: &Sender<(usize, Decoded)>, tiles: &[Listed], decoder: &Decoder) {
    for index in todo {
        if done.send((index, decoded(decoder, &tiles[index]))).is_err() {
            return;
        }
    }
}

pub(super) fn decoded(decoder: &Decoder, tile: &Listed) -> Decoded {
    if let Some(reason) = &tile.refused {
        return Decoded { digest: None, tile: Err(reason.clone()) };
    }
    match decoder.read_file(&tile.path) {
        // One read for both: a file that is replaced meanwhile cannot give the score of one and the digest of the other.
        Ok(bytes) => Decoded {
            digest: Some(FileDigest::of(&bytes)),
            tile: decoder.decode_bytes(&bytes).map_err(|error| status(&error)),
        },
        Err(error) => Decoded { digest: None, tile: Err(status(&error)) },
    }
}

fn status(error: &TileError) -> String {
    format!("{}: {error}", error.code())
}

/// Hands out jobs and gives their results back in order.
struct Feed {
    jobs: Option<Sender<usize>>,
    decoded: Receiver<(usize, Decoded)>,
    /// The next job to hand out.
    next: usize,
    /// Results given back.
    given: usize,
    total: usize,
    window: usize,
    /// Results from `given` on, as far as they have come.
    ready: VecDeque<Option<Decoded>>,
}

impl Feed {
    fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        tiles: &'env [Listed],
        options: &'env PipelineOptions,
        batch: usize,
    ) -> Self {
        let total = tiles.len();
        let workers = options.workers.clamp(1, total.max(1));
        // A batch in the scorer, one in the making, and something for every worker.
        let window = 2 * batch + 2 * workers;
        let (jobs, todo) = bounded(window);
        let (done, decoded) = bounded(window);
        for _ in 0..workers {
            let (todo, done) = (todo.clone(), done.clone());
            scope.spawn(move || work(&todo, &done, tiles, &options.decoder));
        }
        Self { jobs: Some(jobs), decoded, next: 0, given: 0, total, window, ready: VecDeque::new() }
    }

    fn is_at_end(&self) -> bool {
        self.given == self.total
    }

    fn next(&mut self) -> Result<Option<(usize, Decoded)>> {
        self.hand_out();
        while !self.is_at_end() && !matches!(self.ready.front(), Some(Some(_))) {
            let (index, decoded) = self.decoded.recv().map_err(|_| workers_gone())?;
            let place = index - self.given;
            if self.ready.len() <= place {
                self.ready.resize_with(place + 1, || None);
            }
            self.ready[place] = Some(decoded);
        }
        let next = self.ready.pop_front().flatten().map(|decoded| (self.given, decoded));
        self.given += usize::from(next.is_some());
        Ok(next)
    }

    /// The queue of jobs has room for the whole window, so that this never waits.
    fn hand_out(&mut self) {
        while self.next < self.total.min(self.given + self.window) {
            match self.jobs.as_ref().map(|jobs| jobs.send(self.next)) {
                Some(Ok(())) => self.next += 1,
                _ => return,
            }
        }
        if self.next == self.total {
            self.jobs = None;
        }
    }
}

/// Only if a worker died outside of decoding, which none is known to do.
pub(super) fn workers_gone() -> Error {
    Error::Argument { argument: "decode workers".to_owned(), reason: "all of them ended early".to_owned() }
}

/// Gathers tiles until a batch is full; rows wait behind the tiles before them.
pub(super) struct Batches<'a> {
    rule: &'a DecisionRule,
    on_row: &'a mut dyn FnMut(ScoreRow) -> Result<()>,
    pixels: Vec<u8>,
    /// Rows in order.
    pending: Vec<Pending>,
    scored: usize,
}

/// A row that waits for its batch.
struct Pending {
    path: String,
    digest: Option<FileDigest>,
    /// Why there is no tile; none for a tile whose pixels wait in the batch.
    status: Option<String>,
}

/// Rows that may wait for one batch: a million bad tiles behind one good one must not pile up.
const MAX_PENDING: usize = 1024;

impl<'a> Batches<'a> {
    pub(super) fn new(rule: &'a DecisionRule, on_row: &'a mut dyn FnMut(ScoreRow) -> Result<()>) -> Self {
        Self { rule, on_row, pixels: Vec::new(), pending: Vec::new(), scored: 0 }
    }
}

impl Batches<'_> {
    pub(super) fn push(&mut self, path: &Path, decoded: Decoded) {
        let status = decoded.tile.map(|tile| self.pixels.extend_from_slice(tile.pixels())).err();
        self.pending.push(Pending { path: path.to_string_lossy().into_owned(), digest: decoded.digest, status });
    }

    /// Tiles in the batch.
    fn waiting(&self) -> usize {
        self.pixels.len() / TILE_BYTES
    }

    /// A full batch, rows that need no batch, or too many rows.
    fn is_due(&self, batch: usize) -> bool {
        self.waiting() == 0 || self.waiting() >= batch || self.pending.len() >= MAX_PENDING
    }

    pub(super) fn run(&mut self, scorer: &mut impl Scorer) -> Result<()> {
        let mut answers = match self.waiting() {
            0 => Answers::default(),
            tiles => {
                let outputs = run_padded(scorer, &mut self.pixels, tiles).map_err(|error| self.named(error, tiles))?;
                Answers::of(&outputs, self.rule.classes().len())?
            }
        };
        self.pixels.clear();
        for Pending { path, digest, status } in self.pending.drain(..) {
            let row = match status {
                Some(status) => ScoreRow::failed(path, &status),
                None => answers.next(path, self.rule),
            };
            let row = ScoreRow { digest, ..row };
            self.scored += usize::from(row.is_ok());
            (self.on_row)(row)?;
        }
        Ok(())
    }

    /// The error with the tiles that it is about.
    fn named(&self, error: Error, tiles: usize) -> Error {
        let first = self.pending.iter().find(|row| row.status.is_none());
        let first = first.map(|row| row.path.clone()).unwrap_or_default();
        Error::Batch { first, tiles, source: Box::new(error) }
    }
}

/// The scores of a batch, given out one after another.
#[derive(Default)]
struct Answers {
    scores: std::vec::IntoIter<f32>,
    probabilities: Vec<f32>,
    classes: usize,
    row: usize,
}

impl Answers {
    fn of(outputs: &Outputs, classes: usize) -> Result<Self> {
        let values = |name: &str, shape: &[usize]| match outputs.arrays.get(name) {
            Some(array) if array.shape() == shape => Ok(array.iter().copied().collect::<Vec<f32>>()),
            found => {
                let found = found.map_or("missing".to_owned(), |array| format!("of shape {:?}", array.shape()));
                Err(Error::Graph {
                    model: "the graph".to_owned(),
                    reason: format!("output `{name}` is {found}, expected {shape:?}"),
                })
            }
        };
        let scores = values("score", &[outputs.batch])?.into_iter();
        let probabilities = if classes > 0 { values("probabilities", &[outputs.batch, classes])? } else { Vec::new() };
        Ok(Self { scores, probabilities, classes, row: 0 })
    }

    fn next(&mut self, path: String, rule: &DecisionRule) -> ScoreRow {
        let first = self.row * self.classes;
        let probabilities = self.probabilities.get(first..first + self.classes).unwrap_or_default().to_vec();
        self.row += 1;
        ScoreRow::scored(path, self.scores.next().unwrap_or(f32::NAN), probabilities, rule)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use ndarray::Array1;

    use super::*;

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
                return Err(workers_gone());
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

    fn options(batch: usize, workers: usize) -> PipelineOptions {
        PipelineOptions { batch, workers, decoder: Decoder::default() }
    }

    fn scored(
        scorer: &mut FirstPixel,
        tiles: &[Listed],
        options: &PipelineOptions,
    ) -> Result<(Vec<ScoreRow>, Summary)> {
        let mut rows = Vec::new();
        let rule = DecisionRule::new(10.0, vec![], &[]);
        let summary = run(scorer, &rule, tiles, options, &mut |row| {
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
                assert_eq!(row.digest, std::fs::read(&tile.path).ok().map(|bytes| FileDigest::of(&bytes)));
                let expected = (index % 7 != 6).then_some(f32::from(u8::try_from(index).unwrap()));
                assert_eq!(row.score, expected);
                assert_eq!(row.status == "not_found: no such file", expected.is_none(), "{}", row.status);
                assert_eq!(
                    row.label.as_deref(),
                    expected.map(|score| if score >= 10.0 { "anomalous" } else { "normal" })
                );
            }
        }
    }

    #[test]
    fn scorers_side_by_side_give_the_same_rows_in_the_same_order() {
        let folder = tempfile::tempdir().unwrap();
        let tiles = tiles(folder.path(), 40);
        let (alone, _) = scored(&mut FirstPixel::default(), &tiles, &options(3, 2)).unwrap();
        for (count, fixed) in [(2, None), (3, None), (5, Some(4)), (1, None)] {
            let mut scorers: Vec<FirstPixel> =
                (0..count).map(|_| FirstPixel { fixed, ..FirstPixel::default() }).collect();
            let mut rows = Vec::new();
            let rule = DecisionRule::new(10.0, vec![], &[]);
            let mut keep = |row| {
                rows.push(row);
                Ok(())
            };
            let summary = super::super::run_streams(&mut scorers, &rule, &tiles, &options(3, 2), &mut keep).unwrap();
            assert_eq!((rows, summary.scored, summary.failed), (alone.clone(), 35, 5), "{count} scorers");
        }
    }

    #[test]
    fn one_broken_scorer_of_several_ends_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let tiles = tiles(folder.path(), 30);
        let mut scorers = [FirstPixel::default(), FirstPixel { broken: true, ..FirstPixel::default() }];
        let rule = DecisionRule::new(10.0, vec![], &[]);
        let run = super::super::run_streams(&mut scorers, &rule, &tiles, &options(2, 1), &mut |_| Ok(()));
        // The other scorer may have taken every batch before.
        assert!(run.is_err() || scorers[1].batches.is_empty());
        let mut refuse = |_| Err(workers_gone());
        let mut whole = [FirstPixel::default(), FirstPixel::default()];
        assert!(super::super::run_streams(&mut whole, &rule, &tiles, &options(2, 1), &mut refuse).is_err());
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
        let refused =
            Listed { path: PathBuf::from("locked"), refused: Some("unreadable: permission denied".to_owned()) };
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
        let mut refuse = |_| Err(workers_gone());
        assert!(run(&mut FirstPixel::default(), &rule, &tiles, &options(2, 3), &mut refuse).is_err());
    }

    #[test]
    fn a_graph_without_the_classes_of_its_manifest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let rule = DecisionRule::new(0.0, vec!["benign".to_owned()], &[]);
        let tiles = tiles(folder.path(), 1);
        let error = run(&mut FirstPixel::default(), &rule, &tiles, &options(1, 1), &mut |_| Ok(())).unwrap_err();
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
}
