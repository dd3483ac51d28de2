//! What a training says of itself while it runs, for a progress display or a log.

use std::path::Path;

use crate::data::LabelCount;
use crate::picture::EpochRecord;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The labels of the data set, and what each counts as. Comes before anything is learnt.
    Labels {
        /// Normal ones first.
        labels: &'a [LabelCount],
    },
    /// The data are read and split, the model is made.
    Started {
        /// Tiles that weights are found on.
        train: usize,
        /// Tiles for stopping and threshold.
        val: usize,
        /// Tiles for the figures.
        test: usize,
        /// Trained weights.
        parameters: usize,
        /// Steps an epoch.
        steps: usize,
        /// Epochs at most.
        epochs: u64,
        /// Steps done before, by the training that is resumed.
        resumed_at: Option<u64>,
    },
    /// Something is fetched or read before the training can start.
    Preparing {
        /// What, in a plain line.
        what: &'a str,
    },
    /// A frozen backbone goes through tiles that its features are not known of yet.
    Features {
        /// Tiles done.
        done: usize,
        /// Tiles to do.
        tiles: usize,
    },
    /// One optimiser step.
    Step {
        /// Epoch, from 1.
        epoch: u64,
        /// Step of the epoch, from 1.
        step: usize,
        /// Steps of the epoch.
        steps: usize,
        /// Mean loss of the epoch so far.
        loss: f64,
    },
    /// An epoch is complete.
    Epoch {
        /// Its figures.
        record: &'a EpochRecord,
        /// It is the best so far.
        best: bool,
    },
    /// A hybrid's classifier has learnt alone; from here on all learns together.
    StageTwo {
        /// The epoch whose weights it goes on from, from 1.
        from: u64,
    },
    /// No better epoch came for long enough.
    StoppedEarly {
        /// The epoch whose weights are kept.
        best_epoch: u64,
    },
    /// The test split is scored, figures and pictures are made.
    Evaluating,
    /// The run is complete.
    Finished {
        /// The run's folder.
        run: &'a Path,
    },
}

/// Hears of events. Called from the training's own thread: be quick.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event<'_>);

    /// Whether another epoch is wanted after these; asked before each epoch, the first included. A search stops bad
    /// trials by it.
    fn goes_on(&mut self, history: &[EpochRecord]) -> bool {
        let _ = history;
        true
    }
}

/// Hears nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _event: &Event<'_>) {}
}

impl<F: FnMut(&Event<'_>)> Observer for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}
