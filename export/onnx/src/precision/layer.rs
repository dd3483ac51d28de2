//! The layers that have an 8-bit form: convolutions and dense layers with constant weights, and a constant bias of one
//! number for each output channel, if they have one.

use super::editor::Editor;
use crate::element::Element;
use crate::graph::{Constant, Node, ValueId};

/// A layer whose weights are constants.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Its result, after which the layer is named.
    pub(super) output: ValueId,
    /// Its input.
    pub(super) input: ValueId,
    /// Its result after the activation.
    pub(super) result: ValueId,
    /// Axis of the output channels in the weight.
    pub(super) axis: usize,
}

impl Layer {
    /// Finds the layers of a graph, in the order of execution.
    pub(super) fn find(editor: &Editor) -> Vec<Self> {
        let readers = editor.readers();
        let layer = |node: &Node| {
            let axis = channel_axis(node)?;
            let weight = editor.constant(node.input(1)?)?;
            let output = *node.outputs.first()?;
            let fits = weight.element == Element::F32 && weight.dims.len() > 1;
            // An activation belongs to the layer if it is the only reader of its result.
            let only = readers.get(&output).and_then(|readers| <[usize; 1]>::try_from(readers.as_slice()).ok());
            let relu = only.and_then(|[at]| editor.nodes().get(at)).filter(|node| node.op == "Relu");
            let result = relu.and_then(|node| node.outputs.first().copied()).unwrap_or(output);
            let channels = *weight.dims.get(axis)?;
            let is_bias = |bias: &Constant| {
                let per_channel =
                    bias.dims.last() == Some(&channels) && bias.dims.iter().product::<usize>() == channels;
                bias.element == Element::F32 && per_channel
            };
            let bias = node.input(2).is_none_or(|id| editor.constant(id).is_some_and(is_bias));
            (fits && bias).then_some(Self { output, input: node.input(0)?, result, axis })
        };
        editor.nodes().iter().filter_map(layer).collect()
    }

    /// Returns true for a convolution, false for a dense layer.
    pub(super) fn is_convolution(&self) -> bool {
        self.axis == 0
    }
}

/// Axis of the output channels in an operator's weight; none if the operator has no 8-bit form here.
pub(super) fn channel_axis(node: &Node) -> Option<usize> {
    match node.op {
        "Conv" => Some(0),
        "Gemm" if node.attributes.is_empty() => Some(1),
        _ => None,
    }
}
