//! Opens two sides by name. burn's side follows the other one: its recording has the other's opset and batch, so that both
//! graphs have the same nodes.

use burn_onnx_export::OPSETS;
use kiln_export::{Batch, BurnModel};
use kiln_runtime::{Bundle, Optimisation, Providers, Runtime, SessionOptions};
use kiln_train::training::Run;

use super::{BATCH, Side, SideName};
use crate::error::{DebugError, Result};
use crate::graph::Graph;

/// The largest fixed batch whose values are kept at once.
const MOST_TILES: usize = 64;

/// Options of both sides.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Options of providers, each `PROVIDER.OPTION=VALUE`.
    pub settings: Vec<String>,
    /// Skips a provider that does not run every node.
    pub require_all: bool,
}

/// Two opened sides, with the run and the bundle among them.
#[derive(Debug)]
pub struct Opened {
    /// The reference.
    pub a: Side,
    /// The candidate.
    pub b: Side,
    /// The run of the side that is burn.
    pub run: Option<Run>,
    /// The first side that is a bundle.
    pub bundle: Option<Bundle>,
}

/// A side before its graph is read.
enum Named {
    Run(Box<Run>),
    Bundle(Box<Bundle>),
    File,
}

/// Opens both sides.
///
/// # Errors
/// [`DebugError::Side`] for a path that is nothing that can be opened, for two runs, or for a run with other weights than
/// the bundle; errors of the bundle, the run or the graph.
pub fn open(a: &SideName, b: &SideName, runtime: &'static Runtime, options: &OpenOptions) -> Result<Opened> {
    let wrong = |side: &SideName, reason: String| DebugError::Side { side: side.text.clone(), reason };
    let (first, second) = (named(a)?, named(b)?);
    if let (Named::Run(_), Named::Run(_)) = (&first, &second) {
        let reason = "both sides are runs; one must be a bundle or an ONNX file".to_owned();
        return Err(wrong(b, reason));
    }
    let weights = [&first, &second].into_iter().find_map(|side| match side {
        Named::Bundle(bundle) => Some(bundle.manifest.provenance.weights_sha256.clone()),
        _ => None,
    });
    for (side, name) in [(&first, a), (&second, b)] {
        if let (Named::Run(run), Some(weights)) = (side, &weights)
            && run.facts.weights_sha256 != *weights
        {
            return Err(wrong(
                name,
                "the run has other weights than the bundle; give the run it was exported from".to_owned(),
            ));
        }
    }
    let run = [&first, &second].into_iter().find_map(|side| match side {
        Named::Run(run) => Some((**run).clone()),
        _ => None,
    });
    let bundle = [&first, &second].into_iter().find_map(|side| match side {
        Named::Bundle(bundle) => Some((**bundle).clone()),
        _ => None,
    });
    let (a, b) = match (&first, &second) {
        (Named::Run(run), other) => {
            let b = graph_side(b, other, runtime, options)?;
            (burn_side(run, &b, runtime)?, b)
        }
        (other, Named::Run(run)) => {
            let a = graph_side(a, other, runtime, options)?;
            let b = burn_side(run, &a, runtime)?;
            (a, b)
        }
        (one, other) => (graph_side(a, one, runtime, options)?, graph_side(b, other, runtime, options)?),
    };
    Ok(Opened { a, b, run, bundle })
}

fn named(side: &SideName) -> Result<Named> {
    let wrong = |reason: &str| DebugError::Side { side: side.text.clone(), reason: reason.to_owned() };
    let path = &side.path;
    if path.is_file() {
        return match side.precision {
            None => Ok(Named::File),
            Some(_) => Err(wrong("a file has one precision; write FILE@:PROVIDER")),
        };
    }
    if !path.is_dir() {
        return Err(wrong("there is no such run, bundle or file"));
    }
    if path.join(kiln_runtime::bundle::MANIFEST).is_file() {
        // A bundle whose statements disagree is opened too: the debugger finds the difference.
        return Ok(Named::Bundle(Box::new(Bundle::open_to_verify(path)?)));
    }
    if side.precision.is_some() || side.providers.is_some() || side.as_written {
        return Err(wrong("a run is executed by burn, so it has no precision, provider or `noopt`"));
    }
    Ok(Named::Run(Box::new(Run::open(path)?)))
}

fn graph_side(side: &SideName, named: &Named, runtime: &'static Runtime, options: &OpenOptions) -> Result<Side> {
    let precision = side.precision.as_deref().unwrap_or("fp32");
    let name = side.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (graph, mut label) = match named {
        Named::Bundle(bundle) => {
            (Graph::read(&side.text, &bundle.model_path(precision)?)?, format!("{name} {precision}"))
        }
        _ => (Graph::read(&side.text, &side.path)?, name),
    };
    let list = side.providers.as_deref().unwrap_or("cpu");
    let providers = Providers::from_arguments(list, &options.settings)?.for_precision(precision);
    label.push_str(&format!(" on {list}"));
    if side.as_written {
        label.push_str(", not optimised");
    }
    let session = SessionOptions {
        providers,
        require_all: options.require_all,
        optimisation: if side.as_written { Optimisation::Off } else { Optimisation::All },
        ..SessionOptions::default()
    };
    Ok(Side::from_graph(label, graph, runtime, session))
}

fn burn_side(run: &Run, other: &Side, runtime: &'static Runtime) -> Result<Side> {
    let burn = BurnModel::load(run)?;
    let opset = other.graph().opset().filter(|opset| OPSETS.contains(opset));
    let fixed = other.graph().fixed_batch();
    if let Some(size) = fixed.filter(|size| *size > MOST_TILES) {
        let reason = format!("a fixed batch of {size} tiles, over the limit of {MOST_TILES}");
        return Err(DebugError::graph(other.label(), reason));
    }
    let batch = fixed.map_or(Batch::Dynamic, Batch::Fixed);
    let tiles = fixed.unwrap_or(BATCH);
    let (model, recorded) = kiln_export::recorded(run, &burn, batch, tiles, opset)?;
    Side::from_recording("burn", &model, recorded, runtime)
}
