//! From a run to a published bundle.

use std::fs;
use std::path::{Path, PathBuf};

use kiln_files::digest::sha256_file;
use kiln_files::publish::{Staged, can_be_replaced};
use kiln_runtime::bundle::manifest::{FileEntry, Manifest};
use kiln_runtime::bundle::{GOLDEN, MANIFEST};
use kiln_runtime::decision::DecisionRule;
use kiln_runtime::golden::{self, Golden};
use kiln_runtime::parity::ParityReport;
use kiln_runtime::{Runtime, Session, SessionOptions};
use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, TILE_BYTES, Tile};
use kiln_train::data::Split;
use kiln_train::training::Run;

use super::manifest::{self, MODEL, Parts};
use super::run_tiles::RunTiles;
use super::variant::{VariantBuilder, VariantReport, check_int8};
use super::{Batch, BundleError, BurnModel, Result, card, gate, graph};
use burn_onnx_export::{Calibration, Precision};

/// Tiles in `golden.npz`: enough for both kinds, few enough for a small file.
pub(crate) const GOLDEN_TILES: usize = 8;

/// The model card's file.
const CARD: &str = "README.md";

/// The request of an export.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The run's folder.
    pub run: PathBuf,
    /// The bundle's folder.
    pub out: PathBuf,
    /// The new path of the run's data set, if it has moved.
    pub data: Option<PathBuf>,
    /// The OpenSlide library for tiles of slides; `None` for the installed one, else the system's.
    pub openslide: Option<PathBuf>,
    /// The graph's batch.
    pub batch: Batch,
    /// The ONNX operator set; `None` for the exporter's default.
    pub opset: Option<i64>,
    /// Writes weights to a separate file beside `model.onnx`; always done for a model of 2 GiB or more.
    pub external_data: bool,
    /// Other precisions in the bundle; each has a separate gate.
    pub precisions: Vec<Precision>,
    /// Calibration of the activations of 8-bit layers.
    pub calibration: Calibration,
    /// The rule that makes a slide's score of its tiles' scores, for the manifest: `max`, `top_mean:10`, `area_mm2:0.05`.
    pub slide_rule: Option<String>,
    /// Replaces an existing bundle.
    pub replace: bool,
}

/// Progress of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The model is recorded and lowered.
    Lowering,
    /// ONNX Runtime and burn are compared.
    Verifying {
        /// Tiles compared.
        done: usize,
        /// Tiles of the test split.
        tiles: usize,
    },
    /// A variant of another precision is built and measured.
    Variant(Precision),
    /// The folder is written.
    Publishing,
}

/// A published bundle.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Its folder.
    pub path: PathBuf,
    /// The gate's report.
    pub parity: ParityReport,
    /// Reports of the other precisions.
    pub variants: Vec<VariantReport>,
    /// Bytes of `model.onnx` and of its separate weights, if any.
    pub model_bytes: u64,
}

/// Exports a run. The bundle appears only if the outputs of ONNX Runtime and burn agree on every tile of the test split.
///
/// # Errors
/// [`BundleError::Parity`] if they disagree; [`BundleError::Exists`] or [`BundleError::NotABundle`] if the target
/// exists and must not be replaced; [`kiln_train::Error::TilesChanged`].
pub fn export(request: &ExportRequest, runtime: &'static Runtime, mut on_step: impl FnMut(Step)) -> Result<Exported> {
    check_target(&request.out, request.replace)?;
    let run = Run { openslide: request.openslide.clone(), ..Run::open(&request.run)? };
    let dataset = run.dataset(request.data.as_deref())?;
    let test = run.indices(&dataset, Split::Test)?;
    run.check_unchanged(&dataset)?;
    let tiles = test.len();
    on_step(Step::Lowering);
    let burn = BurnModel::load(&run)?;
    let model = graph::graph(&run, &burn, request.batch, request.opset)?;
    let kept = |name: &str| run.config.model.full_precision().iter().any(|part| is_of(name, part));
    if request.precisions.contains(&Precision::Int8) {
        check_int8(&model, &kept)?;
    }
    // The comparison uses the very file of the bundle.
    let staged = Staged::beside(&request.out).map_err(BundleError::io(&request.out))?;
    let path = staged.path().join(MODEL);
    if request.external_data {
        model.save_external(&path)?;
    } else {
        model.save(&path)?;
    }
    let model_bytes = bytes(staged.path())?;
    let mut session = Session::open(runtime, &path, &SessionOptions::default())?;
    let loader = run.loader(&dataset, test.clone(), gate::CHUNK)?;
    let parity =
        gate::verify(&mut session, &burn, &rule(&run), &loader, |done| on_step(Step::Verifying { done, tiles }))?;
    if !parity.passed {
        return Err(BundleError::Parity(Box::new(parity)));
    }
    let mut variants = Vec::new();
    for precision in request.precisions.iter().filter(|precision| **precision != Precision::Fp32) {
        on_step(Step::Variant(*precision));
        let mut builder = VariantBuilder {
            tiles: &RunTiles { run: &run, dataset: &dataset },
            kept: &kept,
            rule: &rule(&run),
            runtime,
            model: &model,
            reference: &mut session,
            folder: staged.path(),
        };
        variants.push(builder.build(*precision, request.calibration)?);
    }
    on_step(Step::Publishing);
    let golden = golden(&run, &dataset, &test, &burn)?;
    let parts = Parts {
        run: &run,
        batch: request.batch,
        slide_rule: request.slide_rule.as_deref(),
        opset: model.opset(),
        session: &session,
        golden: &golden.outputs,
        parity: &parity,
        variants: &variants,
    };
    let card = |manifest: &Manifest| -> Result<String> { Ok(card::card(manifest, &run.split_facts()?)) };
    publish(staged, (request.out.as_path(), request.replace), &golden, |files| parts.manifest(files), card)?;
    Ok(Exported { path: request.out.clone(), parity, variants, model_bytes })
}

