//! Events of a pre-training, for a progress display or a log.

use super::facts::PretrainEpoch;

/// An event of a pre-training.
#[derive(Debug)]
#[non_exhaustive]
pub enum PretrainEvent<'a> {
    /// Weights are downloaded.
    Preparing {
        /// The action, as one line.
        what: &'a str,
    },
    /// No split is stated, so every tile is used.
    NoSplit,
    /// The tiles are read and the backbone is created.
    Started {
        /// Tiles that are used.
        tiles: usize,
        /// Tiles that are not: those of the validation and test splits, and those without a label of their groups.
        left_out: usize,
        /// Trained weights, those of projection and prediction included.
        parameters: usize,
        /// Steps per epoch.
        steps: usize,
        /// Number of epochs.
        epochs: u64,
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
        record: &'a PretrainEpoch,
    },
    /// The running figures of batch normalisation are measured on tiles without variation.
    Recalibrating,
}
