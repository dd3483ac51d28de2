//! Replaces several nodes by one equivalent operator. burn writes many layers as formulas for which ONNX has an operator
//! and a runtime has a kernel. A rule consists of a [`Pattern`] of nodes and their replacement; one file holds the rules of
//! one family.

mod activation;
mod norm;
mod test;

use std::collections::HashMap;

use crate::element::Element;
use crate::graph::{Attributes, Constant, Graph, Node, ValueId};

/// A pattern of nodes, beginning with the last one.
#[derive(Clone)]
pub(super) enum Pattern {
    /// Any value. Equal numbers match the same value.
    Value(usize),
    /// Any constant of one element, stored under this number.
    Number(usize),
    /// A constant with this number as its only element, exactly or rounded to 32 bits.
    Is(f64),
    /// A node with these operands; in any order if it is a sum or a product.
    Node(&'static str, Vec<Pattern>),
}

pub(super) fn node(op: &'static str, operands: impl IntoIterator<Item = Pattern>) -> Pattern {
    Pattern::Node(op, operands.into_iter().collect())
}

/// The input of most patterns.
pub(super) const X: Pattern = Pattern::Value(0);

/// Nodes that match a pattern.
#[derive(Clone, Default)]
pub(super) struct Match {
    values: HashMap<usize, ValueId>,
    numbers: HashMap<usize, f64>,
    /// Positions of the nodes, the last node first.
    nodes: Vec<usize>,
}

impl Match {
    pub(super) fn value(&self, number: usize) -> Option<ValueId> {
        self.values.get(&number).copied()
    }

    pub(super) fn number(&self, number: usize) -> Option<f64> {
        self.numbers.get(&number).copied()
    }

    /// The first node of an operator, in the order of the pattern.
    pub(super) fn node<'g>(&self, graph: &'g Graph, op: &str) -> Option<&'g Node> {
        self.nodes.iter().map(|position| &graph.nodes[*position]).find(|node| node.op == op)
    }

    /// Every node of an operator.
    pub(super) fn nodes_of<'g>(&self, graph: &'g Graph, op: &str) -> Vec<&'g Node> {
        self.nodes.iter().map(|position| &graph.nodes[*position]).filter(|node| node.op == op).collect()
    }

    fn reach(&mut self, position: usize) {
        if !self.nodes.contains(&position) {
            self.nodes.push(position);
        }
    }

    /// Returns true if only nodes of the match read the results of its inner nodes.
    fn is_closed(&self, graph: &Graph, uses: &[usize]) -> bool {
        let read = |value: ValueId| {
            let inputs = self.nodes.iter().flat_map(|position| graph.nodes[*position].inputs.iter().flatten());
            inputs.filter(|input| **input == value).count()
        };
        self.nodes.iter().skip(1).map(|position| graph.nodes[*position].outputs[0]).all(|out| uses[out] == read(out))
    }
}

/// The node that replaces a match.
pub(super) struct Replacement {
    pub(super) op: &'static str,
    pub(super) inputs: Vec<ValueId>,
    pub(super) attributes: Attributes,
}

/// One replacement.
pub(super) struct Rule {
    /// The opset that introduced the operator.
    pub(super) opset: i64,
    pub(super) pattern: Pattern,
    /// Returns the replacement, or none if the match fails a condition that patterns cannot express.
    pub(super) replace: fn(&mut Graph, &Match) -> Option<Replacement>,
}

/// Applies every rule until it matches nothing.
pub(crate) fn apply(graph: &mut Graph, opset: i64) {
    let rules: Vec<Rule> = [activation::rules(), norm::rules(), test::rules()].into_iter().flatten().collect();
    for rule in rules.iter().filter(|rule| rule.opset <= opset) {
        while apply_one(graph, rule) {}
    }
}

fn apply_one(graph: &mut Graph, rule: &Rule) -> bool {
    let (makers, uses) = (graph.makers(), graph.uses());
    let Pattern::Node(op, _) = rule.pattern else { return false };
    for position in (0..graph.nodes.len()).filter(|position| graph.nodes[*position].op == op).collect::<Vec<_>>() {
        let output = graph.nodes[position].outputs[0];
        let search = Search { graph, makers: &makers };
        let Some(found) = search.find(&rule.pattern, output, Match::default()) else { continue };
        // Nodes with another reader must stay, and then nothing is gained.
        if !found.is_closed(graph, &uses) {
            continue;
        }
        let Some(replacement) = (rule.replace)(graph, &found) else { continue };
        put(graph, position, &found, replacement);
        return true;
    }
    false
}

fn put(graph: &mut Graph, position: usize, found: &Match, replacement: Replacement) {
    let Replacement { op, inputs, attributes } = replacement;
    let node = &mut graph.nodes[position];
    (node.op, node.attributes) = (op, attributes);
    node.inputs = inputs.into_iter().map(Some).collect();
    let gone = &found.nodes[1..];
    let mut position = 0..;
    graph.nodes.retain(|_| position.next().is_none_or(|at| !gone.contains(&at)));
}

struct Search<'a> {
    graph: &'a Graph,
    makers: &'a HashMap<ValueId, usize>,
}

impl Search<'_> {
    fn find(&self, pattern: &Pattern, value: ValueId, mut found: Match) -> Option<Match> {
        match pattern {
            Pattern::Value(number) => (*found.values.entry(*number).or_insert(value) == value).then_some(found),
            Pattern::Number(number) => {
                let given = self.graph.constants.get(&value)?.number()?;
                (*found.numbers.entry(*number).or_insert(given) == given).then_some(found)
            }
            Pattern::Is(number) => {
                let given = self.graph.constants.get(&value)?.number()?;
                is_same(given, *number).then_some(found)
            }
            Pattern::Node(op, operands) => {
                let position = *self.makers.get(&value)?;
                let node = &self.graph.nodes[position];
                let inputs: Vec<ValueId> = node.inputs.iter().copied().collect::<Option<_>>()?;
                if node.op != *op || node.outputs.len() != 1 || inputs.len() < operands.len() {
                    return None;
                }
                found.reach(position);
                let straight = self.operands(operands, &inputs, found.clone());
                let turns = matches!(*op, "Add" | "Mul") && operands.len() == 2;
                straight.or_else(|| turns.then(|| self.operands(operands, &[inputs[1], inputs[0]], found))?)
            }
        }
    }

    fn operands(&self, patterns: &[Pattern], values: &[ValueId], found: Match) -> Option<Match> {
        patterns.iter().zip(values).try_fold(found, |found, (pattern, value)| self.find(pattern, *value, found))
    }
}

/// Returns true if `given` is `number`, exactly or rounded to 32 bits. A wider tolerance would change functions: the power
/// 3.000001 of a negative number is NaN, and every number is within an infinite tolerance of infinity.
pub(super) fn is_same(given: f64, number: f64) -> bool {
    given == number || given == f64::from(number as f32)
}

/// Returns true for 32-bit floats. Some operators have kernels for no other type in ONNX Runtime.
pub(super) fn is_f32(graph: &Graph, value: ValueId) -> bool {
    graph.values[value].element == Element::F32
}

/// A vector of `count` equal floats.
pub(super) fn repeated(graph: &mut Graph, value: f32, count: usize) -> ValueId {
    graph.constant(Constant::from_f32(vec![count], std::iter::repeat_n(value, count)))
}
