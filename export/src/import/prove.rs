//! Proves that the bundle's graph gives the answers of the untouched model, at several batch sizes. A fixed batch is made
//! symbolic only if that holds; otherwise the bundle keeps the batch of the model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn_onnx_export::proto::{Message as _, ModelProto};
use kiln_files::digest::sha256_hex;
use kiln_runtime::parity::{Accumulator, GOLDEN_BATCHES, ParityReport, Tolerance};
use kiln_runtime::scorer::{rows, run_padded};
use kiln_runtime::{DecisionRule, Outputs, Runtime, Session, SessionOptions, chain};
use kiln_tile::Tile;

use super::ImportError;
use super::graft::{Graft, GraphBatch, Rewrite};
use crate::manifest::MODEL;
use crate::{Batch, BundleError, Result};

/// Largest message of protobuf.
const LARGEST: usize = i32::MAX as usize;

/// Begin of a path in the source that ONNX Runtime's wheels were built from.
const SOURCE: &str = "/onnxruntime_src/";

/// A graph that was proven.
pub(super) struct Proven {
    /// The graph, open.
    pub(super) session: Session,
    /// Its batch.
    pub(super) batch: Batch,
    /// The same, with the constants that were rewritten for it.
    pub(super) graph_batch: GraphBatch,
    /// The reason for a fixed batch, although a symbolic one was asked for.
    pub(super) batch_note: Option<String>,
    /// The comparison.
    pub(super) parity: ParityReport,
}

/// Expected answers, and the rule and tolerance by which others agree with them.
pub(super) struct Expectation<'a> {
    pub(super) tiles: &'a [Tile],
    /// Answers of the untouched model.
    pub(super) answers: &'a Outputs,
    pub(super) rule: &'a DecisionRule,
    /// Largest difference, in the unit of an output, or as a fraction of its largest value above 1.
    pub(super) tolerance: f64,
}

/// Writes the graph to `folder` and runs it.
///
/// # Errors
/// [`ImportError::Graft`] if no form of the graph agrees with the model.
pub(super) fn prove(
    graft: &Graft<'_>,
    runtime: &'static Runtime,
    folder: &Path,
    wish: Batch,
    expected: &Expectation<'_>,
) -> Result<Proven> {
    let own = graft.foreign.input.batch();
    let symbolic = Rewrite::ALL.into_iter();
    let candidates: Vec<GraphBatch> = match wish {
        Batch::Dynamic => {
            symbolic.map(GraphBatch::Dynamic).chain([GraphBatch::Fixed(own.unwrap_or(1), Rewrite::None)]).collect()
        }
        Batch::Fixed(number) if own == Some(number) => vec![GraphBatch::Fixed(number, Rewrite::None)],
        Batch::Fixed(number) => symbolic.map(|rewrite| GraphBatch::Fixed(number, rewrite)).collect(),
    };
    let mut tried: BTreeSet<String> = BTreeSet::new();
    // The reason of the graph as it came is the one to name: a rewrite may fail for another.
    let mut first: Option<String> = None;
    let mut failures: Vec<String> = Vec::new();
    for batch in candidates {
        match attempt(graft, runtime, folder, batch, expected, &mut tried)? {
            Attempt::Agrees(session, parity) => {
                let graph_batch = batch;
                let (batch, batch_note) = match (batch, wish) {
                    (GraphBatch::Dynamic(_), _) => (Batch::Dynamic, None),
                    (GraphBatch::Fixed(number, _), Batch::Fixed(_)) => (Batch::Fixed(number), None),
                    (GraphBatch::Fixed(number, _), Batch::Dynamic) => (Batch::Fixed(number), first),
                };
                return Ok(Proven { session: *session, batch, graph_batch, batch_note, parity });
            }
            Attempt::Differs(lines) => {
                first = first.or_else(|| lines.first().cloned());
                failures = lines;
            }
            Attempt::Repeats => {}
        }
    }
    Err(ImportError::Graft { lines: failures }.into())
}

enum Attempt {
    Agrees(Box<Session>, ParityReport),
    /// One line for each output that differs, or the failure.
    Differs(Vec<String>),
    /// An earlier attempt had the same graph.
    Repeats,
}

fn attempt(
    graft: &Graft<'_>,
    runtime: &'static Runtime,
    folder: &Path,
    batch: GraphBatch,
    expected: &Expectation<'_>,
    tried: &mut BTreeSet<String>,
) -> Result<Attempt> {
    let path = folder.join(MODEL);
    let bytes = encoded(&graft.model(batch), &path)?;
    if !tried.insert(sha256_hex(&bytes)) {
        return Ok(Attempt::Repeats);
    }
    std::fs::write(&path, bytes).map_err(BundleError::io(&path))?;
    let session = match quietly(|| Session::open(runtime, &path, &SessionOptions::default())) {
        Ok(session) => session,
        Err(error) => return Ok(Attempt::Differs(vec![short(&chain(&error), &path)])),
    };
    let mut session = Box::new(session);
    match quietly(|| compare(&mut session, expected)) {
        Ok(parity) if parity.passed => Ok(Attempt::Agrees(session, parity)),
        Ok(parity) => Ok(Attempt::Differs(lines(&parity))),
        Err(error) => Ok(Attempt::Differs(vec![short(&chain(&error), &path)])),
    }
}

