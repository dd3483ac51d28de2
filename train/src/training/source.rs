//! The source of a training's batches: tiles decoded in every epoch, or features that a frozen backbone computed once. Both
//! give the same tiles in the same order for the same seed.

use std::sync::Arc;

use super::features::FeatureTable;
use crate::Error;
use crate::data::{self, Loader, Result, Sample, Sampling, TileBatch, random};

/// Batches for a model.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Batches of decoded tiles.
    Tiles(Loader),
    /// Batches of features.
    Features(FeatureLoader),
}

/// A batch of tiles as input of the model.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) input: Input,
    /// Class numbers, `[n]`.
    pub(crate) labels: Vec<usize>,
    /// Entries of the data set, `[n]`.
    pub(crate) indices: Vec<usize>,
}

/// The input of a model.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Tiles of `side` pixels a side, u8 `[n, side, side, 3]`.
    Pixels { pixels: Vec<u8>, side: usize },
    /// f32 `[n, features]`.
    Features(Vec<f32>),
}

impl Source {
    /// Tiles in an epoch.
    pub(crate) fn tiles(&self) -> usize {
        match self {
            Self::Tiles(loader) => loader.tiles(),
            Self::Features(loader) => loader.length,
        }
    }

    /// Batches in an epoch.
    pub(crate) fn batches(&self) -> usize {
        match self {
            Self::Tiles(loader) => loader.batches(),
            Self::Features(loader) => loader.length.div_ceil(loader.batch),
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
        Self {
            input: Input::Pixels { pixels: batch.pixels, side: batch.side },
            labels: batch.labels,
            indices: batch.indices,
        }
    }
}

impl Source {
    /// Seconds that computing the features took, now or when they were cached; `None` for tiles, or if that is unknown.
    pub(super) fn feature_seconds(&self) -> Option<f64> {
        match self {
            Self::Features(loader) => loader.table.seconds,
            Self::Tiles(_) => None,
        }
    }
}

/// The error of features for a model that takes none. Features are made only for models that do.
pub(crate) fn no_features() -> Error {
    Error::Config { origin: "model".to_owned(), reason: "this model does not learn from features".to_owned() }
}

/// Batches of features, epoch after epoch.
#[derive(Debug, Clone)]
pub(crate) struct FeatureLoader {
    pub(crate) table: Arc<FeatureTable>,
    /// Entries of the data set, and their class numbers.
    indices: Vec<(usize, usize)>,
    batch: usize,
    /// Shuffles anew in every epoch; `None` keeps the order.
    shuffle_seed: Option<u64>,
    /// The sampling of an epoch.
    sampling: Sampling,
    /// Tiles in an epoch.
    length: usize,
}

impl FeatureLoader {
    /// A loader of the features of `indices`: entries of the data set with their class numbers.
    pub(crate) fn new(
        table: FeatureTable,
        indices: Vec<(usize, usize)>,
        batch: usize,
        shuffle_seed: Option<u64>,
        sampling: Sampling,
    ) -> Self {
        let mut loader = Self { table: Arc::new(table), indices, batch, shuffle_seed, sampling, length: 0 };
        loader.length = loader.samples(0).len();
        loader
    }

    fn samples(&self, epoch: u64) -> Vec<Sample> {
        data::samples(&self.indices, &self.sampling, self.shuffle_seed.unwrap_or(0), epoch)
    }

    fn epoch(&self, epoch: u64, first: usize) -> impl Iterator<Item = Batch> + use<> {
        let mut order = self.samples(epoch);
        if let Some(seed) = self.shuffle_seed {
            random::shuffle(&mut order, &mut random::stream(seed, b"order   ", epoch, 0));
        }
        let (table, batch) = (Arc::clone(&self.table), self.batch);
        let starts = (0..order.len()).step_by(batch).skip(first);
        starts.map(move |start| {
            let chosen = &order[start..(start + batch).min(order.len())];
            // A repeated tile of an epoch is another variation, if there are more.
            let row = |sample: &Sample| table.row(sample.index, (epoch + sample.repeat) % table.views());
            Batch {
                input: Input::Features(chosen.iter().flat_map(|sample| row(sample).iter().copied()).collect()),
                labels: chosen.iter().map(|sample| sample.class).collect(),
                indices: chosen.iter().map(|sample| sample.index).collect(),
            }
        })
    }
}
