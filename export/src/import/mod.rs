//! A bundle from an ONNX model of any origin. The preprocessing that the model expects is described in words
//! ([`Spec`]), grafted into its graph, and the outputs become those of a bundle.
//!
//! Nothing is believed: the answers of the bundle's graph are compared, at batches of 1, 3 and 8, with those of the
//! untouched model behind an independent preprocessing, and, if there is one, with a reference from the framework that
//! trained the model. The bundle appears only if all agree; otherwise the description that would agree is searched and
//! named.
//!
//! Reading a model is left to [`burn_onnx_export::proto`], and running it to [`kiln_runtime`].

mod answers;
mod bundle;
mod card;
mod compare;
mod diagnosis;
mod error;
mod graft;
mod model;
mod plan;
mod precision;
mod preprocess;
mod prove;
mod reference;
mod resample;
mod rounding;
mod sanity;
mod spec;
mod threshold;
mod tiles;
mod untouched;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::publish::Staged;
use kiln_runtime::parity::ParityReport;
use kiln_runtime::{DecisionRule, Runtime};
use kiln_tile::SizePolicy;
use serde::Serialize;

use crate::{Batch, BundleError, Calibration, Precision, Result, VariantReport};

pub use compare::ReferenceOutput;
pub use error::ImportError;
pub use reference::ReferenceFile;
pub use spec::{
    Channels, Dtype, Input, InputSpec, Interpolation, Layout, Meaning, Range, Resize, Size, Spec, ThresholdSpec,
};

use model::Foreign;
use plan::{Plan, Probe};
use reference::Reference;
use tiles::{Data, PROVEN, TileSet};
use untouched::Untouched;

/// Largest difference of two answers: those of the bundle's graph, of the untouched model and of the framework.
pub const TOLERANCE: f64 = 1e-5;

/// The same for a model that computes in 16-bit floats, whose results differ with the batch size.
const HALF_TOLERANCE: f64 = 4e-3;

/// The request of an import.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The `.onnx` file.
    pub model: PathBuf,
    /// The bundle's folder.
    pub out: PathBuf,
    /// The description of the model.
    pub spec: Spec,
    /// Tiles of the user's; generated ones if there are none.
    pub data: Option<PathBuf>,
    /// Treatment of tiles that are not 256x256, here and in the bundle.
    pub size_policy: SizePolicy,
    /// Outputs of the framework that trained the model.
    pub reference: Option<ReferenceFile>,
    /// Largest difference from the reference, in the unit of an output, or as a fraction of its largest value above 1.
    pub tolerance: f64,
    /// The graph's batch.
    pub batch: Batch,
    /// Other precisions in the bundle; each has a separate gate.
    pub precisions: Vec<Precision>,
    /// Calibration of the activations of 8-bit layers.
    pub calibration: Calibration,
    /// The rule that makes a slide's score of its tiles' scores.
    pub slide_rule: Option<String>,
    /// Replaces an existing bundle.
    pub replace: bool,
}

/// A published bundle.
#[derive(Debug, Clone, Serialize)]
pub struct Imported {
    /// Its folder.
    #[serde(rename = "bundle", serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// Bytes of `model.onnx` and of its weights in other files.
    pub model_bytes: u64,
    /// The input as it was understood.
    pub input: Input,
    /// Each output of the bundle, with the model's output that it comes from and its meaning.
    pub outputs: Vec<ImportedOutput>,
    /// Outputs of the model that the bundle leaves out, each with the reason.
    pub dropped: Vec<(String, String)>,
    /// Class names.
    pub classes: Vec<String>,
    /// The normal ones.
    pub normal_classes: Vec<String>,
    /// The threshold.
    pub threshold: f64,
    /// `dynamic`, or the number.
    pub batch: String,
    /// The reason for a fixed batch, although a symbolic one was asked for.
    pub batch_note: Option<String>,
    /// Opset of the standard operators.
    pub opset: i64,
    /// The comparison of the bundle's graph with the untouched model.
    pub parity: ParityReport,
    /// The comparison with the framework; empty without a reference.
    pub reference: Vec<ReferenceOutput>,
    /// Reports of the other precisions.
    pub variants: Vec<VariantReport>,
    /// Findings that need a look: equal scores, saturated probabilities, values derived from a configuration.
    pub warnings: Vec<String>,
}

/// An output of an imported bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedOutput {
    /// Its name in the bundle.
    pub name: String,
    /// The model's output.
    pub from: String,
    /// The operation that was applied to it.
    pub by: String,
}

/// Progress of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStep {
    /// The model is read and checked.
    Reading,
    /// The untouched model is run.
    Running,
    /// Its answers are compared with the reference.
    Comparing,
    /// The bundle's graph is compared with the untouched model.
    Proving,
    /// A variant of another precision is built and measured.
    Variants,
    /// The folder is written.
    Publishing,
}