/// Returns true for the name of a value in the graph that a field of the model computes, such as `tile/out` or
/// `mixtures.0/out`.
fn is_of(name: &str, field: &str) -> bool {
    name.strip_prefix(field).is_some_and(|rest| rest.starts_with(['/', '.']))
}

/// The decision rule of a run, as in its bundle.
fn rule(run: &Run) -> DecisionRule {
    let classes = if run.config.model.has_classes() { run.facts.classes.names.clone() } else { Vec::new() };
    DecisionRule::new(run.facts.threshold.value, classes, run.facts.classes.normal_names())
}

/// Refuses a target before any work is done, and a target that is not a bundle even with `replace`.
pub(crate) fn check_target(path: &Path, replace: bool) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    match (replace, path.join(MANIFEST).is_file()) {
        (true, true) => can_be_replaced(path).map_err(BundleError::io(path)),
        (true, false) => Err(BundleError::NotABundle { path: path.to_owned() }),
        (false, _) => Err(BundleError::Exists { path: path.to_owned() }),
    }
}

/// The first normal and the first anomalous tiles of the test split, with burn's outputs.
fn golden(
    run: &Run,
    dataset: &std::sync::Arc<kiln_train::data::Dataset>,
    test: &[usize],
    burn: &BurnModel,
) -> Result<Golden> {
    let normal = |index: &&usize| run.facts.classes.normal_names().contains(&dataset.entries[**index].label);
    let some = GOLDEN_TILES / 2;
    let first_normal = test.iter().filter(normal).take(some);
    let first_anomalous = test.iter().filter(|index| !normal(index)).take(some);
    let chosen: Vec<usize> = first_normal.chain(first_anomalous).copied().collect();
    let decoder = Decoder::new(run.config.data.size_policy);
    let decode = |index: &usize| dataset.tile(*index, &decoder);
    let decoded = run.facts.stain_normalisation.and_then(StainNormaliser::before_graph).map(|_| {
        let tiles: std::result::Result<Vec<Tile>, _> = chosen.iter().map(decode).collect();
        tiles.map_err(kiln_train::Error::from)
    });
    let decoded = decoded.transpose()?;
    let mut pixels = Vec::with_capacity(chosen.len() * TILE_BYTES);
    for part in run.loader(dataset, chosen, GOLDEN_TILES)?.epoch(0, 0) {
        pixels.extend(part.map_err(kiln_train::Error::from)?.pixels);
    }
    let tiles = pixels.chunks_exact(TILE_BYTES).filter_map(|pixels| Tile::from_pixels(pixels.to_vec()).ok());
    let tiles: Vec<Tile> = tiles.collect();
    let outputs = burn.run(pixels, tiles.len())?;
    Ok(Golden { tiles, decoded, outputs })
}

/// Writes golden tiles, the manifest over all files, and the model card that `card` makes of it; then publishes the folder.
pub(crate) fn publish(
    staged: Staged,
    (out, replace): (&Path, bool),
    golden: &Golden,
    manifest: impl FnOnce(Vec<FileEntry>) -> Result<Manifest>,
    card: impl FnOnce(&Manifest) -> Result<String>,
) -> Result<()> {
    let folder = staged.path();
    golden::write(&folder.join(GOLDEN), golden)?;
    let mut manifest = manifest(listed(folder)?)?;
    write(folder, CARD, card(&manifest)?.as_bytes())?;
    manifest.files.push(entry(&folder.join(CARD), CARD)?);
    manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    write(folder, MANIFEST, &manifest::text(&manifest)?)?;
    staged.publish(replace).map_err(BundleError::io(out))
}

/// Path, size and digest of every file in a folder, sorted by name.
fn listed(folder: &Path) -> Result<Vec<FileEntry>> {
    let failed = BundleError::io(folder);
    let mut entries = Vec::new();
    for found in fs::read_dir(folder).map_err(&failed)? {
        let found = found.map_err(&failed)?;
        entries.push(entry(&found.path(), &found.file_name().to_string_lossy())?);
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn entry(file: &Path, name: &str) -> Result<FileEntry> {
    let failed = BundleError::io(file);
    let bytes = fs::metadata(file).map_err(&failed)?.len();
    Ok(FileEntry { path: name.to_owned(), bytes, sha256: sha256_file(file).map_err(&failed)? })
}

/// Bytes of all files in a folder.
pub(crate) fn bytes(folder: &Path) -> Result<u64> {
    let failed = BundleError::io(folder);
    let size = |found: std::io::Result<fs::DirEntry>| found?.metadata().map(|data| data.len());
    fs::read_dir(folder).map_err(&failed)?.map(size).sum::<std::io::Result<u64>>().map_err(&failed)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(BundleError::io(&path))
}
