//! Variants of the models of a study: unchanged, with a changed component, and with values of the search. Each variant is a
//! configuration of a run.

use std::path::Path;

use super::config::{ConfigSource, StudyConfig, StudyModel};
use super::results::Role;
use crate::config::{SubgroupKey, config_error, read_text};
use crate::data::Dataset;
use crate::evaluation::require_columns;
use crate::model::Classes;
use crate::{Config, Error, Result};

/// A variant of a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) role: Role,
    /// The unchanged model.
    pub(super) of: Option<String>,
    /// The changes.
    pub(super) changed: Vec<String>,
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
                if all.iter().any(|other| slug(&other.name) == slug(&name)) {
                    let reason = format!("`{}` of `{}` is listed twice", change.name, base.name);
                    return Err(config_error("ablations", reason));
                }
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
        Ok(Self { name: model.name.clone(), role, of: None, changed: model.set.clone(), origin, text, sets })
    }

    /// This variant with further changes.
    pub(super) fn changed(&self, name: String, role: Role, sets: &[String]) -> Self {
        Self {
            name,
            role,
            of: Some(self.name.clone()),
            changed: sets.to_vec(),
            origin: self.origin.clone(),
            text: self.text.clone(),
            sets: self.sets.iter().chain(sets).cloned().collect(),
        }
    }

    /// Checks before the first trial that class weights are for labels of the data set.
    pub(super) fn check_labels(&self, study: &StudyConfig, classes: &Classes) -> Result<()> {
        let Some(weights) = self.config(study, 0)?.training.class_weights else { return Ok(()) };
        let origin = format!("{}: training.class_weights", self.name);
        weights.resolved(classes, &[]).map(|_| ()).map_err(|reason| config_error(&origin, reason))
    }

    /// Checks before the first trial that the list of tiles has the columns of the subgroups. The column of held-out centres is
    /// checked with the folds.
    pub(super) fn check_columns(&self, study: &StudyConfig, dataset: &Dataset) -> Result<()> {
        let mut keys = self.config(study, 0)?.subgroups;
        keys.retain(|key| Some(key) != study.split.leave_one_out.as_ref());
        require_columns(dataset, &keys).map_err(|error| match error {
            Error::Config { origin, reason } => config_error(&format!("{}: {origin}", self.name), reason),
            other => other,
        })
    }

    /// The configuration of a run. Options of the study override those of the model.
    pub(super) fn config(&self, study: &StudyConfig, seed: u64) -> Result<Config> {
        if let Some(set) = self.sets.iter().find(|set| names_normal_classes(set)) {
            let reason = format!("`{set}` would be ignored: data.normal_classes of the study holds for every model");
            return Err(config_error(&format!("models.{}.set", self.name), reason));
        }
        let mut config = Config::parse(&self.text, &self.origin, &self.sets)?;
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

/// True if a change sets the normal classes of one model only.
fn names_normal_classes(set: &str) -> bool {
    let (key, value) = set.split_once('=').unwrap_or((set, ""));
    key.starts_with("data.normal_classes") || (key == "data" && value.contains("normal_classes"))
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
            for variant in Variant::all(&study, &folder).unwrap() {
                variant.config(&study, 1).unwrap_or_else(|error| panic!("{}: {error}", variant.name));
            }
            studies += 1;
        }
        assert!(runs >= 6 && studies >= 2, "{runs} and {studies}");
    }
}
