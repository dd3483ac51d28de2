//! The threads: each takes a batch, decodes it, runs it on every side, and measures every pair.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;
use kiln_files::FileDigest;
use kiln_runtime::{Error, Outputs};
use kiln_tile::{Decoder, TILE_BYTES};
use ndarray::ArrayD;

use super::{Kept, Sample, SideRows};
use crate::difference::{Keys, Sketches, TileDifference, measure};
use crate::facts::SideFacts;
use crate::map::{MapTile, map_size};
use crate::side::Answerer;
use crate::tiles::TileSet;
use crate::tolerances::{OutputLimits, Pair, Tolerances};
use crate::{CompareError, Result};

/// A side while it is asked.
pub(super) struct AskedSide {
    pub(super) facts: SideFacts,
    answerers: Vec<Mutex<Answerer>>,
    /// Number of its decoder.
    pub(super) decoder: usize,
    /// The file of its answers, if they are saved.
    pub(super) save: Option<PathBuf>,
    /// Time in answering, over all threads, in nanoseconds.
    nanoseconds: AtomicU64,
    /// The reason why it stopped answering.
    pub(super) failed: Mutex<Option<String>>,
}

impl AskedSide {
    pub(super) fn new(facts: SideFacts, answerers: Vec<Answerer>, decoder: usize, save: Option<PathBuf>) -> Self {
        let answerers = answerers.into_iter().map(Mutex::new).collect();
        Self { facts, answerers, decoder, save, nanoseconds: AtomicU64::new(0), failed: Mutex::new(None) }
    }

    /// Time in answering, over all threads, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9
    }

    /// The number of threads that it can keep busy.
    pub(super) fn streams(&self) -> usize {
        self.answerers.len()
    }

    pub(super) fn first(&self) -> Option<std::sync::MutexGuard<'_, Answerer>> {
        self.answerers.first().map(|answerer| answerer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses a tile whose pixels are not those of the saved answers.
    fn check_digest(&self, tile: usize, digest: FileDigest) -> Result<()> {
        if !self.facts.saved {
            return Ok(());
        }
        match self.first().as_deref() {
            Some(Answerer::Saved(saved)) => saved.check_digest(tile, digest),
            _ => Ok(()),
        }
    }
}

/// The differences of one pair that all threads add to.
pub(super) struct AskedPair {
    pub(super) sketches: Mutex<BTreeMap<String, Sketches>>,
    pub(super) kept: Mutex<Kept>,
}

/// Everything that the threads share.
pub(super) struct Shared<'a> {
    pub(super) tiles: &'a TileSet,
    pub(super) sides: &'a [AskedSide],
    /// One for each side behind the reference.
    pub(super) pairs: &'a [AskedPair],
    pub(super) tolerances: &'a Tolerances,
    pub(super) decoders: &'a [Decoder],
    pub(super) batch: usize,
    pub(super) outputs: Option<&'a [String]>,
    /// Digests of the pixels are needed: answers are saved, or were.
    pub(super) digests: bool,
    pub(super) next: AtomicUsize,
    pub(super) stopped: AtomicBool,
}

/// The results of one batch.
pub(super) struct BatchResult {
    pub(super) number: usize,
    /// Tiles that were answered.
    pub(super) tiles: Vec<usize>,
    pub(super) digests: Vec<FileDigest>,
    /// Tiles that could not be read, with the reason.
    pub(super) failed: Vec<(usize, String)>,
    /// Rows of each side; `None` if it failed.
    pub(super) rows: Vec<Option<SideRows>>,
    /// Whole answers of the sides that are saved.
    pub(super) saved: Vec<Option<Outputs>>,
    /// Outputs of each pair; `None` if the candidate failed.
    pub(super) pairs: Vec<Option<Vec<OutputBatch>>>,
}

/// One output of one batch of a pair.
pub(super) struct OutputBatch {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) tiles: Vec<TileDifference>,
    pub(super) maps: Vec<MapTile>,
    /// The reason why the output cannot be compared.
    pub(super) problem: Option<String>,
}

/// Tiles of a batch.
struct ReadTiles {
    /// Tiles that were read.
    tiles: Vec<usize>,
    /// Their pixels by each decoder.
    pixels: Vec<Vec<u8>>,
    /// The others, with the reason.
    failed: Vec<(usize, String)>,
}

