//! Reading a configuration: the file, then each override, then the checks that types cannot make.

use std::fs;
use std::path::Path;

use kiln_files::read_at_most;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use super::labels::Labelled;
use super::message::explain;
use super::spelled::Spelled;
use super::value::config_error;
use super::{Config, limits};
use crate::{Error, Result};

/// Largest size of a configuration in bytes.
const MAX_BYTES: u64 = 1 << 20;

impl Config {
    /// Reads `path` and applies `sets`, each `key=value` with a dotted key and a YAML value.
    ///
    /// # Errors
    /// [`Error::Config`] names the key that is unknown or wrong, and the nearest known one.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self> {
        let (origin, text) = (path.display().to_string(), read_text(path)?);
        Self::parse(&text, &origin, sets)
    }

    /// As [`Config::read`], from text; errors begin with `origin`.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self> {
        Self::parse_with(text, origin, sets, "--set")
    }

    /// As [`Config::parse`]; errors of a change begin with `source` and the change.
    pub(crate) fn parse_with(text: &str, origin: &str, sets: &[String], source: &str) -> Result<Self> {
        parse_yaml_with(text, origin, sets, source, Self::problem)
    }

    /// The resolved configuration as YAML, defaults written out. Keys of later versions are left out at their default, so that
    /// the text of an older configuration stays the same.
    ///
    /// # Errors
    /// No known case; serialisation is fallible in its signature.
    pub fn to_yaml(&self) -> Result<String> {
        serde_yaml::to_string(self).map_err(|error| config_error("configuration", error.to_string()))
    }

    /// The first key, dotted, whose value differs in `other`.
    pub(crate) fn first_difference(&self, other: &Self) -> Result<Option<String>> {
        let value = |config: &Self| {
            serde_yaml::to_value(config).map_err(|error| config_error("configuration", error.to_string()))
        };
        Ok(differing_key(&value(self)?, &value(other)?))
    }
}

/// A YAML document of known keys, changed by `sets` before it is checked by `problem`, which returns the first problem,
/// beginning with its key. An unknown key is named with the nearest known one.
pub(crate) fn parse_yaml<T: DeserializeOwned>(
    text: &str,
    origin: &str,
    sets: &[String],
    problem: impl Fn(&T) -> Option<String>,
) -> Result<T> {
    parse_yaml_with(text, origin, sets, "--set", problem)
}

/// As [`parse_yaml`]; errors of a change begin with `source` and the change.
fn parse_yaml_with<T: DeserializeOwned>(
    text: &str,
    origin: &str,
    sets: &[String],
    source: &str,
    problem: impl Fn(&T) -> Option<String>,
) -> Result<T> {
    limits::check(text).map_err(|reason| config_error(origin, reason))?;
    let located = |error: serde_yaml::Error| config_error(origin, explain(&error.to_string()));
    // Reading into an untyped mapping refuses duplicate keys, at every depth.
    let value: Value = serde_yaml::from_str(text).map_err(located)?;
    if let Some(reason) = no_mapping(&value) {
        return Err(config_error(origin, reason));
    }
    if sets.is_empty() {
        // Straight from the text, so that errors have lines and labels keep their spelling.
        let document = serde_yaml::from_str(text).map_err(located)?;
        return problem(&document).map_or(Ok(document), |problem| Err(config_error(origin, problem)));
    }
    let value = serde_yaml::from_str(text).map_or(value, |Spelled(spelled)| spelled);
    let file = File { value, labels: serde_yaml::from_str(text).ok() };
    let read = |sets: &[&String]| file.changed(sets, source, &problem);
    let all: Vec<&String> = sets.iter().collect();
    read(&all).map_err(|failure| match failure {
        Failure::Change(error) => error,
        Failure::Document(reason) => {
            let change = change_of(&reason, sets).or_else(|| needed_for(&reason, &all, &read));
            let origin = change.map_or_else(|| origin.to_owned(), |set| format!("{source} {set}"));
            config_error(&origin, reason)
        }
    })
}

/// The reason why a document is no configuration, unless it is a mapping, or empty: missing keys are then named.
fn no_mapping(document: &Value) -> Option<&'static str> {
    match document {
        Value::Mapping(_) | Value::Null => None,
        Value::Sequence(_) => {
            Some("expected keys, such as `name: NAME`, but found a list; write the keys without `- `")
        }
        _ => Some("expected keys, such as `name: NAME`"),
    }
}

