//! From a bundle to a package. Everything is made and checked in memory first; then files beside the version, then the
//! configuration, then the version itself by one rename, then old versions go. So a server that polls finds, at any moment,
//! whole versions under a configuration that describes them, and a package that failed has changed nothing that is served.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::digest::sha256_file;
use kiln_runtime::Bundle;
use kiln_runtime::bundle::manifest::FileEntry;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::repository::{ModelFolder, Origin, RECORD, Record, SCHEMA, entry, versions};
use crate::request::{PackageRequest, Target};
use crate::source::Source;
use crate::{kserve, ovms, readme, triton};

/// The graph's file on every server.
pub(crate) const MODEL: &str = "model.onnx";

/// The longest name that every server and Kubernetes take.
const NAME_LENGTH: usize = 63;

/// What was packaged.
#[derive(Debug, Clone, Serialize)]
pub struct Packaged {
    /// The package's folder.
    pub path: PathBuf,
    /// The server.
    pub target: Target,
    /// One model for each precision.
    pub models: Vec<PackagedModel>,
    /// Files of the package beside the models' folders.
    pub files: Vec<PathBuf>,
}

/// A model of a package.
#[derive(Debug, Clone, Serialize)]
pub struct PackagedModel {
    /// Its name on the server.
    pub model: String,
    /// Precision of its graph.
    pub precision: String,
    /// The new version.
    pub version: u64,
    /// The new version's folder.
    pub path: PathBuf,
    /// Bytes of graph and weights.
    pub bytes: u64,
    /// Versions that gave way.
    pub removed: Vec<u64>,
}

/// A model, made and checked, not yet written.
pub(crate) struct Plan<'a> {
    pub(crate) model: String,
    pub(crate) source: Source<'a>,
    /// Files of the version beside the graph.
    inside: Vec<(String, Vec<u8>)>,
    /// Files beside the versions.
    beside: Vec<(String, Vec<u8>)>,
    /// The configuration, which stands beside the versions too.
    config: Option<triton::ModelFiles>,
}

/// Packages a bundle for a server.
///
/// # Errors
/// [`Error::Mismatch`] if graph, manifest and configuration do not agree; [`Error::Argument`] for what cannot be met, such
/// as a version that is there already; [`Error::Bundle`]; [`Error::Write`].
pub fn package(request: &PackageRequest) -> Result<Packaged> {
    request.validate()?;
    let bundle = Bundle::open(&request.bundle)?;
    serves_raw_tiles(request, &bundle)?;
    let plans = plans(request, &bundle)?;
    let root = request.out.join(request.target.models_folder());
    for plan in &plans {
        may_follow(plan, &root.join(&plan.model), request.version)?;
    }
    let models = plans.iter().map(|plan| publish(request, plan, &root)).collect::<Result<Vec<_>>>()?;
    let mut files = match request.target {
        Target::Triton => Vec::new(),
        Target::Kserve => kserve::write(request, &plans)?,
        Target::Ovms => ovms::write(request, &plans)?,
    };
    files.extend(readme::write(request, &plans)?);
    Ok(Packaged { path: request.out.clone(), target: request.target, models, files })
}

/// Refuses a model whose clients would send tiles that it cannot score right.
fn serves_raw_tiles(request: &PackageRequest, bundle: &Bundle) -> Result<()> {
    match bundle.manifest.tile.before_graph() {
        Some(stain) if !request.client_normalises => {
            let reason = format!(
                "its graph takes tiles after {} stain normalisation, and a server runs the graph alone: tiles as decoded \
                 would get wrong scores. Train with data.stain_normalisation=reinhard, which stands in the graph; or, if \
                 every client is kiln or normalises as it does, say so with --client-normalises",
                stain.method()
            );
            Err(Error::argument(request.bundle.display(), reason))
        }
        _ => Ok(()),
    }
}

/// Makes every model of the request, and writes nothing.
fn plans<'a>(request: &PackageRequest, bundle: &'a Bundle) -> Result<Vec<Plan<'a>>> {
    let name = name(request, bundle)?;
    let all = ["fp32".to_owned()];
    let precisions = if request.precisions.is_empty() { &all[..] } else { &request.precisions };
    let mut plans: Vec<Plan> = Vec::new();
    for precision in precisions {
        let model = if precision == "fp32" { name.clone() } else { format!("{name}_{precision}") };
        if plans.iter().any(|plan| plan.model == model) {
            return Err(Error::argument("--precision", format!("{precision} is named twice")));
        }
        plans.push(plan(request, Source::open(bundle, precision)?, model)?);
    }
    Ok(plans)
}

fn plan<'a>(request: &PackageRequest, source: Source<'a>, model: String) -> Result<Plan<'a>> {
    let mut plan = Plan { model, source, inside: Vec::new(), beside: Vec::new(), config: None };
    if request.target == Target::Ovms {
        plan.inside = ovms::mapping(request, &plan.source)?;
        return Ok(plan);
    }
    let mut files = triton::model_files(request, &plan.source, &plan.model)?;
    plan.beside = std::mem::take(&mut files.files);
    plan.config = Some(files);
    Ok(plan)
}

