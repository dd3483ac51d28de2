//! Bundles, the folders that export writes. Their files are treated as hostile: sizes are checked before anything is read,
//! paths stay inside the folder, every digest is compared before any file is used, and the manifest must describe the
//! graphs. Files that the manifest does not list are never opened. Writing a bundle is left to `kiln-export`.

mod agree;
mod contain;
mod file;
mod graph;
mod json;
pub mod manifest;
mod metadata;
mod open;
#[cfg(feature = "sign")]
mod signed;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::provider::ProviderKind;
use crate::provider::ShapeProfile;

pub use graph::{ExternalData, Graph, GraphPort};
pub use manifest::Manifest;
use manifest::{Dim, FileEntry, Variant};
pub use metadata::{read_names, write_names};

/// Name of the manifest in a bundle.
pub const MANIFEST: &str = "manifest.json";
/// Name of the golden inputs and outputs in a bundle.
pub const GOLDEN: &str = "golden.npz";
/// The longest manifest that is read, in bytes: a hundred times what the largest config and metrics need.
pub const MANIFEST_LIMIT: u64 = 16 << 20;
/// The most files that a manifest may list.
pub const FILES_LIMIT: usize = 4_096;
/// The longest graph file, in bytes: protobuf's own limit. Larger models have their weights in files beside it.
pub const GRAPH_LIMIT: u64 = i32::MAX as u64;

/// A checked bundle: every listed file is whole, and the manifest describes the graphs.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The folder, absolute and free of links.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// The graphs, in the order of the manifest's variants.
    graphs: Vec<Graph>,
    /// The folder as it was named, for messages.
    named: PathBuf,
    /// SHA-256 of the manifest's bytes.
    #[cfg_attr(not(feature = "sign"), allow(dead_code))]
    manifest_sha256: String,
    /// The copy that `path` leads to, if the bundle was opened as a signed one.
    #[cfg(feature = "sign")]
    copy: Option<std::sync::Arc<signed::PrivateCopy>>,
}

impl Bundle {
    /// Reads the manifest, compares every file that it lists with its size and digest, and every graph with the manifest.
    /// Nothing is loaded into ONNX Runtime.
    ///
    /// ```no_run
    /// use kiln_runtime::Bundle;
    ///
    /// let bundle = Bundle::open("bundle".as_ref())?;
    /// println!("{}: {} precisions", bundle.manifest.model.name, bundle.manifest.variants.len());
    /// println!("run {}", bundle.model_path("fp32")?.display());
    /// # Ok::<(), kiln_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Bundle`] with the file or key, the value that was found and the expected one; [`Error::Read`].
    pub fn open(path: &Path) -> Result<Self> {
        let bundle = open::open(path, path)?;
        bundle.check_statements()?;
        Ok(bundle)
    }