/// Runs an attempt without ONNX Runtime's log, whose errors are those that the attempt returns: a user would take them for
/// errors of the import. At level debug they are kept.
pub(super) fn quietly<T>(attempt: impl FnOnce() -> T) -> T {
    if tracing::enabled!(target: "ort::logging", tracing::Level::DEBUG) {
        return attempt();
    }
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), attempt)
}

/// Writes a graph.
pub(super) fn save(model: &ModelProto, path: &Path) -> Result<()> {
    std::fs::write(path, encoded(model, path)?).map_err(BundleError::io(path))
}

/// The bytes of a graph. `path` is for the error.
fn encoded(model: &ModelProto, path: &Path) -> Result<Vec<u8>> {
    let size = model.encoded_len();
    if size > LARGEST {
        return Err(ImportError::TooLarge { path: path.to_owned(), bytes: size as u64 }.into());
    }
    Ok(model.encode_to_vec())
}

/// Runs the graph at every batch size, or at its own.
fn compare(session: &mut Session, expected: &Expectation<'_>) -> kiln_runtime::Result<ParityReport> {
    let tolerances = tolerances(expected.answers, expected.tolerance);
    let mut accumulator = Accumulator::new(expected.rule.clone()).with_tolerances(tolerances);
    let fixed = session.fixed_batch();
    let batches = fixed.as_ref().map_or(&GOLDEN_BATCHES[..], std::slice::from_ref);
    for batch in batches {
        for first in (0..expected.tiles.len()).step_by((*batch).max(1)) {
            let last = (first + batch).min(expected.tiles.len());
            let mut pixels: Vec<u8> = expected.tiles[first..last].iter().flat_map(Tile::pixels).copied().collect();
            let found = run_padded(session, &mut pixels, last - first)?;
            accumulator.add(first, &rows(expected.answers, first, last), &found);
        }
    }
    Ok(accumulator.finish(session.provider(), session.nodes().clone()))
}

/// The tolerance of each output: a fraction of its largest value, if that is above 1.
pub(super) fn tolerances(answers: &Outputs, tolerance: f64) -> BTreeMap<String, Tolerance> {
    let reason = "the same operations on the same numbers: only sums in another order may differ";
    let of = |(name, array): (&String, &ndarray::ArrayD<f32>)| {
        let most =
            array.iter().map(|value| f64::from(value.abs())).filter(|value| value.is_finite()).fold(1.0, f64::max);
        (name.clone(), Tolerance { absolute: tolerance * most, relative: 0.0, reason })
    };
    answers.arrays.iter().map(of).collect()
}

fn lines(parity: &ParityReport) -> Vec<String> {
    let missed = parity.outputs.iter().filter(|output| !output.passed).map(|output| {
        let problem = output.problem.as_deref().unwrap_or("over its tolerance");
        format!(
            "{}: {problem}; largest difference {:.2e}, tolerance {:.0e}, at batches of {:?}",
            output.name, output.max_abs, output.tolerance, parity.batches
        )
    });
    let decisions =
        (parity.decisions_changed > 0).then(|| format!("decisions changed on {} tiles", parity.decisions_changed));
    missed.chain(decisions).collect()
}

/// The first line of a message of ONNX Runtime, which names the node, without the scratch folder's path and the place in
/// ONNX Runtime's own source.
fn short(text: &str, path: &Path) -> String {
    let text = text.replace(&path.display().to_string(), MODEL);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line = match line.split_once(SOURCE) {
        // A file and its line, then a function with its types, which end with a bracket.
        Some((before, place)) => format!("{before}{}", place.split_once(") ").map_or(place, |(_, after)| after)),
        None => line.to_owned(),
    };
    line.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;

    #[test]
    fn a_message_keeps_the_node_and_the_reason() {
        let message = "/tmp/x/model.onnx failed: running Reshape node. Name:'r' Status Message: \
                       /onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:91 \
                       onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, bool) \
                       Input shape:{3,8}, requested shape:{1,8}";
        let expected = "model.onnx failed: running Reshape node. Name:'r' Status Message: Input shape:{3,8}, requested shape:{1,8}";
        assert_eq!(short(message, Path::new("/tmp/x/model.onnx")), expected);
        assert_eq!(short("\nplain\nmore", Path::new("m")), "plain");
    }

    /// Counts the events of warnings and errors.
    struct Counter(Arc<AtomicUsize>);

    impl Subscriber for Counter {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::WARN
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn an_attempt_that_may_fail_logs_nothing() {
        let counted = Arc::new(AtomicUsize::new(0));
        let fail = || tracing::error!(target: "ort::logging", "Non-zero status code");
        tracing::subscriber::with_default(Counter(counted.clone()), || {
            quietly(fail);
            assert_eq!(counted.load(Ordering::Relaxed), 0);
            fail();
            assert_eq!(counted.load(Ordering::Relaxed), 1);
        });
    }
}