/// The name on the server: letters, digits, `_`, `-` and `.`, which every server and every address takes.
fn name(request: &PackageRequest, bundle: &Bundle) -> Result<String> {
    let name = request.name.as_ref().unwrap_or(&bundle.manifest.model.name);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let fits =
        name.len() <= NAME_LENGTH && name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits {
        return Ok(name.clone());
    }
    let reason = format!(
        "not a name that servers take: letters, digits, `_`, `-` and `.`, beginning with a letter or digit, at most \
         {NAME_LENGTH} of them; give one with --name"
    );
    Err(Error::argument(format!("`{name}`"), reason))
}

/// Refuses, before anything is written, a version that is there and a model whose clients the new version would break.
fn may_follow(plan: &Plan, folder: &Path, version: Option<u64>) -> Result<()> {
    if let Some(version) = version.filter(|version| folder.join(version.to_string()).symlink_metadata().is_ok()) {
        let reason = "this version is there already and versions are never overwritten; leave out --version to get the next \
                      free one";
        return Err(Error::argument(folder.join(version.to_string()).display(), reason));
    }
    let path = folder.join(triton::CONFIG);
    let there = versions(folder).is_ok_and(|versions| !versions.is_empty());
    let (Some(files), true, true) = (&plan.config, there, path.exists()) else { return Ok(()) };
    let old = triton::read(folder).map_err(|why| Error::argument(path.display(), format!("cannot be read: {why}")))?;
    triton::serves_as(&old, &files.config).map_err(|(field, reason)| {
        let advice = "clients of the versions that are there would break; give this model another --name";
        Error::mismatch(&path, field, format!("{reason}; {advice}"))
    })
}

fn publish(request: &PackageRequest, plan: &Plan, root: &Path) -> Result<PackagedModel> {
    let folder = ModelFolder::open(&root.join(&plan.model))?;
    let version = folder.next(request.version)?;
    for (name, bytes) in &plan.beside {
        folder.put(name, bytes)?;
    }
    if let Some(config) = &plan.config {
        folder.put(triton::CONFIG, config.text.as_bytes())?;
    }
    let staged = folder.stage(version)?;
    let files = fill(plan, request.target, staged.path())?;
    let record = record(request, plan, version, files)?;
    let bytes = record.files.iter().map(|file| file.bytes).sum();
    write_json(&staged.path().join(RECORD), &record)?;
    let path = folder.path.join(version.to_string());
    staged.publish(false).map_err(Error::write(&path))?;
    let removed = request.keep.map_or(Ok(Vec::new()), |keep| folder.keep(keep, version))?;
    Ok(PackagedModel {
        model: plan.model.clone(),
        precision: plan.source.variant.precision.clone(),
        version,
        path,
        bytes,
        removed,
    })
}

/// Where the graph lies in a version: Triton wants a graph of several files as a folder of the graph's name.
fn graph_at(target: Target, source: &Source) -> String {
    if target != Target::Ovms && source.is_split() { format!("{MODEL}/{MODEL}") } else { MODEL.to_owned() }
}

/// Copies graph and weights into a version's folder, each compared with the bundle's digest after it was written.
fn fill(plan: &Plan, target: Target, folder: &Path) -> Result<Vec<FileEntry>> {
    let graph = graph_at(target, &plan.source);
    let mut files = Vec::new();
    for (at, entry) in plan.source.files.iter().enumerate() {
        let name = match (at, graph.rsplit_once('/')) {
            (0, _) => graph.clone(),
            (_, Some((inner, _))) => format!("{inner}/{}", entry.path),
            (_, None) => entry.path.clone(),
        };
        copy(&plan.source.bundle.path.join(&entry.path), &folder.join(&name), entry)?;
        files.push(FileEntry { path: name, ..(*entry).clone() });
    }
    for (name, bytes) in &plan.inside {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(Error::write(&path))?;
        files.push(entry(name, bytes));
    }
    Ok(files)
}

/// The content alone: a link in the bundle becomes a file, and no odd permission travels.
fn copy(from: &Path, to: &Path, entry: &FileEntry) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(Error::write(folder))?;
    }
    let mut source = File::open(from).map_err(Error::read(from))?;
    let mut target = File::create(to).map_err(Error::write(to))?;
    io::copy(&mut source, &mut target).map_err(Error::write(to))?;
    let written = sha256_file(to).map_err(Error::read(to))?;
    if written.eq_ignore_ascii_case(&entry.sha256) {
        return Ok(());
    }
    Err(Error::mismatch(from, "sha256", format!("the bundle says {}, and {written} was copied", entry.sha256)))
}

fn record(request: &PackageRequest, plan: &Plan, version: u64, files: Vec<FileEntry>) -> Result<Record> {
    let manifest = &plan.source.bundle.manifest;
    Ok(Record {
        schema: SCHEMA,
        target: request.target,
        model: plan.model.clone(),
        version,
        precision: plan.source.variant.precision.clone(),
        graph: graph_at(request.target, &plan.source),
        inputs: manifest.inputs.clone(),
        outputs: manifest.outputs.clone(),
        classes: manifest.classes.clone(),
        threshold: manifest.threshold.clone(),
        stain_normalisation: manifest.tile.stain_normalisation,
        origin: Origin::of(&plan.source)?,
        files,
        beside: plan.beside.iter().map(|(name, bytes)| entry(name, bytes)).collect(),
    })
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Format { what: "a JSON file", reason: error.to_string() })?;
    kiln_files::publish::write_file(path, format!("{text}\n").as_bytes()).map_err(Error::write(path))
}
