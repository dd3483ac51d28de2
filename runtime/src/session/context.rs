//! EP-context models: a provider's compiled graph as an ONNX file with one node. Written once into the folder of compiled
//! graphs, and opened in place of the graph from then on.

use std::fs;
use std::path::PathBuf;

use ort::session::builder::SessionBuilder;

use crate::error::{Error, Result};
use crate::provider::CompiledGraphs;

/// Writes an EP-context model, which appears whole or not at all.
pub(super) struct ContextWriter {
    scratch: PathBuf,
    finished: PathBuf,
}

impl ContextWriter {
    /// Makes ONNX Runtime write the model while it opens the session.
    pub(super) fn begin(builder: SessionBuilder, compiled: &CompiledGraphs) -> Result<(SessionBuilder, Self)> {
        let finished = compiled.context().parent().map(PathBuf::from).unwrap_or_default();
        let scratch = compiled.folder().join(format!("context.{}.partial", std::process::id()));
        fs::create_dir_all(&scratch).map_err(|source| Error::Write { path: scratch.clone(), source })?;
        let file = scratch.join("model.onnx");
        let entries = [
            ("ep.context_enable", "1".to_owned()),
            ("ep.context_file_path", file.display().to_string()),
            // The compiled graph is part of the file, which can be moved alone.
            ("ep.context_embed_mode", "1".to_owned()),
        ];
        let builder = entries.into_iter().try_fold(builder, |builder, (key, value)| {
            builder
                .with_config_entry(key, value)
                .map_err(|source| Error::Runtime { action: "asking for an EP-context model", source: source.into() })
        })?;
        Ok((builder, Self { scratch, finished }))
    }

    /// Publishes the model, which is whole once the session is open. A model that another process published is equivalent.
    pub(super) fn finish(self) {
        if self.scratch.join("model.onnx").is_file() && fs::rename(&self.scratch, &self.finished).is_ok() {
            tracing::info!("wrote the EP-context model {}", self.finished.display());
        }
    }
}

impl Drop for ContextWriter {
    fn drop(&mut self) {
        // The folder is gone once the model is published.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}