    /// As [`Bundle::open`], without [`Bundle::check_statements`]. For a verifier alone: the outputs of a graph with another
    /// threshold, size policy, kind of model or weights are likely to differ, and a verifier reports by how much. It must
    /// call [`Bundle::check_statements`] if they do not.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn open_to_verify(path: &Path) -> Result<Self> {
        open::open(path, path)
    }

    /// Compares the single values that graphs repeat in their metadata with the manifest: threshold, size policy, kind of
    /// model, digest of the weights. [`Bundle::open`] does this too.
    ///
    /// # Errors
    /// [`Error::Bundle`] with the graph's file, the key and both values.
    pub fn check_statements(&self) -> Result<()> {
        let mut graphs = self.manifest.variants.iter().zip(&self.graphs);
        let agree =
            graphs.try_for_each(|(variant, graph)| agree::statements_agree(&self.manifest, &variant.file, graph));
        agree.map_err(|reason| self.refused(reason))
    }

    /// The variant of one precision, such as `fp32`.
    ///
    /// # Errors
    /// [`Error::Bundle`] with the bundle's precisions.
    pub fn variant(&self, precision: &str) -> Result<&Variant> {
        self.position(precision).map(|at| &self.manifest.variants[at])
    }

    /// The graph of one precision. Its ports and its batch axis are those of the manifest.
    ///
    /// # Errors
    /// As [`Bundle::variant`].
    pub fn graph(&self, precision: &str) -> Result<&Graph> {
        self.position(precision).map(|at| &self.graphs[at])
    }

    /// The files of one precision: the graph's, then those that it reads weights or compiled engines from.
    ///
    /// # Errors
    /// As [`Bundle::variant`].
    pub fn graph_files(&self, precision: &str) -> Result<Vec<&FileEntry>> {
        let (variant, graph) = (self.variant(precision)?, self.graph(precision)?);
        let external = agree::external_is_listed(&self.manifest, variant, graph);
        let external = external.map_err(|reason| self.refused(reason))?;
        Ok(std::iter::once(&variant.file).chain(&external).filter_map(|path| self.entry(path)).collect())
    }

    /// The precision to run on a provider unless the user names one: likely the fastest of the bundle there. Every variant
    /// beside fp32 has passed its gate.
    #[must_use]
    pub fn precision_for(&self, provider: ProviderKind) -> &str {
        let wish = provider.fastest_precision();
        let known = self.manifest.variants.iter().find(|variant| variant.precision == wish);
        let pays = |variant: &&Variant| provider != ProviderKind::Cpu || is_fully_quantised(variant);
        known.filter(pays).map_or("fp32", |variant| &variant.precision)
    }

    /// The shape profile for batches from `min` to `max`, fastest at `max`, for providers that compile for sizes; none
    /// where the graph's batch is fixed.
    ///
    /// # Errors
    /// As [`Bundle::variant`].
    pub fn profile(&self, precision: &str, min: usize, max: usize) -> Result<Option<ShapeProfile>> {
        if matches!(self.variant(precision)?.batch, Dim::Fixed(_)) {
            return Ok(None);
        }
        let Some(port) = self.manifest.inputs.first() else { return Ok(None) };
        let axes = port.shape.iter().skip(1).filter_map(|dim| match dim {
            Dim::Fixed(length) => Some(*length),
            Dim::Symbolic(_) => None,
        });
        Ok(Some(ShapeProfile { input: port.name.clone(), axes: axes.collect(), min, opt: max, max }))
    }

    /// Path of the graph file of one precision.
    ///
    /// # Errors
    /// As [`Bundle::variant`].
    pub fn model_path(&self, precision: &str) -> Result<PathBuf> {
        Ok(self.path.join(&self.variant(precision)?.file))
    }

    /// Path of `golden.npz`.
    ///
    /// # Errors
    /// [`Error::Bundle`] if the bundle has none.
    pub fn golden_path(&self) -> Result<PathBuf> {
        match self.entry(GOLDEN) {
            Some(entry) => Ok(self.path.join(&entry.path)),
            None => Err(self.refused(format!("it has no {GOLDEN}"))),
        }
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        self.manifest.files.iter().find(|entry| entry.path == path)
    }

    fn position(&self, precision: &str) -> Result<usize> {
        let variants = &self.manifest.variants;
        variants.iter().position(|variant| variant.precision == precision).ok_or_else(|| {
            let known: Vec<_> = variants.iter().map(|variant| variant.precision.as_str()).collect();
            self.refused(format!("there is no precision `{precision}`; there are: {}", known.join(", ")))
        })
    }

    fn refused(&self, reason: String) -> Error {
        Error::Bundle { path: self.named.clone(), reason }
    }
}

/// Returns true if the gate kept no layer in float. On ONNX Runtime's CPU provider a graph whose first convolution was kept in
/// float took 6.9 ms, against 5.4 ms for fp32 and 2.1 ms fully in 8 bits; OpenVINO gains from both.
fn is_fully_quantised(variant: &Variant) -> bool {
    let kept = variant.gate.as_ref().and_then(|gate| gate.get("kept_in_float")?.as_array());
    kept.is_none_or(Vec::is_empty)
}
