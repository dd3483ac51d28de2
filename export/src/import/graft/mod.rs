//! The bundle's graph: the model's own nodes between a preprocessing that takes `tile` and the outputs of a bundle.

mod batch;
mod builder;
mod input;
mod output;
mod resize;

use std::collections::{BTreeMap, BTreeSet};

use burn_onnx_export::proto::{
    DataType, DimensionProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, ValueInfoProto,
};
use kiln_runtime::decision::{PROBABILITIES, SCORE};
use kiln_tile::SIDE;

use super::model::{Foreign, Names, rename, separate_nodes};
use super::plan::Plan;
use super::spec::Input;
pub(super) use batch::Rewrite;
use builder::Builder;

/// Name of the bundle's input.
const TILE: &str = "tile";

/// The batch axis of a grafted graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GraphBatch {
    /// Symbolic; constants with the old batch inside are rewritten.
    Dynamic(Rewrite),
    /// A number; constants with another batch inside are rewritten.
    Fixed(usize, Rewrite),
}

/// Everything that a grafted graph is made of.
pub(super) struct Graft<'a> {
    pub(super) foreign: &'a Foreign,
    pub(super) input: &'a Input,
    pub(super) plan: &'a Plan,
    /// Entries of `metadata_props`.
    pub(super) metadata: &'a [(String, String)],
    pub(super) name: &'a str,
}

impl Graft<'_> {
    /// The graph with this batch.
    pub(super) fn model(&self, batch: GraphBatch) -> ModelProto {
        let mut model = self.foreign.proto.clone();
        let mut graph = model.graph.take().unwrap_or_default();
        self.make_room(&mut graph);
        let values = |output: &str| {
            let declared = self.foreign.outputs.iter().find(|declared| declared.name == output);
            let element = declared.map_or(0, |declared| declared.element);
            (self.inner(output), element)
        };
        let inner_input = self.inner(&self.input.name);
        let (GraphBatch::Dynamic(rewrite) | GraphBatch::Fixed(_, rewrite)) = batch;
        // Tracing with a symbolic batch leaves the 1 of its example in shapes that were computed outside of the graph.
        let old = self.foreign.input.batch().unwrap_or(1);
        batch::rewrite(&mut graph, &inner_input, old, rewrite, self.foreign.opset, TILE);
        let mut names = Names::new(&graph);
        for port in [TILE, SCORE, PROBABILITIES].into_iter().chain(self.plan.kept.iter().map(|kept| kept.name.as_str()))
        {
            names.reserve(port);
        }
        let mut before = Builder::new(&mut names, self.foreign.opset);
        let fed = input::preprocess(&mut before, TILE, self.input);
        // The model's own input becomes a value that the preprocessing computes.
        before.node_to("Identity", &[&fed], inner_input.clone(), Vec::new());
        let (mut nodes, mut constants) = (before.nodes, before.constants);
        let mut after = Builder::new(&mut names, self.foreign.opset);
        let outputs = output::outputs(&mut after, self.plan, &values);
        nodes.append(&mut graph.node);
        nodes.append(&mut after.nodes);
        constants.append(&mut after.constants);
        graph.node = nodes;
        graph.initializer.append(&mut constants);
        // Shapes of the old batch and of the old ports would contradict the new ones; ONNX Runtime infers them.
        graph.value_info.clear();
        graph.input = vec![self.input_port(batch)];
        graph.output = outputs.iter().map(|name| self.output_port(name, batch)).collect();
        prune(&mut graph);
        separate_nodes(&mut graph);
        graph.name = self.name.to_owned();
        model.graph = Some(graph);
        let keys: Vec<&str> = self.metadata.iter().map(|(key, _)| key.as_str()).collect();
        model.metadata_props.retain(|entry| !keys.contains(&entry.key.as_str()) && !entry.key.starts_with("kiln."));
        model.metadata_props.extend(self.metadata.iter().map(|(key, value)| StringStringEntryProto::new(key, value)));
        model
    }

    /// Renames values of the model that have a name of the bundle's ports.
    fn make_room(&self, graph: &mut GraphProto) {
        for port in self.ports() {
            let inner = self.inner(&port);
            if inner != port {
                rename(graph, &port, &inner);
            }
        }
    }

    /// Names of the bundle's ports.
    fn ports(&self) -> Vec<String> {
        let kept = self.plan.kept.iter().map(|kept| kept.name.clone());
        [TILE, SCORE, PROBABILITIES].map(str::to_owned).into_iter().chain(kept).collect()
    }

    /// The name of a value of the model in the grafted graph.
    fn inner(&self, name: &str) -> String {
        if self.ports().iter().any(|port| port == name) { format!("kiln.model/{name}") } else { name.to_owned() }
    }

    fn input_port(&self, batch: GraphBatch) -> ValueInfoProto {
        let side = i64::from(SIDE);
        let dims = [axis(batch), DimensionProto::fixed(side), DimensionProto::fixed(side), DimensionProto::fixed(3)];
        ValueInfoProto::tensor(TILE, DataType::Uint8.into(), dims)
    }

    fn output_port(&self, name: &str, batch: GraphBatch) -> ValueInfoProto {
        let rest: Vec<usize> = match name {
            SCORE => Vec::new(),
            PROBABILITIES => vec![self.plan.classes.len()],
            _ => self.plan.kept.iter().find(|kept| kept.name == name).map(|kept| kept.dims.clone()).unwrap_or_default(),
        };
        let dims = std::iter::once(axis(batch)).chain(rest.into_iter().map(|size| DimensionProto::fixed(size as i64)));
        ValueInfoProto::tensor(name, DataType::Float.into(), dims)
    }
}

fn axis(batch: GraphBatch) -> DimensionProto {
    match batch {
        GraphBatch::Dynamic(_) => DimensionProto::symbolic("batch"),
        GraphBatch::Fixed(number, _) => DimensionProto::fixed(number as i64),
    }
}

/// Removes nodes whose results nothing reads, such as labels and maps that the bundle leaves out, and then the constants
/// that nothing reads.
fn prune(graph: &mut GraphProto) {
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        makers.extend(node.output.iter().map(|output| (output.as_str(), at)));
    }
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut used = vec![false; graph.node.len()];
    let mut open: Vec<String> = graph.output.iter().map(|port| port.name.clone()).collect();
    while let Some(name) = open.pop() {
        if let Some(at) = makers.get(name.as_str()).copied().filter(|at| !used[*at]) {
            used[at] = true;
            read_by(&graph.node[at], &mut open);
        }
        needed.insert(name);
    }
    let mut used = used.into_iter();
    graph.node.retain(|_| used.next().unwrap_or(false));
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    graph
        .sparse_initializer
        .retain(|sparse| sparse.values.as_ref().is_some_and(|values| needed.contains(&values.name)));
}

/// Adds every name that a node reads, within its graphs too.
fn read_by(node: &NodeProto, names: &mut Vec<String>) {
    names.extend(node.input.iter().filter(|name| !name.is_empty()).cloned());
    for graph in node.graphs() {
        names.extend(graph.output.iter().map(|port| port.name.clone()));
        graph.node.iter().for_each(|inner| read_by(inner, names));
    }
}
