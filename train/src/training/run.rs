//! The run: the folder that training leaves and that evaluation and export read. `run.json` is written last, so a
//! folder that holds it is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, ScoreRule};
use serde::{Deserialize, Serialize};

use super::checkpoint;
use super::intake::Intake;
use super::seeds::{Purpose, seed};
use crate::data::{Dataset, LabelCount, Loader, LoaderOptions, Sampling, Split, SplitPlan, label_counts};
use crate::model::{Classes, Front, Zoo};
use crate::picture::EpochRecord;
use crate::{Config, Error, Result};

/// Where the parts of a run lie.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout of a run in `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The run's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config.yaml")
    }

    /// The split: `path,label,group,split`.
    #[must_use]
    pub fn split(&self) -> PathBuf {
        self.root.join("split.csv")
    }

    /// Digests of the tiles that the training learnt from or chose by.
    #[must_use]
    pub fn seen(&self) -> PathBuf {
        self.root.join("seen.txt")
    }

    /// The best epoch's weights, in burn's own format.
    #[must_use]
    pub fn weights(&self) -> PathBuf {
        self.root.join("model.bpk")
    }

    /// One JSON object an epoch.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.root.join("history.jsonl")
    }

    /// Figures on the test split.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.json")
    }

    /// What the run knows of itself; written last.
    #[must_use]
    pub fn facts(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Checkpoints of an unfinished training.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Weights of the best epoch so far.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.root.join("checkpoints").join("best.bpk")
    }

    /// The report for people.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// The pictures of the report.
    #[must_use]
    pub fn pictures(&self) -> PathBuf {
        self.root.join("pictures")
    }

    /// A picture by name.
    #[must_use]
    pub fn picture(&self, name: &str) -> PathBuf {
        self.pictures().join(name)
    }
}

/// What a run knows of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Version of this file's form: 1.
    pub schema: u32,
    /// Labels as numbers.
    pub classes: Classes,
    /// The decision rule.
    pub threshold: ThresholdFacts,
    /// The data set, as an absolute path on the machine that trained.
    pub data: PathBuf,
    /// SHA-256 over the data set's labels, groups and tile digests.
    pub data_sha256: String,
    /// SHA-256 of `split.csv`; none in a run that an older Kiln left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_sha256: Option<String>,
    /// SHA-256 of `seen.txt`; none in a run that an older Kiln left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_sha256: Option<String>,
    /// SHA-256 of `model.bpk`.
    pub weights_sha256: String,
    /// SHA-256 of the file that the backbone's weights came from, if the model has one and they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backbone_sha256: Option<String>,
    /// How the score is put together, where that was fitted after the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreRule>,
    /// The stain normalisation with its target, fitted on training tiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stain_normalisation: Option<StainNormaliser>,
    /// Trained weights.
    pub parameters: u64,
    /// Epochs done.
    pub epochs: u64,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: u64,
    /// Git revision of the working folder, where it was one.
    pub git_revision: Option<String>,
    /// Version of Kiln.
    pub kiln: String,
    /// Version of burn.
    pub burn: String,
}

/// How tiles are decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdFacts {
    /// `score >= value` is anomalous.
    pub value: f64,
    /// The rule's name.
    pub rule: String,
    /// The tiles it was chosen on.
    pub chosen_on: String,
}

/// What one part of a split holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SplitFacts {
    /// Tiles of it.
    pub tiles: usize,
    /// Groups that they come from; as many as tiles where no group is known.
    pub groups: usize,
    /// Groups are known.
    pub by_group: bool,
    /// Tiles of each label.
    pub labels: BTreeMap<String, usize>,
}

/// A complete run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where its parts lie.
    pub layout: Layout,
    /// The resolved configuration.
    pub config: Config,
    /// What it knows of itself.
    pub facts: RunFacts,
}

