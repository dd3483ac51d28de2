//! What Triton reads beside the graph: `config.pbtxt`, labels, samples for the warm-up. The configuration is made as typed
//! messages of Triton's own schema, printed as protobuf text, read back and compared with the graph before it is written.

mod accelerator;
mod agree;
mod config;
mod text;
mod warmup;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub(crate) use agree::{agrees, serves_as};
pub(crate) use text::{parse, print};

use crate::error::{Error, Result};
use crate::proto::model_config::ModelConfig;
use crate::request::PackageRequest;
use crate::source::Source;

/// The configuration's file, in the model's folder.
pub(crate) const CONFIG: &str = "config.pbtxt";
/// The class names' file, in the model's folder.
pub(crate) const LABELS: &str = "labels.txt";

/// The longest configuration that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// Reads the configuration of a model's folder.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn read(folder: &Path) -> std::result::Result<ModelConfig, String> {
    let mut bytes = Vec::new();
    let file = File::open(folder.join(CONFIG)).map_err(|error| error.to_string())?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("over the limit of {LIMIT} bytes"));
    }
    parse(std::str::from_utf8(&bytes).map_err(|error| format!("not UTF-8: {error}"))?)
}

/// What stands in a model's folder beside its versions.
pub(crate) struct ModelFiles {
    pub(crate) config: ModelConfig,
    /// The text of `config.pbtxt`.
    pub(crate) text: String,
    /// Other files: name under the model's folder, and content.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// Makes configuration, labels and warm-up samples of a model called `model`, and checks them against the graph.
///
/// # Errors
/// [`Error::Mismatch`] with the field of the configuration; [`Error::Argument`] for a provider that cannot run the graph.
pub(crate) fn model_files(request: &PackageRequest, source: &Source, model: &str) -> Result<ModelFiles> {
    let mut files = Vec::new();
    let classes = &source.bundle.manifest.classes;
    if !classes.is_empty() {
        if let Some(class) = classes.iter().find(|class| class.contains(['\n', '\r'])) {
            return Err(Error::argument(class, "a class name of two lines cannot stand in Triton's file of labels"));
        }
        files.push((LABELS.to_owned(), format!("{}\n", classes.join("\n")).into_bytes()));
    }
    let samples =
        if request.warmup { warmup::samples(source, config::max_batch(request, &source.graph))? } else { vec![] };
    let config = config::config(request, source, model, &samples)?;
    files.extend(samples.into_iter().map(|sample| (format!("{}/{}", warmup::FOLDER, sample.file), sample.bytes)));
    let text = text::print(&config)?;
    let path = Path::new(model).join(CONFIG);
    // What the server will read, not what was meant.
    let read = parse(&text).map_err(|reason| Error::Format { what: CONFIG, reason })?;
    if read != config {
        return Err(Error::Format { what: CONFIG, reason: "it reads back as another configuration".to_owned() });
    }
    agrees(&read, model, &source.graph).map_err(|(field, reason)| Error::mismatch(&path, field, reason))?;
    Ok(ModelFiles { config, text, files })
}
