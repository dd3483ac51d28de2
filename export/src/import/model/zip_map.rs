//! scikit-learn's probabilities: skl2onnx ends a classifier with `ZipMap`, whose output is a sequence of maps. The tensor
//! before it has the same numbers in the order of its classes.

use burn_onnx_export::proto::{GraphProto, NodeProto, ValueInfoProto};

/// A `ZipMap` whose result is an output of the graph.
#[derive(Debug, Clone)]
pub(in crate::import) struct ZipMap {
    /// The output.
    output: String,
    /// The tensor that it reads.
    tensor: String,
    /// Class names, in the order of the tensor's columns.
    pub(in crate::import) classes: Vec<String>,
}

impl ZipMap {
    /// Every `ZipMap` at an output of the graph.
    pub(super) fn find(graph: &GraphProto) -> Vec<Self> {
        let is_output = |name: &String| graph.output.iter().any(|port| port.name == *name);
        let maps = graph.node.iter().filter(|node| node.op_type == "ZipMap" && node.domain == "ai.onnx.ml");
        let map = |node: &NodeProto| {
            let (output, tensor) = (node.output.first()?.clone(), node.input.first()?.clone());
            is_output(&output).then(|| Self { output, tensor, classes: classes(node) })
        };
        maps.filter_map(map).collect()
    }

    /// Removes the node, and makes its tensor the output.
    pub(super) fn bypass(&self, graph: &mut GraphProto) {
        graph.node.retain(|node| !(node.op_type == "ZipMap" && node.output.first() == Some(&self.output)));
        for port in graph.output.iter_mut().filter(|port| port.name == self.output) {
            // ONNX Runtime infers the type.
            *port = ValueInfoProto { name: self.output.clone(), ..ValueInfoProto::default() };
        }
        graph.node.push(NodeProto::new("Identity", [&self.tensor], [&self.output]));
    }
}

fn classes(node: &NodeProto) -> Vec<String> {
    let strings = node.attribute("classlabels_strings").map(|attribute| &attribute.strings);
    if let Some(strings) = strings.filter(|strings| !strings.is_empty()) {
        return strings.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    }
    let integers = node.attribute("classlabels_int64s").map(|attribute| attribute.ints.as_slice()).unwrap_or_default();
    integers.iter().map(ToString::to_string).collect()
}
