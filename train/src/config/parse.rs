//! Reading a configuration: the file, then each `--set`, then the checks that types cannot make.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kiln_tile::SIDE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use super::{ClassWeights, CnnConfig, Config, Head, HybridConfig, ModelConfig, VaeConfig, imbalance, limits};
use crate::data::shown;
use crate::{Error, Result};

/// A configuration longer than this is not one.
const MAX_BYTES: u64 = 1 << 20;
/// The largest weight, rate or size that a key takes: far beyond any use, and far from where f32 ends.
const MOST: f64 = 1e6;
/// Weights that a model has at most: 4 GB of them, before Adam's moments.
const MAX_WEIGHTS: f64 = 1e9;
/// Bytes of an unknown key that is compared with the known ones: the comparison takes memory by the product of lengths.
const MAX_KEY: usize = 64;
/// Characters of a parser's message that are shown. It repeats keys and values of the file.
const MAX_MESSAGE: usize = 1_000;

impl Config {
    /// Reads `path` and applies `sets`, each `key=value` with a dotted key and a YAML value.
    ///
    /// # Errors
    /// [`Error::Config`] names the key that is unknown or wrong, and the nearest known one.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self> {
        let (origin, text) = (path.display().to_string(), read_text(path)?);
        Self::parse(&text, &origin, sets)
    }

    /// As [`Config::read`], from text; `origin` stands in errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self> {
        parse_yaml::<Self>(text, origin, sets)?.checked(origin)
    }

    /// The resolved configuration as YAML, every default written out.
    ///
    /// # Errors
    /// None that is known; serialisation is fallible in its signature.
    pub fn to_yaml(&self) -> Result<String> {
        serde_yaml::to_string(self).map_err(|error| config_error("configuration", error.to_string()))
    }

    /// The first key, dotted, whose value is another one in `other`.
    pub(crate) fn first_difference(&self, other: &Self) -> Result<Option<String>> {
        let value = |config: &Self| {
            serde_yaml::to_value(config).map_err(|error| config_error("configuration", error.to_string()))
        };
        Ok(differing_key(&value(self)?, &value(other)?))
    }

    fn checked(self, origin: &str) -> Result<Self> {
        match self.problem() {
            Some(problem) => Err(config_error(origin, problem)),
            None => Ok(self),
        }
    }

    fn problem(&self) -> Option<String> {
        let split = &self.data.split;
        let sum = split.train + split.val + split.test;
        let training = &self.training;
        let named = !["", ".", ".."].contains(&self.name.as_str())
            && self.name.len() <= 200
            && self.name.trim() == self.name
            && !self.name.contains(|letter: char| letter == '/' || letter == '\\' || letter.is_control());
        let checks = [
            (named, "name: must be a plain name without slashes, of at most 200 bytes".to_owned()),
            ((sum - 1.0).abs() < 1e-6, format!("data.split: the fractions add up to {sum}, not 1")),
            (split.train.min(split.val).min(split.test) > 0.0, "data.split: every fraction must be over 0".to_owned()),
            (training.batch >= 2, "training.batch: must be at least 2 (batch normalisation needs a batch)".to_owned()),
            (training.batch <= 65_536, "training.batch: must be at most 65536".to_owned()),
            ((1..=1_000_000).contains(&training.epochs), "training.epochs: must be 1 to 1000000".to_owned()),
            (self.data.workers <= 1024, "data.workers: must be at most 1024".to_owned()),
            (
                positive(training.learning_rate),
                "training.learning_rate: must be over 0, and at most 1000000".to_owned(),
            ),
            (not_negative(training.weight_decay), "training.weight_decay: must be 0 to 1000000".to_owned()),
            (
                training.early_stopping.is_none_or(|stopping| stopping.patience > 0),
                "training.early_stopping.patience: must be at least 1; null instead of the mapping never stops"
                    .to_owned(),
            ),
            (
                training.early_stopping.is_none_or(|stopping| not_negative(stopping.min_delta)),
                "training.early_stopping.min_delta: must be 0 to 1000000".to_owned(),
            ),
            (training.schedule.is_sound(), "training.schedule.minimum: must be in [0, 1]".to_owned()),
            (
                self.data.micrometres_per_pixel.is_none_or(positive),
                "data.micrometres_per_pixel: must be over 0, and at most 1000000".to_owned(),
            ),
            ((0.0..1.0).contains(&training.label_smoothing), "training.label_smoothing: must be in [0, 1)".to_owned()),
            (
                (100..=1_000_000).contains(&self.bootstrap_resamples),
                "bootstrap_resamples: must be 100 to 1000000".to_owned(),
            ),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        problem
            .or_else(|| labels_problem(self.data.normal_classes.as_deref()))
            .or_else(|| model_problem(&self.model))
            .or_else(|| self.crop_problem())
            .or_else(|| self.stage_problem())
            .or_else(|| self.data.augmentation.as_ref()?.check().err().map(|error| error.to_string()))
            .or_else(|| imbalance::problem(self))
    }

    fn stage_problem(&self) -> Option<String> {
        let (alone, all) = (self.model.classifier_epochs(), self.training.epochs);
        let problem =
            || format!("model.classifier_epochs: {alone} of training.epochs={all} leave none for both together");
        (alone >= all).then(problem)
    }

    fn crop_problem(&self) -> Option<String> {
        let crop = self.training.crop?;
        let filters = match &self.model {
            ModelConfig::Cnn(CnnConfig { head: Head::Pooled, filters, .. }) => filters,
            ModelConfig::Hybrid(HybridConfig {
                cnn: CnnConfig { head: Head::Pooled, filters, .. },
                classifier_epochs: 1..,
                ..
            }) => filters,
            _ => {
                let reason = "training.crop: only a cnn with a pooled head, or a hybrid's while it learns alone \
                              (model.classifier_epochs), takes tiles of another size";
                return Some(reason.to_owned());
            }
        };
        let step = 1 << filters.len();
        let fits = crop >= 32 && crop <= SIDE as usize && crop.is_multiple_of(step);
        (!fits).then(|| format!("training.crop: {crop} is not a multiple of {step} in 32..=256"))
    }
}

