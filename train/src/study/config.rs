//! The configuration of a study: one YAML file of known keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kiln_tile::SizePolicy;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_yaml::Value;

use super::layout::MOST_FOLDS;
use crate::Result;
use crate::baseline::BaselineKind;
use crate::config::{
    SlideConfig, Spelled, SplitConfig, SubgroupKey, labels_problem, parse_yaml, read_text, resolution_problem,
    spelled_list,
};
use crate::metrics::ThresholdRule;

/// The configuration of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Name of the study; the default folder is `studies/NAME`.
    pub name: String,
    /// The tiles, equal for all models.
    #[serde(default)]
    pub data: StudyData,
    /// The split, equal for all models.
    #[serde(default)]
    pub split: StudySplit,
    /// Seeds of the trainings of each model.
    #[serde(default = "seeds")]
    pub seeds: Vec<u64>,
    /// Classical baselines.
    #[serde(default = "baselines")]
    pub baselines: Vec<BaselineKind>,
    /// The baseline or model that all others are compared with.
    #[serde(default = "reference")]
    pub reference: String,
    /// Changes to every model's configuration, `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
    /// The models.
    #[serde(default)]
    pub models: Vec<StudyModel>,
    /// Ablations: components that are removed or changed, one at a time.
    #[serde(default)]
    pub ablations: Vec<Ablation>,
    /// A search over hyper-parameters.
    #[serde(default)]
    pub search: Option<Search>,
    /// Rule for the baselines' threshold, on the validation split.
    #[serde(default)]
    pub threshold: ThresholdRule,
    /// Number of bootstrap resamples.
    #[serde(default = "resamples")]
    pub bootstrap_resamples: usize,
}

/// The tiles of a study. Overrides the models' configurations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudyData {
    /// Folder or CSV; [`StudyRequest::data`](super::StudyRequest) overrides it.
    pub path: Option<PathBuf>,
    /// Policy for tiles that are not 256x256.
    pub size_policy: SizePolicy,
    /// Normal labels, each the label of a tile; all other labels are anomalous. `null` for the labels in
    /// [`NORMAL_LABELS`](crate::data::NORMAL_LABELS).
    pub normal_classes: Option<Vec<String>>,
    /// Resolution in micrometres per pixel; `null` for that of each model's configuration. Required for tiles of slides.
    // Left out where it is not stated, so that a study that an older Kiln began is the same study.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micrometres_per_pixel: Option<f64>,
    /// Options for reading tiles from slides.
    #[serde(skip_serializing_if = "SlideConfig::is_default")]
    pub slides: SlideConfig,
}

impl Default for StudyData {
    fn default() -> Self {
        Self {
            path: None,
            size_policy: SizePolicy::Error,
            normal_classes: None,
            micrometres_per_pixel: None,
            slides: SlideConfig::default(),
        }
    }
}

/// The split of a study: one split by fractions, or folds or centres, of which each is the test split in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudySplit {
    /// Seed of the split.
    pub seed: u64,
    /// Number of folds of whole groups, 3 or more: each is the test split in turn, the next one is the validation split,
    /// and the others are the training split. `null` for one split by fractions.
    pub folds: Option<usize>,
    /// Leaves one centre out: each value of this column of the list, or each colour, is the test split in turn, and all
    /// others are divided into training and validation split by the fractions. `null` for folds or a single split.
    // Left out where it is not stated, so that a study that an older Kiln began is the same study.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave_one_out: Option<SubgroupKey>,
    /// Fractions of a single split. With `leave_one_out` those of `train` and `val` divide the other centres.
    pub fractions: SplitConfig,
}

impl Default for StudySplit {
    fn default() -> Self {
        Self { seed: 7, folds: None, leave_one_out: None, fractions: SplitConfig::default() }
    }
}

/// A model of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyModel {
    /// Name in the report.
    pub name: String,
    /// The configuration of a run.
    pub config: ConfigSource,
    /// Changes to the configuration, `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
}

