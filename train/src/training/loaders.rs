//! Loaders of a training's tiles.

use std::collections::BTreeMap;
use std::sync::Arc;

use kiln_tile::{Decoder, SIDE};

use super::seeds::{Purpose, seed};
use super::tile_pipeline::TilePipeline;
use crate::data::{Dataset, Loader, LoaderOptions, Sampling};
use crate::model::Classes;
use crate::{Config, Result};

/// A loader of `tiles` for training: shuffled, sampled and augmented, at `side` pixels a side.
pub(super) fn training_loader(
    config: &Config,
    dataset: &Arc<Dataset>,
    tiles: Vec<usize>,
    classes: &Classes,
    pipeline: TilePipeline,
    side: usize,
) -> Result<Loader> {
    let options = LoaderOptions {
        decoder: pipeline.for_model(),
        batch: config.training.batch,
        shuffle_seed: Some(seed(config.training.seed, Purpose::Order, 0)),
        augmentation: config.data.augmentation.clone(),
        side,
        workers: workers(config.data.workers),
        classes: class_map(classes),
        sampling: sampling(config, classes),
    };
    Ok(Loader::new(Arc::clone(dataset), tiles, options)?)
}

/// Pixels a side of the tiles of a step. Windows are measured in pixels of whole tiles of 256.
pub(super) fn learning_side(config: &Config) -> usize {
    match config.training.crop {
        Some(_) => SIDE as usize,
        None => config.model.settings().learning_side(),
    }
}

/// The sampling of an epoch of training.
pub(super) fn sampling(config: &Config, classes: &Classes) -> Sampling {
    let data = &config.data;
    Sampling { oversampling: data.oversampling, synthesis: data.synthesis, normal: classes.normal }
}

/// A loader without shuffling and augmentation.
pub(super) fn plain_loader(
    dataset: &Arc<Dataset>,
    indices: Vec<usize>,
    batch: usize,
    decoder: Decoder,
    workers_configured: usize,
    classes: &Classes,
) -> Result<Loader> {
    let options = LoaderOptions {
        decoder,
        batch,
        shuffle_seed: None,
        augmentation: None,
        side: SIDE as usize,
        workers: workers(workers_configured),
        classes: class_map(classes),
        sampling: Sampling::default(),
    };
    Ok(Loader::new(Arc::clone(dataset), indices, options)?)
}

/// Decoding threads: the configured number, or one per core.
fn workers(configured: usize) -> usize {
    match configured {
        0 => kiln_files::limits::threads(),
        workers => workers,
    }
}

/// Label to class number.
fn class_map(classes: &Classes) -> BTreeMap<String, usize> {
    classes.names.iter().cloned().zip(0..).collect()
}
