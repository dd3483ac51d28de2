//! Reading a configuration: the file, then each `--set`, then the checks that types cannot make.

use std::path::Path;

use kiln_tile::SIDE;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use super::{CnnConfig, Config, Head, HybridConfig, ModelConfig, imbalance};
use crate::{Error, Result};

/// A configuration longer than this is not one.
const MAX_BYTES: u64 = 1 << 20;
/// Brackets and braces inside each other. No key needs more than five; the parser's time grows with the square of it.
const MAX_DEPTH: usize = 100;
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
        let named = !self.name.is_empty() && !self.name.contains(['/', '\\']) && self.name != "..";
        let checks = [
            (named, "name: must be a plain name without slashes".to_owned()),
            ((sum - 1.0).abs() < 1e-6, format!("data.split: the fractions add up to {sum}, not 1")),
            (split.train.min(split.val).min(split.test) > 0.0, "data.split: every fraction must be over 0".to_owned()),
            (training.batch >= 2, "training.batch: must be at least 2 (batch normalisation needs a batch)".to_owned()),
            (training.epochs >= 1, "training.epochs: must be at least 1".to_owned()),
            (positive(training.learning_rate), "training.learning_rate: must be over 0".to_owned()),
            (not_negative(training.weight_decay), "training.weight_decay: must be 0 or over".to_owned()),
            (
                training.early_stopping.is_none_or(|stopping| stopping.patience > 0),
                "training.early_stopping.patience: must be at least 1; null instead of the mapping never stops"
                    .to_owned(),
            ),
            (
                training.early_stopping.is_none_or(|stopping| not_negative(stopping.min_delta)),
                "training.early_stopping.min_delta: must be 0 or over".to_owned(),
            ),
            (training.schedule.is_sound(), "training.schedule.minimum: must be in [0, 1]".to_owned()),
            (
                self.data.micrometres_per_pixel.is_none_or(positive),
                "data.micrometres_per_pixel: must be over 0".to_owned(),
            ),
            ((0.0..1.0).contains(&training.label_smoothing), "training.label_smoothing: must be in [0, 1)".to_owned()),
            (!self.data.normal_classes.is_empty(), "data.normal_classes: name at least one label".to_owned()),
            (self.bootstrap_resamples >= 100, "bootstrap_resamples: must be at least 100".to_owned()),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem);
        problem
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
    check_depth(text).map_err(|reason| config_error(origin, reason))?;
    let located = |error: serde_yaml::Error| config_error(origin, explain(&error.to_string()));
    if sets.is_empty() {
        // Straight from the text, so that an error knows its line.
        return serde_yaml::from_str(text).map_err(located);
    }
    let mut value: Value = serde_yaml::from_str(text).map_err(located)?;
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

/// The text of a configuration file, which is small.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let length = std::fs::metadata(path).map_err(Error::io(path))?.len();
    if length > MAX_BYTES {
        return Err(config_error(
            &path.display().to_string(),
            format!("{length} bytes are too many for a configuration"),
        ));
    }
    std::fs::read_to_string(path).map_err(Error::io(path))
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
    match model {
        ModelConfig::Vae(vae) if ![2, 4, 8].contains(&vae.stride) => {
            Some(format!("model.stride: {} is not 2, 4 or 8", vae.stride))
        }
        ModelConfig::Vae(vae) if vae.latent == 0 || vae.filters.contains(&0) => {
            Some("model: latent and filters must be over 0".to_owned())
        }
        ModelConfig::Vae(vae) if !not_negative(vae.beta) => Some("model.beta: must be 0 or over".to_owned()),
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
    value.is_finite() && value >= 0.0
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
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
    check_depth(text).map_err(|reason| config_error(&origin, reason))?;
    // Each dot is a mapping in a mapping, and these are written and dropped by recursion.
    if key.split('.').count() > MAX_DEPTH {
        return Err(config_error("--set", format!("a key of more than {MAX_DEPTH} parts")));
    }
    let value: Value = serde_yaml::from_str(text).map_err(|error| config_error(&origin, error.to_string()))?;
    let mut place = root;
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
    Ok(())
}

/// Refuses brackets and braces that nest without need. Those in comments and quoted text count too: there is no use for a
/// hundred of them there either.
fn check_depth(text: &str) -> std::result::Result<(), String> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} brackets or braces are open at a time"));
        }
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
    let message = &shortened(message);
    let Some((_, rest)) = message.split_once("unknown field `") else {
        return message.to_owned();
    };
    let Some((unknown, rest)) = rest.split_once('`') else {
        return message.to_owned();
    };
    if unknown.len() > MAX_KEY {
        return message.to_owned();
    }
    let known = rest.split('`').skip(1).step_by(2).filter(|name| name.len() <= MAX_KEY);
    let nearest = known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(unknown.len()) / 2);
    match nearest {
        Some((_, name)) => format!("{message}; did you mean `{name}`?"),
        None => message.to_owned(),
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
