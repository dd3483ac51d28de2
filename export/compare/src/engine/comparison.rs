//! One comparison: a reference and its candidates on one set of tiles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crossbeam_channel::bounded;
use kiln_runtime::decision::SCORE;
use kiln_tile::Decoder;
use kiln_train::metrics::Bootstrap;

use super::collected::Collected;
use super::worker::{AskedPair, AskedSide, BatchResult, Shared, work};
use super::{Kept, Sample, SideRows};
use crate::answers::{AnswersWriter, SavedAnswers};
use crate::decisions::DecisionInput;
use crate::diagnosis::{Evidence, diagnose};
use crate::difference::OutputTally;
use crate::facts::SideFacts;
use crate::report::{FailedTile, PairReport, Report, SideReport, TilesReport};
use crate::side::{Answerer, Side};
use crate::tiles::TileSet;
use crate::tolerances::{Pair, Tolerances};
use crate::{CompareError, Result};

/// Batches on their way between the threads and their collection, for each thread.
const WAITING: usize = 2;

/// Tiles that are shown of a candidate that agrees.
const PICTURES_OF_EQUALS: usize = 2;

/// Options of a comparison.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Limits of outputs and decisions.
    pub tolerances: Tolerances,
    /// Tiles in a batch.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// The outputs to compare; `None` for all.
    pub outputs: Option<Vec<String>>,
    /// Tiles that are named for each output.
    pub worst: usize,
    /// Tiles that are kept as pictures for each output.
    pub pictures: usize,
    /// The interval of the difference in AUROC.
    pub bootstrap: Bootstrap,
    /// Files for the answers of each side, in their order; `None` for none.
    pub save: Vec<Option<PathBuf>>,
    /// Candidates that could not be opened, with the reason: each is a failed part of the report.
    pub unavailable: Vec<(SideFacts, String)>,
}

/// A report, and the tiles that it shows.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The report.
    pub report: Report,
    /// Tiles with large differences.
    pub pictures: Vec<Picture>,
    /// The scores of both sides on every tile, for each comparison; empty without scores.
    pub scores: Vec<Vec<[f32; 2]>>,
}

/// A tile with the answers of both sides, for pictures.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Number of the comparison in the report.
    pub comparison: usize,
    /// The tile's name.
    pub path: String,
    /// u8 `[256, 256, 3]`; empty if unknown.
    pub pixels: Vec<u8>,
    /// Answers of the reference, a batch of one.
    pub reference: kiln_runtime::Outputs,
    /// Answers of the candidate, a batch of one.
    pub candidate: kiln_runtime::Outputs,
}

/// Sides whose saved answers are assigned to the tiles. Files that hold their tiles must hold those of the others.
fn aligned(mut sides: Vec<Side>, tiles: &TileSet) -> Result<Vec<Side>> {
    for answerer in sides.iter_mut().flat_map(|side| &mut side.answerers) {
        if let Answerer::Saved(saved) = answerer {
            saved.align(&tiles.tiles)?;
        }
    }
    let saved: Vec<&SavedAnswers> = sides.iter().filter_map(Side::saved).collect();
    for one in saved.iter().filter(|one| one.holds_tiles()) {
        for other in &saved {
            for index in 0..tiles.len() {
                one.digest(index).map_or(Ok(()), |digest| other.check_digest(index, digest))?;
            }
        }
    }
    Ok(sides)
}

impl Comparison {
    /// A comparison with usual options.
    #[must_use]
    pub fn new(tolerances: Tolerances) -> Self {
        Self {
            tolerances,
            batch: crate::SideOptions::BATCH,
            threads: kiln_files::limits::threads(),
            outputs: None,
            worst: 8,
            pictures: 0,
            bootstrap: Bootstrap::default(),
            save: Vec::new(),
            unavailable: Vec::new(),
        }
    }

