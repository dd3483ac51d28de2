//! Variants of the models of a study: unchanged, with a changed component, and with values of the search. Each variant is a
//! configuration of a run. Before the first training [`check_all`] refuses variants with the same folder, variants that
//! would fail, and changes without an effect.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use serde_yaml::Value;

use super::config::{ConfigSource, Search, StudyConfig, StudyModel};
use super::results::Role;
use super::search;
use crate::config::{SubgroupKey, Weights, config_error, read_text};
use crate::data::Dataset;
use crate::evaluation::require_columns;
use crate::model::Classes;
use crate::{Config, Error, Result, weights};

/// A variant of a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) role: Role,
    /// The unchanged model.
    pub(super) of: Option<String>,
    /// The changes.
    pub(super) changed: Vec<String>,
    /// The key of the search and its value, if the variant stands for one value of the search.
    searched: Option<(String, String)>,
    origin: String,
    text: String,
    sets: Vec<String>,
}

impl Variant {
    /// All models unchanged, then their ablations.
    pub(super) fn all(study: &StudyConfig, folder: &Path) -> Result<Vec<Self>> {
        let models = study.models.iter().map(|model| Self::model(study, model, folder)).collect::<Result<Vec<_>>>()?;
        let mut all = models.clone();
        for ablation in &study.ablations {
            let Some(base) = models.iter().find(|model| model.name == ablation.of) else { continue };
            for change in &ablation.changes {
                let name = format!("{} {}", base.name, change.name);
                all.push(base.changed(name, Role::Ablation, &change.set));
            }
        }
        Ok(all)
    }

    fn model(study: &StudyConfig, model: &StudyModel, folder: &Path) -> Result<Self> {
        let (origin, text) = match &model.config {
            ConfigSource::File(path) => {
                let path = folder.join(path);
                (path.display().to_string(), read_text(&path)?)
            }
            ConfigSource::Inline(mapping) => {
                let origin = format!("models.{}.config", model.name);
                let text = serde_yaml::to_string(mapping).map_err(|error| config_error(&origin, error.to_string()))?;
                (origin, text)
            }
        };
        let sets = study.set.iter().chain(&model.set).cloned().collect();
        let role = Role::Model;
        let (name, changed) = (model.name.clone(), model.set.clone());
        Ok(Self { name, role, of: None, changed, searched: None, origin, text, sets })
    }

    /// This variant with further changes.
    pub(super) fn changed(&self, name: String, role: Role, sets: &[String]) -> Self {
        Self {
            name,
            role,
            of: Some(self.name.clone()),
            changed: sets.to_vec(),
            searched: None,
            origin: self.origin.clone(),
            text: self.text.clone(),
            sets: self.sets.iter().chain(sets).cloned().collect(),
        }
    }

    /// This variant with values of the search.
    pub(super) fn tuned(&self, sets: &[String]) -> Self {
        self.changed(tuned_name(&self.name), Role::Tuned, sets)
    }

    /// Name of the trial with this seed on this fold, and of its folder.
    pub(super) fn trial(&self, seed: u64, fold: usize) -> String {
        format!("{}-seed{seed}-fold{fold}", slug(&self.name))
    }

    /// Checks before the first trial that class weights are for labels of the data set.
    pub(super) fn check_labels(&self, study: &StudyConfig, classes: &Classes) -> Result<()> {
        let Some(weights) = self.config(study, 0)?.training.class_weights else { return Ok(()) };
        let wrong = |reason| self.named(config_error("training.class_weights", reason));
        weights.resolved(classes, &[]).map(|_| ()).map_err(wrong)
    }

    /// Checks before the first trial that the list of tiles has the columns of the subgroups. The column of held-out centres is
    /// checked with the folds.
    pub(super) fn check_columns(&self, study: &StudyConfig, dataset: &Dataset) -> Result<()> {
        let mut keys = self.config(study, 0)?.subgroups;
        keys.retain(|key| Some(key) != study.split.leave_one_out.as_ref());
        require_columns(dataset, &keys).map_err(|error| self.named(error))
    }

    /// Checks before the first trial that the device is there, and that weights of a file can be read.
    pub(super) fn check_machine(&self, study: &StudyConfig) -> Result<()> {
        let config = self.config(study, 0)?;
        config.training.device.open().map_err(|error| self.named(error))?;
        if let Some(backbone) = config.model.settings().backbone()
            && let Weights::File(path) = &backbone.weights
        {
            weights::load(path, backbone, &Device::flex()).map_err(|error| self.named(error))?;
        }
        Ok(())
    }

