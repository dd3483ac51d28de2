//! One graph of a bundle on its way to a server, with the files that it consists of. The bundle has compared both with the
//! manifest; only what servers need beyond that is checked here.

use kiln_runtime::Bundle;
use kiln_runtime::bundle::manifest::{FileEntry, Variant};

use crate::error::{Error, Result};
use crate::graph::ServedGraph;

/// A graph of a bundle, checked.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) variant: &'a Variant,
    pub(crate) graph: ServedGraph,
    /// The graph's file, then its files of weights.
    pub(crate) files: Vec<&'a FileEntry>,
}

impl<'a> Source<'a> {
    /// Opens the graph of one precision.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if no server can load the graph, or its weights are in another folder; [`Error::Bundle`] if the
    /// bundle has no such precision.
    pub(crate) fn open(bundle: &'a Bundle, precision: &str) -> Result<Self> {
        let variant = bundle.variant(precision)?;
        let path = bundle.path.join(&variant.file);
        let graph = ServedGraph::new(bundle.graph(precision)?, &path)?;
        let files = bundle.graph_files(precision)?;
        if let Some(entry) = elsewhere(&variant.file, &files) {
            let reason = format!("the graph reads `{}`; servers need the weights beside the graph", entry.path);
            return Err(Error::mismatch(&path, "external_data.location", reason));
        }
        Ok(Self { bundle, variant, graph, files })
    }

    /// Returns true if the graph has its weights in separate files.
    pub(crate) fn is_split(&self) -> bool {
        self.files.len() > 1
    }

    /// The first twelve digits of the digest of the trained weights.
    pub(crate) fn weights_id(&self) -> &'a str {
        let digest = &self.bundle.manifest.provenance.weights_sha256;
        digest.get(..12).unwrap_or(digest)
    }
}

/// The first file that is not in the folder of the graph.
fn elsewhere<'a>(graph: &str, files: &[&'a FileEntry]) -> Option<&'a FileEntry> {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    files.iter().find(|entry| folder(&entry.path) != folder(graph)).copied()
}

/// The folder and the name of a path with forward slashes.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_in_the_folder_of_their_graph() {
        let refused = |graph: &str, path: &str| {
            let entry = FileEntry { path: path.to_owned(), bytes: 1, sha256: String::new() };
            elsewhere(graph, &[&entry]).is_some()
        };
        assert!(!refused("model.onnx", "model.ab12.data"));
        assert!(!refused("a/model.onnx", "a/w.data"));
        for path in ["a/w.data", "../w.data", "/w.data", "./w.data"] {
            assert!(refused("model.onnx", path), "{path}");
        }
        assert!(refused("a/model.onnx", "w.data") && refused("a/model.onnx", "a/b/w.data"));
    }

    #[test]
    fn a_path_is_a_folder_and_a_name() {
        assert_eq!(split("model.onnx"), ("", "model.onnx"));
        assert_eq!(split("a/b/w.data"), ("a/b", "w.data"));
    }
}
