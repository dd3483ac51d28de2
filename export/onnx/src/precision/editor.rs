//! Edits a finished model: its nodes as protobuf messages, its constants by name.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::OnnxModel;
use crate::graph::{Attribute, Constant};
use crate::onnx::proto::{AttributeProto, NodeProto, StringStringEntryProto, ValueInfoProto};
use crate::onnx::{Element, Initializer, Parts, attribute, described};

/// A model being edited.
pub(super) struct Editor {
    parts: Parts,
    constants: BTreeMap<String, Constant>,
    taken: HashSet<String>,
}

impl Editor {
    pub(super) fn of(model: &OnnxModel) -> Self {
        let parts = model.parts().clone();
        let name = |one: &Initializer| (one.tensor.name.clone(), one.constant.clone());
        let constants: BTreeMap<_, _> = parts.initializers.iter().map(name).collect();
        let ports = parts.graph.input.iter().chain(&parts.graph.output).map(|port| port.name.clone());
        let made = parts.graph.node.iter().flat_map(|node| node.output.iter().cloned());
        let taken = constants.keys().cloned().chain(ports).chain(made).collect();
        Self { parts, constants, taken }
    }

    /// The nodes, in the order of execution.
    pub(super) fn nodes(&self) -> &[NodeProto] {
        &self.parts.graph.node
    }

    pub(super) fn set_nodes(&mut self, nodes: Vec<NodeProto>) {
        self.parts.graph.node = nodes;
    }

    pub(super) fn constant(&self, name: &str) -> Option<&Constant> {
        self.constants.get(name)
    }

    /// Names of the graph's outputs.
    pub(super) fn outputs(&self) -> HashSet<String> {
        self.parts.graph.output.iter().map(|port| port.name.clone()).collect()
    }

    /// Names of the graph's inputs with their element types.
    pub(super) fn inputs(&self) -> HashMap<String, i32> {
        let kind = |port: &ValueInfoProto| (port.name.clone(), port.tensor_type().map_or(0, |tensor| tensor.elem_type));
        self.parts.graph.input.iter().map(kind).collect()
    }

    /// The sizes of a graph input; -1 for a symbolic one.
    pub(super) fn input_dims(&self, name: &str) -> Option<Vec<i64>> {
        let port = self.parts.graph.input.iter().find(|port| port.name == name)?;
        Some(port.dims()?.iter().map(|dim| dim.dim_value().unwrap_or(-1)).collect())
    }

    /// A name that nothing has, like `wish`.
    pub(super) fn free(&mut self, wish: &str) -> String {
        let numbered = (1..).map(|n| if n == 1 { wish.to_owned() } else { format!("{wish}_{n}") });
        let name = numbered.into_iter().find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }

    /// Adds a constant; gives its name.
    pub(super) fn add(&mut self, wish: &str, constant: Constant) -> String {
        let name = self.free(wish);
        self.constants.insert(name.clone(), constant);
        name
    }

    /// Puts another constant in the place of one.
    pub(super) fn replace(&mut self, name: &str, constant: Constant) {
        self.constants.insert(name.to_owned(), constant);
    }

    /// Nodes that read each value; an output of the graph is read once more, by nobody (`usize::MAX`).
    pub(super) fn readers(&self) -> HashMap<String, Vec<usize>> {
        let mut readers: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, node) in self.nodes().iter().enumerate() {
            node.input.iter().for_each(|name| readers.entry(name.clone()).or_default().push(at));
        }
        self.outputs().into_iter().for_each(|name| readers.entry(name).or_default().push(usize::MAX));
        readers
    }

    /// Says in the model's own metadata what was done to it.
    pub(super) fn note(&mut self, key: &str, value: &str) {
        let metadata = &mut self.parts.model.metadata_props;
        metadata.push(StringStringEntryProto::new(key, value));
        metadata.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// The edited model, without constants and nodes that nothing reads.
    pub(super) fn finish(mut self) -> OnnxModel {
        let mut needed = self.outputs();
        let mut kept = Vec::new();
        for node in std::mem::take(&mut self.parts.graph.node).into_iter().rev() {
            if node.output.iter().any(|name| needed.contains(name)) {
                needed.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        self.parts.graph.node = kept;
        let constants = self.constants.into_iter().filter(|(name, _)| needed.contains(name));
        self.parts.initializers =
            constants.map(|(name, constant)| Initializer { tensor: described(&name, &constant), constant }).collect();
        OnnxModel::new(self.parts)
    }
}

/// A node of one output.
pub(super) fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        name: output.to_owned(),
        op_type: op.to_owned(),
        attribute: attributes,
        ..NodeProto::default()
    }
}

/// An integer attribute.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    attribute(name, &Attribute::Int(value))
}

/// An attribute of several integers.
pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    attribute(name, &Attribute::Ints(values.to_vec()))
}

/// The integer attribute of a node.
pub(super) fn int_of(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
}

/// A cast.
pub(super) fn cast(input: &str, output: &str, element: Element) -> NodeProto {
    node("Cast", &[input], output, vec![int("to", i64::from(element.code()))])
}

/// A scalar of 32-bit floats.
pub(super) fn scalar(value: f32) -> Constant {
    Constant { element: Element::F32, dims: Vec::new(), data: value.to_le_bytes().to_vec().into() }
}
