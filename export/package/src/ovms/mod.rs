//! What OpenVINO Model Server reads beside the graph: `config.json`, which lists the models, and a `mapping_config.json` in
//! the version's folder where ports shall have other names than the graph gives them. Field names are those of the
//! server's documentation ("Model Server Parameters", "Preparing a Model Repository"). No such server ran here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::package::{Plan, write_json};
use crate::request::PackageRequest;
use crate::source::Source;

/// The server's list of models, in the package's folder.
pub(crate) const CONFIG: &str = "config.json";
/// Names of ports, in a version's folder.
const MAPPING: &str = "mapping_config.json";

/// `config.json`. What Kiln does not write is kept as it is.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Config {
    #[serde(default)]
    model_config_list: Vec<Listed>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    config: Model,
}

/// One model of the list.
#[derive(Debug, Serialize, Deserialize)]
struct Model {
    name: String,
    base_path: String,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// `mapping_config.json`: the graph's names to the names that clients use.
#[derive(Debug, Default, Serialize)]
struct Mapping {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    inputs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, String>,
}

/// The mapping's file, if ports are renamed.
///
/// # Errors
/// [`Error::Argument`] for a name that the graph does not have, or two ports under one name.
pub(crate) fn mapping(request: &PackageRequest, source: &Source) -> Result<Vec<(String, Vec<u8>)>> {
    let mut mapping = Mapping::default();
    for (name, shown) in &request.rename {
        let has = |ports: &[crate::graph::Port]| ports.iter().any(|port| port.name == *name);
        match (has(&source.graph.inputs), has(&source.graph.outputs)) {
            (true, _) => drop(mapping.inputs.insert(name.clone(), shown.clone())),
            (_, true) => drop(mapping.outputs.insert(name.clone(), shown.clone())),
            _ => return Err(Error::argument(format!("--rename {name}={shown}"), "the graph has no such port")),
        }
    }
    let mut shown: Vec<&String> = request.rename.values().collect();
    shown.sort();
    if let Some(pair) = shown.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::argument("--rename", format!("two ports would be called `{}`", pair[0])));
    }
    if request.rename.is_empty() {
        return Ok(Vec::new());
    }
    let text = serde_json::to_string_pretty(&mapping)
        .map_err(|error| Error::Format { what: MAPPING, reason: error.to_string() })?;
    Ok(vec![(MAPPING.to_owned(), format!("{text}\n").into_bytes())])
}

/// Puts the models into `config.json`; other models that it lists stay.
pub(crate) fn write(request: &PackageRequest, plans: &[Plan]) -> Result<Vec<PathBuf>> {
    let path = request.out.join(CONFIG);
    let mut config = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice::<Config>(&bytes)
            .map_err(|error| Error::argument(path.display(), format!("not a configuration of the server: {error}")))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::default(),
        Err(error) => return Err(Error::read(&path)(error)),
    };
    for plan in plans {
        config.model_config_list.retain(|listed| listed.config.name != plan.model);
        config.model_config_list.push(Listed { config: model(request, &plan.model) });
    }
    write_json(&path, &config)?;
    Ok(vec![path])
}

fn model(request: &PackageRequest, name: &str) -> Model {
    let other = serde_json::json!({
        "target_device": "CPU",
        "model_version_policy": {"latest": {"num_versions": 1}},
        "nireq": request.instances,
        "plugin_config": {"PERFORMANCE_HINT": "THROUGHPUT"},
    });
    let other = other.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    // Relative to config.json, so that the package runs wherever it is mounted.
    Model { name: name.to_owned(), base_path: format!("models/{name}"), other: other.collect() }
}

/// Whether `config.json`, two folders above the model's, lists the model at its place.
pub(crate) fn check(folder: &Path, model: &str) -> Vec<String> {
    let root = folder.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    let read = fs::read(root.join(CONFIG)).map_err(|error| error.to_string());
    let config = read.and_then(|bytes| serde_json::from_slice::<Config>(&bytes).map_err(|error| error.to_string()));
    match config {
        Err(reason) => vec![format!("{CONFIG}: {reason}")],
        Ok(config) => match config.model_config_list.iter().find(|listed| listed.config.name == model) {
            None => vec![format!("{CONFIG}: does not list {model}")],
            Some(listed) if root.join(&listed.config.base_path).is_dir() => Vec::new(),
            Some(listed) => vec![format!("{CONFIG}: base_path `{}` of {model} is no folder", listed.config.base_path)],
        },
    }
}
