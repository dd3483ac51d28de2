//! One value of a comparison.

use serde::Serialize;

use super::Entry;
use super::alone::live;
use crate::figures::Figures;
use crate::graph::{Graph, label, module};

/// The comparison of one value of the second graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name in the second graph.
    pub value: String,
    /// Name on the first side.
    pub counterpart: String,
    /// The node that computes it.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// Path of the module that the node belongs to; empty for the root module or if it is not known.
    pub module: String,
    /// The values of a batch.
    pub shape: Vec<usize>,
    /// The first side is burn, and this value is inside a lowering: it was computed by the exported graph from burn's
    /// values around it.
    pub between: bool,
    /// The second side has other channel scales here, which its next layer undoes: the first side's value was compared
    /// with these scales.
    pub equalised: bool,
    /// It is an output of the graph.
    pub output: bool,
    /// Nodes that compute it from the first side's values, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// The error as carried along: both sides run end to end.
    pub carried: Option<Figures>,
    /// The error that the node makes alone, on the first side's values.
    pub own: Option<Figures>,
    /// The largest own error that rounding explains.
    pub allowed: f64,
    /// Share of the elements that the node clips to the range of 8 bits, where it does; up to [`CLIPPED`] is by design.
    pub clipped: Option<f64>,
    /// The judgement of the own error.
    pub verdict: Verdict,
    /// The reason for which something was not compared.
    pub problem: Option<String>,
    #[serde(skip)]
    pub(crate) piece: crate::graph::Piece,
}

/// The largest share of elements that a calibrated range may clip.
pub const CLIPPED: f64 = 0.01;

/// The judgement of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its own error is rounding.
    Ok,
    /// Its own error is beyond the rounding of its operation, or it does not run on the values of the first side.
    Beyond,
}

impl Verdict {
    /// Returns true if the sides part at this node.
    #[must_use]
    pub fn is_beyond(self) -> bool {
        self == Self::Beyond
    }
}

impl Row {
    pub(super) fn new(b: &Graph, entry: Entry, output: bool) -> Self {
        let node = b.maker(&entry.value).map(|at| &b.nodes()[at]);
        let own = entry.own.map(crate::figures::Accumulator::finish);
        let problem = entry.alone.problem().map(|problem| format!("alone: {problem}")).or(entry.carried_problem);
        let clipped = entry.clipped.map(|(beyond, all)| beyond as f64 / all.max(1) as f64);
        let beyond = match &own {
            Some(own) => {
                let few = clipped.is_some_and(|share| share <= CLIPPED);
                own.non_finite > 0 || (own.max_abs > entry.allowed && !few)
            }
            None => entry.alone.problem().is_some(),
        };
        let nodes: Vec<String> = live(b, &entry.alone.piece).into_iter().map(|node| label(node).to_owned()).collect();
        Self {
            node: node.map(|node| label(node).to_owned()).unwrap_or_default(),
            operator: node.map(|node| node.op_type.clone()).unwrap_or_default(),
            module: node.map(|node| module(node).to_owned()).unwrap_or_default(),
            shape: entry.shape,
            between: entry.between,
            equalised: entry.equalised,
            output,
            nodes: if nodes.len() > 1 { nodes } else { Vec::new() },
            carried: entry.carried.map(crate::figures::Accumulator::finish),
            own,
            allowed: entry.allowed,
            clipped,
            verdict: if beyond { Verdict::Beyond } else { Verdict::Ok },
            problem,
            piece: entry.alone.piece,
            value: entry.value,
            counterpart: entry.counterpart,
        }
    }
}
