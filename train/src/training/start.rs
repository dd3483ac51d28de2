//! Preparations of a model on a backbone before its first step: pretrained weights, features that are computed once, and
//! the moments that standardise the features.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::features::Extractor;
use super::prepared::Prepared;
use super::seeds::Purpose;
use super::source::{FeatureLoader, Source, no_features};
use super::{Event, Observer};
use crate::data::{Sampling, Split};
use crate::model::Zoo;
use crate::model::tensors::{feature_tensor, tile_tensor};
use crate::{Config, Error, Result, weights};

/// Number of training batches that batch normalisation is recalibrated on before a validation.
pub(super) const RECALIBRATION_BATCHES: usize = 24;

/// The model with the pretrained backbone of its configuration, and the SHA-256 of the backbone's file.
pub(super) fn with_pretrained(
    zoo: Zoo,
    config: &Config,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<(Zoo, Option<String>)> {
    let Some(backbone) = config.model.settings().backbone() else { return Ok((zoo, None)) };
    let mut on_step = |what: &str| observer.event(&Event::Preparing { what });
    match weights::pretrained(backbone, device, &mut on_step)? {
        Some((pretrained, digest)) => Ok((zoo.with_backbone(pretrained), Some(digest))),
        None => Ok((zoo, None)),
    }
}

/// Batches for training and validation: features if they are computed once, else tiles.
pub(super) fn sources(
    prepared: &Prepared,
    zoo: &Zoo,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<(Source, Source)> {
    if zoo.frozen().is_none() {
        let train = prepared.training_loader(zoo.learns_from_normal_only())?;
        return Ok((Source::Tiles(train), Source::Tiles(prepared.loader(Split::Val)?)));
    }
    let inferring = zoo.valid();
    let model = inferring.frozen().ok_or_else(no_features)?;
    let extractor = Extractor {
        model,
        device,
        trained_on: prepared.config.training.device,
        dataset: &prepared.dataset,
        digests: &prepared.digests,
        decoder: prepared.tile_pipeline().for_model(),
    };
    let views = prepared.config.model.settings().views();
    let mut source = |split, learns: bool| {
        let indices = prepared.plan.indices(split);
        let augmentation = prepared.config.data.augmentation.as_ref().filter(|_| learns);
        let table = extractor.table(&indices, augmentation.map(|augmentation| (augmentation, views)), observer)?;
        let (batch, seed) = (prepared.config.training.batch, learns.then(|| prepared.seed(Purpose::Order, 0)));
        let sampling = if learns { prepared.sampling() } else { Sampling::default() };
        let indices = prepared.with_classes(&indices);
        Ok::<_, Error>(Source::Features(FeatureLoader::new(table, indices, batch, seed, sampling)))
    };
    Ok((source(Split::Train, true)?, source(Split::Val, false)?))
}

/// A model of features, with these standardised by the features of the training tiles; any other model unchanged.
pub(super) fn standardised(zoo: Zoo, train: &Source, device: &Device) -> Result<Zoo> {
    if zoo.feature_model().is_none() {
        return Ok(zoo);
    }
    let features = match train {
        Source::Features(loader) => {
            let rows: Vec<f32> = loader.table.rows().flatten().copied().collect();
            feature_tensor(rows, loader.table.rows().count(), device)
        }
        Source::Tiles(loader) => {
            let (inferring, inference) = (zoo.valid(), device.clone().inner());
            let model = inferring.feature_model().ok_or_else(no_features)?;
            let batches = loader.epoch(0, 0).take(RECALIBRATION_BATCHES);
            let features = batches.map(|batch| Ok(model.features(tile_tensor(batch?.pixels, &inference).into())));
            Tensor::from_inner(Tensor::cat(features.collect::<Result<Vec<_>>>()?, 0))
        }
    };
    Ok(zoo.standardised(features))
}
