//! The loop itself: epochs of steps, a validation after each, checkpoints in between.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor};
use kiln_files::digest::sha256_file;
use kiln_files::publish;
use kiln_tile::SIDE;

use super::evaluation::{feature_tensor, label_tensor, no_features, normal_mask, read, tile_tensor, validate};
use super::prepared::{self, Prepared};
use super::run::same_file;
use super::seeds::Purpose;
use super::source::{Batch, Input, Source};
use super::stage::{self, Stage};
use super::state::TrainingState;
use super::{Event, Layout, Observer, Run, checkpoint, finish, fit, start};
use crate::config::ModelConfig;
use crate::data::{self, Split};
use crate::metrics::auroc;
use crate::model::{LossOptions, MemoryBank, Zoo};
use crate::picture::EpochRecord;
use crate::{Config, Error, Result};

/// What to train, on what, to where.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// The resolved configuration.
    pub config: Config,
    /// The data set; wins over the configuration's.
    pub data: Option<PathBuf>,
    /// The run's folder.
    pub out: PathBuf,
    /// Go on with the training that `out` holds, if there is one.
    pub resume: bool,
    /// A `split.csv` to use, where the split is not to be made from the seed: several trainings that are compared share
    /// one.
    pub split: Option<PathBuf>,
}

/// How a training ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// With a complete run.
    Finished(Box<Run>),
    /// Because its observer wanted no further epoch. The folder holds a training that can be resumed.
    Stopped(Vec<EpochRecord>),
}

/// Trains, and leaves a complete run.
///
/// # Errors
/// What is wrong with the configuration, the data or the folder; or that the loss stopped being a number. The folder
/// then holds a training that can be resumed. An observer that stops the training makes it an error, too.
pub fn train(request: &TrainRequest, observer: &mut dyn Observer) -> Result<Run> {
    match train_unless_stopped(request, observer)? {
        Outcome::Finished(run) => Ok(*run),
        Outcome::Stopped(history) => Err(Error::RunStopped { path: request.out.clone(), epochs: history.len() }),
    }
}

/// Trains as long as the observer goes along, which is asked before each epoch.
///
/// # Errors
/// As [`train`].
pub fn train_unless_stopped(request: &TrainRequest, observer: &mut dyn Observer) -> Result<Outcome> {
    let layout = Layout::new(&request.out);
    let _lock = lock(&layout, request.resume)?;
    tidy(&layout)?;
    if layout.facts().is_file() {
        prepared::same_configuration(&layout, &request.config)?;
        let run = Run::open(&request.out)?;
        prepared::same_data(request, &run)?;
        return Ok(Outcome::Finished(Box::new(run)));
    }
    let prepared = Prepared::new(request, &layout)?;
    let labels = data::label_counts(&prepared.dataset, prepared.classes.normal_names());
    observer.event(&Event::Labels { labels: &labels });
    let (mut trainer, mut zoo) = Trainer::new(&prepared, &layout, observer)?;
    observer.event(&trainer.started(&zoo));
    while !trainer.state.finished {
        // A resumed training asks anew about the epochs that it has, so a kill between epoch and answer changes nothing.
        if !observer.goes_on(&trainer.state.history) {
            return Ok(Outcome::Stopped(trainer.state.history.clone()));
        }
        zoo = trainer.epoch(zoo, observer)?;
    }
    observer.event(&Event::Evaluating);
    let zoo = checkpoint::load_weights(&layout.best(), zoo.valid())?;
    finish::finish(&prepared, &layout, zoo, &trainer.state, &trainer.inference)?;
    tidy(&layout)?;
    observer.event(&Event::Finished { run: layout.root() });
    Ok(Outcome::Finished(Box::new(Run::open(&request.out)?)))
}

/// Batches whose figures stand for the training tiles before a validation.
pub(crate) const SETTLING_BATCHES: usize = 24;

/// Held while a training is at work in a run's folder. Says nothing of whether there is a run.
const LOCK: &str = ".lock";

/// One training a folder; the lock goes with the process, however it ends.
fn lock(layout: &Layout, resume: bool) -> Result<File> {
    let root = layout.root();
    let own = |entry: &std::io::Result<fs::DirEntry>| entry.as_ref().is_ok_and(|entry| entry.file_name() == LOCK);
    let occupied = fs::read_dir(root).is_ok_and(|mut entries| entries.any(|entry| !own(&entry)));
    if occupied && !resume {
        return Err(Error::RunExists { path: root.to_owned() });
    }
    fs::create_dir_all(root).map_err(Error::io(root))?;
    let path = root.join(LOCK);
    let file = File::create(&path).map_err(Error::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: root.to_owned(), process: "training" }),
        Err(TryLockError::Error(error)) => Err(Error::Io { path, source: error }),
    }
}

