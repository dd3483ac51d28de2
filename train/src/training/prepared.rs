//! The prerequisites of a training: tiles, classes, split and stain target, all checked before the first step.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiln_files::publish;
use kiln_tile::Decoder;
use kiln_tile::stain::StainNormaliser;

use super::checkpoint;
use super::layout::{Layout, same_file};
use super::loaders::{learning_side, plain_loader, sampling, training_loader};
use super::open::opened;
use super::request::TrainRequest;
use super::run::Run;
use super::seeds::{Purpose, seed};
use super::tile_pipeline::TilePipeline;
use super::{classes, seen, stain};
use crate::data::{self, ContentDigests, Dataset, LabelKind, Loader, Sampling, Split, SplitPlan};
use crate::evaluation::require_columns;
use crate::features::FeatureBackend;
use crate::metrics::ThresholdRule;
use crate::model::Classes;
use crate::{Config, Error, Result};

/// The fixed inputs of a training.
pub(crate) struct Prepared {
    pub(crate) config: Config,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) data_path: PathBuf,
    pub(crate) data_sha256: String,
    pub(crate) digests: Vec<ContentDigests>,
    pub(crate) plan: SplitPlan,
    pub(crate) classes: Classes,
    pub(crate) stain: Option<StainNormaliser>,
    pub(crate) features: Option<Arc<dyn FeatureBackend>>,
}

impl Prepared {
    pub(super) fn new(request: &TrainRequest, layout: &Layout) -> Result<Self> {
        let config = request.config.clone();
        let data_path = request.data.clone().or_else(|| config.data.path.clone()).ok_or(Error::NoData)?;
        let data_path = located(&data_path)?;
        let dataset = Arc::new(opened(&data_path, &config, request.openslide.clone())?);
        let classes = classes(&dataset, config.data.normal_classes.as_deref())?;
        require_columns(&dataset, &config.subgroups)?;
        let decoder = Decoder::new(config.data.size_policy);
        let digests = data::tile_digests(&dataset, &decoder)?;
        refuse_damaged(&dataset, &decoder, &digests)?;
        data::check_masks(&dataset, &decoder)?;
        let (plan, fresh) = resolve_split(request, layout, &dataset, &digests)?;
        data::check_leaks(&dataset, &plan, &digests)?;
        seen::refuse_tested(&config, &dataset, std::slice::from_ref(&plan), &digests)?;
        let data_sha256 = data::dataset_digest(&dataset, &digests);
        let features = request.features.clone();
        let prepared = Self { config, dataset, data_path, data_sha256, digests, plan, classes, stain: None, features };
        check_splits(&prepared.config, &prepared.dataset, &prepared.plan, &prepared.classes)?;
        prepared.class_weights()?;
        prepared.config.training.device.open()?;
        let of = prepared.training_tiles(!prepared.config.model.has_classes());
        let stain = stain::fitted(&prepared.config, &prepared.dataset, of, prepared.seed(Purpose::Stain, 0))?;
        if fresh {
            // Last, so that a folder never keeps a configuration that was refused.
            let resolved = prepared.config.to_yaml()?;
            publish::write_file(&layout.config(), resolved.as_bytes()).map_err(Error::io(&layout.config()))?;
            prepared.plan.write_csv(&prepared.dataset, &layout.split())?;
            seen::write(&prepared, layout)?;
        }
        Ok(Self { stain, ..prepared })
    }

    pub(crate) fn seed(&self, purpose: Purpose, number: u64) -> u64 {
        seed(self.config.training.seed, purpose, number)
    }

    /// The run's way from a file to the model's input.
    pub(super) fn tile_pipeline(&self) -> TilePipeline {
        TilePipeline { size_policy: self.config.data.size_policy, stain: self.stain }
    }

    /// The tiles of a split as input of the exported graph, in order: for scores, which begin with
    /// [`TilePipeline::in_graph`].
    pub(crate) fn loader(&self, split: Split) -> Result<Loader> {
        self.in_order(self.plan.indices(split), self.tile_pipeline().for_graph())
    }

    /// The tiles of a split without stain normalisation.
    pub(crate) fn raw_loader(&self, split: Split) -> Result<Loader> {
        self.in_order(self.plan.indices(split), self.tile_pipeline().raw())
    }

    /// The normal training tiles, as input of the exported graph.
    pub(crate) fn normal_loader(&self) -> Result<Loader> {
        self.in_order(self.training_tiles(true), self.tile_pipeline().for_graph())
    }

    fn in_order(&self, indices: Vec<usize>, decoder: Decoder) -> Result<Loader> {
        let (batch, workers) = (self.config.training.batch, self.config.data.workers);
        plain_loader(&self.dataset, indices, batch, decoder, workers, &self.classes)
    }

