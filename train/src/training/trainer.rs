//! The training loop: epochs of steps, a validation after each, checkpoints in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor};
use kiln_files::digest::sha256_file;
use kiln_tile::SIDE;

use super::average::Average;
use super::evaluation::validate;
use super::history::write_history;
use super::layout::same_file;
use super::optimizer::adam;
use super::prepared::{self, Prepared};
use super::seeds::Purpose;
use super::source::{Batch, Input, Source, no_features};
use super::stage::{self, Stage};
use super::start::RECALIBRATION_BATCHES;
use super::state::TrainingState;
use super::truth::with_truth;
use super::{Event, Layout, Observer, checkpoint, start};
use crate::data::Split;
use crate::metrics::auroc;
use crate::model::tensors::{feature_tensor, label_tensor, normal_mask, read, side_tensor};
use crate::model::{LossOptions, OnePass, PixelValues, Zoo};
use crate::picture::EpochRecord;
use crate::{Error, Result};

/// A training between two epochs.
pub(super) struct Trainer<'a> {
    prepared: &'a Prepared,
    layout: &'a Layout,
    device: Device,
    pub(super) inference: Device,
    optimizer: ModuleOptimizer,
    average: Option<Average>,
    pub(super) state: TrainingState,
    train: Source,
    val: Source,
    class_weights: Option<Arc<[f32]>>,
    resumed_at: Option<u64>,
}

impl<'a> Trainer<'a> {
    /// A fresh training, or the one in the newest checkpoint.
    pub(super) fn new(prepared: &'a Prepared, layout: &'a Layout, observer: &mut dyn Observer) -> Result<(Self, Zoo)> {
        let config = &prepared.config;
        let inference = config.training.device.open()?;
        let device = inference.clone().autodiff();
        let zoo = Zoo::new(&config.model, prepared.classes.names.len(), prepared.seed(Purpose::Weights, 0), &device);
        let saved = checkpoint::read(&layout.checkpoints(), zoo, adam(config.training.weight_decay))?;
        let (mut zoo, optimizer, state) = saved;
        let resumed_at = state.as_ref().map(|state| state.step);
        let mut state = state.unwrap_or_default();
        let before = std::mem::replace(&mut state.data_sha256, prepared.data_sha256.clone());
        if !before.is_empty() {
            prepared::same_tiles(layout, &before, &prepared.data_sha256)?;
        }
        let split = layout.split();
        same_file(layout, &split, state.split_sha256.as_deref(), "the checkpoint")?;
        state.split_sha256 = Some(sha256_file(&split).map_err(Error::io(&split))?);
        if resumed_at.is_none() {
            (zoo, state.backbone_sha256) = start::with_pretrained(zoo, config, &device, observer)?;
        }
        let began = resumed_at.map(|_| state.features.clone().unwrap_or_default());
        let (train, val, features) = start::sources(prepared, &zoo, &inference, began.as_deref(), observer)?;
        state.features = features.or(state.features);
        state.features_s = train.feature_seconds().zip(val.feature_seconds()).map(|(train, val)| train + val);
        let class_weights = prepared.class_weights()?;
        if resumed_at.is_none() {
            zoo = start::standardised(zoo, &train, &device)?;
        }
        let average = match config.training.ema_decay {
            Some(decay) if resumed_at.is_some() => {
                Some(Average::new(decay, &checkpoint::read_average(&layout.checkpoints(), zoo.clone())?))
            }
            Some(decay) => Some(Average::new(decay, &zoo)),
            None => None,
        };
        let trainer = Self {
            prepared,
            layout,
            device,
            inference,
            optimizer,
            average,
            state,
            train,
            val,
            class_weights,
            resumed_at,
        };
        Ok((trainer, zoo))
    }

