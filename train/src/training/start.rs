//! Preparations of a model on a backbone before its first step: pretrained weights, features that are computed once, and
//! the moments that standardise the features.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::feature_choice::FeatureChoice;
use super::features::{Extractor, FeatureTiles};
use super::prepared::Prepared;
use super::seeds::Purpose;
use super::source::{FeatureLoader, Source, no_features};
use super::{Event, Observer};
use crate::data::{Sampling, Split};
use crate::features::BurnExtractor;
use crate::model::Zoo;
use crate::model::tensors::{feature_tensor, tile_values};
use crate::{Config, Result, weights};

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

/// Chooses what computes the features of the model's frozen backbone; `began` as for [`FeatureChoice::new`].
pub(super) fn feature_choice(
    prepared: &Prepared,
    zoo: &Zoo,
    device: &Device,
    began: Option<&str>,
    observer: &mut dyn Observer,
) -> Result<FeatureChoice> {
    let training = &prepared.config.training;
    let backbone = zoo.valid().frozen_backbone().ok_or_else(no_features)?;
    let burn = BurnExtractor::new(backbone, device, training.device);
    FeatureChoice::new(training, prepared.features.as_deref(), burn, began, observer)
}

/// Batches for training and validation: features if they are computed once, else tiles. With the identity of what computed
/// the features; `began` as for [`FeatureChoice::new`].
pub(super) fn sources(
    prepared: &Prepared,
    zoo: &Zoo,
    device: &Device,
    began: Option<&str>,
    observer: &mut dyn Observer,
) -> Result<(Source, Source, Option<String>)> {
    if zoo.frozen().is_none() {
        let train = prepared.training_loader(zoo.learns_from_normal_only())?;
        return Ok((Source::Tiles(train), Source::Tiles(prepared.loader(Split::Val)?), None));
    }
    let mut choice = feature_choice(prepared, zoo, device, began, observer)?;
    let (train, val) = choice.or_burn(observer, |choice, observer| {
        Ok((features(prepared, choice, Split::Train, observer)?, features(prepared, choice, Split::Val, observer)?))
    })?;
    Ok((train, val, Some(choice.identity().to_owned())))
}

/// Batches of the features of a split.
fn features(
    prepared: &Prepared,
    choice: &mut FeatureChoice,
    split: Split,
    observer: &mut dyn Observer,
) -> Result<Source> {
    let learns = split == Split::Train;
    let decoder = prepared.tile_pipeline().for_model();
    let tiles = FeatureTiles { dataset: &prepared.dataset, digests: &prepared.digests, decoder };
    let mut extractor = Extractor { choice, trained_on: prepared.config.training.device, tiles };
    let indices = prepared.plan.indices(split);
    let augmentation = prepared.config.data.augmentation.as_ref().filter(|_| learns);
    let views = augmentation.map(|augmentation| (augmentation, prepared.config.model.settings().views()));
    let table = extractor.table(&indices, views, observer)?;
    let (batch, seed) = (prepared.config.training.batch, learns.then(|| prepared.seed(Purpose::Order, 0)));
    let sampling = if learns { prepared.sampling() } else { Sampling::default() };
    let indices = prepared.with_classes(&indices);
    Ok(Source::Features(FeatureLoader::new(table, indices, batch, seed, sampling)))
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
            let features = batches.map(|batch| Ok(model.features(tile_values(batch?, &inference))));
            Tensor::from_inner(Tensor::cat(features.collect::<Result<Vec<_>>>()?, 0))
        }
    };
    Ok(zoo.standardised(features))
}
