//! The folder of compiled graphs for one session: its key comes from the graph, the provider and the session's options.

use std::collections::BTreeMap;

use super::SessionOptions;
use super::source::Source;
use crate::error::Result;
use crate::library::{Runtime, compiled_dir};
use crate::provider::{CompiledGraphs, CompiledIdentity, Provider, nvidia_driver, nvidia_gpus};

/// Opens the folder of compiled graphs; none if the provider keeps nothing.
pub(super) fn compiled_graphs(
    runtime: &Runtime,
    source: &Source<'_>,
    provider: &Provider,
    options: &SessionOptions,
) -> Result<Option<CompiledGraphs>> {
    let Some(keeping) = provider.keeps_compiled() else { return Ok(None) };
    let root = keeping.root.map_or_else(compiled_dir, Ok)?;
    let mut settings: BTreeMap<String, String> =
        provider.settings().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if let Some(profile) = &options.shape_profile {
        settings.insert("profile".to_owned(), profile.key());
    }
    if let Some(threads) = options.threads.filter(|_| keeping.depends_on_threads) {
        settings.insert("threads".to_owned(), threads.to_string());
    }
    let identity = CompiledIdentity {
        provider: provider.name(),
        model_sha256: source.sha256()?,
        onnxruntime: runtime.version().to_owned(),
        tensorrt: keeping.tensorrt,
        gpus: nvidia_gpus(),
        driver: nvidia_driver(),
        options: settings,
    };
    CompiledGraphs::open(&root, &identity).map(Some)
}
