//! The run: the folder that training writes and that evaluation and export read. `run.json` is written last, so a folder
//! with it is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use kiln_tile::Decoder;

use super::checkpoint;
use super::facts::{RunFacts, SplitFacts};
use super::history::read_history;
use super::layout::{Layout, same_file};
use super::loaders::plain_loader;
use super::open::opened;
use super::tile_pipeline::TilePipeline;
use crate::data::{Dataset, LabelCount, Loader, Split, SplitPlan, label_counts};
use crate::model::{Preprocessing, Zoo};
use crate::picture::EpochRecord;
use crate::{Config, Error, Result, weights};

/// Advice about a damaged file of a run.
pub(super) const RESTORE: &str = "restore the file, or train again in another folder";

/// A complete run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its files.
    pub layout: Layout,
    /// The resolved configuration.
    pub config: Config,
    /// Its facts.
    pub facts: RunFacts,
    /// The OpenSlide library for tiles of slides; `None` for the installed one, else the system's.
    pub openslide: Option<PathBuf>,
}

impl Run {
    /// Opens a complete run.
    ///
    /// # Errors
    /// [`Error::Run`] if the folder is no run, or its training is not finished.
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
            serde_json::from_slice(&text).map_err(|error| Error::damaged(path, "run.json", &error, RESTORE))?;
        let config = Config::read(&layout.config(), &[])?;
        Ok(Self { layout, config, facts, openslide: None })
    }

    /// The trained model on `device`, in inference mode.
    ///
    /// # Errors
    /// If the weights are missing, damaged (by their digest) or do not fit the model.
    pub fn model(&self, device: &Device) -> Result<Zoo> {
        let path = self.layout.weights();
        let found = kiln_files::digest::sha256_file(&path).map_err(Error::io(&path))?;
        if found != self.facts.weights_sha256 {
            let reason = format!(
                "model.bpk has SHA-256 {found}, run.json has {}: the weights were changed or damaged; train again",
                self.facts.weights_sha256
            );
            return Err(Error::run(self.layout.root(), reason));
        }
        let fresh = Zoo::new(&self.config.model, self.facts.classes.names.len(), 0, device);
        checkpoint::load_weights(&path, fresh)
    }

    /// Writes the backbone of the trained model as a file of weights for `model.backbone.weights`, and beside it its SHA-256 and
    /// the list of the tiles that the run has learnt from: a training on these weights refuses them in its test split. Returns
    /// the digest.
    ///
    /// # Errors
    /// [`Error::WeightsExist`]; [`Error::NoBackbone`]; [`Error::UnchangedBackbone`] for a frozen one; those of [`Run::model`]; a
    /// file that cannot be written.
    pub fn write_backbone(&self, out: &Path) -> Result<String> {
        weights::refuse_existing(out)?;
        // Decided by the configuration, before weights are read.
        let (settings, root) = (self.config.model.settings(), self.layout.root());
        let none = || Error::NoBackbone { path: root.to_owned(), kind: self.config.model.kind() };
        if settings.backbone().is_none() {
            return Err(none());
        }
        if !settings.backbone_learns() {
            return Err(Error::UnchangedBackbone { path: root.to_owned() });
        }
        let seen = self.seen_list()?.ok_or_else(|| {
            let reason = "an older Kiln trained it and kept no list of its tiles (seen.txt); train again";
            Error::run(root, reason)
        })?;
        let backbone = self.model(&Device::flex())?.backbone().cloned().ok_or_else(none)?;
        weights::save(out, backbone, Some(&seen))
    }

    /// The data set of the run; at `moved` if it is not at its old place.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn dataset(&self, moved: Option<&Path>) -> Result<Arc<Dataset>> {
        let path = moved.unwrap_or(&self.facts.data);
        let is_missing = |error: std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        if moved.is_none() && path.metadata().is_err_and(is_missing) {
            let reason = format!("its data set {} is no longer there; give its new place with --data", path.display());
            return Err(Error::run(self.layout.root(), reason));
        }
        Ok(Arc::new(opened(path, &self.config, self.openslide.clone())?))
    }

    /// The entries of `dataset` in `split`, by the run's `split.csv`.
    ///
    /// # Errors
    /// If the data set does not match the split, or the file was changed.
    pub fn indices(&self, dataset: &Dataset, split: Split) -> Result<Vec<usize>> {
        Ok(SplitPlan::read_csv(dataset, &self.own_split()?)?.indices(split))
    }

    /// The run's `split.csv`, verified by digest.
    pub(super) fn own_split(&self) -> Result<PathBuf> {
        let path = self.layout.split();
        same_file(&self.layout, &path, self.facts.split_sha256.as_deref(), "run.json")?;
        Ok(path)
    }

    /// The tiles of each split by the run's `split.csv`; the tiles themselves may be missing.
    ///
    /// # Errors
    /// If the file is missing, wrong or changed.
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

    /// The labels of the run's `split.csv`: tiles of each, and whether it counts as normal.
    ///
    /// # Errors
    /// If the file is missing, wrong or changed.
    pub fn label_counts(&self) -> Result<Vec<LabelCount>> {
        Ok(label_counts(&Dataset::open(&self.own_split()?)?, self.facts.classes.normal_names()))
    }

    /// Decodes tiles to the exported graph's input: with the run's stain normalisation, unless [`Run::preprocessing`]
    /// applies it.
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        self.tile_pipeline().for_graph()
    }

    /// The run's way from a file to the model's input.
    pub(super) fn tile_pipeline(&self) -> TilePipeline {
        TilePipeline { size_policy: self.config.data.size_policy, stain: self.facts.stain_normalisation }
    }

    /// The operations of the exported graph before the model.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        self.tile_pipeline().in_graph()
    }

    /// A loader of tiles by [`Run::decoder`], in order, without augmentation.
    ///
    /// # Errors
    /// If an entry's label is not among the run's.
    pub fn loader(&self, dataset: &Arc<Dataset>, indices: Vec<usize>, batch: usize) -> Result<Loader> {
        let workers = self.config.data.workers;
        plain_loader(dataset, indices, batch, self.decoder(), workers, &self.facts.classes)
    }

    /// As [`Run::loader`], without stain normalisation: the colour baseline uses tiles as decoded.
    pub(crate) fn raw_loader(&self, dataset: &Arc<Dataset>, indices: Vec<usize>, batch: usize) -> Result<Loader> {
        let (decoder, workers) = (self.tile_pipeline().raw(), self.config.data.workers);
        plain_loader(dataset, indices, batch, decoder, workers, &self.facts.classes)
    }

    /// The epochs of `history.jsonl`.
    ///
    /// # Errors
    /// If it is missing or a line is not an epoch.
    pub fn history(&self) -> Result<Vec<EpochRecord>> {
        read_history(&self.layout)
    }

    /// `metrics.json`.
    ///
    /// # Errors
    /// If it is missing or not JSON.
    pub fn metrics(&self) -> Result<serde_json::Value> {
        let path = self.layout.metrics();
        let text = fs::read(&path).map_err(Error::io(&path))?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::damaged(self.layout.root(), "metrics.json", &error, RESTORE))
    }
}