/// Imports a model. The bundle appears only if its graph, the untouched model and the reference agree.
///
/// # Errors
/// [`BundleError::Import`] with the finding; [`BundleError::Exists`] or [`BundleError::NotABundle`] if the target exists
/// and must not be replaced; [`BundleError::Runtime`] if ONNX Runtime cannot run the model.
pub fn import(
    request: &ImportRequest,
    runtime: &'static Runtime,
    mut on_step: impl FnMut(ImportStep),
) -> Result<Imported> {
    crate::export::check_target(&request.out, request.replace)?;
    on_step(ImportStep::Reading);
    let foreign = Foreign::open(&request.model)?;
    let input = spec::resolve(&foreign.path, &foreign.input, &request.spec.input)?;
    let data = request.data.as_deref().map(|path| Data::open(path, request.size_policy)).transpose()?;
    let root = request.data.as_deref().filter(|path| path.is_dir());
    let reference =
        request.reference.as_ref().map(|file| Reference::read(file, root, request.size_policy)).transpose()?;
    let set = tile_set(data.as_ref(), reference.as_ref())?.filled()?;

    let staged = Staged::beside(&request.out).map_err(BundleError::io(&request.out))?;
    copy_weights(&foreign, staged.path())?;
    on_step(ImportStep::Running);
    let mut untouched = Untouched::open(&foreign, runtime, staged.path())?;
    let foreign = with_types(foreign, &untouched);
    let raw = run(&mut untouched, set.first(PROVEN), &input, &foreign)?;
    check_repeatable(&mut untouched, &foreign, &set, &input, &raw)?;
    let probe = Probe { arrays: &raw, tiles: &set.names, unbatched: untouched.unbatched() };
    let plan = Plan::new(&foreign, &request.spec, &probe)?;
    let draft = graft::Graft { foreign: &foreign, input: &input, plan: &plan, metadata: &[], name: "draft" };
    precision::check(&request.precisions, &draft, runtime, staged.path())
        .map_err(|error| precision::named(error, &foreign))?;
    let expected = answers::answers(&plan, &raw, set.first(PROVEN).len());

    let mut compared = Vec::new();
    if let Some(reference) = &reference {
        on_step(ImportStep::Comparing);
        compared = against_reference(&mut untouched, reference, &input, &plan, request.tolerance, &foreign)?;
    }
    let threshold = threshold::resolve(&request.spec, &plan, data.as_ref(), &mut untouched, &input)?;
    let rule = DecisionRule::new(threshold.value, plan.classes.clone(), &plan.normal_classes);

    on_step(ImportStep::Proving);
    let facts = bundle::Facts {
        request,
        foreign: &foreign,
        input: &input,
        plan: &plan,
        threshold: &threshold,
        data: data.as_ref(),
        set: &set,
        reference: &compared,
        runtime,
    };
    let metadata = facts.metadata();
    let name = facts.name();
    let graft = graft::Graft { foreign: &foreign, input: &input, plan: &plan, metadata: &metadata, name: &name };
    let tolerance = if foreign.is_half() { HALF_TOLERANCE } else { TOLERANCE };
    let tiles = set.first(PROVEN);
    let expectation = prove::Expectation { tiles, answers: &expected, rule: &rule, tolerance };
    let mut proven = prove::prove(&graft, runtime, staged.path(), request.batch, &expectation)?;
    on_step(ImportStep::Variants);
    let variants = precision::Variants {
        graft: &graft,
        batch: proven.graph_batch,
        session: &mut proven.session,
        rule: &rule,
        data: data.as_ref(),
        runtime,
        folder: staged.path(),
    };
    let variants = variants.build(&request.precisions, request.calibration);
    let variants = variants.map_err(|error| precision::named(error, &foreign))?;

    on_step(ImportStep::Publishing);
    let mut warnings = request.spec.notes.clone();
    warnings.extend(sanity::warnings(&plan, &expected, reference.is_some()));
    let model_bytes = facts.publish(staged, &proven, &expected, &variants)?;
    Ok(Imported {
        path: request.out.clone(),
        model_bytes,
        outputs: bundle::outputs(&plan),
        input,
        dropped: plan.dropped.clone(),
        classes: plan.classes.clone(),
        normal_classes: plan.normal_classes.clone(),
        threshold: threshold.value,
        batch: proven.batch.to_string(),
        batch_note: proven.batch_note,
        opset: foreign.opset,
        parity: proven.parity,
        reference: compared,
        variants,
        warnings,
    })
}

