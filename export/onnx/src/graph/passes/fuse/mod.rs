//! Replaces several nodes by the one operator that means the same. burn writes many layers as formulas; a person would
//! have written the operator, and a runtime has a kernel for it. A rule is a picture of the nodes ([`Pattern`]) and what
//! stands for them; one file holds the rules of one family.

mod activation;
mod norm;
mod test;

use std::collections::HashMap;

use crate::graph::{Attribute, Attributes, Constant, Graph, Node, ValueId};
use crate::onnx::Element;

/// A picture of nodes, seen from the last one.
#[derive(Clone)]
pub(super) enum Pattern {
    /// Any value. The same number is the same value.
    Value(usize),
    /// A constant of one element, kept under this number.
    Number(usize),
    /// A constant of this one number.
    Is(f64),
    /// A node with these operands; those of a sum or a product may stand in any order.
    Node(&'static str, Vec<Pattern>),
}

pub(super) fn node(op: &'static str, operands: impl IntoIterator<Item = Pattern>) -> Pattern {
    Pattern::Node(op, operands.into_iter().collect())
}

/// The value that most patterns are about.
pub(super) const X: Pattern = Pattern::Value(0);

/// Nodes found in the form of a pattern.
#[derive(Clone, Default)]
pub(super) struct Match {
    values: HashMap<usize, ValueId>,
    numbers: HashMap<usize, f64>,
    /// Positions of the nodes and how often the pattern reached each; the last node is the first here.
    nodes: Vec<(usize, usize)>,
}

impl Match {
    pub(super) fn value(&self, number: usize) -> Option<ValueId> {
        self.values.get(&number).copied()
    }

    pub(super) fn number(&self, number: usize) -> Option<f64> {
        self.numbers.get(&number).copied()
    }

    /// The first node of an operator, in the order in which the pattern names them.
    pub(super) fn node<'g>(&self, graph: &'g Graph, op: &str) -> Option<&'g Node> {
        self.nodes.iter().map(|(position, _)| &graph.nodes[*position]).find(|node| node.op == op)
    }

    /// Every node of an operator.
    pub(super) fn nodes_of<'g>(&self, graph: &'g Graph, op: &str) -> Vec<&'g Node> {
        self.nodes.iter().map(|(position, _)| &graph.nodes[*position]).filter(|node| node.op == op).collect()
    }

    fn reach(&mut self, position: usize) {
        match self.nodes.iter_mut().find(|(known, _)| *known == position) {
            Some((_, times)) => *times += 1,
            None => self.nodes.push((position, 1)),
        }
    }
}

/// The node that stands for a match.
pub(super) struct Replacement {
    pub(super) op: &'static str,
    pub(super) inputs: Vec<ValueId>,
    pub(super) attributes: Attributes,
}

/// One replacement.
pub(super) struct Rule {
    /// The opset that brought the operator.
    pub(super) opset: i64,
    pub(super) pattern: Pattern,
    /// What stands for the nodes, if the match is one after all.
    pub(super) replace: fn(&mut Graph, &Match) -> Option<Replacement>,
}

/// Replaces until no rule finds anything.
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
        // What something else reads as well must stay, and then nothing is gained.
        let inner = found.nodes.iter().skip(1);
        let alone = inner.clone().all(|(at, times)| uses[graph.nodes[*at].outputs[0]] == *times);
        if !alone {
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
    let gone: Vec<usize> = found.nodes.iter().skip(1).map(|(at, _)| *at).collect();
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
                (given == *number || (given - number).abs() <= 1e-6 * number.abs()).then_some(found)
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

/// A float attribute of a node.
pub(super) fn float_of(node: &Node, name: &str) -> Option<f64> {
    node.attributes.iter().find_map(|(other, value)| match value {
        Attribute::Float(value) if *other == name => Some(f64::from(*value)),
        _ => None,
    })
}

/// Whether two numbers are the same but for rounding to 32 bits.
pub(super) fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(1e-30)
}

/// Whether a value holds 32-bit floats, for operators whose kernels ONNX Runtime has for these alone.
pub(super) fn is_f32(graph: &Graph, value: ValueId) -> bool {
    graph.values[value].element == Element::F32
}

/// A vector of `count` equal floats.
pub(super) fn repeated(graph: &mut Graph, value: f32, count: usize) -> ValueId {
    let data = value.to_le_bytes().repeat(count).into();
    graph.constant(Constant { element: Element::F32, dims: vec![count], data })
}
