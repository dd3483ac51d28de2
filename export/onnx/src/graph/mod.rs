//! The exporter's graph: nodes and constants that refer to values by number. Every transformation works on it: the passes
//! that tidy a lowered graph ([`passes`]), the assignment of names ([`names`]), and the change of precision
//! ([`crate::precision`]). Only [`crate::onnx`] turns it into protobuf messages.

mod attribute;
mod constant;
mod draft;
pub(crate) mod names;
mod node;
pub(crate) mod passes;

use std::collections::{BTreeMap, HashMap};

pub(crate) use attribute::{Attribute, Attributes, axis, float, int, ints, tensor, text, to};
pub(crate) use constant::{Constant, Data, Weight, bytes_of};
pub(crate) use draft::{Draft, ForeignHeader, Header};
pub(crate) use node::{Foreign, Node, Origin};

use crate::element::Element;
use crate::symbolic::Size;

/// Position of a value in [`Graph::values`].
pub(crate) type ValueId = usize;

/// The description of a value.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) element: Element,
    /// Known for inputs, constants and results of burn operations; not for values inside a lowering.
    pub(crate) shape: Option<Vec<Size>>,
    /// Given to inputs, outputs and parameters at once, to all others by [`names::assign`].
    pub(crate) name: Option<String>,
}

/// A graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) values: Vec<Value>,
    /// In the order of execution.
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: BTreeMap<ValueId, Constant>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) origins: Vec<Origin>,
}

impl Graph {
    /// Adds a value.
    pub(crate) fn value(&mut self, element: Element, shape: Option<Vec<Size>>) -> ValueId {
        self.values.push(Value { element, shape, name: None });
        self.values.len() - 1
    }

    /// Adds a constant.
    pub(crate) fn constant(&mut self, constant: Constant) -> ValueId {
        let id = self.value(constant.element, None);
        self.constants.insert(id, constant);
        id
    }

    /// The name of a value; empty before [`names::assign`].
    pub(crate) fn name(&self, id: ValueId) -> &str {
        self.values[id].name.as_deref().unwrap_or_default()
    }

    /// Replaces uses of many values at once, graph outputs included.
    pub(crate) fn replace_all(&mut self, changes: &HashMap<ValueId, ValueId>) {
        let inputs = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten());
        inputs.chain(self.outputs.iter_mut()).for_each(|id| *id = *changes.get(id).unwrap_or(id));
    }

    /// Position of the node that computes each value.
    pub(crate) fn makers(&self) -> HashMap<ValueId, usize> {
        let outputs =
            |(position, node): (usize, &Node)| node.outputs.iter().map(move |id| (*id, position)).collect::<Vec<_>>();
        self.nodes.iter().enumerate().flat_map(outputs).collect()
    }

    /// Number of nodes and graph outputs that read each value.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let inputs = self.nodes.iter().flat_map(|node| node.inputs.iter().flatten());
        inputs.chain(&self.outputs).for_each(|id| uses[*id] += 1);
        uses
    }
}