/// The tiles of the proof: the user's, else those of the reference, else generated ones.
fn tile_set(data: Option<&Data>, reference: Option<&Reference>) -> Result<TileSet> {
    match (data, reference) {
        (Some(data), _) => TileSet::from_data(data),
        (None, Some(reference)) => Ok(TileSet {
            tiles: reference.tiles.iter().take(PROVEN).cloned().collect(),
            names: reference.names.iter().take(PROVEN).cloned().collect(),
            origin: format!("{} tiles of the reference", reference.tiles.len().min(PROVEN)),
        }),
        (None, None) => TileSet::generated(),
    }
}

/// Copies the files that hold weights, not their permissions: all files of a bundle have the same.
fn copy_weights(foreign: &Foreign, folder: &Path) -> Result<()> {
    for file in &foreign.external {
        let target = folder.join(&file.name);
        let copied = File::open(&file.source).and_then(|mut source| io::copy(&mut source, &mut File::create(&target)?));
        copied.map_err(BundleError::io(&file.source))?;
    }
    Ok(())
}

/// Completes the element types of outputs by those that ONNX Runtime inferred.
fn with_types(mut foreign: Foreign, untouched: &Untouched) -> Foreign {
    for output in foreign.outputs.iter_mut().filter(|output| output.element == 0) {
        output.element = untouched.element(&output.name);
    }
    foreign
}

/// Runs the model. A failure names the input as it was understood.
fn run(
    untouched: &mut Untouched,
    tiles: &[kiln_tile::Tile],
    input: &Input,
    foreign: &Foreign,
) -> Result<untouched::Raw> {
    untouched.run(tiles, input).map_err(|error| match error {
        BundleError::Runtime(error) => ImportError::Input {
            path: foreign.path.clone(),
            input: input.name.clone(),
            reason: format!("ONNX Runtime cannot run the model on {input}: {}", kiln_runtime::chain(&error)),
        }
        .into(),
        other => other,
    })
}

/// Refuses a model that gives other answers when it is run again.
fn check_repeatable(
    untouched: &mut Untouched,
    foreign: &Foreign,
    set: &TileSet,
    input: &Input,
    raw: &untouched::Raw,
) -> Result<()> {
    let again = untouched.run(set.first(1), input)?;
    for (name, array) in &again {
        let first = raw.get(name).map(|whole| rows(whole, set.first(PROVEN).len(), 1)).unwrap_or_default();
        let difference = array.iter().zip(&first).map(|(one, two)| f64::from((one - two).abs())).fold(0.0, f64::max);
        let most = first.iter().map(|value| f64::from(value.abs())).fold(1.0, f64::max);
        if difference > TOLERANCE * most {
            let (path, output, nodes) = (foreign.path.clone(), name.clone(), foreign.random_nodes());
            return Err(ImportError::Random { path, output, difference, nodes }.into());
        }
    }
    Ok(())
}

/// Compares the model with the reference; on a miss, finds the cause.
fn against_reference(
    untouched: &mut Untouched,
    reference: &Reference,
    input: &Input,
    plan: &Plan,
    tolerance: f64,
    foreign: &Foreign,
) -> Result<Vec<ReferenceOutput>> {
    let raw = run(untouched, &reference.tiles, input, foreign)?;
    let answers = answers::answers(plan, &raw, reference.tiles.len());
    let compared = compare::compare(reference, plan, &answers, &raw, tolerance)?;
    if compared.iter().all(ReferenceOutput::passed) {
        return Ok(compared);
    }
    // One more run of the model, before hundreds that search a wrong description.
    let rounding = rounding::Rounding { reference, input, plan, raw: &raw };
    let (diagnosis, enough) = match rounding.explains(untouched, &compared) {
        Some(explained) => (explained.words, Some(explained.enough)),
        None => {
            let worst = compared.iter().map(|output| output.max_abs / output.tolerance).fold(0.0, f64::max);
            let mut words = diagnosis::diagnose(untouched, reference, input, plan, tolerance, worst);
            if foreign.is_half() {
                words.push_str(
                    "; the model computes in 16-bit floats, whose rounding alone changes outputs by some thousandths",
                );
            }
            (words, None)
        }
    };
    let lines = compared.iter().filter(|output| !output.passed()).map(ReferenceOutput::missed).collect();
    Err(ImportError::Reference { path: reference.path.clone(), lines, diagnosis, enough }.into())
}

/// The first rows of an array that has one row for each of `tiles` tiles.
fn rows(array: &ndarray::ArrayD<f32>, tiles: usize, first: usize) -> ndarray::ArrayD<f32> {
    match array.shape().first() {
        Some(rows) if *rows == tiles && first <= tiles => {
            array.slice_axis(ndarray::Axis(0), (0..first).into()).as_standard_layout().into_owned()
        }
        _ => array.clone(),
    }
}
