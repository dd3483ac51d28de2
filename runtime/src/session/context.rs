//! EP-context models: a provider's compiled graph, as an ONNX file with one node. Written once, beside the other kept
//! engines, and opened in place of the graph from then on.

use std::fs;
use std::path::PathBuf;

use ort::session::builder::SessionBuilder;

use crate::error::{Error, Result};
use crate::provider::Engines;

/// An EP-context model that is being written: it appears whole or not at all.
pub(super) struct Writing {
    scratch: PathBuf,
    finished: PathBuf,
}

impl Writing {
    /// Has ONNX Runtime write the model while it opens the session.
    pub(super) fn begin(builder: SessionBuilder, engines: &Engines) -> Result<(SessionBuilder, Self)> {
        let finished = engines.context().parent().map(PathBuf::from).unwrap_or_default();
        let scratch = engines.folder().join(format!("context.{}.partial", std::process::id()));
        fs::create_dir_all(&scratch).map_err(|source| Error::Write { path: scratch.clone(), source })?;
        let file = scratch.join("model.onnx");
        let entries = [
            ("ep.context_enable", "1".to_owned()),
            ("ep.context_file_path", file.display().to_string()),
            // The compiled graph within the file: it can be moved, and nothing beside it can be lost.
            ("ep.context_embed_mode", "1".to_owned()),
        ];
        let builder = entries.into_iter().try_fold(builder, |builder, (key, value)| {
            builder
                .with_config_entry(key, value)
                .map_err(|source| Error::Runtime { action: "asking for an EP-context model", source: source.into() })
        })?;
        Ok((builder, Self { scratch, finished }))
    }

    /// The session is open, so the model is whole. One that another process has finished meanwhile is as good.
    pub(super) fn finish(self) {
        if self.scratch.join("model.onnx").is_file() && fs::rename(&self.scratch, &self.finished).is_ok() {
            tracing::info!("wrote the EP-context model {}", self.finished.display());
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Nothing is there any more once it is finished.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}
