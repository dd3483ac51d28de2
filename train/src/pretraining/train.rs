//! The course of a pre-training: tiles, epochs of steps, recalibration, and the file of weights.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use kiln_files::publish;

use super::config::PretrainConfig;
use super::event::PretrainEvent;
use super::facts::{COLLAPSED, PretrainEpoch, PretrainFacts, facts_file};
use super::request::PretrainRequest;
use super::simsiam::{Outcome, SimSiam};
use super::tiles::Tiles;
use crate::data::TileBatch;
use crate::model::backbone::Backbone;
use crate::model::tensors::{read, tile_values};
use crate::training::{Purpose, adam, seed};
use crate::{Error, Result, lock, weights};

/// Largest number of batches that batch normalisation is recalibrated on.
const RECALIBRATION_BATCHES: usize = 24;

/// A finished pre-training.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// The file of weights.
    pub weights: PathBuf,
    /// Its record, which is in [`facts_file`] too.
    pub facts: PretrainFacts,
}

/// Trains a backbone without labels and writes its weights, with their SHA-256 and their record beside them.
///
/// # Errors
/// [`Error::WeightsExist`]; a fault of the configuration, the data or the starting weights; [`Error::Diverged`] for a loss
/// that is not a number. No file is written then. A collapse is no error: see [`PretrainFacts::caution`].
pub fn pretrain(request: &PretrainRequest, observer: &mut dyn FnMut(&PretrainEvent<'_>)) -> Result<Pretrained> {
    let config = &request.config;
    make_folder(&request.out)?;
    let _lock = claim(&request.out)?;
    refuse_existing(&request.out)?;
    let device = config.training.device.open()?.autodiff();
    let tiles = Tiles::new(request)?;
    if !tiles.by_split {
        observer(&PretrainEvent::NoSplit);
    }
    let seen = weights::with_seen(Some(&config.backbone), &tiles.pixels())?;
    let (backbone, start_sha256) = starting_backbone(config, &device, observer)?;
    let model = SimSiam::new(
        seed(config.training.seed, Purpose::Weights, 0),
        backbone,
        &config.backbone,
        config.method,
        &device,
    );
    observer(&PretrainEvent::Started {
        tiles: tiles.len(),
        left_out: tiles.left_out,
        parameters: model.num_params(),
        steps: tiles.steps(),
        epochs: config.training.epochs,
    });
    let mut trainer = Trainer { config, tiles: &tiles, optimizer: adam(config.training.weight_decay), device: &device };
    let (model, epochs) = trainer.train(model, observer)?;
    observer(&PretrainEvent::Recalibrating);
    let out = unused(&request.out);
    let weights_sha256 = weights::save(&out, recalibrated(model, &tiles, &device)?, Some(&seen))?;
    let facts = PretrainFacts { weights_sha256, start_sha256, ..facts(config, &tiles, epochs) };
    write_facts(&out, &facts)?;
    Ok(Pretrained { weights: out, facts })
}

/// The backbone with running figures that are measured on tiles without variation.
fn recalibrated(model: SimSiam, tiles: &Tiles<'_>, device: &Device) -> Result<Backbone> {
    let plain = tiles.plain()?.take(RECALIBRATION_BATCHES.min(tiles.steps()));
    let inference = device.clone().without_autodiff();
    Ok(model.into_backbone(plain.map(|batch| batch.map(|batch| tile_values(batch, &inference))))?)
}

/// The record, without the digests of the weights.
fn facts(config: &PretrainConfig, tiles: &Tiles<'_>, epochs: Vec<PretrainEpoch>) -> PretrainFacts {
    PretrainFacts {
        schema: 1,
        weights_sha256: String::new(),
        stages: config.backbone.depth(),
        start_sha256: None,
        data: tiles.path.clone(),
        data_sha256: tiles.sha256.clone(),
        tiles: tiles.len(),
        left_out: tiles.left_out,
        by_split: tiles.by_split,
        collapsed: epochs.last().is_none_or(|epoch| epoch.spread < COLLAPSED),
        epochs,
        config: config.clone(),
        kiln: env!("CARGO_PKG_VERSION").to_owned(),
        burn: crate::BURN_VERSION.to_owned(),
    }
}

/// The backbone that the pre-training starts with, and the SHA-256 of its weights.
fn starting_backbone(
    config: &PretrainConfig,
    device: &Device,
    observer: &mut dyn FnMut(&PretrainEvent<'_>),
) -> Result<(Backbone, Option<String>)> {
    let backbone = &config.backbone;
    let frozen = config.frozen;
    let mut on_step = |what: &str| observer(&PretrainEvent::Preparing { what });
    Ok(match weights::pretrained(backbone, device, &mut on_step)? {
        Some((pretrained, digest)) => (frozen.applied(pretrained), Some(digest)),
        None => (Backbone::new(backbone.name, backbone.depth(), backbone.width, device), None),
    })
}

/// Makes the folder of the file of weights: one that cannot be made is an error now, not hours later.
fn make_folder(out: &Path) -> Result<()> {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder).map_err(Error::io(folder)),
        _ => Ok(()),
    }
}