    pub(super) fn started(&self, zoo: &Zoo) -> Event<'static> {
        Event::Started {
            train: self.train.tiles(),
            val: self.val.tiles(),
            test: self.prepared.plan.indices(Split::Test).len(),
            parameters: zoo.num_params(),
            steps: self.steps(),
            epochs: stage::epochs(&self.prepared.config),
            resumed_at: self.resumed_at,
        }
    }

    /// The rest of the current epoch, its validation, and the checkpoint that closes it.
    pub(super) fn epoch(&mut self, mut zoo: Zoo, observer: &mut dyn Observer) -> Result<Zoo> {
        if self.prepared.config.model.settings().learns_in_one_pass() {
            return self.fit(zoo, observer);
        }
        let (epoch, first, steps) = (self.state.epoch, self.state.step_of_epoch, self.steps());
        let every = Duration::from_secs(self.prepared.config.training.checkpoint_seconds.max(1));
        let (mut saved, mut ticked) = (Instant::now(), Instant::now());
        for batch in self.train.epoch(epoch, first).take(steps.saturating_sub(first)) {
            let loss;
            (zoo, loss) = self.step(zoo, batch?)?;
            self.state.step += 1;
            if let Some(average) = &mut self.average {
                let steps = Stage::new(&self.prepared.config, &self.state, steps).steps_done();
                average.add(&zoo, steps);
            }
            self.state.step_of_epoch += 1;
            self.state.loss_sum += loss;
            self.state.seconds += ticked.elapsed().as_secs_f64();
            ticked = Instant::now();
            let (step, loss) = (self.state.step_of_epoch, self.state.mean_loss());
            observer.event(&Event::Step { epoch: epoch + 1, step, steps, loss });
            if saved.elapsed() >= every {
                self.checkpoint(&zoo)?;
                saved = Instant::now();
            }
        }
        self.close_epoch(zoo, observer, ticked)
    }

    /// The whole training of a model that learns in one pass.
    fn fit(&mut self, zoo: Zoo, observer: &mut dyn Observer) -> Result<Zoo> {
        let Source::Tiles(loader) = &self.train else {
            return Err(no_features());
        };
        let started = Instant::now();
        let config = &self.prepared.config;
        let views = config.data.augmentation.as_ref().map_or(1, |_| config.model.settings().views());
        let seed = self.prepared.seed(Purpose::Step, 0);
        let zoo = zoo.valid();
        let mut choice = start::feature_choice(self.prepared, &zoo, &self.inference, None, observer)?;
        let zoo = choice.or_burn(observer, |choice, observer| {
            let mut vectors = |pixels: &[u8], tiles| choice.vectors(pixels, tiles);
            let mut on_batch = |done, tiles| observer.event(&Event::Features { done, tiles });
            let device = &self.inference;
            let mut pass = OnePass { loader, views, seed, device, vectors: &mut vectors, on_batch: &mut on_batch };
            zoo.clone().fitted(&config.model, &mut pass)
        })?;
        let zoo = zoo.train();
        self.state.features = Some(choice.identity().to_owned());
        (self.state.step, self.state.step_of_epoch) = (1, 1);
        self.close_epoch(zoo, observer, started)
    }

    /// The current stage.
    fn stage(&self) -> Stage<'_> {
        Stage::new(&self.prepared.config, &self.state, self.steps())
    }

    fn weighted(&self, options: LossOptions) -> LossOptions {
        LossOptions { class_weights: self.class_weights.clone(), ..options }
    }

    fn close_epoch(&mut self, mut zoo: Zoo, observer: &mut dyn Observer, ticked: Instant) -> Result<Zoo> {
        let options = self.weighted(self.stage().validation_loss());
        let inferring = self.recalibrated(&zoo)?;
        let preprocessing = self.prepared.tile_pipeline().in_graph();
        let (val_loss, scored) =
            validate(&inferring, &self.prepared.classes, &self.val, preprocessing, &self.inference, &options)?;
        if !val_loss.is_finite() {
            return Err(self.diverged(format!("the validation loss is {val_loss}")));
        }
        let measured = with_truth(&self.prepared.dataset, &self.prepared.classes, &scored);
        let record = EpochRecord {
            epoch: self.state.epoch + 1,
            step: self.state.step,
            learning_rate: self.stage().learning_rate(self.state.step.saturating_sub(1)),
            train_loss: self.state.mean_loss(),
            val_loss,
            val_auroc: auroc(&measured).ok(),
            seconds: self.state.seconds + ticked.elapsed().as_secs_f64(),
        };
        let training = &self.prepared.config.training;
        let best = self.state.close_epoch(record, training.best, training.early_stopping);
        if best {
            checkpoint::save_weights(&self.layout.best(), &inferring)?;
        }
        observer.event(&Event::Epoch { record: &record, best });
        if self.state.stops_early(training.early_stopping) {
            observer.event(&Event::StoppedEarly { best_epoch: self.state.best_epoch });
        }
        if self.stage().is_over() {
            if self.stage().is_first_of_two() {
                zoo = self.begin_stage_two(zoo, observer)?;
            } else {
                self.state.finished = true;
            }
        }
        write_history(self.layout, &self.state.history)?;
        self.checkpoint(&zoo)?;
        Ok(zoo)
    }

    /// The best epoch of stage one, with a fresh optimiser.
    fn begin_stage_two(&mut self, zoo: Zoo, observer: &mut dyn Observer) -> Result<Zoo> {
        let zoo = checkpoint::load_weights(&self.layout.best(), zoo)?;
        let training = &self.prepared.config.training;
        self.optimizer = adam(training.weight_decay);
        self.average = training.ema_decay.map(|decay| Average::new(decay, &zoo));
        observer.event(&Event::StageTwo { from: self.state.best_epoch });
        self.state.begin_stage_two();
        Ok(zoo)
    }

    /// The model to validate and to keep: in inference mode, with averaged weights if the configuration asks for them, and
    /// with batch normalisation recalibrated on the first batches of the epoch that is closing.
    /// The training model keeps its running figures.
    fn recalibrated(&self, zoo: &Zoo) -> Result<Zoo> {
        let batches = self.train.epoch(self.state.epoch, 0).take(RECALIBRATION_BATCHES.min(self.steps()));
        self.averaged(zoo).recalibrated(batches.map(|batch| match batch?.input {
            Input::Pixels { pixels, side } => Ok(self.tiles(pixels, side, &self.inference)),
            Input::Features(_) => Err(no_features()),
        }))
    }

    /// The model in inference mode, with the averaged weights if there are any.
    fn averaged(&self, zoo: &Zoo) -> Zoo {
        match &self.average {
            Some(average) => average.applied(zoo.valid()),
            None => zoo.valid(),
        }
    }

    /// One optimiser step; returns the loss before it. Takes the model, so that its weights can change in place.
    fn step(&mut self, zoo: Zoo, batch: Batch) -> Result<(Zoo, f64)> {
        // The randomness of a step depends on its number alone, so a resumed step equals an uninterrupted one.
        self.device.seed(self.prepared.seed(Purpose::Step, self.state.step));
        let labels = label_tensor(&batch.labels, &self.device);
        let normal = normal_mask(&batch.labels, &self.prepared.classes, &self.device);
        let options = self.weighted(self.stage().loss());
        let loss = match (batch.input, zoo.frozen()) {
            (Input::Features(values), Some(model)) => {
                model.loss_of_features(feature_tensor(values, batch.indices.len(), &self.device), labels, &options)
            }
            (Input::Features(_), None) => return Err(no_features()),
            (Input::Pixels { pixels, side }, _) => {
                zoo.loss(self.tiles(pixels, side, &self.device), labels, normal, &options).total
            }
        };
        let value = read(loss.clone().inner().into_data())?.first().copied().unwrap_or(f64::NAN);
        if !value.is_finite() {
            return Err(self.diverged(format!("the loss is {value}")));
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &zoo);
        let rates = self.stage().learning_rates(self.state.step, &zoo);
        Ok((self.optimizer.step(rates, zoo, gradients), value))
    }

    fn diverged(&self, found: String) -> Error {
        // A model that learns in one pass has no rate.
        let advice = match &self.prepared.config.model {
            model if !model.settings().learns_in_one_pass() => "try a smaller training.learning_rate",
            _ => "inspect the normal training tiles with `kiln data inspect`; some may all be alike",
        };
        let reason = format!("{found}; {advice}");
        Error::Diverged { epoch: self.state.epoch + 1, step: self.state.step + 1, reason }
    }

    /// The tiles of this step, of `side` pixels a side, or its window of them.
    fn tiles(&self, pixels: Vec<u8>, side: usize, device: &Device) -> PixelValues {
        PixelValues::of_tiles(self.window(side_tensor(pixels, side, device)), side)
    }

    /// The window of the tiles that this step uses; its place depends on the step alone.
    fn window(&self, tile: Tensor<4, Int>) -> Tensor<4, Int> {
        let Some(crop) = self.stage().crop() else {
            return tile;
        };
        let places = (SIDE as usize - crop + 1) as u64;
        let drawn = self.prepared.seed(Purpose::Window, self.state.step);
        let [top, left] = [drawn % places, (drawn >> 32) % places].map(|place| place as usize);
        tile.narrow(1, top, crop).narrow(2, left, crop)
    }

    /// Steps of an epoch. A last batch of one tile is left out, because batch normalisation needs a variance.
    fn steps(&self) -> usize {
        let lonely = self.train.tiles() % self.prepared.config.training.batch == 1;
        self.train.batches() - usize::from(lonely && self.train.batches() > 1)
    }

    fn checkpoint(&self, zoo: &Zoo) -> Result<()> {
        let averaged = self.average.as_ref().map(|average| average.applied(zoo.valid()));
        checkpoint::write(&self.layout.checkpoints(), zoo, averaged.as_ref(), &self.optimizer, &self.state)
    }
}