    /// Compares every side behind the first with the first. `on_tiles` is called with the number of tiles that are done.
    ///
    /// # Errors
    /// If there is no side, the reference fails, saved answers belong to other tiles, or no tile can be read. A candidate that
    /// fails is part of the report, without figures.
    pub fn run(self, sides: Vec<Side>, tiles: &TileSet, on_tiles: &mut dyn FnMut(usize)) -> Result<Compared> {
        if tiles.is_empty() {
            let reason = "there are no tiles to compare on".to_owned();
            return Err(CompareError::Tiles { origin: tiles.source.clone(), reason });
        }
        if sides.is_empty() {
            return Err(CompareError::NoSide);
        }
        let (mut sides, decoders) = self.asked(sides, tiles)?;
        distinguish(&mut sides);
        let pairs = self.pairs(&sides);
        let digests = sides.iter().any(|side| side.save.is_some() || side.facts.saved);
        let shared = Shared {
            tiles,
            sides: &sides,
            pairs: &pairs,
            tolerances: &self.tolerances,
            decoders: &decoders,
            batch: self.batch.max(1),
            outputs: self.outputs.as_deref(),
            digests,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        };
        let collected = self.collect(&shared, on_tiles)?;
        if collected.answered.is_empty() {
            let first = collected.failed.first();
            let first = first.map(|(tile, reason)| format!("{}: {reason}", tiles.tiles[*tile].path));
            let (origin, tiles) = (tiles.source.clone(), tiles.len());
            return Err(CompareError::NoTile { origin, tiles, first: first.unwrap_or_default() });
        }
        self.compared(&sides, pairs, tiles, collected)
    }