/// Refuses a file of weights that exists already, and one whose neighbours, which a pre-training writes, do.
fn refuse_existing(out: &Path) -> Result<()> {
    weights::refuse_existing(out)?;
    let facts = facts_file(out);
    if facts.symlink_metadata().is_ok() { Err(Error::WeightsExist { path: facts }) } else { Ok(()) }
}

/// The path, or one with a number if a file has appeared there meanwhile: neither that nor these weights are lost.
fn unused(path: &Path) -> PathBuf {
    let numbered = |number: u32| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        path.with_file_name(format!("{stem}-{number}{ending}"))
    };
    let others = (2..).map(numbered);
    let is_free = |path: &PathBuf| refuse_existing(path).is_ok();
    std::iter::once(path.to_owned()).chain(others).find(is_free).unwrap_or_else(|| path.to_owned())
}

/// Claims the file of weights for this process: two pre-trainings would replace each other's, hours later.
fn claim(out: &Path) -> Result<Lock> {
    let mut name = OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(".lock");
    let path = out.with_file_name(name);
    let file = lock::exclusive(&path, out, "pre-training")?;
    Ok(Lock { path, _file: file })
}

/// A locked file, which is removed at the end.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One that stays is locked again next time.
        let _ = fs::remove_file(&self.path);
    }
}

fn write_facts(weights: &Path, facts: &PretrainFacts) -> Result<()> {
    let path = facts_file(weights);
    let wrong = |error: serde_json::Error| Error::Weights { path: path.clone(), reason: error.to_string() };
    let mut text = serde_json::to_vec_pretty(facts).map_err(wrong)?;
    text.push(b'\n');
    publish::write_file(&path, &text).map_err(Error::io(&path))
}

/// The loop over epochs and steps.
struct Trainer<'a> {
    config: &'a PretrainConfig,
    tiles: &'a Tiles<'a>,
    optimizer: ModuleOptimizer,
    device: &'a Device,
}

impl Trainer<'_> {
    fn train(
        &mut self,
        mut model: SimSiam,
        observer: &mut dyn FnMut(&PretrainEvent<'_>),
    ) -> Result<(SimSiam, Vec<PretrainEpoch>)> {
        let mut records = Vec::new();
        for epoch in 0..self.config.training.epochs {
            let record;
            (model, record) = self.epoch(model, epoch, observer)?;
            observer(&PretrainEvent::Epoch { record: &record });
            records.push(record);
        }
        Ok((model, records))
    }

    fn epoch(
        &mut self,
        mut model: SimSiam,
        epoch: u64,
        observer: &mut dyn FnMut(&PretrainEvent<'_>),
    ) -> Result<(SimSiam, PretrainEpoch)> {
        let (started, steps) = (Instant::now(), self.tiles.steps());
        let first = epoch * steps as u64;
        let (mut loss_sum, mut spread_sum) = (0.0, 0.0);
        let [one, other] = self.tiles.views(epoch)?;
        for (at, (one, other)) in one.zip(other).take(steps).enumerate() {
            let figures;
            (model, figures) = self.step(model, [one?, other?], epoch, first + at as u64)?;
            loss_sum += figures[0];
            spread_sum += figures[1];
            let (step, loss) = (at + 1, loss_sum / (at + 1) as f64);
            observer(&PretrainEvent::Step { epoch: epoch + 1, step, steps, loss });
        }
        let step = first + steps as u64;
        let record = PretrainEpoch {
            epoch: epoch + 1,
            step,
            learning_rate: self.learning_rate(step.saturating_sub(1)),
            loss: loss_sum / steps as f64,
            spread: spread_sum / steps as f64,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok((model, record))
    }

    /// One optimiser step; returns loss and spread before it.
    fn step(&mut self, model: SimSiam, views: [TileBatch; 2], epoch: u64, step: u64) -> Result<(SimSiam, [f64; 2])> {
        let [one, other] = views.map(|view| tile_values(view, self.device));
        let Outcome { loss, spread } = model.compare(one, other);
        let value = number(loss.clone().inner())?;
        if !value.is_finite() {
            let reason = format!("the loss is {value}; try a smaller training.learning_rate");
            return Err(Error::Diverged { epoch: epoch + 1, step: step + 1, reason });
        }
        let spread = number(spread)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let rate = self.learning_rate(step);
        Ok((self.optimizer.step(rate, model, gradients), [value, spread]))
    }

    fn learning_rate(&self, step: u64) -> f64 {
        let training = &self.config.training;
        let total = training.epochs * self.tiles.steps() as u64;
        training.learning_rate * training.schedule.factor(step, total)
    }
}

/// The number in a tensor of one value.
fn number(value: Tensor<1>) -> Result<f64> {
    Ok(read(value.into_data())?.first().copied().unwrap_or(f64::NAN))
}
