//! The graph of a session: a file or bytes.

use std::fs;
use std::path::Path;

use kiln_files::digest::{sha256_file, sha256_hex};
use ort::session::builder::SessionBuilder;

use crate::error::{Error, Result};

/// A graph.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A file; files beside it whose names begin with its own may hold its weights.
    File(&'a Path),
    /// The bytes themselves.
    Bytes(&'a [u8]),
}

impl Source<'_> {
    /// Loads the graph.
    pub(super) fn commit(self, mut builder: SessionBuilder) -> ort::Result<ort::session::Session> {
        match self {
            Self::File(path) => builder.commit_from_file(path),
            Self::Bytes(bytes) => builder.commit_from_memory(bytes),
        }
    }

    /// SHA-256 over the graph and its weights.
    pub(super) fn sha256(&self) -> Result<String> {
        let path = match self {
            Self::Bytes(bytes) => return Ok(sha256_hex(bytes)),
            Self::File(path) => *path,
        };
        let read = |source| Error::Read { path: path.to_owned(), source };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(folder).map_err(read)?.flatten();
        let beside = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name));
        let mut files: Vec<_> = beside.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        let digests = files.iter().map(|file| sha256_file(file)).collect::<std::io::Result<Vec<_>>>();
        Ok(sha256_hex(digests.map_err(read)?.concat().as_bytes()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn weights_beside_a_graph_are_part_of_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.onnx");
        fs::write(&model, "graph").unwrap();
        fs::write(folder.path().join("model.onnx.data"), "weights").unwrap();
        let before = Source::File(&model).sha256().unwrap();
        fs::write(folder.path().join("model.onnx.data"), "other weights").unwrap();
        assert_ne!(Source::File(&model).sha256().unwrap(), before);
    }
}
