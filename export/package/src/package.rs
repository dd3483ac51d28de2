//! From a bundle to a server package. Everything is made and checked in memory first; then files beside the version are
//! written, then the configuration, then the version itself by one rename, then old versions are removed. A server that
//! polls finds, at any moment, whole versions under a configuration that describes them, and a failed request changes
//! nothing that is served.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::digest::sha256_file;
use kiln_runtime::Bundle;
use kiln_runtime::bundle::manifest::FileEntry;
use serde::Serialize;

use crate::check::visible_folders;
use crate::error::{Error, Result};
use crate::plan::{MODEL, NewFile, Plan};
use crate::readme;
use crate::repository::{
    Locked, ModelFolder, Origin, RECORD, Record, SCHEMA, entry, next_version, versions, write_json,
};
use crate::request::PackageRequest;
use crate::server::{self, Server};
use crate::source::{Source, split};
use crate::target::Target;

/// The longest name that every server and Kubernetes accept.
const NAME_LENGTH: usize = 63;

/// A written server package.
#[derive(Debug, Clone, Serialize)]
pub struct Packaged {
    /// The server package's folder.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// The server.
    pub target: Target,
    /// One model for each precision.
    pub models: Vec<PackagedModel>,
    /// Files beside the models' folders.
    #[serde(serialize_with = "kiln_files::text::lossy_each")]
    pub files: Vec<PathBuf>,
}

/// A model of a server package.
#[derive(Debug, Clone, Serialize)]
pub struct PackagedModel {
    /// Its name on the server.
    pub model: String,
    /// Precision of its graph.
    pub precision: String,
    /// The new version.
    pub version: u64,
    /// The new version's folder.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// Bytes of graph and weights.
    pub bytes: u64,
    /// Old versions that were removed.
    pub removed: Vec<u64>,
}

/// Packages a bundle for a server.
///
/// ```no_run
/// use kiln_package::{PackageRequest, Target, package};
///
/// let request = PackageRequest {
///     max_batch: 16,
///     ..PackageRequest::new("bundle".into(), "models".into(), Target::Triton)
/// };
/// for model in package(&request)?.models {
///     println!("{} version {} in {}", model.model, model.version, model.path.display());
/// }
/// # Ok::<(), kiln_package::Error>(())
/// ```
///
/// # Errors
/// [`Error::Mismatch`] if graph and configuration do not agree; [`Error::Option`] for options that cannot be met, and
/// [`Error::Unused`] for those of another server; [`Error::VersionExists`]; [`Error::Repository`] for a file of the server
/// package that cannot be kept; [`Error::StainNormalisation`]; [`Error::Bundle`]; [`Error::Write`].
pub fn package(request: &PackageRequest) -> Result<Packaged> {
    request.validate()?;
    let server = server::for_target(request.target);
    let bundle = Bundle::open(&request.bundle)?;
    serves_raw_tiles(request, &bundle)?;
    let plans = plans(server, request, &bundle)?;
    let root = request.out.join(request.target.models_folder());
    // The lock is a file: a refused request must not leave it, nor the folder that it would be in.
    shared_files(server, request, &plans, &root)?;
    // README.md and the server's lists belong to all models: they are read, changed and written by one process at a time.
    let _lock = Locked::wait(&request.out)?;
    let shared = shared_files(server, request, &plans, &root)?;
    let models = plans.iter().map(|plan| publish(server, request, plan, &root)).collect::<Result<Vec<_>>>()?;
    let mut files = shared.iter().map(|file| write(&request.out, file)).collect::<Result<Vec<_>>>()?;
    files.extend(readme::write(server, request, &plans, &others(&root, &plans)?)?);
    Ok(Packaged { path: request.out.clone(), target: request.target, models, files })
}

/// Checks that every model may follow its earlier versions, and makes the files that belong to all models; writes nothing.
fn shared_files(server: &dyn Server, request: &PackageRequest, plans: &[Plan], root: &Path) -> Result<Vec<NewFile>> {
    for plan in plans {
        let folder = root.join(&plan.model);
        next_version(&folder, request.version)?;
        server.may_follow(&folder, &plan.files)?;
    }
    let shared = server.shared_files(request, plans)?;
    shared.iter().try_for_each(|(name, _)| is_writable(&request.out.join(name)))?;
    Ok(shared)
}

/// The newest versions of the models that the server package holds beside these.
fn others(root: &Path, plans: &[Plan]) -> Result<Vec<Record>> {
    let mut others = Vec::new();
    for folder in visible_folders(root)? {
        let newest = versions(&folder).ok().and_then(|versions| versions.last().copied());
        let record = newest.and_then(|version| Record::read(&folder.join(version.to_string())).ok());
        let is_other = |record: &Record| plans.iter().all(|plan| plan.model != record.model);
        others.extend(record.filter(|record| is_name(&record.model).is_ok() && is_other(record)));
    }
    Ok(others)
}