    /// An error with the name of this model, and the value of the search if it is at fault.
    pub(super) fn named(&self, error: Error) -> Error {
        let (model, cause) = (self.name.clone(), Box::new(error));
        match &self.searched {
            Some((key, value)) => Error::OfSearch { model, key: key.clone(), value: value.clone(), cause },
            None => Error::OfModel { model, cause },
        }
    }

    /// The configuration of a run. Options of the study override those of the model.
    pub(super) fn config(&self, study: &StudyConfig, seed: u64) -> Result<Config> {
        for set in &self.sets {
            if let Some(key) = ignored_key(set, study) {
                let reason = format!("`{set}` would be ignored: the study sets {key} for every model");
                return Err(config_error(&format!("models.{}.set", self.name), reason));
            }
        }
        let mut config = Config::parse_with(&self.text, &self.origin, &self.sets, &format!("models.{}:", self.name))?;
        config.name = slug(&self.name);
        config.training.seed = seed;
        config.data.path = None;
        config.data.size_policy = study.data.size_policy;
        config.data.normal_classes = study.data.normal_classes.clone();
        config.data.slides = study.data.slides;
        if let Some(resolution) = study.data.micrometres_per_pixel {
            config.data.micrometres_per_pixel = Some(resolution);
        }
        // The run must accept the column, and so its report names the centre.
        if let Some(key @ SubgroupKey::Column(_)) = &study.split.leave_one_out
            && !config.subgroups.contains(key)
        {
            config.subgroups.push(key.clone());
        }
        Ok(config)
    }
}

/// Keys that a study sets for every model.
const OF_THE_STUDY: [&str; 7] =
    ["name", "data.path", "data.size_policy", "data.normal_classes", "data.split", "data.slides", "training.seed"];

/// The key that a change, `key=value`, sets in vain, because the study sets it for every model.
fn ignored_key(set: &str, study: &StudyConfig) -> Option<&'static str> {
    let (key, value) = set.split_once('=').unwrap_or((set, ""));
    let resolution = study.data.micrometres_per_pixel.map(|_| "data.micrometres_per_pixel");
    OF_THE_STUDY.into_iter().chain(resolution).find(|own| {
        let below =
            |key: &str, own: &str| key.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let Some(inner) = own.strip_prefix(key).and_then(|rest| rest.strip_prefix('.')) else { return below(key, own) };
        // The value is a mapping with the key in it.
        serde_yaml::from_str::<Value>(value).is_ok_and(|value| value.get(inner).is_some())
    })
}

/// Checks the configurations of all variants and of the search.
///
/// # Errors
/// [`Error::Config`]: a variant or a value of the search that is no configuration, two variants with one folder name, or a
/// change without an effect.
pub(super) fn check_all(study: &StudyConfig, variants: &[Variant]) -> Result<()> {
    check_names(study, variants)?;
    for variant in variants {
        let config = variant.config(study, 0)?;
        let base = variants.iter().find(|base| Some(&base.name) == variant.of.as_ref());
        let Some(base) = base else { continue };
        let (name, unchanged) = (&variant.name, base.config(study, 0)?);
        if (Config { name: unchanged.name.clone(), ..config.clone() }) == unchanged {
            let reason = format!("`{name}` changes nothing: `{}` has these values already", base.name);
            return Err(config_error("ablations", reason));
        }
        if effective(config) == effective(unchanged) {
            let reason = format!("`{name}` changes no figure of the study: {}", variant.changed.join(", "));
            return Err(config_error("ablations", reason));
        }
    }
    let Some(search) = &study.search else { return Ok(()) };
    variants.iter().find(|variant| variant.name == search.of).map_or(Ok(()), |base| check_search(study, search, base))
}

/// The configuration without the keys that no figure of a study depends on: speed and checkpoints, and the run's own intervals
/// and subgroups.
fn effective(mut config: Config) -> Config {
    config.name.clear();
    config.data.workers = 0;
    config.training.checkpoint_seconds = 0;
    config.bootstrap_resamples = 0;
    config.subgroups.clear();
    config
}

/// Refuses two variants whose trials would have one folder. Folder names are compared without regard to case.
fn check_names(study: &StudyConfig, variants: &[Variant]) -> Result<()> {
    let of_search = study.search.iter().flat_map(|search| {
        let numbered = (0..search.trials).map(|number| search_name(&search.of, number));
        numbered.chain([tuned_name(&search.of)])
    });
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for name in variants.iter().map(|variant| variant.name.clone()).chain(of_search) {
        let folder = slug(&name);
        // The run's own name and the number of seed and fold are added to it.
        if folder.len() > MAX_SLUG {
            let reason = format!("`{name}` is too long for the name of a folder; {MAX_SLUG} letters fit");
            return Err(config_error("models", reason));
        }
        if let Some(other) = names.insert(folder.to_lowercase(), name.clone()) {
            let reason = if other == name {
                format!("`{name}` is also the name of another model, an ablation or a trial of the search: rename it")
            } else {
                format!("`{other}` and `{name}` would have one folder, `{folder}`: rename one of them")
            };
            return Err(config_error("models", reason));
        }
    }
    Ok(())
}