    /// Sides ready for threads, and the decoders that differ.
    fn asked(&self, sides: Vec<Side>, tiles: &TileSet) -> Result<(Vec<AskedSide>, Vec<Decoder>)> {
        let mut decoders: Vec<(String, Decoder)> = Vec::new();
        let mut asked = Vec::new();
        let sides = aligned(sides, tiles)?;
        for (at, side) in sides.into_iter().enumerate() {
            let Side { facts, decoder, answerers, .. } = side;
            let mut number = 0;
            // Decoded tiles need no decoder, and saved answers need no pixels.
            if !tiles.is_decoded() && answerers.iter().any(Answerer::is_live) {
                let key = format!("{decoder:?}");
                number = decoders.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                    decoders.push((key, decoder));
                    decoders.len() - 1
                });
                if !tiles.has_pixels() {
                    let (origin, side) = (tiles.source.clone(), facts.label);
                    return Err(CompareError::NoPixels { origin, side });
                }
            }
            let save = self.save.get(at).cloned().flatten();
            if save.is_some() && !tiles.has_pixels() {
                let (origin, side) = (tiles.source.clone(), "saving answers".to_owned());
                return Err(CompareError::NoPixels { origin, side });
            }
            asked.push(AskedSide::new(facts, answerers, number, save));
        }
        let mut decoders: Vec<Decoder> = decoders.into_iter().map(|(_, decoder)| decoder).collect();
        if decoders.is_empty() {
            decoders.push(Decoder::default());
        }
        Ok((asked, decoders))
    }

    /// One for each side behind the reference.
    fn pairs(&self, sides: &[AskedSide]) -> Vec<AskedPair> {
        let pair = || AskedPair { sketches: Mutex::default(), kept: Mutex::new(Kept::new(self.pictures.max(3))) };
        sides.iter().skip(1).map(|_| pair()).collect()
    }

    /// Runs the threads, and collects their results in the order of the tiles.
    fn collect(&self, shared: &Shared<'_>, on_tiles: &mut dyn FnMut(usize)) -> Result<Collected> {
        let batches = shared.tiles.len().div_ceil(shared.batch);
        let streams = shared.sides.iter().map(AskedSide::streams).max().unwrap_or(1);
        // At least as many threads as the side with the most streams.
        let threads = self.threads.clamp(1, batches.max(1)).max(streams.min(batches));
        let writer = |side: &AskedSide| side.save.as_ref().map(|path| AnswersWriter::new(path));
        let mut writers: Vec<Option<AnswersWriter>> = shared.sides.iter().map(writer).collect();
        let mut collected = Collected {
            rows: vec![SideRows::default(); shared.sides.len()],
            tallies: shared.pairs.iter().map(|_| BTreeMap::new()).collect(),
            ..Collected::default()
        };
        let collected = thread::scope(|scope| -> Result<Collected> {
            let (done, results) = bounded(WAITING * threads);
            let handles: Vec<_> = (0..threads)
                .map(|thread| {
                    let done = done.clone();
                    scope.spawn(move || work(shared, thread, &done))
                })
                .collect();
            drop(done);
            let mut waiting: BTreeMap<usize, BatchResult> = BTreeMap::new();
            let (mut next, mut outcome) = (0, Ok(()));
            for result in results {
                match result {
                    Ok(batch) if outcome.is_ok() => {
                        waiting.insert(batch.number, batch);
                    }
                    Ok(_) => {}
                    Err(error) => outcome = outcome.and(Err(error)),
                }
                while outcome.is_ok()
                    && let Some(batch) = waiting.remove(&next)
                {
                    next += 1;
                    outcome = collected.add(batch, shared, &mut writers);
                    on_tiles((next * shared.batch).min(shared.tiles.len()));
                }
                if outcome.is_err() {
                    shared.stopped.store(true, Ordering::Relaxed);
                }
            }
            let panicked = handles.into_iter().map(|handle| handle.join()).filter(|end| end.is_err()).count();
            outcome?;
            if panicked > 0 || next < batches { Err(CompareError::Ended) } else { Ok(collected) }
        })?;
        for (writer, side) in writers.into_iter().zip(shared.sides) {
            let failed = side.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if let (Some(writer), false) = (writer, failed) {
                writer.finish(SideFacts { saved: false, ..side.facts.clone() }, &shared.tiles.source)?;
            }
        }
        Ok(collected)
    }

    fn compared(
        &self,
        sides: &[AskedSide],
        pairs: Vec<AskedPair>,
        tiles: &TileSet,
        collected: Collected,
    ) -> Result<Compared> {
        let Collected { answered, failed, rows, tallies } = collected;
        // The reference's own, too: a candidate may have answered nothing.
        let of_reference = rows.iter().take(1).flat_map(|rows| rows.all().map(|(name, ..)| name.to_owned()));
        let names: BTreeSet<String> =
            tallies.iter().flat_map(|tallies| tallies.keys().cloned()).chain(of_reference).collect();
        let names: Vec<String> = names.into_iter().collect();
        let wanted = self.outputs.iter().flatten();
        if let Some(name) = wanted.filter(|_| !pairs.is_empty()).find(|name| !names.contains(name)) {
            let (name, side, known) = (name.clone(), sides[0].facts.label.clone(), names.join(", "));
            return Err(CompareError::Output { name, side, known });
        }
        if !names.is_empty() {
            self.tolerances.check_outputs(&names)?;
        }
        let paths: Vec<String> = tiles.tiles.iter().map(|tile| tile.path.clone()).collect();
        let report = |side: &AskedSide| SideReport {
            facts: side.facts.clone(),
            answer_seconds: (!side.facts.saved).then(|| side.seconds()),
        };
        let (mut comparisons, mut pictures, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (pair, tallies)) in pairs.into_iter().zip(tallies).enumerate() {
            let candidate = &sides[at + 1];
            let mut sketches = pair.sketches.into_inner().unwrap_or_else(PoisonError::into_inner);
            let finish =
                |(name, tally): (String, OutputTally)| tally.finish(sketches.remove(&name), &paths, self.worst);
            let error = candidate.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // Figures of the tiles before the failure would look like those of all tiles.
            let tallies = if error.is_some() { BTreeMap::new() } else { tallies };
            let outputs: Vec<_> = tallies.into_iter().map(finish).collect();
            let facts = [&sides[0].facts, &candidate.facts];
            let input = DecisionInput {
                tiles: &tiles.tiles,
                answered: &answered,
                facts,
                rows: [&rows[0], &rows[at + 1]],
                limits: self.tolerances.decisions(&Pair::new(facts)),
                bootstrap: self.bootstrap,
            };
            let decisions = if error.is_some() { None } else { input.decide() };
            let samples = pair.kept.into_inner().unwrap_or_else(PoisonError::into_inner).into_samples();
            let evidence = Evidence {
                tiles: &tiles.tiles,
                answered: &answered,
                facts,
                rows: [&rows[0], &rows[at + 1]],
                samples: &samples,
                outputs: &outputs,
                decisions: decisions.as_ref(),
            };
            let mut ask = |side: usize, pixels: &[u8]| {
                let side = if side == 0 { &sides[0] } else { candidate };
                side.first()?.answer_pixels(pixels)?.ok()
            };
            let findings = if error.is_some() { Vec::new() } else { diagnose(&evidence, &mut ask) };
            scores.push(match (rows[0].whole(SCORE), rows[at + 1].whole(SCORE)) {
                (Some(a), Some(b)) if error.is_none() => a.iter().zip(b).map(|(a, b)| [*a, *b]).collect(),
                _ => Vec::new(),
            });
            let good = !outputs.is_empty()
                && outputs.iter().all(|output| output.passed)
                && decisions.as_ref().is_none_or(|decisions| decisions.passed);
            let most = match (good, sides.len()) {
                (false, _) => self.pictures,
                (true, ..=2) => self.pictures.min(PICTURES_OF_EQUALS),
                // Many candidates that agree would make a large page that shows nothing.
                (true, _) => 0,
            };
            pictures.extend(pictures_of(at, most, samples, &outputs, &paths));
            comparisons.push(PairReport {
                passed: good && error.is_none(),
                candidate: report(candidate),
                outputs,
                decisions,
                findings,
                error,
            });
        }
        for (facts, reason) in &self.unavailable {
            comparisons.push(PairReport::unavailable(facts.clone(), reason.clone()));
        }
        let fail = |(tile, status): (usize, String)| FailedTile { path: paths[tile].clone(), status };
        let report = Report {
            schema: crate::report::SCHEMA,
            passed: comparisons.iter().all(|pair| pair.passed),
            kiln: env!("CARGO_PKG_VERSION").to_owned(),
            tiles: TilesReport {
                count: answered.len(),
                source: tiles.source.clone(),
                labelled: answered.iter().filter(|tile| tiles.tiles[**tile].label.is_some()).count(),
                failed: failed.into_iter().map(fail).collect(),
            },
            reference: report(&sides[0]),
            comparisons,
        };
        scores.resize(report.comparisons.len(), Vec::new());
        Ok(Compared { report, pictures, scores })
    }
}