/// Removes what a killed training left: files in the making, and the checkpoints of one that had come to its end.
fn tidy(layout: &Layout) -> Result<()> {
    for folder in [layout.root(), &layout.pictures()] {
        publish::sweep(folder).map_err(Error::io(folder))?;
    }
    let checkpoints = layout.checkpoints();
    if layout.facts().is_file() && checkpoints.is_dir() {
        fs::remove_dir_all(&checkpoints).map_err(Error::io(&checkpoints))?;
    }
    Ok(())
}

struct Trainer<'a> {
    prepared: &'a Prepared,
    layout: &'a Layout,
    device: Device,
    inference: Device,
    optimizer: ModuleOptimizer,
    state: TrainingState,
    train: Source,
    val: Source,
    class_weights: Option<Arc<[f32]>>,
    resumed_at: Option<u64>,
}

impl<'a> Trainer<'a> {
    fn new(prepared: &'a Prepared, layout: &'a Layout, observer: &mut dyn Observer) -> Result<(Self, Zoo)> {
        let config = &prepared.config;
        let inference = config.training.device.open()?;
        let device = inference.clone().autodiff();
        let zoo = Zoo::new(&config.model, prepared.classes.names.len(), prepared.seed(Purpose::Weights, 0), &device);
        let (mut zoo, optimizer, state) = checkpoint::read(&layout.checkpoints(), zoo, adam(config))?;
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
        let (train, val) = start::sources(prepared, &zoo, &inference, observer)?;
        let class_weights = prepared.class_weights()?;
        let trainer =
            Self { prepared, layout, device, inference, optimizer, state, train, val, class_weights, resumed_at };
        if resumed_at.is_none() {
            zoo = start::standardised(zoo, &trainer.train, &trainer.device)?;
        }
        Ok((trainer, zoo))
    }

    fn started(&self, zoo: &Zoo) -> Event<'static> {
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

