//! Events of a training, for a progress display or a log.

use std::path::Path;

use crate::Error;
use crate::data::LabelCount;
use crate::picture::EpochRecord;

/// An event of a training.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The labels of the data set with their counts, before training starts.
    Labels {
        /// Normal ones first.
        labels: &'a [LabelCount],
    },
    /// Tiles of the list without a label are left out.
    Unlabelled {
        /// Number of these tiles.
        tiles: usize,
    },
    /// No training tile has these labels, so the model has classes that it cannot recognise.
    UnlearntLabels {
        /// The labels.
        labels: &'a [&'a str],
    },
    /// The list puts tiles of one slide into several splits, so the figures are too good.
    DividedSlides {
        /// Number of these slides.
        slides: usize,
    },
    /// The data are read and split, the model is created.
    Started {
        /// Training tiles.
        train: usize,
        /// Validation tiles.
        val: usize,
        /// Test tiles.
        test: usize,
        /// Trained weights.
        parameters: usize,
        /// Steps per epoch.
        steps: usize,
        /// Largest number of epochs.
        epochs: u64,
        /// Steps done by the training that is resumed.
        resumed_at: Option<u64>,
    },
    /// Data are downloaded or read before training starts.
    Preparing {
        /// The action, as one line.
        what: &'a str,
    },
    /// burn computes the features of a frozen backbone, because the training's backend cannot: it is missing, it failed, or
    /// its features are not burn's.
    FeaturesByBurn {
        /// The problem.
        reason: &'a Error,
    },
    /// The cache of features cannot be written, so the next training computes these features again.
    NoFeatureCache {
        /// The problem.
        reason: &'a Error,
    },
    /// A frozen backbone computes features of tiles.
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
    /// The classifier has learnt alone; from now on the whole model learns.
    StageTwo {
        /// The epoch whose weights stage two starts from, from 1.
        from: u64,
    },
    /// Patience ran out.
    StoppedEarly {
        /// The epoch whose weights are kept.
        best_epoch: u64,
    },
    /// The test split is scored; figures and pictures follow.
    Evaluating,
    /// The run is complete.
    Finished {
        /// The run's folder.
        run: &'a Path,
    },
}

/// A receiver of events. Called on the training's thread, so it must return quickly.
pub trait Observer {
    /// Receives an event.
    fn event(&mut self, event: &Event<'_>);

    /// Returns false to stop the training after these epochs. Called before each epoch, including the first. A search uses
    /// it to stop bad trials.
    fn goes_on(&mut self, history: &[EpochRecord]) -> bool {
        let _ = history;
        true
    }
}

/// Ignores all events.
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
