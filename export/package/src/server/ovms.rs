//! OpenVINO Model Server: `config.json`, which lists the models, and `mapping_config.json` in the version's folder if ports
//! are renamed. Field names are those of the server's documentation ("Model Server Parameters", "Preparing a Model
//! Repository"). No such server ran here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kiln_runtime::ProviderKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Instructions, Server};
use crate::error::{Error, Result};
use crate::graph::Port;
use crate::plan::{ModelFiles, NewFile, Plan};
use crate::repository::{RECORD, Record, json};
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
        if let Some(option) = request.triton_options().first() {
            return Err(Error::unused(option, "only Triton and KServe use it, not OpenVINO Model Server"));
        }
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

    /// `config.json` with the models added; other models that it lists stay.
    fn shared_files(&self, request: &PackageRequest, plans: &[Plan]) -> Result<Vec<NewFile>> {
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
        Ok(vec![(CONFIG.to_owned(), json(&config)?)])
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
/// [`Error::Option`] for a name that the graph does not have, two names for one port, or two inputs or two outputs under one name.
fn mapping(request: &PackageRequest, source: &Source) -> Result<Vec<NewFile>> {
    if request.rename.is_empty() {
        return Ok(Vec::new());
    }
    let mapping = renamed(&request.rename, &source.graph.inputs, &source.graph.outputs)?;
    Ok(vec![(MAPPING.to_owned(), json(&mapping)?)])
}

fn renamed(rename: &[(String, String)], inputs: &[Port], outputs: &[Port]) -> Result<Mapping> {
    let refuse = |reason: String| Err(Error::option("rename", reason));
    let mut mapping = Mapping::default();
    for (name, shown) in rename {
        let has = |ports: &[Port]| ports.iter().any(|port| port.name == *name);
        let earlier = match (has(inputs), has(outputs)) {
            (true, _) => mapping.inputs.insert(name.clone(), shown.clone()),
            (_, true) => mapping.outputs.insert(name.clone(), shown.clone()),
            _ => return refuse(format!("{name}={shown}: the graph has no such port")),
        };
        if let Some(earlier) = earlier {
            return refuse(format!("{name}={shown}: `{name}` is already renamed to `{earlier}`"));
        }
    }
    // The server has a mapping of inputs and one of outputs, so an input and an output may have one name.
    for (what, ports, names) in [("inputs", inputs, &mapping.inputs), ("outputs", outputs, &mapping.outputs)] {
        if let Some(name) = repeated(ports, names) {
            return refuse(format!("two {what} would have the name `{name}`"));
        }
    }
    Ok(mapping)
}

/// The first name that two of the ports would have.
fn repeated<'a>(ports: &'a [Port], names: &'a BTreeMap<String, String>) -> Option<&'a String> {
    let mut shown: Vec<_> = ports.iter().map(|port| names.get(&port.name).unwrap_or(&port.name)).collect();
    shown.sort();
    shown.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::element::Element;

    #[test]
    fn a_port_is_renamed_once_and_to_a_name_that_no_port_beside_it_has() {
        let port = |name: &str| Port { name: name.to_owned(), element: Element::Float32, shape: Vec::new() };
        let (inputs, outputs) = ([port("tile")], [port("score"), port("probabilities")]);
        let renamed = |names: &[(&str, &str)]| {
            let names: Vec<_> = names.iter().map(|(name, new)| ((*name).to_owned(), (*new).to_owned())).collect();
            renamed(&names, &inputs, &outputs)
        };
        let mapping = renamed(&[("tile", "input"), ("score", "probabilities"), ("probabilities", "score")]).unwrap();
        assert_eq!((mapping.inputs.len(), mapping.outputs.len()), (1, 2));
        for names in [[("tile", "score"), ("score", "x")], [("tile", "x"), ("score", "x")]] {
            let mapping = renamed(&names).unwrap();
            assert_eq!((mapping.inputs.len(), mapping.outputs.len()), (1, 1), "{names:?}");
        }
        let refused: [(&[(&str, &str)], &str); 4] = [
            (&[("tiles", "input")], "no such port"),
            (&[("tile", "x"), ("tile", "y")], "already renamed to `x`"),
            (&[("probabilities", "score")], "two outputs would have the name `score`"),
            (&[("probabilities", "x"), ("score", "x")], "two outputs would have the name `x`"),
        ];
        for (names, reason) in refused {
            let error = renamed(names).unwrap_err().to_string();
            assert!(error.contains(reason), "{names:?}: {error}");
        }
    }
}