/// The source of a model's configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ConfigSource {
    /// A file, relative to the study's file.
    File(PathBuf),
    /// A mapping in the study's file.
    Inline(serde_yaml::Mapping),
}

impl<'de> Deserialize<'de> for ConfigSource {
    /// By hand, because an untagged enum reads a label as YAML types it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Spelled::deserialize(deserializer)?.0 {
            Value::String(path) => Ok(Self::File(path.into())),
            Value::Mapping(mapping) => Ok(Self::Inline(mapping)),
            _ => Err(D::Error::custom(
                "`config` must be the path of a YAML file or a configuration, {name: ..., model: {...}}",
            )),
        }
    }
}

/// Ablations of a model: components that are removed or changed, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// The model.
    pub of: String,
    /// The changes; each gives one model.
    pub changes: Vec<Change>,
}

/// One change of an ablation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Name, such as `without augmentation`.
    pub name: String,
    /// The changed keys, `key=value`.
    pub set: Vec<String>,
}

/// A search over hyper-parameters by the validation AUROC of one split and seed. The best values are then trained with
/// every seed on every fold, as the model `NAME-tuned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The model whose hyper-parameters are searched.
    pub of: String,
    /// Method of the search.
    #[serde(default)]
    pub method: SearchMethod,
    /// Number of trials.
    pub trials: usize,
    /// Seed of the draws.
    #[serde(default)]
    pub seed: u64,
    /// The parameters by their key in the configuration.
    pub space: BTreeMap<String, Parameter>,
    /// Early stopping of bad trials; `null` for none.
    #[serde(default = "stopping")]
    pub stopping: Option<Stopping>,
}

/// The method of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMethod {
    /// Random search (Bergstra and Bengio, JMLR 2012).
    #[default]
    Random,
    /// Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), after four random trials.
    Tpe,
}

/// The range of a parameter: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameter {
    /// A number between two, uniform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniform: Option<[f64; 2]>,
    /// A number between two, uniform in its logarithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<[f64; 2]>,
    /// One of these values.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spelled_list")]
    pub choice: Option<Vec<Value>>,
}

/// The median rule (Golovin et al., KDD 2017): a trial stops when its best validation AUROC is below the median of the
/// earlier trials' at the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stopping {
    /// Number of earlier trials that must have reached the epoch.
    pub after_trials: usize,
    /// Number of epochs before a trial may stop.
    pub after_epochs: usize,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { after_trials: 4, after_epochs: 1 }
    }
}

fn seeds() -> Vec<u64> {
    vec![42]
}

fn baselines() -> Vec<BaselineKind> {
    BaselineKind::ALL.to_vec()
}

fn reference() -> String {
    BaselineKind::Colour.as_str().to_owned()
}

fn resamples() -> usize {
    1000
}

fn stopping() -> Option<Stopping> {
    Some(Stopping::default())
}

