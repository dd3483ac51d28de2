//! What a model on a backbone needs before its first step: pretrained weights, features that are computed once, and the
//! figures that features are centred and scaled by.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::evaluation::{feature_tensor, tile_tensor};
use super::features::Extractor;
use super::prepared::Prepared;
use super::seeds::Purpose;
use super::source::{FeatureLoader, Source};
use super::trainer::SETTLING_BATCHES;
use super::{Event, Observer};
use crate::config::{ModelConfig, TransferConfig};
use crate::data::Split;
use crate::model::{Transfer, Zoo};
use crate::{Config, Error, Result, weights};

/// The model with the backbone that its configuration names, and the SHA-256 of that one's file.
pub(super) fn with_pretrained(
    zoo: Zoo,
    config: &Config,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<(Zoo, Option<String>)> {
    let Some(backbone) = config.model.backbone() else { return Ok((zoo, None)) };
    let mut heard = |what: &str| observer.event(&Event::Preparing { what });
    match weights::pretrained(backbone, device, &mut heard)? {
        Some((pretrained, digest)) => Ok((zoo.with_backbone(|_| Ok::<_, Error>(pretrained))?, Some(digest))),
        None => Ok((zoo, None)),
    }
}

/// Batches for training and validation: features where they need computing once, else tiles.
pub(super) fn sources(
    prepared: &Prepared,
    zoo: &Zoo,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<(Source, Source)> {
    let (Some(model), ModelConfig::Transfer(config)) = (zoo.frozen(), &prepared.config.model) else {
        let train = prepared.training_loader(zoo.learns_from_normal_only())?;
        return Ok((Source::Tiles(train), Source::Tiles(prepared.loader(Split::Val)?)));
    };
    let model = model.valid();
    let extractor = Extractor {
        model: &model,
        device,
        trained_on: prepared.config.training.device,
        dataset: &prepared.dataset,
        digests: &prepared.digests,
        decoder: prepared.intake().for_model(),
    };
    let mut source = |split, config: Option<&TransferConfig>| {
        let indices = prepared.plan.indices(split);
        let augmentation = prepared.config.data.augmentation.as_ref();
        let views = config.and_then(|config| Some((augmentation?, config.views)));
        let table = extractor.table(&indices, views, observer)?;
        let (batch, seed) = (prepared.config.training.batch, config.map(|_| prepared.seed(Purpose::Order, 0)));
        let sampling = config.map(|_| prepared.sampling()).unwrap_or_default();
        let indices = prepared.with_classes(&indices);
        Ok::<_, Error>(Source::Features(FeatureLoader::new(table, indices, batch, seed, sampling)))
    };
    Ok((source(Split::Train, Some(config))?, source(Split::Val, None)?))
}

/// A model on a backbone, with its features centred and scaled by those of the training tiles; any other as it is.
pub(super) fn standardised(zoo: Zoo, train: &Source, device: &Device) -> Result<Zoo> {
    let Zoo::Transfer(model) = zoo else { return Ok(zoo) };
    let features = match train {
        Source::Features(loader) => {
            let rows: Vec<f32> = loader.table.rows().flatten().copied().collect();
            feature_tensor(rows, loader.table.rows().count(), device)
        }
        Source::Tiles(loader) => {
            let (inferring, inference): (Transfer, Device) = (model.valid(), device.clone().inner());
            let batches = loader.epoch(0, 0).take(SETTLING_BATCHES);
            let features = batches.map(|batch| Ok(inferring.features(tile_tensor(batch?.pixels, &inference))));
            Tensor::from_inner(Tensor::cat(features.collect::<Result<Vec<_>>>()?, 0))
        }
    };
    Ok(Zoo::Transfer(model.standardised(features)))
}