/// Two sides with one label get a letter each.
fn distinguish(sides: &mut [AskedSide]) {
    let labels: Vec<String> = sides.iter().map(|side| side.facts.label.clone()).collect();
    for (at, side) in sides.iter_mut().enumerate() {
        if labels.iter().filter(|label| **label == labels[at]).count() > 1 {
            let letter = char::from(b'A' + u8::try_from(at % 26).unwrap_or_default());
            side.facts.label = format!("{} ({letter})", side.facts.label);
        }
    }
}

/// The samples of the worst tiles, for pictures.
fn pictures_of(
    comparison: usize,
    most: usize,
    samples: Vec<Sample>,
    outputs: &[crate::OutputDifference],
    paths: &[String],
) -> Vec<Picture> {
    // Those of outputs that miss come first.
    let mut order: Vec<&crate::OutputDifference> = outputs.iter().collect();
    order.sort_by_key(|output| output.passed);
    let mut wanted: Vec<usize> = Vec::new();
    for tile in order.iter().flat_map(|output| output.worst.iter().map(|worst| worst.tile)) {
        if !wanted.contains(&tile) && wanted.len() < most {
            wanted.push(tile);
        }
    }
    let mut by_tile: BTreeMap<usize, Sample> = samples.into_iter().map(|sample| (sample.tile, sample)).collect();
    let picture = |tile: usize| {
        let sample = by_tile.remove(&tile)?;
        let path = paths.get(tile).cloned().unwrap_or_default();
        let Sample { pixels, reference, candidate, .. } = sample;
        Some(Picture { comparison, path, pixels, reference, candidate })
    };
    wanted.into_iter().filter_map(picture).collect()
}