/// Refuses a path that a file cannot replace, before anything is published.
fn is_writable(path: &Path) -> Result<()> {
    if path.exists() && !path.is_file() {
        return Err(Error::repository(path, "not a file, and the server's configuration has this name"));
    }
    Ok(())
}

fn write(folder: &Path, (name, bytes): &NewFile) -> Result<PathBuf> {
    let path = folder.join(name);
    kiln_files::publish::write_file(&path, bytes).map_err(Error::write(&path))?;
    Ok(path)
}

/// Refuses a model that would give wrong scores for tiles as decoded, unless every client normalises.
fn serves_raw_tiles(request: &PackageRequest, bundle: &Bundle) -> Result<()> {
    match bundle.manifest.tile.before_graph() {
        Some(stain) if !request.client_normalises => {
            Err(Error::StainNormalisation { bundle: request.bundle.clone(), method: stain.method().to_string() })
        }
        _ => Ok(()),
    }
}

/// Makes every model of the request; writes nothing.
fn plans<'a>(server: &dyn Server, request: &PackageRequest, bundle: &'a Bundle) -> Result<Vec<Plan<'a>>> {
    let name = request.name.as_ref().unwrap_or(&bundle.manifest.model.name);
    is_name(name)?;
    let all = ["fp32".to_owned()];
    let precisions = if request.precisions.is_empty() { &all[..] } else { &request.precisions };
    let mut plans: Vec<Plan> = Vec::new();
    for precision in precisions {
        let model = model_name(name, precision);
        let source = Source::open(bundle, precision)?;
        let files = server.model_files(request, &source, &model)?;
        plans.push(Plan { model, source, files });
    }
    Ok(plans)
}

/// The name of one precision's model on the server.
pub(crate) fn model_name(name: &str, precision: &str) -> String {
    if precision == "fp32" { name.to_owned() } else { format!("{name}_{precision}") }
}

/// Refuses a name that some server does not accept: every server and every address accepts letters, digits, `_`, `-` and
/// `.`.
pub(crate) fn is_name(name: &str) -> Result<()> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let fits =
        name.len() <= NAME_LENGTH && name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits {
        return Ok(());
    }
    let reason = format!(
        "`{name}` is not a name that servers accept: letters, digits, `_`, `-` and `.`, beginning with a letter or digit, \
         at most {NAME_LENGTH} of them"
    );
    Err(Error::option("name", reason))
}

fn publish(server: &dyn Server, request: &PackageRequest, plan: &Plan, root: &Path) -> Result<PackagedModel> {
    let folder = ModelFolder::open(&root.join(&plan.model))?;
    let version = folder.next(request.version)?;
    for (name, bytes) in plan.files.beside.iter().chain(&plan.files.config) {
        folder.put(name, bytes)?;
    }
    let staged = folder.stage(version)?;
    let graph = graph_at(server, &plan.source);
    let files = fill(plan, &graph, staged.path())?;
    let record = record(request, plan, version, graph, files)?;
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

/// The graph's path in a version.
fn graph_at(server: &dyn Server, source: &Source) -> String {
    if source.is_split() && server.wants_folder_for_split_graphs() {
        format!("{MODEL}/{MODEL}")
    } else {
        MODEL.to_owned()
    }
}

/// Copies graph and weights into a version's folder, and compares each with the bundle's digest after writing.
fn fill(plan: &Plan, graph: &str, folder: &Path) -> Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    for (at, entry) in plan.source.files.iter().enumerate() {
        let (_, file) = split(&entry.path);
        let name = match (at, split(graph)) {
            (0, _) => graph.to_owned(),
            (_, ("", _)) => file.to_owned(),
            (_, (inner, _)) => format!("{inner}/{file}"),
        };
        copy(&plan.source.bundle.path.join(&entry.path), &folder.join(&name), entry)?;
        files.push(FileEntry { path: name, ..(*entry).clone() });
    }
    for (name, bytes) in &plan.files.inside {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(Error::write(&path))?;
        files.push(entry(name, bytes));
    }
    Ok(files)
}

/// Copies the content alone: a link in the bundle becomes a file, and no permission is copied.
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
    Err(Error::mismatch(from, "sha256", format!("the bundle has {}, but {written} was copied", entry.sha256)))
}

fn record(request: &PackageRequest, plan: &Plan, version: u64, graph: String, files: Vec<FileEntry>) -> Result<Record> {
    let manifest = &plan.source.bundle.manifest;
    Ok(Record {
        schema: SCHEMA,
        target: request.target,
        model: plan.model.clone(),
        version,
        precision: plan.source.variant.precision.clone(),
        graph,
        inputs: manifest.inputs.clone(),
        outputs: manifest.outputs.clone(),
        classes: manifest.classes.clone(),
        threshold: manifest.threshold.clone(),
        stain_normalisation: manifest.tile.stain_normalisation,
        origin: Origin::from_bundle(plan.source.bundle)?,
        files,
        beside: plan.files.beside.iter().map(|(name, bytes)| entry(name, bytes)).collect(),
    })
}