    /// The rest of the epoch under way, its validation, and the checkpoint that closes it.
    fn epoch(&mut self, mut zoo: Zoo, observer: &mut dyn Observer) -> Result<Zoo> {
        if let Zoo::MemoryBank(bank) = zoo {
            return self.fit(bank, observer);
        }
        let (epoch, first, steps) = (self.state.epoch, self.state.step_of_epoch, self.steps());
        let every = Duration::from_secs(self.prepared.config.training.checkpoint_seconds.max(1));
        let (mut saved, mut ticked) = (Instant::now(), Instant::now());
        for batch in self.train.epoch(epoch, first).take(steps.saturating_sub(first)) {
            let loss;
            (zoo, loss) = self.step(zoo, batch?)?;
            self.state.step += 1;
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

    /// A memory bank learns all that it ever will in one pass.
    fn fit(&mut self, bank: MemoryBank, observer: &mut dyn Observer) -> Result<Zoo> {
        let (ModelConfig::MemoryBank(config), Source::Tiles(loader)) = (&self.prepared.config.model, &self.train)
        else {
            return Err(no_features());
        };
        let started = Instant::now();
        let views = self.prepared.config.data.augmentation.as_ref().map_or(1, |_| config.views);
        let seed = self.prepared.seed(Purpose::Step, 0);
        let mut heard = |done, tiles| observer.event(&Event::Features { done, tiles });
        let bank = fit::fit(bank.valid(), config, loader, views, seed, &self.inference, &mut heard)?;
        let zoo: Zoo = Zoo::MemoryBank(bank).train();
        (self.state.step, self.state.step_of_epoch) = (1, 1);
        self.close_epoch(zoo, observer, started)
    }

    /// Where the training stands in the stages of its configuration.
    fn stage(&self) -> Stage<'_> {
        Stage::of(&self.prepared.config, &self.state, self.steps())
    }

    fn weighted(&self, options: LossOptions) -> LossOptions {
        LossOptions { class_weights: self.class_weights.clone(), ..options }
    }

    fn close_epoch(&mut self, mut zoo: Zoo, observer: &mut dyn Observer, ticked: Instant) -> Result<Zoo> {
        let options = self.weighted(self.stage().validation_loss());
        let inferring = self.settled(&zoo)?;
        let front = self.prepared.intake().front();
        let (val_loss, scored) =
            validate(&inferring, &self.prepared.classes, &self.val, front, &self.inference, &options)?;
        if !val_loss.is_finite() {
            return Err(self.diverged(format!("the validation loss is {val_loss}")));
        }
        let measured = finish::with_truth(&self.prepared.dataset, &self.prepared.classes, &scored);
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
        finish::write_history(self.layout, &self.state.history)?;
        self.checkpoint(&zoo)?;
        Ok(zoo)
    }

    /// From the best epoch of stage one, with an optimiser that has seen nothing yet.
    fn begin_stage_two(&mut self, zoo: Zoo, observer: &mut dyn Observer) -> Result<Zoo> {
        let zoo = checkpoint::load_weights(&self.layout.best(), zoo)?;
        self.optimizer = adam(&self.prepared.config);
        observer.event(&Event::StageTwo { from: self.state.best_epoch });
        self.state.begin_stage_two();
        Ok(zoo)
    }

    /// The model in inference mode, its running figures brought up to date with its weights over the first batches of
    /// the epoch that is closing. The model that trains on keeps its own.
    fn settled(&self, zoo: &Zoo) -> Result<Zoo> {
        let batches = self.train.epoch(self.state.epoch, 0).take(SETTLING_BATCHES.min(self.steps()));
        zoo.valid().settled(batches.map(|batch| match batch?.input {
            Input::Pixels(pixels) => Ok(self.window(tile_tensor(pixels, &self.inference))),
            Input::Features(_) => Err(no_features()),
        }))
    }

    /// One optimiser step; returns the loss before it. Takes the model, so that its weights can change in place.
    fn step(&mut self, zoo: Zoo, batch: Batch) -> Result<(Zoo, f64)> {
        // What is random in a step depends on its number alone, so a resumed step is the step that would have been.
        self.device.seed(self.prepared.seed(Purpose::Step, self.state.step));
        let labels = label_tensor(&batch.labels, &self.device);
        let normal = normal_mask(&batch.labels, &self.prepared.classes, &self.device);
        let options = self.weighted(self.stage().loss());
        let loss = match (batch.input, zoo.frozen()) {
            (Input::Features(values), Some(model)) => {
                model.loss(feature_tensor(values, batch.indices.len(), &self.device), labels, &options)
            }
            (Input::Features(_), None) => return Err(no_features()),
            (Input::Pixels(pixels), _) => {
                zoo.loss(self.window(tile_tensor(pixels, &self.device)), labels, normal, &options)
            }
        };
        let loss = loss.total;
        let value = read(loss.clone().inner().into_data())?.first().copied().unwrap_or(f64::NAN);
        if !value.is_finite() {
            return Err(self.diverged(format!("the loss is {value}")));
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &zoo);
        let rates = self.stage().learning_rates(self.state.step, &zoo);
        Ok((self.optimizer.step(rates, zoo, gradients), value))
    }

    fn diverged(&self, found: String) -> Error {
        Error::Diverged {
            epoch: self.state.epoch + 1,
            step: self.state.step + 1,
            reason: format!("{found}; try a smaller training.learning_rate"),
        }
    }

    /// The part of the tiles that this step sees, at a place that depends on the step alone.
    fn window(&self, tile: Tensor<4, Int>) -> Tensor<4, Int> {
        let Some(crop) = self.stage().crop() else {
            return tile;
        };
        let places = (SIDE as usize - crop + 1) as u64;
        let drawn = self.prepared.seed(Purpose::Window, self.state.step);
        let [top, left] = [drawn % places, (drawn >> 32) % places].map(|place| place as usize);
        tile.narrow(1, top, crop).narrow(2, left, crop)
    }

    /// Steps of an epoch. A last batch of one tile is left out: batch normalisation has no variance to go by.
    fn steps(&self) -> usize {
        let lonely = self.train.tiles() % self.prepared.config.training.batch == 1;
        self.train.batches() - usize::from(lonely && self.train.batches() > 1)
    }

    fn checkpoint(&self, zoo: &Zoo) -> Result<()> {
        checkpoint::write(&self.layout.checkpoints(), zoo, &self.optimizer, &self.state)
    }
}

fn adam(config: &Config) -> ModuleOptimizer {
    let decay = config.training.weight_decay;
    let adam = AdamConfig::new().with_epsilon(1e-8);
    let adam = if decay > 0.0 { adam.with_weight_decay(Some(WeightDecayConfig::new(decay as f32))) } else { adam };
    adam.init()
}

/// Git revision of the working folder, for provenance.
pub(crate) fn git_revision(folder: &Path) -> Option<String> {
    let output = std::process::Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}
