//! The ONNX graph in the making: nodes and constants that refer to values by number. Names come at the very end
//! ([`names`]), passes in between ([`passes`]).

mod constant;
pub(crate) mod names;
pub(crate) mod passes;

use std::collections::{BTreeMap, HashMap};

pub(crate) use constant::{Constant, Data, Weight, bytes_of};

use crate::onnx::Element;
use crate::symbolic::Size;

/// Position of a value in [`Graph::values`].
pub(crate) type ValueId = usize;

/// What is known of a value.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) element: Element,
    /// Known for inputs, constants and results of burn operations; not for values inside a lowering.
    pub(crate) shape: Option<Vec<Size>>,
    /// A name that is settled: inputs, outputs, parameters.
    pub(crate) name: Option<String>,
}

/// The value of a node's attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
    Tensor(Constant),
}

/// A node's attributes, in the order in which they are written.
pub(crate) type Attributes = Vec<(&'static str, Attribute)>;

/// One ONNX operator.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: &'static str,
    /// `None` is an optional input that is left out.
    pub(crate) inputs: Vec<Option<ValueId>>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) attributes: Attributes,
    /// Position in [`Graph::origins`].
    pub(crate) origin: usize,
}

/// The burn operation that nodes come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) kind: String,
    pub(crate) module: String,
    pub(crate) module_type: String,
    /// Whether the operation reads the module's own parameters.
    pub(crate) owned: bool,
}

/// A graph under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: BTreeMap<ValueId, Constant>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) origins: Vec<Origin>,
}

impl Graph {
    /// Adds a value of its own.
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

    /// Replaces uses of many values at once, graph outputs included.
    pub(crate) fn replace_all(&mut self, changes: &HashMap<ValueId, ValueId>) {
        let inputs = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten());
        inputs.chain(self.outputs.iter_mut()).for_each(|id| *id = *changes.get(id).unwrap_or(id));
    }

    /// Position of the node that gives each value.
    pub(crate) fn makers(&self) -> HashMap<ValueId, usize> {
        let outputs =
            |(position, node): (usize, &Node)| node.outputs.iter().map(move |id| (*id, position)).collect::<Vec<_>>();
        self.nodes.iter().enumerate().flat_map(outputs).collect()
    }

    /// How many nodes and graph outputs read each value.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let inputs = self.nodes.iter().flat_map(|node| node.inputs.iter().flatten());
        inputs.chain(&self.outputs).for_each(|id| uses[*id] += 1);
        uses
    }
}