impl Run {
    /// Opens a complete run.
    ///
    /// # Errors
    /// [`Error::Run`] if the folder is no run, or one whose training is not finished.
    pub fn open(path: &Path) -> Result<Self> {
        let layout = Layout::new(path);
        if !layout.facts().is_file() {
            let path = path.to_owned();
            return Err(if layout.config().is_file() {
                Error::RunUnfinished { path }
            } else {
                Error::NotARun { path }
            });
        }
        let text = fs::read(layout.facts()).map_err(Error::io(&layout.facts()))?;
        let facts: RunFacts =
            serde_json::from_slice(&text).map_err(|error| Error::run(path, format!("run.json: {error}")))?;
        let config = Config::read(&layout.config(), &[])?;
        Ok(Self { layout, config, facts })
    }

    /// The trained model on `device`, in inference mode.
    ///
    /// # Errors
    /// If the weights are missing, damaged (by their digest) or of another model.
    pub fn model(&self, device: &Device) -> Result<Zoo> {
        let path = self.layout.weights();
        let found = kiln_files::digest::sha256_file(&path).map_err(Error::io(&path))?;
        if found != self.facts.weights_sha256 {
            let reason = format!(
                "model.bpk has SHA-256 {found}, run.json says {}: the weights were changed or damaged; train again",
                self.facts.weights_sha256
            );
            return Err(Error::run(self.layout.root(), reason));
        }
        let fresh = Zoo::new(&self.config.model, self.facts.classes.names.len(), 0, device);
        checkpoint::load_weights(&path, fresh)
    }

    /// The data set of the run, or the one at `moved` if it lies elsewhere now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn dataset(&self, moved: Option<&Path>) -> Result<Arc<Dataset>> {
        Ok(Arc::new(Dataset::open(moved.unwrap_or(&self.facts.data))?))
    }

    /// The entries of `dataset` in `split`, by the run's own `split.csv`.
    ///
    /// # Errors
    /// If the data set is not the one that was split, or the file not the one that the run was left with.
    pub fn indices(&self, dataset: &Dataset, split: Split) -> Result<Vec<usize>> {
        Ok(SplitPlan::read_csv(dataset, &self.own_split()?)?.indices(split))
    }

    /// The run's own `split.csv`, once it is known to be the one that the run was left with.
    pub(super) fn own_split(&self) -> Result<PathBuf> {
        let path = self.layout.split();
        same_file(&self.layout, &path, self.facts.split_sha256.as_deref(), "run.json")?;
        Ok(path)
    }

    /// What the run's own `split.csv` holds, whether or not its tiles are still there.
    ///
    /// # Errors
    /// If the file is missing or wrong, or not the one that the run was left with.
    pub fn split_facts(&self) -> Result<BTreeMap<Split, SplitFacts>> {
        let list = Dataset::open(&self.own_split()?)?;
        let mut groups = BTreeMap::<Split, BTreeSet<String>>::new();
        let mut facts = BTreeMap::<Split, SplitFacts>::new();
        for (index, entry) in list.entries.iter().enumerate() {
            let Some(split) = entry.split else { continue };
            let place = facts.entry(split).or_default();
            place.tiles += 1;
            *place.labels.entry(entry.label.clone()).or_default() += 1;
            groups.entry(split).or_default().insert(list.group_name(index));
            place.by_group |= entry.group.is_some();
        }
        for (split, groups) in groups {
            facts.entry(split).or_default().groups = groups.len();
        }
        Ok(facts)
    }

    /// The labels of the run's own `split.csv` with their tiles, and what each counts as.
    ///
    /// # Errors
    /// If the file is missing or wrong, or not the one that the run was left with.
    pub fn label_counts(&self) -> Result<Vec<LabelCount>> {
        Ok(label_counts(&Dataset::open(&self.own_split()?)?, self.facts.classes.normal_names()))
    }

    /// Makes tiles as the exported graph takes them: with the run's stain normalisation, unless [`Run::front`] has it.
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        self.intake().for_graph()
    }

    /// How tiles become what the model takes.
    pub(super) fn intake(&self) -> Intake {
        Intake { size_policy: self.config.data.size_policy, stain: self.facts.stain_normalisation }
    }

    /// What the exported graph does with tiles before its model.
    #[must_use]
    pub fn front(&self) -> Front {
        self.intake().front()
    }

    /// Reads tiles by [`Run::decoder`], in order, without augmentation.
    ///
    /// # Errors
    /// If an entry's label is unknown to the run.
    pub fn loader(&self, dataset: &Arc<Dataset>, indices: Vec<usize>, batch: usize) -> Result<Loader> {
        let workers = self.config.data.workers;
        plain_loader(dataset, indices, batch, self.decoder(), workers, &self.facts.classes)
    }

    /// As [`Run::loader`], without stain normalisation: what colour tells is told of tiles as they are.
    pub(crate) fn raw_loader(&self, dataset: &Arc<Dataset>, indices: Vec<usize>, batch: usize) -> Result<Loader> {
        let (decoder, workers) = (self.intake().raw(), self.config.data.workers);
        plain_loader(dataset, indices, batch, decoder, workers, &self.facts.classes)
    }

    /// The epochs of `history.jsonl`.
    ///
    /// # Errors
    /// If it is missing or holds a line that is no epoch.
    pub fn history(&self) -> Result<Vec<EpochRecord>> {
        read_history(&self.layout)
    }

    /// `metrics.json`.
    ///
    /// # Errors
    /// If it is missing or no JSON.
    pub fn metrics(&self) -> Result<serde_json::Value> {
        let path = self.layout.metrics();
        let text = fs::read(&path).map_err(Error::io(&path))?;
        serde_json::from_slice(&text).map_err(|error| Error::run(self.layout.root(), format!("metrics.json: {error}")))
    }
}

