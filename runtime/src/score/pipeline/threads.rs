//! The threads that read tiles and score batches.

use std::thread::{self, Scope};

use crossbeam_channel::{Receiver, Sender, select_biased};
use kiln_tile::TileSource;

use super::batch::{Batch, Unscored};
use crate::Result;
use crate::decision::DecisionRule;
use crate::score::ScoreRow;
use crate::scorer::Scorer;

/// A result of a thread.
pub(super) enum Done {
    /// A tile by its index.
    Read(usize, Unscored),
    /// The rows of a batch by its number.
    Scored(usize, Result<Vec<ScoreRow>>),
    /// A thread that panicked.
    Lost,
}

/// A thread's ends of the queues.
#[derive(Clone)]
pub(super) struct Queues {
    /// Indices of tiles to read.
    pub(super) jobs: Receiver<usize>,
    /// Batches to score.
    pub(super) batches: Receiver<(usize, Batch)>,
    /// Room for all results that can be on their way.
    pub(super) done: Sender<Done>,
}

/// Starts `workers` threads that read tiles.
pub(super) fn start_readers<'scope, T: TileSource + ?Sized>(
    scope: &'scope Scope<'scope, '_>,
    source: &'scope T,
    workers: usize,
    queues: &Queues,
) {
    for _ in 0..workers {
        let mine = queues.clone();
        scope.spawn(move || read(source, &mine));
    }
}

/// Starts a thread for each scorer. It reads tiles whenever no batch waits, so that there are no more busy threads than
/// scorers.
pub(super) fn start_scorers<'scope, S: Scorer + Send, T: TileSource + ?Sized>(
    scope: &'scope Scope<'scope, '_>,
    scorers: &'scope mut [S],
    source: &'scope T,
    rule: &'scope DecisionRule,
    queues: &Queues,
) {
    for scorer in scorers {
        let mine = queues.clone();
        scope.spawn(move || read_and_score(scorer, source, rule, &mine));
    }
}

fn read(source: &(impl TileSource + ?Sized), queues: &Queues) {
    let _guard = Guard(&queues.done);
    for index in &queues.jobs {
        if queues.done.send(Done::Read(index, Unscored::read(source, index))).is_err() {
            return;
        }
    }
}

fn read_and_score(scorer: &mut impl Scorer, source: &(impl TileSource + ?Sized), rule: &DecisionRule, queues: &Queues) {
    let _guard = Guard(&queues.done);
    let mut pixels = Vec::new();
    loop {
        let done = select_biased! {
            recv(queues.batches) -> batch => match batch {
                Ok((number, batch)) => Done::Scored(number, batch.score(scorer, rule, &mut pixels)),
                Err(_) => return,
            },
            recv(queues.jobs) -> index => match index {
                Ok(index) => Done::Read(index, Unscored::read(source, index)),
                // Every tile is read: the remaining batches are left.
                Err(_) => break,
            },
        };
        if queues.done.send(done).is_err() {
            return;
        }
    }
    for (number, batch) in &queues.batches {
        if queues.done.send(Done::Scored(number, batch.score(scorer, rule, &mut pixels))).is_err() {
            return;
        }
    }
}

/// Reports a panic, so that nothing waits for the result of a thread that is gone.
struct Guard<'a>(&'a Sender<Done>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Done::Lost);
        }
    }
}