    /// The tiles of the steps.
    pub(crate) fn training_loader(&self, normal_only: bool) -> Result<Loader> {
        let tiles = self.training_tiles(normal_only);
        let side = learning_side(&self.config);
        training_loader(&self.config, &self.dataset, tiles, &self.classes, self.tile_pipeline(), side)
    }

    /// The sampling of an epoch.
    pub(crate) fn sampling(&self) -> Sampling {
        sampling(&self.config, &self.classes)
    }

    /// The weights of the classes in the loss; `None` for equal weights.
    pub(super) fn class_weights(&self) -> Result<Option<Arc<[f32]>>> {
        let Some(weights) = &self.config.training.class_weights else { return Ok(None) };
        let tiles = self.with_classes(&self.plan.indices(Split::Train));
        let counts = data::class_counts(data::samples(&tiles, &self.sampling(), 0, 0).iter().map(|tile| tile.class));
        let wrong = |reason| Error::Config { origin: "training.class_weights".to_owned(), reason };
        Ok(Some(weights.resolved(&self.classes, &counts).map_err(wrong)?.into()))
    }

    fn training_tiles(&self, normal_only: bool) -> Vec<usize> {
        learnt(&self.dataset, self.plan.indices(Split::Train), &self.classes, normal_only)
    }

    /// Entries with their class numbers.
    pub(crate) fn with_classes(&self, indices: &[usize]) -> Vec<(usize, usize)> {
        with_classes(&self.dataset, &self.classes, indices)
    }

    /// Labels without a training tile; none for a model that learns from normal tiles alone, whatever their labels.
    pub(crate) fn unlearnt_labels(&self) -> Vec<&str> {
        if !self.config.model.has_classes() {
            return Vec::new();
        }
        let learnt: BTreeSet<usize> =
            self.with_classes(&self.plan.indices(Split::Train)).into_iter().map(|(_, class)| class).collect();
        let names = self.classes.names.iter().enumerate();
        names.filter(|(class, _)| !learnt.contains(class)).map(|(_, name)| name.as_str()).collect()
    }
}

fn with_classes(dataset: &Dataset, classes: &Classes, indices: &[usize]) -> Vec<(usize, usize)> {
    let class = |index: &usize| Some((*index, classes.number(&dataset.entries[*index].label)?));
    indices.iter().filter_map(class).collect()
}

/// Refuses generated anomalies if there are several anomalous labels: their label would be ambiguous.
fn check_synthesis(config: &Config, classes: &Classes) -> Result<()> {
    let anomalous = &classes.names[classes.normal..];
    if config.data.synthesis.generated == 0.0 || anomalous.len() == 1 {
        return Ok(());
    }
    let reason = format!(
        "a generated anomaly could have any of the labels {}; use data.synthesis.cut_paste",
        anomalous.join(", ")
    );
    Err(Error::Config { origin: "data.synthesis.generated".to_owned(), reason })
}

/// Refuses a split as [`check_parts`], synthetic tiles without a label, and too few tiles for the vectors of the model;
/// otherwise the error would come hours later.
pub(crate) fn check_splits(config: &Config, dataset: &Dataset, plan: &SplitPlan, classes: &Classes) -> Result<()> {
    check_synthesis(config, classes)?;
    let learns_anomalies = config.model.has_classes() && config.data.synthesis.generated == 0.0;
    check_parts(dataset, plan, classes, learns_anomalies, config.threshold)?;
    let normal = learnt(dataset, plan.indices(Split::Train), classes, true).len();
    let settings = config.model.settings();
    let views = config.data.augmentation.as_ref().map_or(1, |_| settings.views());
    settings.check_room(normal * views as usize)
}

/// Refuses a split that lacks normal or anomalous tiles, or has too few for the threshold; otherwise the error would come hours
/// later. The training split needs anomalous tiles only if the model `learns_anomalies`.
pub(crate) fn check_parts(
    dataset: &Dataset,
    plan: &SplitPlan,
    classes: &Classes,
    learns_anomalies: bool,
    threshold: ThresholdRule,
) -> Result<()> {
    for split in Split::ALL {
        let tiles = with_classes(dataset, classes, &plan.indices(split));
        let anomalous = tiles.iter().filter(|(_, class)| classes.is_anomalous(*class)).count();
        let needs_both = split != Split::Train || learns_anomalies;
        let missing = match (tiles.len() - anomalous, anomalous) {
            (0, _) => LabelKind::Normal,
            (_, 0) if needs_both => LabelKind::Anomalous,
            (normal, _) if split == Split::Val => {
                threshold.check(normal, anomalous)?;
                continue;
            }
            _ => continue,
        };
        return Err(Error::SplitLacks { split, tiles: tiles.len(), missing });
    }
    Ok(())
}

