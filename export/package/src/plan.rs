//! A model of a server package, made and checked in memory, before anything is written.

use crate::source::Source;

/// The graph's file on every server.
pub(crate) const MODEL: &str = "model.onnx";

/// A model that can be written.
pub(crate) struct Plan<'a> {
    /// Its name on the server.
    pub(crate) model: String,
    pub(crate) source: Source<'a>,
    pub(crate) files: ModelFiles,
}

/// A file that is not written yet: its name under the folder that takes it, and its content.
pub(crate) type NewFile = (String, Vec<u8>);

/// The files of a model apart from graph, weights and record.
#[derive(Debug, Default)]
pub(crate) struct ModelFiles {
    /// Files in the version's folder.
    pub(crate) inside: Vec<NewFile>,
    /// Files in the model's folder, beside the versions. A later version may replace them.
    pub(crate) beside: Vec<NewFile>,
    /// The model's configuration, written after the files beside it.
    pub(crate) config: Option<NewFile>,
}
