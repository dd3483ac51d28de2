//! OpenVINO Model Server: `config.json`, which lists the models, and `mapping_config.json` in the version's folder if ports
//! are renamed. Field names are those of the server's documentation ("Model Server Parameters", "Preparing a Model
//! Repository"). No such server ran here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_runtime::ProviderKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Instructions, Server};
use crate::error::{Error, Result};
use crate::graph::Port;
use crate::plan::{ModelFiles, NewFile, Plan};
use crate::repository::{RECORD, Record, write_json};
use crate::request::PackageRequest;
use crate::source::Source;

/// The server's list of models, in the server package's folder.
const CONFIG: &str = "config.json";
/// New names of ports, in a version's folder.
const MAPPING: &str = "mapping_config.json";

/// `config.json`. Keys that Kiln does not write are kept.
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

/// `mapping_config.json`: from the graph's names to the names for clients.
#[derive(Debug, Default, Serialize)]
struct Mapping {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    inputs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, String>,
}

/// OpenVINO Model Server.
pub(super) struct ModelServer;

impl Server for ModelServer {
    fn title(&self) -> &'static str {
        "OpenVINO Model Server"
    }

    fn validate(&self, request: &PackageRequest) -> Result<()> {
        if matches!(request.provider, ProviderKind::Cpu | ProviderKind::OpenVino) {
            return Ok(());
        }
        Err(Error::option("provider", format!("OpenVINO Model Server runs on OpenVINO, not on {}", request.provider)))
    }

    fn model_files(&self, request: &PackageRequest, source: &Source, _: &str) -> Result<ModelFiles> {
        Ok(ModelFiles { inside: mapping(request, source)?, ..ModelFiles::default() })
    }

    fn may_follow(&self, _: &Path, _: &ModelFiles) -> Result<()> {
        Ok(())
    }

    /// Adds the models to `config.json`; other models that it lists stay.
    fn write(&self, request: &PackageRequest, plans: &[Plan]) -> Result<Vec<PathBuf>> {
        let path = request.out.join(CONFIG);
        let mut config = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Config>(&bytes)
                .map_err(|error| Error::repository(&path, format!("not the server's configuration: {error}")))?,
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

    /// Checks that `config.json`, two folders above the model's, lists the model with an existing folder.
    fn check(&self, folder: &Path, model: &str, _: &Record) -> Vec<String> {
        let root = folder.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let read = fs::read(root.join(CONFIG)).map_err(|error| error.to_string());
        let config = read.and_then(|bytes| serde_json::from_slice::<Config>(&bytes).map_err(|error| error.to_string()));
        let config = match config {
            Ok(config) => config,
            Err(reason) => return vec![format!("{CONFIG}: {reason}")],
        };
        match config.model_config_list.iter().find(|listed| listed.config.name == model) {
            None => vec![format!("{CONFIG}: does not list {model}")],
            Some(listed) if root.join(&listed.config.base_path).is_dir() => Vec::new(),
            Some(listed) => vec![format!("{CONFIG}: base_path `{}` of {model} is no folder", listed.config.base_path)],
        }
    }

    fn instructions(&self, _: &PackageRequest, _: &str) -> Instructions {
        let start = "docker pull openvino/model_server:latest\n\
                     docker run -d --name kiln-ovms --read-only --tmpfs /tmp --cap-drop ALL \
                     --security-opt no-new-privileges \\\n  \
                     -v \"$PWD\":/models:ro -p 127.0.0.1:8000:8000 -p 127.0.0.1:9000:9000 openvino/model_server:latest \\\n  \
                     --config_path /models/config.json --port 9000 --rest_port 8000\n\
                     curl --retry 60 --retry-delay 1 --retry-all-errors -fs http://127.0.0.1:8000/v2/health/ready\n";
        let notes =
            format!("`{RECORD}` in each version's folder has digests and origin; the server does not read it.\n");
        Instructions { start: start.to_owned(), url: "http://127.0.0.1:8000", notes }
    }
}

/// The mapping's file, if ports are renamed.
///
/// # Errors
/// [`Error::Option`] for a name that the graph does not have, or two ports under one name.
fn mapping(request: &PackageRequest, source: &Source) -> Result<Vec<NewFile>> {
    let mut mapping = Mapping::default();
    for (name, shown) in &request.rename {
        let has = |ports: &[Port]| ports.iter().any(|port| port.name == *name);
        match (has(&source.graph.inputs), has(&source.graph.outputs)) {
            (true, _) => drop(mapping.inputs.insert(name.clone(), shown.clone())),
            (_, true) => drop(mapping.outputs.insert(name.clone(), shown.clone())),
            _ => return Err(Error::option("rename", format!("{name}={shown}: the graph has no such port"))),
        }
    }
    let mut shown: Vec<&String> = request.rename.values().collect();
    shown.sort();
    if let Some(pair) = shown.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::option("rename", format!("two ports would have the name `{}`", pair[0])));
    }
    if request.rename.is_empty() {
        return Ok(Vec::new());
    }
    let text = serde_json::to_string_pretty(&mapping)
        .map_err(|error| Error::Format { what: MAPPING, reason: error.to_string() })?;
    Ok(vec![(MAPPING.to_owned(), format!("{text}\n").into_bytes())])
}

fn model(request: &PackageRequest, name: &str) -> Model {
    let other = serde_json::json!({
        "target_device": "CPU",
        "model_version_policy": {"latest": {"num_versions": 1}},
        "nireq": request.instances,
        "plugin_config": {"PERFORMANCE_HINT": "THROUGHPUT"},
    });
    let other = other.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    // Relative to config.json, so that the server package can be mounted anywhere.
    Model { name: name.to_owned(), base_path: format!("models/{name}"), other: other.collect() }
}
