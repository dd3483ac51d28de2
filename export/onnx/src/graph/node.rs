//! Nodes, and the burn operations that they come from.

use super::{Attribute, Attributes, ValueId};
use crate::onnx::proto::NodeProto;

/// One ONNX operator.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: &'static str,
    /// `None` is an omitted optional input.
    pub(crate) inputs: Vec<Option<ValueId>>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) attributes: Attributes,
    /// Position in [`Graph::origins`](super::Graph::origins).
    pub(crate) origin: usize,
    /// The message of a node that was read from another model and that no pass looks at; `op` is then empty.
    pub(crate) foreign: Option<Box<Foreign>>,
}

/// A node of another model, carried as it is. Its inputs and outputs are those of the [`Node`].
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    /// The message without inputs and outputs.
    pub(crate) proto: NodeProto,
}

impl Node {
    /// The standard operator that the node executes; empty for an operator of another domain.
    pub(crate) fn operator(&self) -> &str {
        match &self.foreign {
            Some(foreign) if foreign.proto.is_standard() => &foreign.proto.op_type,
            Some(_) => "",
            None => self.op,
        }
    }

    /// The input at a position; none if it is omitted.
    pub(crate) fn input(&self, position: usize) -> Option<ValueId> {
        self.inputs.get(position).copied().flatten()
    }

    /// An integer attribute.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name, |value| if let Attribute::Int(value) = value { Some(*value) } else { None })
    }

    /// An attribute of several integers.
    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name, |value| if let Attribute::Ints(values) = value { Some(values.as_slice()) } else { None })
    }

    /// A float attribute.
    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name, |value| if let Attribute::Float(value) = value { Some(*value) } else { None })
    }

    fn attribute<'a, T>(&'a self, name: &str, read: fn(&'a Attribute) -> Option<T>) -> Option<T> {
        self.attributes.iter().find(|(other, _)| *other == name).and_then(|(_, value)| read(value))
    }
}

/// The burn operation that nodes come from. All fields are empty for a node that a pass adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) kind: String,
    pub(crate) module: String,
    pub(crate) module_type: String,
    /// True if the operation reads the module's own parameters.
    pub(crate) owned: bool,
}