/// A YAML document of known keys, changed by `sets` before it is checked; an unknown key is named with the nearest known one.
pub(crate) fn parse_yaml<T: DeserializeOwned>(text: &str, origin: &str, sets: &[String]) -> Result<T> {
    limits::check(text).map_err(|reason| config_error(origin, reason))?;
    let located = |error: serde_yaml::Error| config_error(origin, explain(&error.to_string()));
    // A mapping of any keys refuses a key that is there twice, at every depth.
    let mut value: Value = serde_yaml::from_str(text).map_err(located)?;
    if sets.is_empty() {
        // Straight from the text, so that an error has its line, and labels are as they are written.
        return serde_yaml::from_str(text).map_err(located);
    }
    if let Ok(labels) = serde_yaml::from_str::<Labelled>(text) {
        labels.write_to(&mut value);
    }
    for set in sets {
        apply(&mut value, set)?;
    }
    // Through text again, because only an error from text names the key that is wrong; its line is of no file.
    let changed = serde_yaml::to_string(&value).map_err(located)?;
    let unplaced = |error: serde_yaml::Error| {
        let message = error.to_string();
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        config_error(origin, explain(reason))
    };
    serde_yaml::from_str(&changed).map_err(unplaced)
}

/// The keys whose values are labels. YAML reads `0`, `1.50` or `true` as another type than text, and would write it
/// back in another form; a label is taken as it is written.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labelled {
    data: LabelledData,
    training: LabelledTraining,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LabelledData {
    normal_classes: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LabelledTraining {
    class_weights: Option<ClassWeights>,
}

impl Labelled {
    /// The labels in the value of `--set KEY=TEXT`.
    fn of_set(key: &str, text: &str) -> Option<Self> {
        let labels = match key {
            "data" => Self { data: serde_yaml::from_str(text).ok()?, ..Self::default() },
            "data.normal_classes" => {
                Self { data: LabelledData { normal_classes: serde_yaml::from_str(text).ok()? }, ..Self::default() }
            }
            "training" => Self { training: serde_yaml::from_str(text).ok()?, ..Self::default() },
            "training.class_weights" => Self {
                training: LabelledTraining { class_weights: serde_yaml::from_str(text).ok()? },
                ..Self::default()
            },
            _ => return None,
        };
        Some(labels)
    }

    fn write_to(self, root: &mut Value) {
        let place = |root: &mut Value, section: &str, key: &str, value: Value| {
            if let Some(place) = root.get_mut(section).and_then(|section| section.get_mut(key)) {
                *place = value;
            }
        };
        if let Some(labels) = self.data.normal_classes {
            place(root, "data", "normal_classes", labels.into());
        }
        if let Some(Ok(weights)) = self.training.class_weights.map(serde_yaml::to_value) {
            place(root, "training", "class_weights", weights);
        }
    }
}

/// The text of a configuration file, which is small.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let origin = path.display().to_string();
    if path.is_dir() {
        return Err(config_error(&origin, "is a folder; a configuration is a YAML file"));
    }
    let mut bytes = Vec::new();
    // The limit bounds the read itself: a pipe has no length, and a file may grow.
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(Error::io(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(config_error(&origin, format!("over {MAX_BYTES} bytes are too many for a configuration")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
        config_error(&origin, format!("line {line} is not UTF-8; save the file as UTF-8"))
    })
}

/// What is wrong with `data.normal_classes` by itself.
pub(crate) fn labels_problem(labels: Option<&[String]>) -> Option<String> {
    let labels = labels?;
    if labels.is_empty() {
        return Some("data.normal_classes: name at least one label, or null".to_owned());
    }
    if labels.iter().any(|label| label.trim().is_empty()) {
        return Some("data.normal_classes: a label is empty".to_owned());
    }
    let twice = labels.iter().enumerate().find(|(at, label)| labels[..*at].contains(label));
    twice.map(|(_, label)| format!("data.normal_classes: the label {} is there twice", shown(label)))
}

/// About how many weights a model has, by its convolutions and dense layers.
fn weights(model: &ModelConfig) -> f64 {
    let pairs = |widths: &[f64]| widths.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
    let floats = |widths: &[usize]| widths.iter().map(|width| *width as f64).collect::<Vec<_>>();
    let cnn = |cnn: &CnnConfig| {
        let filters = [vec![3.0], floats(&cnn.filters)].concat();
        let last = filters.last().copied().unwrap_or_default();
        let side = f64::from(SIDE) / 2_f64.powi(i32::try_from(cnn.filters.len()).unwrap_or(i32::MAX));
        let inputs = if cnn.head == Head::Pooled { last } else { last * side * side };
        9.0 * pairs(&filters) + pairs(&[vec![inputs], floats(&cnn.dense)].concat())
    };
    let autoencoder = |filters: [usize; 2], latent: usize, side: f64| {
        let [first, second] = filters.map(|width| width as f64);
        18.0 * first * second + 3.0 * second * side * side * latent as f64
    };
    match model {
        ModelConfig::Cnn(config) => cnn(config),
        ModelConfig::Vae(VaeConfig { filters, latent, stride, .. }) => {
            let stride = (*stride).max(1) as f64;
            autoencoder(*filters, *latent, f64::from(SIDE) / (stride * stride))
        }
        ModelConfig::Hybrid(hybrid) => {
            let halved = i32::try_from(hybrid.cnn.filters.len() + 2).unwrap_or(i32::MAX);
            cnn(&hybrid.cnn) + autoencoder(hybrid.filters, hybrid.latent, f64::from(SIDE) / 2_f64.powi(halved))
        }
        ModelConfig::Transfer(transfer) => pairs(&[vec![1.0], floats(&transfer.dense)].concat()),
        ModelConfig::MemoryBank(bank) => {
            let entries = |entries: Option<usize>| entries.unwrap_or_default() as f64;
            // About a thousand features a vector.
            1e3 * (entries(bank.tile.as_ref().map(|bank| bank.entries))
                + entries(bank.patch.as_ref().map(|bank| bank.entries)))
        }
    }
}

fn model_problem(model: &ModelConfig) -> Option<String> {
    let cnn = match model {
        ModelConfig::Cnn(cnn) => Some(cnn),
        ModelConfig::Hybrid(hybrid) => Some(&hybrid.cnn),
        ModelConfig::Vae(_) | ModelConfig::Transfer(_) | ModelConfig::MemoryBank(_) => None,
    };
    if let Some(cnn) = cnn {
        // Each stage halves the side; 256 can be halved eight times.
        if cnn.filters.is_empty() || cnn.filters.len() > 8 || cnn.filters.contains(&0) {
            return Some("model.filters: give 1 to 8 convolutions with at least one filter each".to_owned());
        }
        if cnn.dense.contains(&0) {
            return Some("model.dense: a layer of width 0 passes nothing on".to_owned());
        }
        if !(0.0..1.0).contains(&cnn.dropout) {
            return Some(format!("model.dropout: {} is not in [0, 1)", cnn.dropout));
        }
    }
    let weights = weights(model);
    if weights > MAX_WEIGHTS {
        let reason = format!(
            "model: filters, dense layers and latent dimensions come to {weights:.1e} weights; at most {MAX_WEIGHTS:.0e}"
        );
        return Some(reason);
    }
    match model {
        ModelConfig::Vae(vae) if ![2, 4, 8].contains(&vae.stride) => {
            Some(format!("model.stride: {} is not 2, 4 or 8", vae.stride))
        }
        ModelConfig::Vae(vae) if vae.latent == 0 || vae.filters.contains(&0) => {
            Some("model: latent and filters must be over 0".to_owned())
        }
        ModelConfig::Vae(vae) if !not_negative(vae.beta) => Some("model.beta: must be 0 to 1000000".to_owned()),
        ModelConfig::Hybrid(hybrid) => hybrid.problem(),
        ModelConfig::Transfer(transfer) => transfer.problem(),
        ModelConfig::MemoryBank(bank) => bank.problem(),
        _ => None,
    }
}

/// The path of the first key at which two documents differ; empty where they do at their root.
fn differing_key(one: &Value, other: &Value) -> Option<String> {
    if one == other {
        return None;
    }
    let (Value::Mapping(ones), Value::Mapping(others)) = (one, other) else { return Some(String::new()) };
    let mut keys = ones.keys().chain(others.keys()).filter_map(Value::as_str);
    keys.find_map(|key| {
        let inner = differing_key(ones.get(key).unwrap_or(&Value::Null), others.get(key).unwrap_or(&Value::Null))?;
        Some(if inner.is_empty() { key.to_owned() } else { format!("{key}.{inner}") })
    })
}

pub(super) fn not_negative(value: f64) -> bool {
    (0.0..=MOST).contains(&value)
}

fn positive(value: f64) -> bool {
    value > 0.0 && value <= MOST
}

pub(crate) fn config_error(origin: &str, reason: impl Into<String>) -> Error {
    Error::Config { origin: origin.to_owned(), reason: reason.into() }
}

/// Sets one dotted key. Whether the key exists is for the types to say.
fn apply(root: &mut Value, set: &str) -> Result<()> {
    let origin = format!("--set {set}");
    let (key, text) = set
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| config_error(&origin, "expected key=value, such as training.epochs=3"))?;
    limits::check(text).map_err(|reason| config_error(&origin, reason))?;
    // Each dot is a mapping in a mapping, and these are written and dropped by recursion.
    if key.split('.').count() > limits::MAX_DEPTH {
        return Err(config_error("--set", format!("a key of more than {} parts", limits::MAX_DEPTH)));
    }
    let value: Value = serde_yaml::from_str(text).map_err(|error| config_error(&origin, error.to_string()))?;
    let mut place = &mut *root;
    for part in key.split('.') {
        if place.is_null() {
            *place = Value::Mapping(Mapping::new());
        }
        let Value::Mapping(mapping) = place else {
            return Err(config_error(&origin, format!("`{part}` is below a key that holds no keys")));
        };
        place = mapping.entry(Value::from(part)).or_insert(Value::Null);
    }
    *place = value;
    if let Some(labels) = Labelled::of_set(key, text) {
        labels.write_to(root);
    }
    Ok(())
}

/// A message without its middle, if it is too long to be read.
fn shortened(message: &str) -> String {
    let length = message.chars().count();
    if length <= MAX_MESSAGE {
        return message.to_owned();
    }
    let begin: String = message.chars().take(MAX_MESSAGE / 2).collect();
    let end: String = message.chars().skip(length - MAX_MESSAGE / 2).collect();
    format!("{begin} … {end}")
}

/// Adds the nearest known key to serde's message about an unknown one.
fn explain(message: &str) -> String {
    let message = shortened(message);
    let Some((_, rest)) = message.split_once("unknown field `") else {
        return message;
    };
    let Some((unknown, rest)) = rest.split_once('`') else {
        return message;
    };
    if unknown.len() > MAX_KEY {
        return message;
    }
    let known = rest.split('`').skip(1).step_by(2).filter(|name| name.len() <= MAX_KEY);
    let nearest = known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(unknown.len()) / 2);
    match nearest {
        Some((_, name)) => format!("{message}; did you mean `{name}`?"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SOUND: &str = "name: a\nmodel: {kind: cnn}\n";

    fn refusal(text: &str, sets: &[&str]) -> String {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Config::parse(&format!("{SOUND}{text}"), "a.yaml", &sets).unwrap_err().to_string()
    }

    /// Found by fuzzing: a key with a back-quote was compared with itself, in memory by the square of its length.
    #[test]
    fn a_long_unknown_key_is_refused_in_little_memory_and_few_words() {
        let (long, other) = ("a".repeat(400_000), "b".repeat(400_000));
        let reason = refusal(&format!("? \"{long}`x`{other}\"\n: 1"), &[]);
        assert!(reason.contains("unknown field") && reason.len() < 2_000, "{reason}");
        let reason = refusal(&format!("? \"a`x`{other}\"\n: 1"), &[]);
        assert!(reason.len() < 2_000, "{reason}");
        assert!(refusal("modle: 1", &[]).contains("did you mean `model`?"));
    }

    /// Found by fuzzing: the parser's time grows with the square of the depth, and 900,000 brackets took minutes.
    #[test]
    fn brackets_that_nest_without_need_are_refused_at_once() {
        for open in ["[", "{", "[{", "{a: "] {
            assert!(refusal(&format!("x: {}", open.repeat(450_000)), &[]).contains("open at a time"), "{open}");
        }
        let set = format!("{}=1", "a.".repeat(30_000));
        assert!(refusal("", &[&set]).contains("parts"));
        let set = format!("data={}", "[".repeat(450_000));
        assert!(refusal("", &[&set]).contains("open at a time"));
        assert!(
            refusal(&format!("data: {{normal_classes: [{}]}}", "[], ".repeat(1_000)), &[]).contains("normal_classes")
        );
    }
}
