//! One graph of a bundle on its way to a server: what it says of itself, and the files that it consists of. Opening one
//! compares graph and manifest; nothing is served that does not agree.

use std::path::Path;

use kiln_runtime::Bundle;
use kiln_runtime::bundle::manifest::{Dim, FileEntry, Variant};

use crate::error::{Error, Result};
use crate::graph::{BatchRule, Graph};

/// A graph of a bundle, checked.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) variant: &'a Variant,
    pub(crate) graph: Graph,
    /// The graph's file, then its files of weights.
    pub(crate) files: Vec<&'a FileEntry>,
}

impl<'a> Source<'a> {
    /// Opens the graph of one precision.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the graph is not what the manifest says, or keeps weights in a file that is not the
    /// bundle's own; [`Error::Bundle`] if there is no such precision.
    pub(crate) fn open(bundle: &'a Bundle, precision: &str) -> Result<Self> {
        let variant = bundle.variant(precision)?;
        let path = bundle.path.join(&variant.file);
        let graph = Graph::read(&path)?;
        graph.agrees(&bundle.manifest, &path)?;
        batch_agrees(variant, &graph, &path)?;
        let entry = |name: &str| bundle.manifest.files.iter().find(|entry| entry.path == name);
        let mut files: Vec<&FileEntry> = entry(&variant.file).into_iter().collect();
        for location in &graph.external {
            files.push(plain(location).and_then(entry).ok_or_else(|| {
                let reason =
                    format!("weights are said to be in `{location}`, which is no file of the bundle beside the graph");
                Error::mismatch(&path, "external_data.location", reason)
            })?);
        }
        Ok(Self { bundle, variant, graph, files })
    }

    /// Whether the graph keeps weights in files of their own.
    pub(crate) fn is_split(&self) -> bool {
        self.files.len() > 1
    }

    /// The first twelve digits of the digest of the trained weights.
    pub(crate) fn weights_id(&self) -> &'a str {
        let digest = &self.bundle.manifest.provenance.weights_sha256;
        digest.get(..12).unwrap_or(digest)
    }
}

/// A file name, and nothing that leads elsewhere.
fn plain(location: &str) -> Option<&str> {
    let name = Path::new(location).file_name()?.to_str()?;
    (name == location && !location.contains(['\\', ':'])).then_some(name)
}

fn batch_agrees(variant: &Variant, graph: &Graph, path: &Path) -> Result<()> {
    let agrees = match (&variant.batch, graph.batch) {
        (Dim::Symbolic(_), BatchRule::Symbolic) => true,
        (Dim::Fixed(stated), BatchRule::Fixed(found)) => *stated == found,
        _ => false,
    };
    if agrees {
        return Ok(());
    }
    let reason = format!("the manifest says {:?} and the graph has {:?}", variant.batch, graph.batch);
    Err(Error::mismatch(path, format!("variants[{}].batch", variant.precision), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_lie_beside_their_graph_or_nowhere() {
        assert_eq!(plain("model.ab12.data"), Some("model.ab12.data"));
        for location in ["", ".", "..", "../w.data", "a/w.data", "/w.data", "a\\w.data", "C:w.data", "w.data/"] {
            assert_eq!(plain(location), None, "{location}");
        }
    }
}