/// The document of a file.
struct File {
    value: Value,
    labels: Option<Labelled>,
}

/// The cause of a document that cannot be read.
enum Failure {
    /// A change that is wrong by itself.
    Change(Error),
    /// A wrong document; the reason begins with the key.
    Document(String),
}

impl File {
    /// The document with changes.
    fn changed<T: DeserializeOwned>(
        &self,
        sets: &[&String],
        source: &str,
        problem: impl Fn(&T) -> Option<String>,
    ) -> Result<T, Failure> {
        let mut value = self.value.clone();
        if let Some(labels) = &self.labels {
            labels.clone().write_to(&mut value);
        }
        for set in sets {
            apply(&mut value, set, source).map_err(Failure::Change)?;
        }
        // Through text again, because only an error from text names the wrong key. Its line number refers to no file.
        let wrong = |error: serde_yaml::Error| {
            let message = error.to_string();
            let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
            Failure::Document(explain(reason))
        };
        let text = serde_yaml::to_string(&value).map_err(wrong)?;
        let document = serde_yaml::from_str(&text).map_err(wrong)?;
        problem(&document).map_or(Ok(document), |problem| Err(Failure::Document(problem)))
    }
}

/// The last change whose key a message begins with.
fn change_of<'a>(message: &str, sets: &'a [String]) -> Option<&'a String> {
    let is_about = |set: &&String| {
        let key = set.split_once('=').map_or(set.as_str(), |(key, _)| key);
        let below = message.strip_prefix(key).is_some_and(|rest| rest.starts_with([':', '.', '[', ' ']));
        // An unknown key is named after the keys that it is below.
        let unknown = |at: usize| {
            let (parent, rest) = (&key[..at], key[at..].trim_start_matches('.'));
            let name = rest.split('.').next().unwrap_or(rest);
            let separator = if parent.is_empty() { "" } else { ": " };
            message.starts_with(&format!("{parent}{separator}unknown field `{name}`"))
        };
        below || std::iter::once(0).chain(key.match_indices('.').map(|(at, _)| at)).any(unknown)
    };
    sets.iter().rev().find(is_about)
}

/// The last change without which the document has another problem, or none: a message may name only the section of a
/// key.
fn needed_for<'a, T>(
    reason: &str,
    sets: &[&'a String],
    read: &impl Fn(&[&String]) -> Result<T, Failure>,
) -> Option<&'a String> {
    let is_needed = |at: &usize| {
        let others: Vec<&String> = [&sets[..*at], &sets[at + 1..]].concat();
        match read(&others) {
            Ok(_) => true,
            Err(Failure::Document(other)) => other != reason,
            Err(Failure::Change(_)) => false,
        }
    };
    (0..sets.len()).rev().find(is_needed).map(|at| sets[at])
}

/// The text of a configuration file, which is small.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let origin = path.display().to_string();
    if path.is_dir() {
        return Err(config_error(&origin, "is a folder; a configuration is a YAML file"));
    }
    let bytes = fs::File::open(path).and_then(|file| read_at_most(file, MAX_BYTES)).map_err(Error::io(path))?;
    let Some(bytes) = bytes else {
        return Err(config_error(&origin, format!("over {MAX_BYTES} bytes are too many for a configuration")));
    };
    // Editors on Windows begin a file with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").map_or(bytes.as_slice(), |rest| rest).to_vec();
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
        config_error(&origin, format!("line {line} is not UTF-8; save the file as UTF-8"))
    })
}

/// The path of the first key at which two documents differ; empty if they differ at their root.
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

/// Sets one dotted key, known or unknown: the types refuse unknown ones.
fn apply(root: &mut Value, set: &str, source: &str) -> Result<()> {
    let origin = format!("{source} {set}");
    let (key, text) = set
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| config_error(&origin, "expected key=value, such as training.epochs=3"))?;
    limits::check(text).map_err(|reason| config_error(&origin, reason))?;
    // Each dot is a nested mapping, and these are written and dropped by recursion.
    if key.split('.').count() > limits::MAX_DEPTH {
        return Err(config_error(source, format!("a key of more than {} parts", limits::MAX_DEPTH)));
    }
    let value: Value = serde_yaml::from_str(text).map_err(|error| config_error(&origin, error.to_string()))?;
    let value = serde_yaml::from_str(text).map_or(value, |Spelled(spelled)| spelled);
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
    if let Some(labels) = Labelled::from_set(key, text) {
        labels.write_to(root);
    }
    Ok(())
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