impl StudyConfig {
    /// Reads `path` and applies `sets`, each `key=value` with a dotted key and a YAML value.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the key that is unknown or invalid.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self> {
        Self::parse(&read_text(path)?, &path.display().to_string(), sets)
    }

    /// As [`StudyConfig::read`], from text; `origin` is the file's name in errors.
    ///
    /// # Errors
    /// As [`StudyConfig::read`].
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self> {
        parse_yaml(text, origin, sets, Self::problem)
    }

    /// Names of baselines and models, in the order of the report.
    pub(super) fn names(&self) -> Vec<&str> {
        let baselines = self.baselines.iter().map(|baseline| baseline.as_str());
        baselines.chain(self.models.iter().map(|model| model.name.as_str())).collect()
    }

    fn problem(&self) -> Option<String> {
        let names = self.names();
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        let seeds: BTreeSet<u64> = self.seeds.iter().copied().collect();
        let folds = self.split.folds.is_none_or(|folds| (3..=MOST_FOLDS).contains(&folds));
        let plain = |name: &&str| {
            let odd = |letter: char| letter == '/' || letter == '\\' || letter.is_control();
            !name.trim().is_empty() && name.len() <= 200 && !name.contains(odd) && !name.starts_with('.')
        };
        let changes: Vec<&str> =
            self.ablations.iter().flat_map(|ablation| &ablation.changes).map(|change| change.name.as_str()).collect();
        let printable = |name: &&str| !name.trim().is_empty() && !name.contains(char::is_control);
        let checks = [
            (plain(&self.name.as_str()), "name: must be a plain name without slashes".to_owned()),
            (!names.is_empty(), "models: name at least one model or baseline".to_owned()),
            (names.iter().all(plain), "models: every name must be a plain name without slashes".to_owned()),
            (changes.iter().all(printable), "ablations.changes: every name must be a line of text".to_owned()),
            (unique.len() == names.len(), "models: two models have the same name".to_owned()),
            (
                !self.seeds.is_empty() && seeds.len() == self.seeds.len(),
                "seeds: must be one or more different numbers".to_owned(),
            ),
            (folds, "split.folds: must be 3 to 100 (train, validation and test need one each), or null".to_owned()),
            (
                (100..=1_000_000).contains(&self.bootstrap_resamples),
                "bootstrap_resamples: must be 100 to 1000000".to_owned(),
            ),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        problem
            .or_else(|| labels_problem(self.data.normal_classes.as_deref()))
            .or_else(|| resolution_problem(self.data.micrometres_per_pixel, self.data.slides.mpp_override))
            .or_else(|| self.split.problem())
            .or_else(|| self.unknown_name(&unique))
            .or_else(|| self.search.as_ref().and_then(Search::problem))
    }

    /// Checks that ablations and the search refer to models, and the reference to a model or baseline.
    fn unknown_name(&self, names: &BTreeSet<&str>) -> Option<String> {
        let models: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
        let of = self.ablations.iter().map(|ablation| ("ablations.of", &ablation.of));
        let of = of.chain(self.search.iter().map(|search| ("search.of", &search.of)));
        let unknown = of.into_iter().find(|(_, name)| !models.contains(&name.as_str()));
        if let Some((key, name)) = unknown {
            return Some(format!("{key}: `{name}` is no model of this study; its models are {}", models.join(", ")));
        }
        let known = names.contains(self.reference.as_str());
        (!known).then(|| {
            let names: Vec<&str> = names.iter().copied().collect();
            format!("reference: `{}` is none of {}", self.reference, names.join(", "))
        })
    }
}

impl StudySplit {
    /// The problem with leaving one centre out.
    fn problem(&self) -> Option<String> {
        let key = self.leave_one_out.as_ref()?;
        let SplitConfig { train, val, .. } = self.fractions;
        let problem = if self.folds.is_some() {
            Some("each centre is a fold, so split.folds must be null".to_owned())
        } else if !(train > 0.0 && val > 0.0 && train + val <= 1.0) {
            Some("split.fractions: train and val must be over 0, and at most 1 together".to_owned())
        } else {
            key.problem()
        };
        problem.map(|problem| format!("split.leave_one_out: {problem}"))
    }
}

impl Search {
    fn problem(&self) -> Option<String> {
        if !(1..=100_000).contains(&self.trials) || self.space.is_empty() {
            return Some("search: give 1 to 100000 trials, and at least one parameter".to_owned());
        }
        self.space.iter().find_map(|(key, parameter)| Some(format!("search.space.{key}: {}", parameter.problem()?)))
    }
}

impl Parameter {
    fn problem(&self) -> Option<&'static str> {
        let ordered = |[low, high]: [f64; 2]| low.is_finite() && high.is_finite() && low < high;
        match (self.uniform, self.log, &self.choice) {
            (Some(range), None, None) => (!ordered(range)).then_some("the first number must be below the second"),
            (None, Some(range), None) => {
                let fine = ordered(range) && range[0] > 0.0;
                (!fine).then_some("both numbers must be over 0, the first below the second")
            }
            (None, None, Some(values)) => values.is_empty().then_some("give at least one choice"),
            _ => Some("give one of uniform, log and choice"),
        }
    }
}
