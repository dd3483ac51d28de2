//! Finds the likely cause of a divergence by comparing a node with its counterpart in the first side's graph: operator,
//! attributes, operands, weights, and nodes that only one of the graphs has. If the graphs agree, the runtime is the
//! cause.

mod attributes;
mod structure;
mod weights;

use burn_onnx_export::proto::NodeProto;
use serde::Serialize;

use crate::graph::{Graph, label, module, numbers_of};
use crate::rows::{CLIPPED, Counterparts, Row, live_nodes};

/// The place at which two sides part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The node's name.
    pub node: String,
    /// Its operator.
    pub operator: String,
    /// Path of its module; empty for the root module or if it is not known.
    pub module: String,
    /// The value that it computes.
    pub value: String,
    /// The graphs that have it.
    pub presence: Presence,
}

/// The graphs that have a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Both.
    Both,
    /// The second one only: the node was added.
    Added,
    /// The first one only: the node is missing.
    Missing,
}

impl Location {
    fn new(node: &NodeProto, presence: Presence) -> Self {
        Self {
            node: label(node).to_owned(),
            operator: node.op_type.clone(),
            module: module(node).to_owned(),
            value: node.output.first().cloned().unwrap_or_default(),
            presence,
        }
    }
}

/// The explanation of a divergence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Position of the row.
    pub row: usize,
    /// The node at fault.
    pub location: Location,
    /// Differences of the graphs there, each a clause; empty if the graphs agree.
    pub reasons: Vec<String>,
}

impl Cause {
    /// `blocks.0/relu (Relu): epsilon is 0.001, where the reference has 0.00001`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Location { node, operator, presence, .. } = &self.location;
        let what = match presence {
            Presence::Both => String::new(),
            Presence::Added => ", which only the candidate has".to_owned(),
            Presence::Missing => ", which the candidate lacks".to_owned(),
        };
        let why = if self.reasons.is_empty() {
            match presence {
                Presence::Both => ": both graphs have the same node, so the runtime computes it differently".to_owned(),
                _ => String::new(),
            }
        } else {
            format!(": {}", self.reasons.join("; "))
        };
        format!("{node} ({operator}){what}{why}")
    }
}

/// Explains the divergence of a row.
pub(crate) fn explain(a: &Graph, b: &Graph, counterparts: &Counterparts, at: usize, row: &Row) -> Cause {
    if let Some(cause) = rounded(b, at, row) {
        return cause;
    }
    // The first side's nodes between the values that the second side shares with it.
    let theirs = a.piece(&row.counterpart, &|name| counterparts.covers(name));
    let found = structure::compare(a, &live_nodes(a, &theirs), b, &live_nodes(b, &row.piece), counterparts);
    let (graph, node, presence, reasons) = match found {
        Some(found) => {
            (if found.presence == Presence::Missing { a } else { b }, found.node, found.presence, found.reasons)
        }
        None => {
            let own = b.maker(&row.value).or_else(|| row.piece.nodes.last().copied());
            let node = own.unwrap_or_default();
            (b, node, Presence::Both, quantised(a, &row.counterpart, b, node).into_iter().collect())
        }
    };
    let location = graph.nodes().get(node).map_or_else(
        || Location {
            node: row.node.clone(),
            operator: row.operator.clone(),
            module: row.module.clone(),
            value: row.value.clone(),
            presence,
        },
        |node| Location::new(node, presence),
    );
    let mut reasons = reasons;
    reasons.extend(symptoms(row));
    Cause { row: at, location, reasons }
}

/// The reason of a node that is the same in both graphs, but reads operands that only the second graph rounds to 8 bits.
fn quantised(a: &Graph, counterpart: &str, b: &Graph, node: usize) -> Option<String> {
    let operands = |graph: &Graph, node: &NodeProto| -> Vec<String> {
        let is_rounded = |name: &&String| {
            let maker = graph.maker(name).and_then(|at| graph.nodes().get(at));
            maker.is_some_and(|maker| maker.op_type == "DequantizeLinear")
        };
        node.input.iter().filter(is_rounded).map(|name| format!("`{name}`")).collect()
    };
    let ours = operands(b, b.nodes().get(node)?);
    let theirs = a.maker(counterpart).and_then(|at| a.nodes().get(at)).map(|node| operands(a, node));
    if ours.is_empty() || theirs.is_some_and(|theirs| !theirs.is_empty()) {
        return None;
    }
    Some(format!(
        "the cause is the quantisation of its operands to 8 bits ({}), which the reference does not have",
        ours.join(", ")
    ))
}

/// The cause of a value that its rounding to 8 bits changes by more than half a step: the node that rounds.
fn rounded(b: &Graph, at: usize, row: &Row) -> Option<Cause> {
    row.clipped.filter(|share| *share > CLIPPED)?;
    let of = |operator: &str| {
        let mut nodes = row.piece.nodes.iter().map(|at| &b.nodes()[*at]);
        nodes.find(|node| node.op_type == operator && node.output.iter().any(|name| !b.is_constant(name)))
    };
    let node = of("QuantizeLinear")?;
    let mut reasons: Vec<String> = symptoms(row).into_iter().collect();
    if let Some(back) = of("DequantizeLinear") {
        for (position, what) in [(1, "scale"), (2, "zero point")] {
            let number = |node: &NodeProto| numbers_of(b.tensor(node.input.get(position)?)?)?.first().copied();
            if let (Some(there), Some(here)) = (number(back), number(node))
                && there != here
            {
                reasons.push(format!("the {what} is {here}, and {there} in the DequantizeLinear after it"));
            }
        }
    }
    Some(Cause { row: at, location: Location::new(node, Presence::Both), reasons })
}

/// The finding from the numbers alone, without the graphs.
fn symptoms(row: &Row) -> Option<String> {
    let own = row.own.as_ref()?;
    if own.non_finite > 0 {
        return Some(format!("{} numbers are NaN or infinite on one side only", own.non_finite));
    }
    let share = row.clipped.filter(|share| *share > CLIPPED)?;
    Some(format!("{:.1} % of the values are beyond half a step of 8 bits", 100.0 * share))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::graph::tests::{model, node};

    #[test]
    fn operands_that_one_side_rounds_are_the_cause() {
        let plain = Graph::new("a", model(vec![node("Relu", &["x"], "y")], &["x"], &["y"])).unwrap();
        let nodes = vec![node("DequantizeLinear", &["x"], "x/dequantised"), node("Relu", &["x/dequantised"], "y")];
        let rounded = Graph::new("b", model(nodes, &["x"], &["y"])).unwrap();
        let found = quantised(&plain, "y", &rounded, 1).unwrap();
        assert!(found.contains("the quantisation of its operands to 8 bits (`x/dequantised`)"), "{found}");
        // Where both sides round, or neither does, the runtime is the cause.
        assert_eq!(quantised(&rounded, "y", &rounded, 1), None);
        assert_eq!(quantised(&plain, "y", &plain, 0), None);
    }
}
