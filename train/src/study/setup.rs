//! The data that all trials of a study share: tiles, classes and splits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiln_files::publish;
use kiln_tile::Decoder;

use super::config::{StudyConfig, StudyData, StudySplit};
use super::folds;
use super::held_out::{self, HeldOut};
use super::layout::StudyLayout;
use super::request::StudyRequest;
use super::results::{FoldSizes, Measured, Results, Role, SearchResult, entries};
use super::variant::{self, Variant, search_name};
use crate::config::{SubgroupKey, config_error, read_text};
use crate::data::{self, ContentDigests, Dataset, Split, SplitPlan};
use crate::features::FeatureBackend;
use crate::metrics::{Bootstrap, Scored};
use crate::model::Classes;
use crate::training::{Layout, check_parts, check_splits, classes, refuse_tested, require_resolution};
use crate::{Error, Result};

/// Everything that is constant during a study.
pub(super) struct Setup {
    pub(super) study: StudyConfig,
    pub(super) layout: StudyLayout,
    pub(super) dataset: Arc<Dataset>,
    pub(super) data_path: PathBuf,
    pub(super) openslide: Option<PathBuf>,
    pub(super) features: Option<Arc<dyn FeatureBackend>>,
    data_sha256: String,
    pub(super) classes: Classes,
    pub(super) plans: Vec<SplitPlan>,
    held_out: Option<HeldOut>,
    bootstrap: Bootstrap,
}

impl Setup {
    /// Opens and splits the data set, and checks that the folder belongs to this study.
    pub(super) fn new(request: &StudyRequest, layout: StudyLayout, variants: &[Variant]) -> Result<Self> {
        let study = request.config.clone();
        let data_path = data_path(request)?;
        let openslide = request.openslide.clone();
        let options = study.data.slides.options(study.data.micrometres_per_pixel, openslide.clone());
        let searched = variant::of_search(&study, variants)?;
        let all: Vec<&Variant> = variants.iter().chain(&searched).collect();
        let keys = subgroup_keys(&study, &all)?;
        let columns = SubgroupKey::columns(&keys);
        let dataset = Arc::new(Dataset::open_with_columns(&data_path, &options, &columns)?);
        require_resolution(&dataset, study.data.micrometres_per_pixel)?;
        let classes = classes(&dataset, study.data.normal_classes.as_deref())?;
        for variant in &all {
            variant.check_labels(&study, &classes)?;
            variant.check_columns(&study, &dataset)?;
        }
        let decoder = Decoder::new(study.data.size_policy);
        data::check_masks(&dataset, &decoder)?;
        let digests = data::tile_digests(&dataset, &decoder)?;
        let data_sha256 = data::dataset_digest(&dataset, &digests);
        check_same_tiles(&layout, &study, &data_sha256)?;
        let (plans, held_out) = plans(&dataset, &digests, &study.split, classes.normal_names(), &decoder)?;
        for (number, plan) in plans.iter().enumerate() {
            data::check_leaks(&dataset, plan, &digests)?;
            check_same_fold(&layout, number, &dataset, plan)?;
        }
        check_baselines(&study, &dataset, &plans, &classes)?;
        let split = Divided { dataset: &dataset, plans: &plans, digests: &digests, classes: &classes };
        check_trainable(&study, &layout, variants, &searched, &split)?;
        let bootstrap = Bootstrap { resamples: study.bootstrap_resamples, seed: study.split.seed };
        let features = request.features.clone();
        Ok(Self {
            study,
            layout,
            dataset,
            data_path,
            openslide,
            features,
            data_sha256,
            classes,
            plans,
            held_out,
            bootstrap,
        })
    }

    /// Refuses a trial whose run was begun on another split.
    pub(super) fn check_same_split(&self, trial: &str, fold: usize) -> Result<()> {
        let path = Layout::new(&self.layout.run(trial)).split();
        same_split(&self.layout, &path, &self.dataset, &self.plans[fold])
    }

    /// Writes `study.yaml` and the splits: the first files of a study, once everything is checked.
    pub(super) fn begin(&self) -> Result<()> {
        let portable = StudyConfig { data: portable(&self.study), ..self.study.clone() };
        let text = serde_yaml::to_string(&portable).map_err(|error| config_error("study", error.to_string()))?;
        let path = self.layout.config();
        let text = format!("{}\n{text}", digest_line(&self.data_sha256));
        publish::write_file(&path, text.as_bytes()).map_err(Error::io(&path))?;
        for (number, plan) in self.plans.iter().enumerate() {
            plan.write_csv(&self.dataset, &self.layout.fold(number))?;
        }
        self.layout.remove_folds_from(self.plans.len())
    }

