//! The result of a comparison of all values.

use std::collections::BTreeMap;

use kiln_runtime::parity::Tolerance;
use serde::Serialize;

use super::Row;
use crate::cause::Cause;
use crate::inputs::Inputs;
use crate::side::Side;

/// The comparison of all values of two sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayersReport {
    /// Every node rounds as its operation may, and every output is within its tolerance.
    pub passed: bool,
    /// The reference.
    pub a: String,
    /// The candidate.
    pub b: String,
    /// Origin of the inputs.
    pub inputs: String,
    /// Names of the rows of the inputs: tiles.
    pub tiles: Vec<String>,
    /// The first row at which the sides part; none if every node rounds as its operation may.
    pub first: Option<usize>,
    /// The cause of each divergence, in the order of the rows.
    pub causes: Vec<Cause>,
    /// Outputs whose carried error is beyond their tolerance.
    pub outputs_beyond: Vec<String>,
    /// Every compared value, in the order of execution.
    pub rows: Vec<Row>,
    /// Values of the candidate's graph that the reference has not.
    pub without_counterpart: Vec<String>,
    /// The reason for which the candidate does not run end to end, if it does not.
    pub not_run: Option<String>,
    /// The candidate's provider.
    pub provider: String,
    /// Nodes of the candidate by the provider that ran them.
    pub nodes: BTreeMap<String, usize>,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
}

impl LayersReport {
    pub(super) fn new(
        a: &Side,
        b: &Side,
        inputs: &Inputs,
        rows: Vec<Row>,
        causes: Vec<Cause>,
        without_counterpart: Vec<String>,
        not_run: Option<String>,
    ) -> Self {
        // A graph of lower precision differs beyond the tolerances of 32 bits by design; its gate judges it.
        let precision = |side: &Side| side.graph().metadata("kiln.precision").map(str::to_owned);
        let comparable = precision(a) == precision(b);
        let classifier = b.graph().metadata("kiln.classes").is_some();
        let beyond = |row: &&Row| {
            let Some(carried) = row.carried.as_ref().filter(|_| row.output && comparable) else { return false };
            let tolerance = Tolerance::for_output(&row.value, classifier);
            carried.non_finite > 0 || carried.max_abs > tolerance.at(carried.worst.0)
        };
        let outputs_beyond: Vec<String> = rows.iter().filter(beyond).map(|row| row.value.clone()).collect();
        let first = rows.iter().position(|row| row.verdict.is_beyond());
        Self {
            passed: first.is_none() && outputs_beyond.is_empty() && not_run.is_none(),
            a: a.label().to_owned(),
            b: b.label().to_owned(),
            inputs: inputs.origin().to_owned(),
            tiles: inputs.names().to_vec(),
            first,
            causes,
            outputs_beyond,
            rows,
            without_counterpart,
            not_run,
            provider: b.provider(),
            nodes: b.nodes(),
            onnxruntime: b.runtime().version().to_owned(),
        }
    }

    /// The row at which the sides part first.
    #[must_use]
    pub fn first_row(&self) -> Option<&Row> {
        self.rows.get(self.first?)
    }

    /// The cause of the first divergence.
    #[must_use]
    pub fn first_cause(&self) -> Option<&Cause> {
        self.causes.first()
    }

    /// The conclusion in one or two sentences.
    #[must_use]
    pub fn conclusion(&self) -> String {
        let not_run = self.not_run.as_ref().map(|reason| format!(" {} does not run end to end: {reason}.", self.b));
        let tail = not_run.unwrap_or_default();
        match (self.first_cause(), self.outputs_beyond.as_slice()) {
            (Some(cause), _) => format!("The sides part at {}.{tail}", cause.sentence()),
            (None, []) if self.not_run.is_none() => {
                format!(
                    "Every node rounds as its operation may: {} values on {} tile{}.",
                    self.rows.len(),
                    self.tiles.len(),
                    if self.tiles.len() == 1 { "" } else { "s" }
                )
            }
            (None, []) => tail.trim_start().to_owned(),
            (None, outputs) => format!(
                "No node alone is beyond its rounding, but {} beyond the tolerance: rounding has grown on the way, or \
                 the optimiser changed several nodes at once.{tail}",
                outputs.join(", ") + if outputs.len() == 1 { " is" } else { " are" }
            ),
        }
    }
}