/// Longest folder name of a variant, in bytes: systems allow 255 with `-seedN-foldM`, and a run's name 200.
const MAX_SLUG: usize = 200;

/// Checks some values of each searched key, beside the first values of the others, as proposals set all of them.
fn check_search(study: &StudyConfig, search: &Search, base: &Variant) -> Result<()> {
    let samples = search::samples(search)?;
    let first: Vec<String> = samples.iter().map(|(key, values)| format!("{key}={}", values[0])).collect();
    base.changed(base.name.clone(), Role::Tuned, &first).config(study, 0).map_err(|error| {
        let Error::Config { origin, reason } = error else { return error };
        let at_fault = first.iter().zip(&samples).find(|(set, _)| origin.ends_with(*set) || reason.contains(*set));
        let origin = at_fault.map_or("search.space".to_owned(), |(_, (key, _))| format!("search.space.{key}"));
        config_error(&origin, reason)
    })?;
    for (key, values) in &samples {
        let origin = format!("search.space.{key}");
        let config = |value: &String| {
            let sets = beside_first(&samples, key, value);
            base.changed(base.name.clone(), Role::Tuned, &sets).config(study, 0).map_err(|error| {
                let Error::Config { reason, .. } = error else { return error };
                config_error(&origin, format!("{value}: {reason}"))
            })
        };
        let config = |value: &String| config(value).map(effective);
        let configs = values.iter().map(config).collect::<Result<Vec<_>>>()?;
        if configs.len() > 1 && configs.iter().all(|config| *config == configs[0]) {
            return Err(config_error(&origin, "its values make no difference"));
        }
    }
    Ok(())
}

/// The variants of a search that are checked before the first training: each value of each key on the unchanged model, or
/// beside the first values of the others if it cannot be without them, and the trials whose values do not depend on results.
pub(super) fn of_search(study: &StudyConfig, variants: &[Variant]) -> Result<Vec<Variant>> {
    let Some(search) = &study.search else { return Ok(Vec::new()) };
    let Some(base) = variants.iter().find(|variant| variant.name == search.of) else { return Ok(Vec::new()) };
    let samples = search::samples(search)?;
    let mut all = Vec::new();
    for (key, values) in &samples {
        for value in values {
            let with = |sets: &[String]| Variant {
                searched: Some(((*key).to_owned(), value.clone())),
                ..base.changed(base.name.clone(), Role::Tuned, sets)
            };
            let alone = with(&[format!("{key}={value}")]);
            let is_sound = alone.config(study, 0).is_ok();
            all.push(if is_sound { alone } else { with(&beside_first(&samples, key, value)) });
        }
    }
    for (number, sets) in search::independent(search)?.iter().enumerate() {
        all.push(base.changed(search_name(&base.name, number), Role::Tuned, sets));
    }
    Ok(all)
}

/// A value of one key beside the first values of the others.
fn beside_first(samples: &[(&str, Vec<String>)], key: &str, value: &str) -> Vec<String> {
    let set = |(other, values): &(&str, Vec<String>)| {
        format!("{other}={}", if *other == key { value } else { values[0].as_str() })
    };
    samples.iter().map(set).collect()
}

/// Name of the trial of a search with this number.
pub(super) fn search_name(base: &str, number: usize) -> String {
    format!("{base}-search{number}")
}

/// Name of the model with the best values of a search.
fn tuned_name(base: &str) -> String {
    format!("{base}-tuned")
}

/// A name that is valid for a folder on every system.
pub(super) fn slug(name: &str) -> String {
    let kept = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    name.chars().map(kept).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::fs;

    use super::*;
    use crate::pretraining::PretrainConfig;

    #[test]
    fn every_configuration_that_comes_with_kiln_is_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let (mut runs, mut studies) = (0, 0);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("pretrain") {
                PretrainConfig::read(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
                continue;
            }
            if !name.starts_with("study") {
                Config::read(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
                runs += 1;
                continue;
            }
            let study = StudyConfig::read(&path, &[]).unwrap();
            let variants = Variant::all(&study, &folder).unwrap();
            check_all(&study, &variants).unwrap_or_else(|error| panic!("{name}: {error}"));
            studies += 1;
        }
        assert!(runs >= 6 && studies >= 2, "{runs} and {studies}");
    }
}
