//! Opening a bundle: the cheapest check that refuses comes first. All paths before any size, all sizes before any digest,
//! all digests before any graph.

use std::path::{Path, PathBuf};

use kiln_files::digest::sha256_hex;

use super::graph::Graph;
use super::manifest::{FileEntry, Manifest, Variant};
use super::{Bundle, FILES_LIMIT, GRAPH_LIMIT, MANIFEST, MANIFEST_LIMIT, agree, contain, file};
use crate::error::{Error, Result as Opened};

type Result<T> = std::result::Result<T, String>;

/// Opens a bundle and makes every check but [`Bundle::check_statements`]. Errors contain `named` in place of the path.
pub(super) fn open(path: &Path, named: &Path) -> Opened<Bundle> {
    let refused = |reason| Error::Bundle { path: named.to_owned(), reason };
    let folder = folder(path)?;
    let (manifest, manifest_sha256) = read_manifest(&folder).map_err(refused)?;
    let graphs = check(&folder, &manifest).map_err(refused)?;
    Ok(Bundle {
        path: folder,
        manifest,
        graphs,
        named: named.to_owned(),
        manifest_sha256,
        #[cfg(feature = "sign")]
        copy: None,
    })
}

/// The folder, absolute and free of links.
pub(super) fn folder(path: &Path) -> Opened<PathBuf> {
    let folder = path.canonicalize().map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if !folder.is_dir() {
        let reason = "is not a folder; a bundle is a folder with a manifest.json".to_owned();
        return Err(Error::Bundle { path: path.to_owned(), reason });
    }
    Ok(folder)
}

/// Returns the manifest and its digest.
fn read_manifest(folder: &Path) -> Result<(Manifest, String)> {
    let path = contain::resolve(folder, MANIFEST)?;
    let bytes = file::read_at_most(&path, MANIFEST_LIMIT).map_err(|error| format!("{MANIFEST}: {error}"))?;
    let manifest = Manifest::from_json(&bytes).map_err(|reason| format!("{MANIFEST}: {reason}"))?;
    Ok((manifest, sha256_hex(&bytes)))
}

/// Returns the graphs, in the order of the manifest's variants.
fn check(folder: &Path, manifest: &Manifest) -> Result<Vec<Graph>> {
    let files = &manifest.files;
    if files.len() > FILES_LIMIT {
        return Err(format!("{MANIFEST} lists {} files, over the limit of {FILES_LIMIT}", files.len()));
    }
    contain::unique(files)?;
    manifest.check()?;
    check_variants(manifest)?;
    let paths = files.iter().map(|entry| contain::resolve(folder, &entry.path)).collect::<Result<Vec<_>>>()?;
    let own = contain::resolve(folder, MANIFEST)?;
    let listed = files.iter().map(|entry| entry.path.as_str()).zip(paths.iter().map(PathBuf::as_path));
    contain::sole_owner(listed.chain([(MANIFEST, own.as_path())]))?;
    files.iter().zip(&paths).try_for_each(|(entry, path)| file::check_size(entry, path))?;
    let graphs = read_graphs(manifest, &paths)?;
    for (variant, graph) in manifest.variants.iter().zip(&graphs) {
        for path in agree::external_is_listed(manifest, variant, graph)? {
            contain::without_links(folder, &path)?;
        }
        agree::graph_agrees(manifest, variant, graph)?;
    }
    Ok(graphs)
}

/// Compares every digest, and reads the files of variants as graphs.
fn read_graphs(manifest: &Manifest, paths: &[PathBuf]) -> Result<Vec<Graph>> {
    let is_graph = |entry: &FileEntry| manifest.variants.iter().any(|variant| variant.file == entry.path);
    let mut others = manifest.files.iter().zip(paths).filter(|(entry, _)| !is_graph(entry));
    others.try_for_each(|(entry, path)| file::check_digest(entry, path))?;
    let read = |variant: &Variant| {
        let mut entries = manifest.files.iter().zip(paths);
        let (entry, path) = entries.find(|(entry, _)| entry.path == variant.file).ok_or_else(|| unlisted(variant))?;
        read_graph(entry, path)
    };
    manifest.variants.iter().map(read).collect()
}

/// Reads a graph from the very bytes whose digest was compared.
fn read_graph(entry: &FileEntry, path: &Path) -> Result<Graph> {
    let named = |reason: String| format!("{}: {reason}", entry.path);
    let bytes = file::read_at_most(path, GRAPH_LIMIT).map_err(named)?;
    file::digest_agrees(entry, &sha256_hex(&bytes))?;
    Graph::from_bytes(&bytes).map_err(named)
}

fn check_variants(manifest: &Manifest) -> Result<()> {
    for variant in &manifest.variants {
        let Variant { precision, file, .. } = variant;
        if !manifest.files.iter().any(|entry| entry.path == *file) {
            return Err(unlisted(variant));
        }
        // ONNX Runtime goes by the name: it reads `model.ort` in a format of its own.
        if Path::new(file).extension().is_none_or(|extension| extension != "onnx") {
            return Err(format!("{MANIFEST}: variant `{precision}` is `{file}`, and a graph's name ends in .onnx"));
        }
    }
    Ok(())
}

fn unlisted(Variant { precision, file, .. }: &Variant) -> String {
    format!("{MANIFEST}: variant `{precision}` is `{file}`, which is not in `files` and so has no digest")
}
