//! What all trials of a study share: the tiles, their splits, and what the classical baselines make of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use kiln_files::publish;
use kiln_tile::Decoder;

use super::config::StudyConfig;
use super::folds;
use super::layout::StudyLayout;
use super::results::{FoldFacts, Measured, Results, Role, SearchResult, entries};
use super::run::StudyRequest;
use super::variant::Variant;
use crate::baseline::{BaselineKind, TileFeatures};
use crate::config::config_error;
use crate::data::{self, DataError, Dataset, Split, SplitPlan};
use crate::metrics::{Bootstrap, Scored, Trial};
use crate::model::Classes;
use crate::training::classes;
use crate::{Error, Result};

/// All that stays the same during a study.
pub(super) struct Bench {
    pub(super) study: StudyConfig,
    pub(super) layout: StudyLayout,
    pub(super) dataset: Arc<Dataset>,
    pub(super) data_path: PathBuf,
    data_sha256: String,
    pub(super) classes: Classes,
    pub(super) plans: Vec<SplitPlan>,
    bootstrap: Bootstrap,
}

impl Bench {
    pub(super) fn new(request: &StudyRequest, layout: StudyLayout, variants: &[Variant]) -> Result<Self> {
        let study = request.config.clone();
        let data_path = data_path(request)?;
        let dataset = Arc::new(Dataset::open(&data_path)?);
        let classes = classes(&dataset, study.data.normal_classes.as_deref())?;
        variants.iter().try_for_each(|variant| variant.check_labels(&study, &classes))?;
        data::check_masks(&dataset, &Decoder::new(study.data.size_policy))?;
        let digests = data::digests(&dataset, &Decoder::new(study.data.size_policy))?;
        let data_sha256 = data::digest(&dataset, &digests);
        same_study(&layout, &study, &data_sha256)?;
        let plans = folds::plans(&dataset, &digests, &study.split)?;
        for (number, plan) in plans.iter().enumerate() {
            data::check_leaks(&dataset, plan, &digests)?;
            plan.write_csv(&dataset, &layout.fold(number))?;
        }
        let bootstrap = Bootstrap { resamples: study.bootstrap_resamples, seed: study.split.seed };
        Ok(Self { study, layout, dataset, data_path, data_sha256, classes, plans, bootstrap })
    }

    fn is_anomalous(&self, index: usize) -> bool {
        !self.classes.normal_names().contains(&self.dataset.entries[index].label)
    }

    /// The tiles of a part of a fold with their truth; scores are for others to fill in.
    pub(super) fn truth(&self, indices: &[usize]) -> Vec<Scored> {
        let tile = |&index: &usize| Scored {
            score: 0.0,
            anomalous: self.is_anomalous(index),
            group: self.dataset.group_name(index),
        };
        indices.iter().map(tile).collect()
    }

    /// Every baseline on every fold.
    pub(super) fn baselines(&self) -> Result<Vec<Measured>> {
        if self.study.baselines.is_empty() {
            return Ok(Vec::new());
        }
        let decoder = Decoder::new(self.study.data.size_policy);
        let features = tile_features(&self.dataset, decoder)?;
        let measured = self.study.baselines.iter().map(|&kind| {
            let folds = self.plans.iter().enumerate();
            let trials = folds.map(|(fold, plan)| self.baseline(kind, fold, plan, &features)).collect::<Result<_>>()?;
            Ok(Measured {
                name: kind.as_str().to_owned(),
                role: Role::Baseline,
                of: None,
                description: kind.description().to_owned(),
                changed: Vec::new(),
                trials,
                records: Vec::new(),
            })
        });
        measured.collect()
    }

    fn baseline(&self, kind: BaselineKind, fold: usize, plan: &SplitPlan, features: &[TileFeatures]) -> Result<Trial> {
        let part = |split: Split| {
            let indices = plan.indices(split);
            let tiles: Vec<&TileFeatures> = indices.iter().map(|&index| &features[index]).collect();
            (self.truth(&indices), tiles)
        };
        let (learnt, tiles) = part(Split::Train);
        let anomalous: Vec<bool> = learnt.iter().map(|tile| tile.anomalous).collect();
        let fitted = kind.fit(&tiles, &anomalous)?;
        let scored = |(truth, tiles): (Vec<Scored>, Vec<&TileFeatures>)| -> Result<Vec<Scored>> {
            let scores = fitted.score(&tiles)?;
            Ok(truth.into_iter().zip(scores).map(|(tile, score)| Scored { score, ..tile }).collect())
        };
        let threshold = self.study.threshold.choose(&scored(part(Split::Val))?)?;
        let scored = scored(part(Split::Test))?;
        Ok(Trial { fold, seed: 0, scored, threshold, probabilities: fitted.gives_probabilities() })
    }

    pub(super) fn results(&self, measured: &[Measured], search: Option<SearchResult>) -> Result<Results> {
        let groups: BTreeSet<String> = (0..self.dataset.len()).map(|index| self.dataset.group_name(index)).collect();
        let count = |plan: &SplitPlan, split: Split| plan.indices(split).len();
        let fold = |plan: &SplitPlan| FoldFacts {
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
            seeds: self.study.seeds.clone(),
            reference: self.study.reference.clone(),
            bootstrap: self.bootstrap,
            entries: entries(&self.study, measured, self.bootstrap)?,
            search,
        })
    }
}

fn data_path(request: &StudyRequest) -> Result<PathBuf> {
    let named = request.data.clone().or_else(|| request.config.data.path.clone());
    let path = named.ok_or_else(|| config_error("data.path", "no data set is named; give --data DIR"))?;
    fs::canonicalize(&path).map_err(|error| {
        config_error(&format!("data set {}", path.display()), format!("{error}; give a folder or a CSV of tiles"))
    })
}

/// The folder holds this very study on these very tiles, or nothing yet.
fn same_study(layout: &StudyLayout, study: &StudyConfig, data_sha256: &str) -> Result<()> {
    // Where the tiles lie may change; which they are may not.
    let mut told = study.clone();
    told.data.path = None;
    let text = serde_yaml::to_string(&told).map_err(|error| config_error("study", error.to_string()))?;
    let text = format!("# On the data set of SHA-256 {data_sha256}.\n{text}");
    let path = layout.config();
    match fs::read_to_string(&path) {
        Ok(before) if before == text => Ok(()),
        Ok(_) => {
            let reason = "holds a study of another configuration or other tiles (see its study.yaml); choose another \
                          folder with --out";
            Err(Error::run(layout.root(), reason))
        }
        Err(_) => publish::write_file(&path, text.as_bytes()).map_err(Error::io(&path)),
    }
}

/// What the baselines see of every tile.
fn tile_features(dataset: &Dataset, decoder: Decoder) -> Result<Vec<TileFeatures>> {
    use rayon::prelude::*;
    let features = |index: usize| -> Result<TileFeatures> {
        let path = dataset.full_path(index);
        let tile = decoder.decode_file(&path).map_err(|reason| DataError::Tile { path, reason })?;
        Ok(TileFeatures::of(&tile))
    };
    (0..dataset.len()).into_par_iter().map(features).collect()
}
