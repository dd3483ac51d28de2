//! Where the batches of a training come from: tiles decoded anew in every epoch, or features that a frozen backbone
//! gave once. Both give the same tiles in the same order for the same seed.

use std::sync::Arc;

use super::features::FeatureTable;
use crate::data::random;
use crate::data::{Loader, Result, TileBatch};

/// Batches for a model.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Of decoded tiles.
    Tiles(Loader),
    /// Of features.
    Features(FeatureLoader),
}

/// Some tiles as the model takes them.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) input: Input,
    /// Class numbers, `[n]`.
    pub(crate) labels: Vec<usize>,
    /// Entries of the data set, `[n]`.
    pub(crate) indices: Vec<usize>,
}

/// What a model learns from.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// u8 `[n, 256, 256, 3]`.
    Pixels(Vec<u8>),
    /// f32 `[n, features]`.
    Features(Vec<f32>),
}

impl Source {
    /// Tiles in an epoch.
    pub(crate) fn tiles(&self) -> usize {
        match self {
            Self::Tiles(loader) => loader.tiles(),
            Self::Features(loader) => loader.indices.len(),
        }
    }

    /// Batches in an epoch.
    pub(crate) fn batches(&self) -> usize {
        match self {
            Self::Tiles(loader) => loader.batches(),
            Self::Features(loader) => loader.indices.len().div_ceil(loader.batch),
        }
    }

    /// The batches of an epoch from `first` on, in order.
    pub(crate) fn epoch(&self, epoch: u64, first: usize) -> Box<dyn Iterator<Item = Result<Batch>>> {
        match self {
            Self::Tiles(loader) => Box::new(loader.epoch(epoch, first).map(|batch| batch.map(Batch::from))),
            Self::Features(loader) => Box::new(loader.epoch(epoch, first).map(Ok)),
        }
    }
}

impl From<TileBatch> for Batch {
    fn from(batch: TileBatch) -> Self {
        Self { input: Input::Pixels(batch.pixels), labels: batch.labels, indices: batch.indices }
    }
}

/// Gives features in batches, epoch after epoch.
#[derive(Debug, Clone)]
pub(crate) struct FeatureLoader {
    pub(crate) table: Arc<FeatureTable>,
    /// Entries of the data set, and their class numbers.
    pub(crate) indices: Vec<(usize, usize)>,
    pub(crate) batch: usize,
    /// Shuffles anew in every epoch; `None` keeps the order.
    pub(crate) shuffle_seed: Option<u64>,
}

impl FeatureLoader {
    fn epoch(&self, epoch: u64, first: usize) -> impl Iterator<Item = Batch> + use<> {
        let mut order = self.indices.clone();
        if let Some(seed) = self.shuffle_seed {
            random::shuffle(&mut order, &mut random::stream(seed, b"order   ", epoch, 0));
        }
        let (table, batch) = (Arc::clone(&self.table), self.batch);
        let view = epoch % table.views();
        let starts = (0..order.len()).step_by(batch).skip(first);
        starts.map(move |start| {
            let chosen = &order[start..(start + batch).min(order.len())];
            let rows = chosen.iter().flat_map(|(index, _)| table.row(*index, view).iter().copied());
            Batch {
                input: Input::Features(rows.collect()),
                labels: chosen.iter().map(|(_, class)| *class).collect(),
                indices: chosen.iter().map(|(index, _)| *index).collect(),
            }
        })
    }
}
