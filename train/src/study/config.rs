//! The configuration of a study: one YAML file, every key known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kiln_tile::SizePolicy;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::baseline::BaselineKind;
use crate::config::{SplitConfig, config_error, labels_problem, parse_yaml, read_text};
use crate::metrics::ThresholdRule;

/// What is compared, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Names the study; the default folder is `studies/NAME`.
    pub name: String,
    /// The tiles, for every model alike.
    #[serde(default)]
    pub data: StudyData,
    /// How tiles are split, for every model alike.
    #[serde(default)]
    pub split: StudySplit,
    /// Seeds that each model is trained with.
    #[serde(default = "seeds")]
    pub seeds: Vec<u64>,
    /// Classical baselines.
    #[serde(default = "baselines")]
    pub baselines: Vec<BaselineKind>,
    /// The baseline or model that every other is compared with.
    #[serde(default = "reference")]
    pub reference: String,
    /// Changes to every model's configuration, `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
    /// The models.
    #[serde(default)]
    pub models: Vec<StudyModel>,
    /// Components that are removed or changed, one at a time.
    #[serde(default)]
    pub ablations: Vec<Ablation>,
    /// A search over hyper-parameters.
    #[serde(default)]
    pub search: Option<Search>,
    /// Rule for the baselines' threshold, on the validation split.
    #[serde(default)]
    pub threshold: ThresholdRule,
    /// Resamples behind each interval.
    #[serde(default = "resamples")]
    pub bootstrap_resamples: usize,
}

/// The tiles of a study. Wins over what a model's configuration says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudyData {
    /// Folder or CSV; `--data` wins over it.
    pub path: Option<PathBuf>,
    /// What is done with tiles that are not 256x256.
    pub size_policy: SizePolicy,
    /// Labels that count as normal, each the label of a tile; every other label is anomalous. `null` for those of
    /// [`NORMAL_LABELS`](crate::data::NORMAL_LABELS) that the data set has.
    pub normal_classes: Option<Vec<String>>,
}

impl Default for StudyData {
    fn default() -> Self {
        Self { path: None, size_policy: SizePolicy::Error, normal_classes: None }
    }
}

/// How the tiles of a study are split: once by fractions, or into folds of which each is the test split in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudySplit {
    /// Another seed gives another split.
    pub seed: u64,
    /// Folds of whole groups, 3 or more: in turn one is tested on, the next one validated on, the others trained on.
    /// `null` for one split by the fractions.
    pub folds: Option<usize>,
    /// Fractions of a single split.
    pub fractions: SplitConfig,
}

impl Default for StudySplit {
    fn default() -> Self {
        Self { seed: 7, folds: None, fractions: SplitConfig::default() }
    }
}

/// A model of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyModel {
    /// Its name in the report.
    pub name: String,
    /// The configuration of a run.
    pub config: ConfigSource,
    /// Changes to it, `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
}

/// Where a model's configuration is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConfigSource {
    /// A file, relative to the study's own.
    File(PathBuf),
    /// Written out in place.
    Inline(serde_yaml::Mapping),
}

/// Components of a model that are removed or changed, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// The model.
    pub of: String,
    /// The changes; each makes a model of its own.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What it is, such as `without augmentation`.
    pub name: String,
    /// The changed keys, `key=value`.
    pub set: Vec<String>,
}

/// A search over hyper-parameters, judged by the validation AUROC of one split and seed. What it finds is then trained
/// with every seed on every fold, as the model `NAME-tuned`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The model whose configuration is searched around.
    pub of: String,
    /// How values are drawn.
    #[serde(default)]
    pub method: SearchMethod,
    /// Trials.
    pub trials: usize,
    /// Seed of the draws.
    #[serde(default)]
    pub seed: u64,
    /// The parameters by their key in the configuration.
    pub space: BTreeMap<String, Parameter>,
    /// When a bad trial ends early; `null` for never.
    #[serde(default = "stopping")]
    pub stopping: Option<Stopping>,
}

/// How a search draws its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMethod {
    /// Independently (Bergstra and Bengio, JMLR 2012).
    #[default]
    Random,
    /// By a tree-structured Parzen estimator over the trials before (Bergstra et al., NeurIPS 2011), after four that are
    /// drawn independently.
    Tpe,
}

/// Values that a parameter may have: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameter {
    /// Any number between two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniform: Option<[f64; 2]>,
    /// Any number between two, evenly by its logarithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<[f64; 2]>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Vec<serde_yaml::Value>>,
}

/// The median rule (Golovin et al., KDD 2017): a trial ends when its best validation AUROC is below the median of what
/// the trials before it had reached by the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stopping {
    /// Trials that must have reached the epoch before any is stopped at it.
    pub after_trials: usize,
    /// Epochs that every trial gets.
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
    /// [`crate::Error::Config`] names the key that is unknown or wrong.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self> {
        Self::parse(&read_text(path)?, &path.display().to_string(), sets)
    }

    /// As [`StudyConfig::read`], from text; `origin` stands in errors.
    ///
    /// # Errors
    /// As [`StudyConfig::read`].
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self> {
        let config: Self = parse_yaml(text, origin, sets)?;
        match config.problem() {
            Some(problem) => Err(config_error(origin, problem)),
            None => Ok(config),
        }
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
        let folds = self.split.folds.is_none_or(|folds| (3..=100).contains(&folds));
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
                "seeds: give one or more, each once".to_owned(),
            ),
            (folds, "split.folds: 3 to 100 (train, validation and test need one each), or null".to_owned()),
            (
                (100..=1_000_000).contains(&self.bootstrap_resamples),
                "bootstrap_resamples: must be 100 to 1000000".to_owned(),
            ),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        problem
            .or_else(|| labels_problem(self.data.normal_classes.as_deref()))
            .or_else(|| self.unknown_name(&unique))
            .or_else(|| self.search.as_ref().and_then(Search::problem))
    }

    /// Ablations and the search speak of models, the reference of anything that is there.
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
