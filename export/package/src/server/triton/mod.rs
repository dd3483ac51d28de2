//! Triton Inference Server: `config.pbtxt`, labels, and samples for the warm-up. The configuration is made as typed messages
//! of Triton's schema, printed as protobuf text, read back and compared with the graph before it is written.

mod accelerator;
mod agree;
mod config;
mod message;
mod parameters;
mod shape;
mod text;
mod warmup;

use std::fs::File;
use std::path::Path;

use kiln_runtime::ProviderKind;
use kiln_runtime::bundle::Graph;

use super::{Instructions, Server};
use crate::error::{Error, Result};
use crate::graph::ServedGraph;
use crate::plan::{MODEL, ModelFiles, NewFile, Plan};
use crate::repository::{RECORD, Record, versions};
use crate::request::PackageRequest;
use crate::source::Source;
use message::ModelConfig;

/// The configuration's file, in the model's folder.
const CONFIG: &str = "config.pbtxt";
/// The class names' file, in the model's folder.
const LABELS: &str = "labels.txt";
/// The output that has a label for each of its values.
const LABELLED: &str = "probabilities";
/// The longest configuration that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// A field of the configuration, and its fault.
type Disagreement = (String, String);

/// Triton Inference Server.
pub(super) struct Triton;

impl Server for Triton {
    fn title(&self) -> &'static str {
        "Triton Inference Server"
    }

    fn validate(&self, request: &PackageRequest) -> Result<()> {
        if !request.rename.is_empty() {
            return Err(Error::option("rename", "only OpenVINO Model Server can rename ports"));
        }
        match request.provider {
            ProviderKind::Cpu | ProviderKind::Cuda | ProviderKind::OpenVino if request.has_engine_cache() => {
                Err(Error::unused("engine_cache", format!("only tensorrt caches engines, not {}", request.provider)))
            }
            ProviderKind::TensorRt => {
                request.precisions.iter().try_for_each(|one| accelerator::precision_mode(one).map(drop))
            }
            ProviderKind::Cpu | ProviderKind::Cuda | ProviderKind::OpenVino => Ok(()),
            _ => {
                let reason = "Triton's ONNX Runtime backend has cpu, cuda, tensorrt and openvino";
                Err(Error::option("provider", reason))
            }
        }
    }

    /// Triton reads a graph of several files from a folder of the graph's name.
    fn wants_folder_for_split_graphs(&self) -> bool {
        true
    }

    fn model_files(&self, request: &PackageRequest, source: &Source, model: &str) -> Result<ModelFiles> {
        let mut beside = Vec::new();
        let classes = &source.bundle.manifest.classes;
        if !classes.is_empty() {
            beside.push((LABELS.to_owned(), format!("{}\n", classes.join("\n")).into_bytes()));
        }
        let max_batch = shape::max_batch(request, &source.graph);
        let samples = if request.warmup { warmup::samples(source, max_batch)? } else { vec![] };
        let config = config::config(request, source, model, &samples)?;
        beside.extend(samples.into_iter().map(|sample| (sample_path(&sample.file), sample.bytes)));
        let text = text_of(&config).map_err(|reason| Error::Format { what: CONFIG, reason })?;
        let path = Path::new(model).join(CONFIG);
        let mismatch = |(field, reason): Disagreement| Error::mismatch(&path, field, reason);
        agree::agrees(&config, model, &source.graph).map_err(mismatch)?;
        Ok(ModelFiles { inside: Vec::new(), beside, config: Some((CONFIG.to_owned(), text.into_bytes())) })
    }

    fn may_follow(&self, folder: &Path, files: &ModelFiles) -> Result<()> {
        let path = folder.join(CONFIG);
        let has_versions = versions(folder).is_ok_and(|versions| !versions.is_empty());
        let (Some((_, new)), true, true) = (&files.config, has_versions, path.exists()) else { return Ok(()) };
        let unreadable = |why: String| Error::repository(&path, format!("cannot be read: {why}"));
        let (old, new) = (read(folder).map_err(unreadable)?, parse(new).map_err(unreadable)?);
        agree::serves_as(&old, &new).map_err(|(field, reason)| Error::Incompatible {
            path: path.clone(),
            field,
            reason,
        })
    }

    fn shared_files(&self, _: &PackageRequest, _: &[Plan]) -> Result<Vec<NewFile>> {
        Ok(Vec::new())
    }

    /// Compares the configuration with the newest version's graph and record. Instances, queue delay and accelerators are
    /// options that an administrator may change, so they are not compared.
    fn check(&self, folder: &Path, model: &str, record: &Record) -> Vec<String> {
        let config = match read(folder) {
            Ok(config) => config,
            Err(reason) => return vec![format!("{CONFIG}: {reason}")],
        };
        let path = folder.join(record.version.to_string()).join(&record.graph);
        let graph = Graph::open(&path).map_err(Error::from).and_then(|graph| ServedGraph::new(&graph, &path));
        let graph = match graph {
            Ok(graph) => graph,
            Err(error) => return vec![error.to_string()],
        };
        let mut problems = Vec::new();
        if !record.graph.starts_with(MODEL) {
            problems.push(format!("{RECORD}: the graph is `{}`; servers look for {MODEL}", record.graph));
        }
        let written = |sample: &str| record.beside.iter().any(|entry| entry.path == sample_path(sample));
        let compared = [
            agree::agrees(&config, model, &graph),
            agree::files_agree(&config, !record.classes.is_empty(), written),
            parameters::parameters_agree(&config, record, &graph),
        ];
        let disagreements = compared.into_iter().filter_map(std::result::Result::err);
        problems.extend(disagreements.map(|(field, reason)| format!("{CONFIG}: `{field}` {reason}")));
        problems
    }

    fn instructions(&self, request: &PackageRequest, _: &str) -> Instructions {
        let gpus = if request.needs_gpu() { "--gpus all " } else { "" };
        let image = &request.deployment.image;
        let start = format!(
            "docker pull {image}\ndocker run -d --name kiln-triton {gpus}--read-only --tmpfs /tmp --cap-drop ALL \\\n  \
             --security-opt no-new-privileges --user 1000 -v \"$PWD\":/models:ro \\\n  \
             -p 127.0.0.1:8000:8000 -p 127.0.0.1:8001:8001 {image} \\\n  \
             tritonserver --model-repository=/models --disable-auto-complete-config\n\
             curl --retry 60 --retry-delay 1 --retry-all-errors -fs http://127.0.0.1:8000/v2/health/ready\n"
        );
        let notes = format!(
            "The graph takes tiles as decoded: `tile`, u8, `[batch, 256, 256, 3]`. Triton has no tensor without \
             dimensions, so outputs of one number a tile, such as `score`, arrive as `[batch, 1]`. `{CONFIG}` has threshold \
             and classes as parameters. `{RECORD}` in each version's folder has digests and origin; Triton does not read it.\n"
        );
        Instructions { start, url: "http://127.0.0.1:8000", notes }
    }
}

/// Reads a configuration and prints it.
pub(crate) fn reprint(text: &str) -> std::result::Result<String, String> {
    text::reprint(text)
}

/// Prints a configuration, and checks that the server will read the same configuration.
fn text_of(config: &ModelConfig) -> std::result::Result<String, String> {
    let text = text::print(config)?;
    if text::parse(&text)? == *config { Ok(text) } else { Err("it reads back as another configuration".to_owned()) }
}

/// Reads the configuration in a model's folder.
fn read(folder: &Path) -> std::result::Result<ModelConfig, String> {
    let bytes = File::open(folder.join(CONFIG)).and_then(|file| kiln_files::read_at_most(file, LIMIT));
    let bytes = bytes.map_err(|error| error.to_string())?;
    parse(&bytes.ok_or_else(|| format!("over the limit of {LIMIT} bytes"))?)
}

fn parse(bytes: &[u8]) -> std::result::Result<ModelConfig, String> {
    text::parse(std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?)
}

/// A sample's path in the model's folder.
fn sample_path(file: &str) -> String {
    format!("{}/{file}", warmup::FOLDER)
}
