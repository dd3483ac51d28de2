//! Reading a bundle, the folder that export leaves. Its files are treated as hostile: sizes are checked before anything
//! is read, paths stay inside the folder, every digest is compared before any file is used, and the manifest must describe
//! the graphs that are there. Files that the manifest does not list are never opened. Writing a bundle is left to
//! `kiln-export`.

mod agree;
mod contain;
mod graph;
mod json;
pub mod manifest;
mod metadata;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use kiln_files::digest::{sha256_file, sha256_hex};
use serde::Deserialize;

use crate::error::{Error, Result};

use crate::provider::ProviderKind;
use crate::provider::ShapeProfile;

use graph::Graph;
pub use manifest::Manifest;
use manifest::{Dim, FileEntry, SCHEMA, Variant};
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

/// A bundle whose every listed file was found whole, and whose graphs are those that its manifest describes.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The folder, absolute and free of links.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

/// What every schema version has in common.
#[derive(Deserialize)]
struct Header {
    schema: u32,
}

impl Bundle {
    /// Reads the manifest, compares every file that it lists with its size and digest, and every graph with the manifest.
    /// Nothing is loaded into ONNX Runtime.
    ///
    /// # Errors
    /// [`Error::Bundle`] with the file or key, the value that was found and the expected one; [`Error::Read`].
    pub fn open(path: &Path) -> Result<Self> {
        let (bundle, graphs) = Self::load(path)?;
        let agree = graphs.iter().try_for_each(|(file, graph)| agree::statements_agree(&bundle.manifest, file, graph));
        agree.map_err(|reason| refused(path, reason))?;
        Ok(bundle)
    }

    /// As [`Bundle::open`], for a verifier alone: a graph may repeat another threshold, size policy, kind of model or
    /// digest of weights than the manifest has. The outputs of such a graph are likely to differ, and by how much is what
    /// a verifier reports; if they do not, [`Bundle::open`] still refuses it.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn open_to_verify(path: &Path) -> Result<Self> {
        Self::load(path).map(|(bundle, _)| bundle)
    }

    /// The bundle, and its graphs with the names of their files.
    fn load(path: &Path) -> Result<(Self, Vec<(String, Graph)>)> {
        let folder = path.canonicalize().map_err(|source| Error::Read { path: path.to_owned(), source })?;
        if !folder.is_dir() {
            return Err(refused(path, "is not a folder; a bundle is a folder with a manifest.json".to_owned()));
        }
        let manifest = read_manifest(&folder).map_err(|reason| refused(path, reason))?;
        let bundle = Self { path: folder, manifest };
        let graphs = bundle.check().map_err(|reason| refused(path, reason))?;
        Ok((bundle, graphs))
    }

    /// The graph of one precision, such as `fp32`.
    ///
    /// # Errors
    /// [`Error::Bundle`] that names the precisions that there are.
    pub fn variant(&self, precision: &str) -> Result<&Variant> {
        let variants = &self.manifest.variants;
        variants.iter().find(|variant| variant.precision == precision).ok_or_else(|| {
            let known: Vec<_> = variants.iter().map(|variant| variant.precision.as_str()).collect();
            refused(&self.path, format!("there is no precision `{precision}`; there are: {}", known.join(", ")))
        })
    }

    /// The precision to run on a provider unless the user names one: what is likely the fastest there of what the bundle
    /// offers. What is in a bundle beside fp32 has held its gate, so nothing but time is at stake; `kiln doctor` measures.
    #[must_use]
    pub fn precision_for(&self, provider: ProviderKind) -> &str {
        let wish = provider.fastest_precision();
        let known = self.manifest.variants.iter().find(|variant| variant.precision == wish);
        let pays = |variant: &&Variant| provider != ProviderKind::Cpu || is_all_of_it(variant);
        known.filter(pays).map_or("fp32", |variant| &variant.precision)
    }

    /// The batches from `min` to `max`, fastest at `max`, for providers that compile for sizes; none where the graph's
    /// batch is fixed.
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
            None => Err(refused(&self.path, format!("it has no {GOLDEN}"))),
        }
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        self.manifest.files.iter().find(|entry| entry.path == path)
    }

    /// All paths before any size, all sizes before any digest, all digests before any graph: the cheapest check that
    /// refuses comes first. Returns the graphs with the names of their files.
    fn check(&self) -> std::result::Result<Vec<(String, Graph)>, String> {
        let files = &self.manifest.files;
        if files.len() > FILES_LIMIT {
            return Err(format!("{MANIFEST} lists {} files, over the limit of {FILES_LIMIT}", files.len()));
        }
        contain::unique(files)?;
        self.manifest.check()?;
        self.check_variants()?;
        let paths = files.iter().map(|entry| contain::resolve(&self.path, &entry.path));
        let paths = paths.collect::<std::result::Result<Vec<_>, _>>()?;
        let manifest = contain::resolve(&self.path, MANIFEST)?;
        let listed = files.iter().map(|entry| entry.path.as_str()).zip(paths.iter().map(PathBuf::as_path));
        contain::sole_owner(listed.chain([(MANIFEST, manifest.as_path())]))?;
        files.iter().zip(&paths).try_for_each(|(entry, path)| check_size(entry, path))?;
        let mut graphs = Vec::new();
        for (entry, path) in files.iter().zip(&paths) {
            match self.manifest.variants.iter().find(|variant| variant.file == entry.path) {
                Some(variant) => graphs.push((variant, read_graph(entry, path)?)),
                None => check_digest(entry, path)?,
            }
        }
        graphs.iter().try_for_each(|(variant, graph)| self.check_graph(variant, graph))?;
        Ok(graphs.into_iter().map(|(variant, graph)| (variant.file.clone(), graph)).collect())
    }

    fn check_variants(&self) -> std::result::Result<(), String> {
        for Variant { precision, file, .. } in &self.manifest.variants {
            if self.entry(file).is_none() {
                return Err(format!(
                    "{MANIFEST}: variant `{precision}` is `{file}`, which is not in `files` and so has no digest"
                ));
            }
            // ONNX Runtime goes by the name: it reads `model.ort` in a format of its own.
            if Path::new(file).extension().is_none_or(|extension| extension != "onnx") {
                return Err(format!("{MANIFEST}: variant `{precision}` is `{file}`, and a graph's name ends in .onnx"));
            }
        }
        Ok(())
    }

    fn check_graph(&self, variant: &Variant, graph: &Graph) -> std::result::Result<(), String> {
        for path in agree::external_is_listed(&self.manifest, variant, graph)? {
            contain::without_links(&self.path, &path)?;
        }
        agree::graph_agrees(&self.manifest, variant, graph)
    }
}

