//! Edits a copy of a model's graph: adds values, constants and nodes, and gives each new value a unique name.

use std::collections::HashMap;

use crate::OnnxModel;
use crate::element::Element;
use crate::graph::{Attributes, Constant, Draft, Graph, Node, Origin, ValueId, names::Names, passes};

/// A graph being edited.
pub(super) struct Editor {
    draft: Draft,
    names: Names,
    /// The empty origin of added nodes.
    origin: usize,
}

/// The reader of a graph output in [`Editor::readers`].
pub(super) const OUTSIDE: usize = usize::MAX;

impl Editor {
    /// Copies the graph of a model. Weights are shared.
    pub(super) fn new(model: &OnnxModel) -> Self {
        let mut draft = model.draft().clone();
        let names = Names::new(&draft.graph);
        let origin = draft.graph.origins.len();
        draft.graph.origins.push(Origin::default());
        Self { draft, names, origin }
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.draft.graph
    }

    /// The nodes, in the order of execution.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.draft.graph.nodes
    }

    pub(super) fn set_nodes(&mut self, nodes: Vec<Node>) {
        self.draft.graph.nodes = nodes;
    }

    pub(super) fn constant(&self, id: ValueId) -> Option<&Constant> {
        self.draft.graph.constants.get(&id)
    }

    /// The element type of a value.
    pub(super) fn element(&self, id: ValueId) -> Element {
        self.draft.graph.values[id].element
    }

    /// Returns true for an output of the graph.
    pub(super) fn is_output(&self, id: ValueId) -> bool {
        self.draft.graph.outputs.contains(&id)
    }

    /// Returns true for an input of the graph with unsigned 8-bit elements, the form of pixels.
    pub(super) fn is_byte_input(&self, id: ValueId) -> bool {
        self.draft.graph.inputs.contains(&id) && self.element(id) == Element::U8
    }

    /// The sizes of a value of known shape; -1 for a symbolic one.
    pub(super) fn sizes(&self, id: ValueId) -> Option<Vec<i64>> {
        let shape = self.draft.graph.values[id].shape.as_ref()?;
        Some(shape.iter().map(|size| size.fixed().unwrap_or(-1)).collect())
    }

    /// Copies the shape of one value to another.
    pub(super) fn copy_shape(&mut self, from: ValueId, to: ValueId) {
        let shape = self.draft.graph.values[from].shape.clone();
        self.draft.graph.values[to].shape = shape;
    }

    /// Adds a value, named after another one: `name/suffix`.
    pub(super) fn value(&mut self, base: ValueId, suffix: &str, element: Element) -> ValueId {
        let wish = format!("{}/{suffix}", self.draft.graph.name(base));
        let id = self.draft.graph.value(element, None);
        self.draft.graph.values[id].name = Some(self.names.reserve(&wish));
        id
    }

    /// Adds a constant, named after a value: `name/suffix`.
    pub(super) fn add(&mut self, base: ValueId, suffix: &str, constant: Constant) -> ValueId {
        let id = self.value(base, suffix, constant.element);
        self.draft.graph.constants.insert(id, constant);
        id
    }

    /// Adds a variant of a constant, under its name with a number.
    pub(super) fn add_variant(&mut self, base: ValueId, constant: Constant) -> ValueId {
        let id = self.draft.graph.constant(constant);
        self.draft.graph.values[id].name = Some(self.names.reserve(self.draft.graph.name(base)));
        id
    }

    /// Replaces the data of a constant.
    pub(super) fn replace(&mut self, id: ValueId, constant: Constant) {
        self.draft.graph.constants.insert(id, constant);
    }

    /// A node of one output.
    pub(super) fn node(&self, op: &'static str, inputs: &[ValueId], output: ValueId, attributes: Attributes) -> Node {
        let inputs = inputs.iter().copied().map(Some).collect();
        Node { op, inputs, outputs: vec![output], attributes, origin: self.origin, foreign: None }
    }

    /// Positions of the nodes that read each value; [`OUTSIDE`] for an output of the graph.
    pub(super) fn readers(&self) -> HashMap<ValueId, Vec<usize>> {
        let mut readers: HashMap<ValueId, Vec<usize>> = HashMap::new();
        for (at, node) in self.nodes().iter().enumerate() {
            node.inputs.iter().flatten().for_each(|id| readers.entry(*id).or_default().push(at));
        }
        self.graph().outputs.iter().for_each(|id| readers.entry(*id).or_default().push(OUTSIDE));
        readers
    }

    /// The node whose first output is a value.
    pub(super) fn maker(&self, output: ValueId) -> Option<&Node> {
        self.nodes().iter().find(|node| node.outputs.first() == Some(&output))
    }

    /// Records in the model's metadata what was done to it, in place of an earlier entry of the key.
    pub(super) fn note(&mut self, key: &str, value: &str) {
        let metadata = &mut self.draft.header.metadata;
        metadata.retain(|(other, _)| other != key);
        metadata.push((key.to_owned(), value.to_owned()));
        metadata.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// The edited model, without unused constants and nodes.
    pub(super) fn finish(mut self) -> OnnxModel {
        passes::remove_unused(&mut self.draft.graph);
        OnnxModel::new(self.draft)
    }
}
