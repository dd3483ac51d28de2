//! The ONNX graph in the making: nodes and constants that refer to values by number. Names come at the very end
//! ([`names`]), passes in between ([`passes`]).

pub(crate) mod names;
pub(crate) mod passes;

use std::collections::BTreeMap;

use bytes::Bytes;

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

/// A constant tensor, row-major, little-endian.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Constant {
    pub(crate) element: Element,
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Bytes,
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

    /// Replaces every use of a value, graph outputs included.
    pub(crate) fn replace(&mut self, from: ValueId, to: ValueId) {
        let inputs = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten());
        inputs.chain(self.outputs.iter_mut()).filter(|id| **id == from).for_each(|id| *id = to);
    }

    /// How many nodes and graph outputs read each value.
    pub(crate) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        let inputs = self.nodes.iter().flat_map(|node| node.inputs.iter().flatten());
        inputs.chain(&self.outputs).for_each(|id| uses[*id] += 1);
        uses
    }
}

impl Constant {
    /// A vector of 64-bit integers, as shapes and axes are given.
    pub(crate) fn vector(values: &[i64]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into();
        Self { element: Element::I64, dims: vec![values.len()], data }
    }

    /// The elements, if they are 64-bit integers.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        let read = |chunk: &[u8]| Some(i64::from_le_bytes(chunk.try_into().ok()?));
        (self.element == Element::I64).then(|| self.data.chunks_exact(8).map(read).collect())?
    }
}
