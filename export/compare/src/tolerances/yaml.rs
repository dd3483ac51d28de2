//! Reading limits from YAML. A wrong key or value is an error that names it, and the nearest known key.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use kiln_files::read_at_most;
use serde_yaml::{Mapping, Value};

use super::{Change, Section, Tolerances};
use crate::{CompareError, Result};

/// Largest size of a file of tolerances in bytes.
const MAX_BYTES: u64 = 1 << 20;

impl Tolerances {
    /// Reads a YAML file.
    ///
    /// # Errors
    /// [`CompareError::Tolerances`] names the key, and the nearest known one.
    pub fn read(path: &Path) -> Result<Self> {
        let origin = path.display().to_string();
        let wrong = |reason: String| CompareError::Tolerances { origin: origin.clone(), reason };
        let bytes = File::open(path).and_then(|file| read_at_most(file, MAX_BYTES));
        let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| wrong(format!("over {MAX_BYTES} bytes are too many for tolerances")))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        Self::parse(&text, &origin)
    }

    /// Reads YAML; errors begin with `origin`.
    ///
    /// # Errors
    /// As [`Tolerances::read`].
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let wrong = |reason: String| CompareError::Tolerances { origin: origin.to_owned(), reason };
        let value: Value = serde_yaml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let read = || -> Result<Self, String> {
            let root = mapping("", &value)?;
            known("", root, &["default", "outputs", "decisions", "precisions"])?;
            let every = Section::read("", root)?;
            let mut precisions = BTreeMap::new();
            if let Some(value) = root.get("precisions") {
                let sections = mapping("precisions", value)?;
                known("precisions", sections, &["fp32", "fp16", "int8"])?;
                for (name, value) in sections {
                    let name = name.as_str().unwrap_or_default();
                    let key = format!("precisions.{name}");
                    let section = mapping(&key, value)?;
                    known(&key, section, &["default", "outputs", "decisions"])?;
                    precisions.insert(name.to_owned(), Section::read(&key, section)?);
                }
            }
            Ok(Self { origin: origin.to_owned(), every, precisions })
        };
        read().map_err(wrong)
    }
}

impl Change {
    fn read(key: &str, value: &Value) -> Result<Self, String> {
        let map = mapping(key, value)?;
        known(key, map, &["absolute", "relative", "outside", "ulp", "cosine", "snr_db"])?;
        let ulp = number(key, map, "ulp", (0.0, f64::from(u32::MAX)))?;
        Ok(Self {
            absolute: number(key, map, "absolute", (0.0, f64::MAX))?,
            relative: number(key, map, "relative", (0.0, f64::MAX))?,
            outside: number(key, map, "outside", (0.0, 1.0))?,
            ulp: ulp.map(|ulp| ulp as u32),
            cosine: number(key, map, "cosine", (-1.0, 1.0))?,
            snr_db: number(key, map, "snr_db", (-1e3, 1e3))?,
        })
    }
}

impl Section {
    fn read(key: &str, map: &Mapping) -> Result<Self, String> {
        let under = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        let mut section = Self::default();
        if let Some(value) = map.get("default") {
            section.default = Some(Change::read(&under("default"), value)?);
        }
        if let Some(value) = map.get("outputs") {
            for (name, change) in mapping(&under("outputs"), value)? {
                let name = name.as_str().ok_or_else(|| format!("`{}`: a name is expected", under("outputs")))?;
                let key = under(&format!("outputs.{name}"));
                section.outputs.insert(name.to_owned(), Change::read(&key, change)?);
            }
        }
        if let Some(value) = map.get("decisions") {
            let key = under("decisions");
            let map = mapping(&key, value)?;
            known(&key, map, &["flips", "class_changes", "auroc_lost"])?;
            section.flips = number(&key, map, "flips", (0.0, 1.0))?;
            section.class_changes = number(&key, map, "class_changes", (0.0, 1.0))?;
            section.auroc_lost = number(&key, map, "auroc_lost", (0.0, 1.0))?;
        }
        Ok(section)
    }
}

fn mapping<'a>(key: &str, value: &'a Value) -> Result<&'a Mapping, String> {
    let name = if key.is_empty() { "the file".to_owned() } else { format!("`{key}`") };
    value.as_mapping().ok_or_else(|| format!("{name}: keys with values are expected"))
}

/// Refuses a key that is not among `names`.
fn known(key: &str, map: &Mapping, names: &[&str]) -> Result<(), String> {
    for found in map.keys() {
        let found = found.as_str().ok_or_else(|| format!("`{key}`: a key is no text"))?;
        if !names.contains(&found) {
            let dot = if key.is_empty() { "" } else { "." };
            let near = nearest(found, names.iter().copied());
            return Err(format!("unknown key `{key}{dot}{found}`, nearest `{near}`; known: {}", names.join(", ")));
        }
    }
    Ok(())
}

pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    names.min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or_default()
}

fn number(key: &str, map: &Mapping, name: &str, (low, high): (f64, f64)) -> Result<Option<f64>, String> {
    let Some(value) = map.get(name) else { return Ok(None) };
    // YAML 1.1 takes `1e-3` for text.
    let found = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    match found {
        Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
        _ => {
            let range = if high < 1e9 { format!("from {low} to {high}") } else { format!("of at least {low}") };
            Err(format!("`{key}.{name}`: a number {range} is expected"))
        }
    }
}
