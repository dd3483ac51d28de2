//! Tiles to rows: a source is read on several threads, tiles are gathered into batches, one or several scorers run these,
//! and rows come out in the order of the source. Tiles are read only so far ahead of the rows that memory depends on the
//! batch, the threads and the scorers, not on the number of tiles. One slow tile delays nothing but the rows after it.

mod batch;
mod order;
mod threads;

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use kiln_tile::TileSource;
use serde::Serialize;

use self::batch::{Batch, Unscored};
use self::order::InOrder;
use self::threads::{Done, Queues};
use super::ScoreRow;
use crate::decision::DecisionRule;
use crate::scorer::{Scorer, threads_ended};
use crate::{Error, Result};

/// Size of batches and number of threads.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// Tiles in a batch. A scorer with a fixed batch overrides it.
    pub batch: usize,
    /// Threads that read tiles for a single scorer. Several scorers read on their own threads instead, one each.
    pub workers: usize,
}

impl PipelineOptions {
    /// Default number of tiles in a batch: measured on two cores, larger batches only cost memory.
    pub const DEFAULT_BATCH: usize = 8;

    /// Largest number of tiles in a batch that programs should take from their users: its pixels have 0.8 GB, and the
    /// activations of a small network many times that.
    pub const MAX_BATCH: usize = 4096;
}

/// Counts and speed of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Tiles of the source, and rows returned.
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
    fn new(tiles: usize, scored: usize, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let tiles_per_s = scored as f64 / seconds.max(f64::MIN_POSITIVE);
        Self { tiles, scored, failed: tiles - scored, seconds, tiles_per_s }
    }
}

/// Scores every tile of `source` and passes one row for each to `on_row`, in the order of the source. A tile that cannot
/// be decoded becomes a row with its reason. Several scorers run side by side; they must be the same graph on the same
/// provider.
///
/// # Errors
/// If a scorer fails, its outputs lack `score`, or `on_row` fails. Rows before the failure have been passed.
pub fn run<S: Scorer + Send>(
    scorers: &mut [S],
    rule: &DecisionRule,
    source: &(impl TileSource + ?Sized),
    options: &PipelineOptions,
    on_row: &mut dyn FnMut(ScoreRow) -> Result<()>,
) -> Result<Summary> {
    if scorers.is_empty() {
        return Err(Error::Option { option: "scorers", reason: "at least one is needed" });
    }
    let started = Instant::now();
    let batch = scorers.iter().find_map(|scorer| scorer.fixed_batch()).unwrap_or(options.batch).max(1);
    let (tiles, count) = (source.len(), scorers.len());
    let workers = options.workers.clamp(1, tiles.max(1));
    let readers = if count == 1 { workers } else { count };
    let (mut scored, mut pixels) = (0, Vec::new());
    thread::scope(|scope| -> Result<()> {
        // Dropped with this closure, so that the threads end whether the run succeeds or fails.
        let (mut flow, queues) = Flow::new(tiles, batch, count, readers);
        if let [scorer] = scorers {
            threads::start_readers(scope, source, workers, &queues);
            flow.scorer = Some(Box::new(|batch| batch.score(scorer, rule, &mut pixels)));
        } else {
            threads::start_scorers(scope, scorers, source, rule, &queues);
        }
        drop(queues);
        while let Some(rows) = flow.next_rows()? {
            for row in rows {
                scored += usize::from(row.is_ok());
                on_row(row)?;
            }
        }
        Ok(())
    })?;
    Ok(Summary::new(tiles, scored, started.elapsed()))
}

/// Scores a batch on the thread of the caller.
type ScoreHere<'a> = Box<dyn FnMut(Batch) -> Result<Vec<ScoreRow>> + 'a>;

