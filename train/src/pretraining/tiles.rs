//! The tiles of a pre-training: those of the training split, read in two variations for each step.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiln_tile::Decoder;

use super::config::PretrainConfig;
use super::request::PretrainRequest;
use crate::data::{
    self, Augmentation, Batches, ContentDigests, DataError, Dataset, Loader, LoaderOptions, Sampling, Split, random,
};
use crate::training::{Purpose, require_resolution, seed};
use crate::{Error, Result};

/// The tiles that a backbone learns from.
pub(super) struct Tiles<'a> {
    config: &'a PretrainConfig,
    dataset: Arc<Dataset>,
    /// Absolute path of the data set.
    pub(super) path: PathBuf,
    /// SHA-256 over the tiles that are used.
    pub(super) sha256: String,
    /// Digests of the tiles that are used.
    digests: Vec<ContentDigests>,
    /// Tiles of the validation and test splits, and tiles without a label of their groups.
    pub(super) left_out: usize,
    /// A split is stated.
    pub(super) by_split: bool,
}

impl<'a> Tiles<'a> {
    /// Opens the data set. A list with splits, or the split file of the request, leaves the training tiles alone.
    pub(super) fn new(request: &'a PretrainRequest) -> Result<Self> {
        let config = &request.config;
        let named = request.data.as_ref().or(config.data.path.as_ref()).ok_or(Error::NoData)?;
        let path = fs::canonicalize(named).map_err(|reason| Error::DataPath { path: named.clone(), reason })?;
        let resolution = config.data.micrometres_per_pixel;
        let options = config.data.slides.options(resolution, request.openslide.clone());
        let all = Dataset::open_unlabelled(&path, &options)?;
        require_resolution(&all, resolution)?;
        let (learnt, by_split) = training_tiles(&all, request.split.as_deref())?;
        if learnt.is_empty() {
            return Err(DataError::NoTiles { path, reason: "none is in the split `train`" }.into());
        }
        let (dataset, left_out) = (all.select(&learnt), all.len() - learnt.len());
        let decoder = Decoder::new(config.data.size_policy);
        let digests = data::tile_digests(&dataset, &decoder)?;
        if let Some(damaged) = digests.iter().position(|digest| digest.pixels.is_none()) {
            dataset.tile(damaged, &decoder)?;
        }
        data::check_masks(&dataset, &decoder)?;
        let sha256 = data::dataset_digest(&dataset, &digests);
        let tiles = Self { config, dataset: Arc::new(dataset), path, sha256, digests, left_out, by_split };
        if tiles.steps() == 0 {
            let (tiles, batch) = (tiles.len(), config.training.batch);
            let reason = format!("a step needs {batch} tiles, and {tiles} may be used");
            return Err(Error::Config { origin: "training.batch".to_owned(), reason });
        }
        Ok(tiles)
    }

    /// Number of tiles.
    pub(super) fn len(&self) -> usize {
        self.dataset.len()
    }

    /// SHA-256 of the pixels of each tile.
    pub(super) fn pixels(&self) -> Vec<&str> {
        self.digests.iter().filter_map(|digest| digest.pixels.as_deref()).collect()
    }

    /// Steps of an epoch, each with a whole batch.
    pub(super) fn steps(&self) -> usize {
        self.len() / self.config.training.batch
    }

    /// The batches of an epoch in two variations, in the same order.
    pub(super) fn views(&self, epoch: u64) -> Result<[Batches; 2]> {
        let loader = self.loader(epoch, Some(&self.config.data.augmentation))?;
        // A loader that does not shuffle draws variations from the number of the epoch alone.
        let view = |number| loader.epoch(seed(self.config.training.seed, Purpose::Views, 2 * epoch + number), 0);
        Ok([view(0), view(1)])
    }

    /// Batches of tiles without variation, in an order that no epoch has.
    pub(super) fn plain(&self) -> Result<Batches> {
        Ok(self.loader(self.config.training.epochs, None)?.epoch(0, 0))
    }

    /// A loader in the order of an epoch, with half of the threads: two of them work at a time.
    fn loader(&self, epoch: u64, augmentation: Option<&Augmentation>) -> Result<Loader> {
        let PretrainConfig { data, training, .. } = self.config;
        let mut order: Vec<usize> = (0..self.len()).collect();
        let order_seed = seed(training.seed, Purpose::Order, 0);
        random::shuffle(&mut order, &mut random::stream(order_seed, b"pretrain", epoch, 0));
        let threads = if data.workers == 0 { kiln_files::limits::threads() } else { data.workers };
        let options = LoaderOptions {
            decoder: Decoder::new(data.size_policy),
            batch: training.batch,
            shuffle_seed: None,
            augmentation: augmentation.cloned(),
            side: self.config.backbone.side,
            workers: threads.div_ceil(2),
            // Labels are not used; a loader needs a number for each.
            classes: self.dataset.labels().into_iter().map(|label| (label, 0)).collect::<BTreeMap<_, _>>(),
            sampling: Sampling::default(),
        };
        Ok(Loader::new(Arc::clone(&self.dataset), order, options)?)
    }
}

/// The tiles that may be used, and true if a split is stated; without one, all tiles.
fn training_tiles(all: &Dataset, split: Option<&Path>) -> Result<(Vec<usize>, bool)> {
    if let Some(file) = split {
        return Ok((data::unlabelled_training_tiles(all, file)?, true));
    }
    let by_split = all.entries.iter().any(|entry| entry.split.is_some());
    let learnt = |index: &usize| !by_split || all.entries[*index].split == Some(Split::Train);
    Ok(((0..all.len()).filter(learnt).collect(), by_split))
}