/// The loop of one thread.
pub(super) fn work(shared: &Shared<'_>, thread: usize, done: &Sender<Result<BatchResult>>) {
    let mut keys = Keys::default();
    while !shared.stopped.load(Ordering::Relaxed) {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let first = number.saturating_mul(shared.batch);
        if first >= shared.tiles.len() {
            return;
        }
        let last = (first + shared.batch).min(shared.tiles.len());
        let result = shared.batch(number, first..last, thread, &mut keys);
        if result.is_err() {
            shared.stopped.store(true, Ordering::Relaxed);
        }
        if done.send(result).is_err() {
            return;
        }
    }
}

impl Shared<'_> {
    /// Limits of an output of a pair.
    pub(super) fn limits(&self, pair: usize, name: &str) -> OutputLimits {
        let facts = [&self.sides[0].facts, &self.sides[pair + 1].facts];
        self.tolerances.output(name, &Pair::new(facts))
    }

    fn batch(
        &self,
        number: usize,
        range: std::ops::Range<usize>,
        thread: usize,
        keys: &mut Keys,
    ) -> Result<BatchResult> {
        let ReadTiles { tiles, pixels, failed } = self.read(range);
        let digests = if self.digests { self.check_digests(&tiles, &pixels)? } else { Vec::new() };
        let mut answers: Vec<Option<Outputs>> = Vec::new();
        for (at, side) in self.sides.iter().enumerate() {
            answers.push(self.ask(at, side, &tiles, &pixels, thread)?);
        }
        let mut pairs = Vec::new();
        let (reference, candidates) = answers.split_first().map_or((None, &[][..]), |(a, b)| (a.as_ref(), b));
        for (at, candidate) in candidates.iter().enumerate() {
            let outputs = match (reference, candidate) {
                (Some(reference), Some(candidate)) if !tiles.is_empty() => {
                    let pixels = pixels.get(self.sides[0].decoder).map_or(&[][..], Vec::as_slice);
                    Some(self.pair(at, &tiles, pixels, [reference, candidate], keys))
                }
                (Some(_), Some(_)) => Some(Vec::new()),
                _ => None,
            };
            pairs.push(outputs);
        }
        let rows = answers.iter().map(|answer| answer.as_ref().map(SideRows::of)).collect();
        let saved = self.sides.iter().zip(answers).map(|(side, answer)| answer.filter(|_| side.save.is_some()));
        Ok(BatchResult { number, tiles, digests, failed, rows, saved: saved.collect(), pairs })
    }

    /// The tiles that could be read by every decoder, their pixels by each of them, and the others.
    fn read(&self, range: std::ops::Range<usize>) -> ReadTiles {
        let mut pixels = vec![Vec::new(); self.decoders.len()];
        let (mut tiles, mut failed) = (Vec::new(), Vec::new());
        if !self.tiles.has_pixels() {
            return ReadTiles { tiles: range.collect(), pixels, failed };
        }
        for index in range {
            let read: Result<Vec<_>, String> =
                self.decoders.iter().map(|decoder| self.tiles.read(index, decoder)).collect();
            match read {
                Ok(read) => {
                    pixels.iter_mut().zip(&read).for_each(|(all, tile)| all.extend_from_slice(tile.pixels()));
                    tiles.push(index);
                }
                Err(reason) => failed.push((index, reason)),
            }
        }
        ReadTiles { tiles, pixels, failed }
    }

    /// Digests of the reference's pixels; each side with saved answers must have been given the same ones.
    fn check_digests(&self, tiles: &[usize], pixels: &[Vec<u8>]) -> Result<Vec<FileDigest>> {
        if !self.tiles.has_pixels() {
            return Ok(Vec::new());
        }
        let of = |decoder: usize| -> Vec<FileDigest> {
            pixels.get(decoder).map_or(&[][..], Vec::as_slice).chunks(TILE_BYTES).map(FileDigest::new).collect()
        };
        let digests = of(self.sides.first().map_or(0, |side| side.decoder));
        for side in self.sides {
            for (tile, digest) in tiles.iter().zip(&digests) {
                side.check_digest(*tile, *digest)?;
            }
        }
        Ok(digests)
    }

    /// The answers of a side. The reference must answer; another side that fails is noted and left out from then on.
    fn ask(
        &self,
        at: usize,
        side: &AskedSide,
        tiles: &[usize],
        pixels: &[Vec<u8>],
        thread: usize,
    ) -> Result<Option<Outputs>> {
        if side.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(None);
        }
        if tiles.is_empty() {
            return Ok(Some(Outputs { batch: 0, arrays: BTreeMap::new() }));
        }
        let Some(answerer) = side.answerers.get(thread % side.answerers.len().max(1)) else {
            return Err(CompareError::Ended);
        };
        let pixels = pixels.get(side.decoder).map_or(&[][..], Vec::as_slice);
        let mut answerer = answerer.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let answered = answerer.answer(tiles, pixels, self.outputs);
        side.nanoseconds.fetch_add(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        match answered {
            Ok(outputs) => Ok(Some(outputs)),
            Err(error) => {
                let first = self.tiles.tiles[tiles[0]].path.clone();
                let error = match error {
                    CompareError::Runtime(source) => {
                        CompareError::Runtime(Error::Batch { first, tiles: tiles.len(), source: Box::new(source) })
                    }
                    other => other,
                };
                if at == 0 {
                    return Err(error);
                }
                let reason = answerer.without_address(kiln_runtime::chain(&error));
                side.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
                Ok(None)
            }
        }
    }

    fn pair(
        &self,
        pair: usize,
        tiles: &[usize],
        pixels: &[u8],
        [reference, candidate]: [&Outputs; 2],
        keys: &mut Keys,
    ) -> Vec<OutputBatch> {
        let mut batches = Vec::new();
        for (name, array) in &reference.arrays {
            batches.push(match candidate.arrays.get(name) {
                Some(other) if other.shape() == array.shape() => self.measured(pair, name, [array, other], keys),
                Some(other) => {
                    problem(name, format!("shape {:?} where the reference has {:?}", behind(other), behind(array)))
                }
                None => problem(name, "the candidate has no such output".to_owned()),
            });
        }
        for name in candidate.arrays.keys().filter(|name| !reference.arrays.contains_key(*name)) {
            batches.push(problem(name, "the reference has no such output".to_owned()));
        }
        let mut kept = self.pairs[pair].kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, tile) in tiles.iter().enumerate() {
            let differences: Vec<(&str, f64)> = batches
                .iter()
                .filter_map(|batch| {
                    let found = batch.tiles.get(row)?;
                    let not_finite = found.reference_non_finite + found.candidate_non_finite > 0;
                    Some((batch.name.as_str(), if not_finite { f64::INFINITY } else { found.max_abs }))
                })
                .collect();
            let own = pixels.get(row * TILE_BYTES..(row + 1) * TILE_BYTES).unwrap_or_default();
            kept.offer(*tile, &differences, || Sample::new(*tile, own, row, reference, candidate));
        }
        batches
    }

    fn measured(&self, pair: usize, name: &str, [a, b]: [&ArrayD<f32>; 2], keys: &mut Keys) -> OutputBatch {
        let limits = self.limits(pair, name);
        let shape = behind(a).to_vec();
        let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
        let (a, b) = (a.as_slice().unwrap_or_default(), b.as_slice().unwrap_or_default());
        let width = shape.iter().product::<usize>();
        let map = map_size(&shape);
        keys.clear();
        let (mut tiles, mut maps) = (Vec::new(), Vec::new());
        for (a, b) in a.chunks_exact(width.max(1)).zip(b.chunks_exact(width.max(1))) {
            tiles.push(measure(a, b, &limits.tolerance, keys));
            maps.extend(map.map(|size| MapTile::new(a, b, size)));
        }
        let mut sketches = self.pairs[pair].sketches.lock().unwrap_or_else(PoisonError::into_inner);
        if !sketches.contains_key(name) {
            let elements = (width as u64).saturating_mul(self.tiles.len() as u64);
            sketches.insert(name.to_owned(), Sketches::new(elements));
        }
        if let Some(sketch) = sketches.get_mut(name) {
            sketch.add(keys);
        }
        OutputBatch { name: name.to_owned(), shape, tiles, maps, problem: None }
    }
}

fn problem(name: &str, reason: String) -> OutputBatch {
    OutputBatch { name: name.to_owned(), shape: Vec::new(), tiles: Vec::new(), maps: Vec::new(), problem: Some(reason) }
}

/// The axes behind the batch.
fn behind(array: &ArrayD<f32>) -> &[usize] {
    array.shape().get(1..).unwrap_or_default()
}