/// Absolute path of a data set.
fn located(data: &Path) -> Result<PathBuf> {
    fs::canonicalize(data).map_err(|reason| Error::DataPath { path: data.to_owned(), reason })
}

/// Refuses a tile that cannot be decoded now, not hours later when its split is read.
fn refuse_damaged(dataset: &Dataset, decoder: &Decoder, digests: &[ContentDigests]) -> Result<()> {
    let Some(index) = digests.iter().position(|digest| digest.pixels.is_none()) else { return Ok(()) };
    dataset.tile(index, decoder).map(drop).map_err(Error::from)
}

/// The training tiles that a model learns from: all, or only the normal ones.
pub(super) fn learnt(dataset: &Dataset, tiles: Vec<usize>, classes: &Classes, normal_only: bool) -> Vec<usize> {
    let normal = classes.normal_names();
    let learnt = |index: &usize| !normal_only || normal.contains(&dataset.entries[*index].label);
    tiles.into_iter().filter(learnt).collect()
}

/// The split, and true if it is new. A training with a checkpoint keeps its split.
fn resolve_split(
    request: &TrainRequest,
    layout: &Layout,
    dataset: &Dataset,
    digests: &[ContentDigests],
) -> Result<(SplitPlan, bool)> {
    let config = &request.config;
    let fractions = [config.data.split.train, config.data.split.val, config.data.split.test];
    let asked = match &request.split {
        Some(file) => Some(SplitPlan::read_csv(dataset, file)?),
        None => None,
    };
    let begun = if layout.split().is_file() { checkpoint::state(&layout.checkpoints())? } else { None };
    if let Some(state) = begun {
        same_configuration(layout, config)?;
        same_file(layout, &layout.split(), state.split_sha256.as_deref(), "the checkpoint")?;
        let begun = SplitPlan::read_csv(dataset, &layout.split())?;
        same_split(layout, asked.as_ref(), &begun)?;
        same_order(layout, dataset)?;
        return Ok((begun, false));
    }
    let plan = match asked {
        Some(plan) => plan,
        None => SplitPlan::with_digests(dataset, digests, fractions, seed(config.training.seed, Purpose::Split, 0))?,
    };
    Ok((plan, true))
}

/// Refuses a resumed training with another configuration.
pub(crate) fn same_configuration(layout: &Layout, config: &Config) -> Result<()> {
    let mut before = Config::read(&layout.config(), &[])?;
    // Without an effect on the result.
    before.data.workers = config.data.workers;
    before.training.checkpoint_seconds = config.training.checkpoint_seconds;
    let Some(key) = before.first_difference(config)? else { return Ok(()) };
    Err(Error::OtherConfiguration { path: layout.root().to_owned(), key })
}

/// Refuses a resumed training on other tiles.
pub(super) fn same_tiles(layout: &Layout, before: &str, now: &str) -> Result<()> {
    if before == now {
        return Ok(());
    }
    Err(Error::OtherTiles { path: layout.root().to_owned() })
}

/// Refuses a resumed training with another split.
fn same_split(layout: &Layout, asked: Option<&SplitPlan>, begun: &SplitPlan) -> Result<()> {
    if asked.is_none_or(|asked| asked == begun) {
        return Ok(());
    }
    Err(Error::OtherSplit { path: layout.root().to_owned() })
}

/// Refuses a resumed training with the rows of the list in another order. The digest of the data set leaves the order out, but
/// the batches of a training and the scores of a study depend on it.
fn same_order(layout: &Layout, dataset: &Dataset) -> Result<()> {
    let order = layout.split();
    if SplitPlan::is_in_order_of(dataset, &order)? {
        return Ok(());
    }
    Err(Error::OtherOrder { what: "run", path: layout.root().to_owned(), order })
}

/// Refuses other tiles or another split for a finished run, as for an unfinished one. If no data set is named, its tiles
/// may be missing.
pub(super) fn same_data(request: &TrainRequest, run: &Run) -> Result<()> {
    let own = run.own_split()?;
    let named = request.data.as_ref().or(request.config.data.path.as_ref());
    if named.is_none() && request.split.is_none() {
        return Ok(());
    }
    let dataset = opened(&located(named.unwrap_or(&run.facts.data))?, &run.config, request.openslide.clone())?;
    let digests = data::tile_digests(&dataset, &Decoder::new(run.config.data.size_policy))?;
    same_tiles(&run.layout, &run.facts.data_sha256, &data::dataset_digest(&dataset, &digests))?;
    let Some(file) = &request.split else { return Ok(()) };
    let asked = SplitPlan::read_csv(&dataset, file)?;
    same_split(&run.layout, Some(&asked), &SplitPlan::read_csv(&dataset, &own)?)
}