/// Distributes the work, and puts its results in order. It never waits for room in a queue.
struct Flow<'a> {
    /// The scorer, if there is only one: it stays on the thread of the caller.
    scorer: Option<ScoreHere<'a>>,
    /// Dropped as soon as every tile is handed out.
    jobs: Option<Sender<usize>>,
    batches: Sender<(usize, Batch)>,
    done: Receiver<Done>,
    /// Tiles of the source.
    total: usize,
    /// Tiles in a batch.
    size: usize,
    /// Tiles handed out.
    handed_out: usize,
    /// Most tiles that are handed out and in no batch yet.
    ahead: usize,
    read: InOrder<Unscored>,
    /// The batch that is being filled.
    open: Batch,
    /// Batches closed.
    closed: usize,
    /// Most batches that are closed and whose rows have not been returned.
    in_flight: usize,
    rows: InOrder<Result<Vec<ScoreRow>>>,
}

impl Flow<'_> {
    fn new(total: usize, size: usize, scorers: usize, readers: usize) -> (Self, Queues) {
        // No batch is larger than the source: the queues have room in advance.
        let size = size.min(total.max(1));
        // The tiles of the next two batches, and two for each reader. Several scorers have a batch running and one waiting.
        let ahead = (2 * size + 2 * readers).min(total.max(1));
        let in_flight = if scorers == 1 { 1 } else { 2 * scorers };
        let (jobs, to_read) = bounded(ahead);
        let (batches, to_score) = bounded(in_flight);
        let (done_here, done) = bounded(ahead + in_flight + readers + scorers);
        let flow = Self {
            scorer: None,
            jobs: Some(jobs),
            batches,
            done,
            total,
            size,
            handed_out: 0,
            ahead,
            read: InOrder::new(),
            open: Batch::default(),
            closed: 0,
            in_flight,
            rows: InOrder::new(),
        };
        (flow, Queues { jobs: to_read, batches: to_score, done: done_here })
    }

    /// The rows of the next batch; `None` after the last one.
    fn next_rows(&mut self) -> Result<Option<Vec<ScoreRow>>> {
        loop {
            self.fill_batches()?;
            self.hand_out()?;
            if let Some(rows) = self.rows.next() {
                return rows.map(Some);
            }
            if self.read.returned() == self.total && self.on_their_way() == 0 {
                return Ok(None);
            }
            match self.done.recv() {
                Ok(Done::Read(index, tile)) => self.read.insert(index, tile),
                Ok(Done::Scored(number, rows)) => self.rows.insert(number, rows),
                Ok(Done::Lost) | Err(_) => return Err(threads_ended()),
            }
        }
    }

    /// Batches that are closed and whose rows have not been returned.
    fn on_their_way(&self) -> usize {
        self.closed - self.rows.returned()
    }

    /// Gathers tiles in order, as far as they have come and there is room for another batch.
    fn fill_batches(&mut self) -> Result<()> {
        while self.on_their_way() < self.in_flight
            && let Some(tile) = self.read.next()
        {
            self.open.push(tile);
            if self.open.is_full(self.size) || self.read.returned() == self.total {
                self.close()?;
            }
        }
        // Rows that need no scorer do not wait for tiles after them.
        if !self.open.is_empty() && !self.open.has_tiles() && self.on_their_way() == 0 {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let (number, batch) = (self.closed, self.open.take());
        self.closed += 1;
        if !batch.has_tiles() {
            self.rows.insert(number, Ok(batch.into_failed()));
            return Ok(());
        }
        // Tiles are read meanwhile.
        self.hand_out()?;
        match &mut self.scorer {
            Some(score) => self.rows.insert(number, score(batch)),
            None => self.batches.send((number, batch)).map_err(|_| threads_ended())?,
        }
        Ok(())
    }

    fn hand_out(&mut self) -> Result<()> {
        let Some(jobs) = &self.jobs else { return Ok(()) };
        while self.handed_out < self.total.min(self.read.returned() + self.ahead) {
            jobs.send(self.handed_out).map_err(|_| threads_ended())?;
            self.handed_out += 1;
        }
        if self.handed_out == self.total {
            self.jobs = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