/// Refuses a file of a run whose SHA-256 is not the one that `keeper` holds. An older Kiln left none to compare with.
pub(super) fn same_file(layout: &Layout, path: &Path, known: Option<&str>, keeper: &str) -> Result<()> {
    let Some(known) = known else { return Ok(()) };
    let found = kiln_files::digest::sha256_file(path).map_err(Error::io(path))?;
    if found == known {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let reason = format!(
        "{name} does not match {keeper}: it has SHA-256 {found} and had {known}; bring the file back, or train again \
         in another folder"
    );
    Err(Error::run(layout.root(), reason))
}

/// The epochs that a run's folder knows of, whether or not it is complete.
pub(crate) fn read_history(layout: &Layout) -> Result<Vec<EpochRecord>> {
    let path = layout.history();
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let record = |line: &str| {
        serde_json::from_str(line).map_err(|error| Error::run(layout.root(), format!("history.jsonl: {error}")))
    };
    text.lines().map(record).collect()
}

/// A loader of `tiles` as a training sees them.
pub(super) fn training_loader(
    config: &Config,
    dataset: &Arc<Dataset>,
    tiles: Vec<usize>,
    classes: &Classes,
    intake: Intake,
) -> Result<Loader> {
    let options = LoaderOptions {
        decoder: intake.for_model(),
        batch: config.training.batch,
        shuffle_seed: Some(seed(config.training.seed, Purpose::Order, 0)),
        augmentation: config.data.augmentation.clone(),
        workers: workers(config.data.workers),
        classes: class_map(classes),
        sampling: sampling(config, classes),
    };
    Ok(Loader::new(Arc::clone(dataset), tiles, options)?)
}

/// Which tiles an epoch of training holds.
pub(super) fn sampling(config: &Config, classes: &Classes) -> Sampling {
    let data = &config.data;
    Sampling { oversampling: data.oversampling, synthesis: data.synthesis, normal: classes.normal }
}

/// A loader without shuffling and augmentation.
pub(crate) fn plain_loader(
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
        workers: workers(workers_configured),
        classes: class_map(classes),
        sampling: Sampling::default(),
    };
    Ok(Loader::new(Arc::clone(dataset), indices, options)?)
}

/// Decoding threads: the configured number, or one a core.
pub(crate) fn workers(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// Label to class number.
pub(crate) fn class_map(classes: &Classes) -> std::collections::BTreeMap<String, usize> {
    classes.names.iter().cloned().zip(0..).collect()
}