    fn is_anomalous(&self, index: usize) -> bool {
        !self.classes.normal_names().contains(&self.dataset.entries[index].label)
    }

    /// The truth of some tiles, with a score of 0 to be replaced.
    pub(super) fn truth(&self, indices: &[usize]) -> Vec<Scored> {
        let tile = |&index: &usize| Scored {
            score: 0.0,
            anomalous: self.is_anomalous(index),
            group: self.dataset.group_name(index),
        };
        indices.iter().map(tile).collect()
    }

    /// The results of the study.
    pub(super) fn results(&self, measured: &[Measured], search: Option<SearchResult>) -> Result<Results> {
        let groups: BTreeSet<String> = (0..self.dataset.len()).map(|index| self.dataset.group_name(index)).collect();
        let count = |plan: &SplitPlan, split: Split| plan.indices(split).len();
        let fold = |plan: &SplitPlan| FoldSizes {
            train: count(plan, Split::Train),
            val: count(plan, Split::Val),
            test: count(plan, Split::Test),
        };
        Ok(Results {
            schema: 1,
            name: self.study.name.clone(),
            data_sha256: self.data_sha256.clone(),
            tiles: self.dataset.len(),
            labels: data::label_counts(&self.dataset, self.classes.normal_names()),
            groups: groups.len(),
            folds: self.plans.iter().map(fold).collect(),
            held_out: self.held_out.clone(),
            seeds: self.study.seeds.clone(),
            reference: self.study.reference.clone(),
            bootstrap: self.bootstrap,
            entries: entries(&self.study, measured, self.held_out.as_ref(), self.bootstrap)?,
            search,
        })
    }
}

/// A data set and its splits.
struct Divided<'a> {
    dataset: &'a Dataset,
    plans: &'a [SplitPlan],
    digests: &'a [ContentDigests],
    classes: &'a Classes,
}

/// Checks that every split has the tiles that each variant needs, and before a training that its device and its weights are
/// there. `searched` are variants of the search.
fn check_trainable(
    study: &StudyConfig,
    layout: &StudyLayout,
    variants: &[Variant],
    searched: &[Variant],
    split: &Divided<'_>,
) -> Result<()> {
    // Finished trials need neither the weights nor the device again.
    let is_done = |variant: &Variant, seed: u64, fold: usize| layout.trial(&variant.trial(seed, fold)).is_file();
    let unfinished = |variant: &Variant| {
        !study.seeds.iter().all(|seed| (0..split.plans.len()).all(|fold| is_done(variant, *seed, fold)))
    };
    let base = study.search.as_ref().and_then(|search| variants.iter().find(|variant| variant.name == search.of));
    let searches = base.zip(study.search.as_ref()).is_some_and(|(base, search)| {
        let trial = |number| base.changed(search_name(&base.name, number), Role::Tuned, &[]);
        (0..search.trials).any(|number| !is_done(&trial(number), study.seeds[0], 0)) || unfinished(&base.tuned(&[]))
    });
    let models = variants.iter().map(|variant| (variant, unfinished(variant)));
    // Many values of a search have one device and one file of weights.
    let mut checked = Vec::new();
    for (variant, is_trained) in models.chain(searched.iter().map(|variant| (variant, searches))) {
        let config = variant.config(study, 0)?;
        let named = |error| variant.named(error);
        let check = |plan: &SplitPlan| check_splits(&config, split.dataset, plan, split.classes);
        split.plans.iter().try_for_each(check).map_err(named)?;
        let machine = (config.training.device, config.model.settings().backbone().cloned());
        if is_trained && !checked.contains(&machine) {
            refuse_tested(&config, split.dataset, split.plans, split.digests).map_err(named)?;
            variant.check_machine(study)?;
            checked.push(machine);
        }
    }
    Ok(())
}

fn data_path(request: &StudyRequest) -> Result<PathBuf> {
    let named = request.data.clone().or_else(|| request.config.data.path.clone());
    let path = named.ok_or(Error::NoData)?;
    fs::canonicalize(&path).map_err(|reason| Error::DataPath { path, reason })
}