/// Whether no layer was kept in float for the gate's sake. On ONNX Runtime's CPU a graph whose first convolution was kept
/// has run slower than fp32 (6.9 for 5.4 ms), where the whole in 8 bits took 2.1; OpenVINO gains from both.
fn is_all_of_it(variant: &Variant) -> bool {
    let kept = variant.gate.as_ref().and_then(|gate| gate.get("kept_in_float")?.as_array());
    kept.is_none_or(Vec::is_empty)
}

fn read_manifest(folder: &Path) -> std::result::Result<Manifest, String> {
    let path = contain::resolve(folder, MANIFEST)?;
    let bytes = read_at_most(&path, MANIFEST_LIMIT).map_err(|error| format!("{MANIFEST}: {error}"))?;
    let text = json::check(&bytes).map_err(|error| format!("{MANIFEST}: {error}"))?;
    // The version first: another schema would fail on whichever key happens to differ.
    let header: Header = serde_json::from_str(text).map_err(|error| format!("{MANIFEST}: {error}"))?;
    if header.schema != SCHEMA {
        return Err(format!("{MANIFEST}: schema {}; this release reads schema {SCHEMA}", header.schema));
    }
    serde_json::from_str(text).map_err(|error| format!("{MANIFEST}: {error}"))
}

fn read_at_most(path: &Path, limit: u64) -> std::result::Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length > limit {
        return Err(format!("{length} bytes, over the limit of {limit}"));
    }
    let mut bytes = Vec::new();
    // The file may have grown since its length was taken.
    file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn check_size(entry: &FileEntry, path: &Path) -> std::result::Result<(), String> {
    let found = fs::metadata(path).map_err(|error| format!("{}: {error}", entry.path))?.len();
    if found != entry.bytes {
        return Err(format!("{}: {found} bytes, and {MANIFEST} says {}", entry.path, entry.bytes));
    }
    Ok(())
}

fn check_digest(entry: &FileEntry, path: &Path) -> std::result::Result<(), String> {
    digest_agrees(entry, &sha256_file(path).map_err(|error| format!("{}: {error}", entry.path))?)
}

/// The graph in the very bytes whose digest was compared.
fn read_graph(entry: &FileEntry, path: &Path) -> std::result::Result<Graph, String> {
    let named = |reason: String| format!("{}: {reason}", entry.path);
    let bytes = read_at_most(path, GRAPH_LIMIT).map_err(named)?;
    digest_agrees(entry, &sha256_hex(&bytes))?;
    Graph::read(&bytes).map_err(|reason| format!("{} {reason}", entry.path))
}

fn digest_agrees(entry: &FileEntry, found: &str) -> std::result::Result<(), String> {
    if !found.eq_ignore_ascii_case(&entry.sha256) {
        return Err(format!("{}: SHA-256 {found}, and {MANIFEST} says {}", entry.path, entry.sha256));
    }
    Ok(())
}

fn refused(path: &Path, reason: String) -> Error {
    Error::Bundle { path: path.to_owned(), reason }
}
