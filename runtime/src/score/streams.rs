//! Several scorers side by side, each on a thread of its own that decodes a batch and runs it. On a processor this keeps
//! every core at work: nothing waits for a batch that others decode, and no operator waits for the slowest of its threads.
//! Rows come in input order all the same, and no more batches are in the making than there are scorers, twice over.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::pipeline::{Batches, decoded, run, workers_gone};
use super::{Listed, PipelineOptions, ScoreRow, Summary};
use crate::Result;
use crate::decision::DecisionRule;
use crate::scorer::Scorer;

/// A batch by its number, and its rows.
type Answered = (usize, Result<Vec<ScoreRow>>);

/// Scores as [`run`] does, with all of `scorers` at once. They must be the same graph on the same provider.
///
/// # Errors
/// As [`run`].
pub fn run_streams<S: Scorer + Send>(
    scorers: &mut [S],
    rule: &DecisionRule,
    tiles: &[Listed],
    options: &PipelineOptions,
    on_row: &mut dyn FnMut(ScoreRow) -> Result<()>,
) -> Result<Summary> {
    if let [scorer] = scorers {
        return run(scorer, rule, tiles, options, on_row);
    }
    let started = Instant::now();
    let batch = scorers.iter().find_map(|scorer| scorer.fixed_batch()).unwrap_or(options.batch).max(1);
    let (batches, window) = (tiles.len().div_ceil(batch), 2 * scorers.len());
    let mut scored = 0;
    thread::scope(|scope| -> Result<()> {
        let (jobs, todo) = bounded(window);
        let (done, answered) = bounded(window);
        for scorer in scorers.iter_mut() {
            let (todo, done) = (todo.clone(), done.clone());
            scope.spawn(move || work(scorer, rule, tiles, options, batch, (&todo, &done)));
        }
        // With these gone, the workers' ends are the only ones left, and all end when one side does.
        drop((todo, done));
        let mut jobs = Some(jobs);
        let (mut next, mut ready) = (0, BTreeMap::new());
        for given in 0..batches {
            while next < batches.min(given + window) {
                if jobs.as_ref().is_none_or(|jobs| jobs.send(next).is_err()) {
                    return Err(workers_gone());
                }
                next += 1;
            }
            if next == batches {
                jobs = None;
            }
            while !ready.contains_key(&given) {
                let (number, rows): Answered = answered.recv().map_err(|_| workers_gone())?;
                ready.insert(number, rows);
            }
            for row in ready.remove(&given).transpose()?.into_iter().flatten() {
                scored += usize::from(row.is_ok());
                on_row(row)?;
            }
        }
        Ok(())
    })?;
    Ok(Summary::of(tiles.len(), scored, started.elapsed()))
}

fn work<S: Scorer>(
    scorer: &mut S,
    rule: &DecisionRule,
    tiles: &[Listed],
    options: &PipelineOptions,
    batch: usize,
    (todo, done): (&Receiver<usize>, &Sender<Answered>),
) {
    for number in todo {
        let first = number * batch;
        let tiles = &tiles[first..tiles.len().min(first + batch)];
        if done.send((number, rows(scorer, rule, tiles, options))).is_err() {
            return;
        }
    }
}

/// Decodes and runs one batch.
fn rows<S: Scorer>(
    scorer: &mut S,
    rule: &DecisionRule,
    tiles: &[Listed],
    options: &PipelineOptions,
) -> Result<Vec<ScoreRow>> {
    let mut rows = Vec::with_capacity(tiles.len());
    let mut keep = |row| {
        rows.push(row);
        Ok(())
    };
    let mut batch = Batches::new(rule, &mut keep);
    for tile in tiles {
        batch.push(&tile.path, decoded(&options.decoder, tile));
    }
    batch.run(scorer)?;
    Ok(rows)
}