/// The splits of the study, and the centres that they hold out, if folds are centres.
fn plans(
    dataset: &Dataset,
    digests: &[ContentDigests],
    split: &StudySplit,
    normal: &[String],
    decoder: &Decoder,
) -> Result<(Vec<SplitPlan>, Option<HeldOut>)> {
    match &split.leave_one_out {
        None => Ok((folds::plans(dataset, digests, split)?, None)),
        Some(key) => {
            let (plans, held_out) = held_out::plans(dataset, digests, split, key, normal, decoder)?;
            Ok((plans, Some(held_out)))
        }
    }
}

/// Refuses splits on which a baseline cannot be fitted, its threshold cannot be chosen, or nothing can be measured.
fn check_baselines(study: &StudyConfig, dataset: &Dataset, plans: &[SplitPlan], classes: &Classes) -> Result<()> {
    for kind in &study.baselines {
        let named = |error| Error::OfModel { model: kind.as_str().to_owned(), cause: Box::new(error) };
        let check = |plan| check_parts(dataset, plan, classes, kind.learns_anomalies(), study.threshold);
        plans.iter().try_for_each(check).map_err(named)?;
    }
    Ok(())
}

/// The keys of the study and of all variants: the list may have all of their columns.
fn subgroup_keys(study: &StudyConfig, variants: &[&Variant]) -> Result<Vec<SubgroupKey>> {
    let mut keys: Vec<SubgroupKey> = study.split.leave_one_out.iter().cloned().collect();
    for variant in variants {
        keys.extend(variant.config(study, 0)?.subgroups);
    }
    Ok(keys)
}

/// Refuses a folder whose fold has other tiles in its splits: finished trials have the scores of those. The digest of the
/// data set does not cover the columns that folds may be made of.
fn check_same_fold(layout: &StudyLayout, number: usize, dataset: &Dataset, plan: &SplitPlan) -> Result<()> {
    let path = layout.fold(number);
    if !layout.has_trials()? {
        return Ok(());
    }
    same_split(layout, &path, dataset, plan)
}

/// Refuses a file of a split that differs from `plan`, or has the tiles in another order: finished trials have their scores in
/// the order of the list. A missing or damaged file is left to its owner: a study writes that of a
/// fold again, a run refuses its own.
fn same_split(layout: &StudyLayout, path: &Path, dataset: &Dataset, plan: &SplitPlan) -> Result<()> {
    match SplitPlan::read_csv(dataset, path) {
        Ok(before) if before.assignments != plan.assignments => {
            Err(Error::OtherStudy { path: layout.root().to_owned() })
        }
        Ok(_) if !SplitPlan::is_in_order_of(dataset, path)? => {
            Err(Error::OtherOrder { what: "study", path: layout.root().to_owned(), order: path.to_owned() })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The beginning of the first line of `study.yaml`.
const DIGEST: &str = "# On the data set of SHA-256 ";

/// The first line of `study.yaml`.
fn digest_line(data_sha256: &str) -> String {
    format!("{DIGEST}{data_sha256}.")
}

/// The section `data` without the location of the tiles, which may change while their content may not.
fn portable(study: &StudyConfig) -> StudyData {
    StudyData { path: None, ..study.data.clone() }
}

/// Refuses a folder with trials on other tiles, or on another split of them. Models and seeds of a folder may change: their
/// trials are compared one by one.
fn check_same_tiles(layout: &StudyLayout, study: &StudyConfig, data_sha256: &str) -> Result<()> {
    let path = layout.config();
    if !path.is_file() || !layout.has_trials()? {
        return Ok(());
    }
    let text = read_text(&path)?;
    let damaged = |reason: String| {
        let advice = "restore the file, or choose another folder with --out";
        config_error(
            &path.display().to_string(),
            format!("is damaged, or of another version of Kiln: {reason}; {advice}"),
        )
    };
    let digest = text.lines().next().and_then(digest_of).ok_or_else(|| damaged("no digest in line 1".to_owned()))?;
    let before = StudyConfig::parse(&text, "study.yaml", &[]).map_err(|error| match error {
        Error::Config { reason, .. } => damaged(reason),
        other => other,
    })?;
    let is_same = digest == data_sha256 && before.split == study.split && before.data == portable(study);
    if is_same { Ok(()) } else { Err(Error::OtherStudy { path: layout.root().to_owned() }) }
}

/// The digest of the data set in the first line of `study.yaml`.
fn digest_of(line: &str) -> Option<&str> {
    let digest = line.strip_prefix(DIGEST)?.strip_suffix('.')?;
    (digest.len() == 64).then_some(digest)
}
