//! Adds nodes and constants to a model's graph. Every operator here has the same meaning in opsets 7 to 26, or is written
//! for the model's own opset.

use burn_onnx_export::proto::{AttributeProto, DataType, NodeProto, TensorProto};

use crate::import::model::Names;

/// New nodes and constants, with names that the graph does not use yet.
pub(super) struct Builder<'a> {
    names: &'a mut Names,
    opset: i64,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<TensorProto>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(names: &'a mut Names, opset: i64) -> Self {
        Self { names, opset, nodes: Vec::new(), constants: Vec::new() }
    }

    /// A node of one result, named `kiln/WISH`. Returns the result.
    pub(super) fn node(
        &mut self,
        operator: &str,
        wish: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = self.names.reserve(&format!("kiln/{wish}"));
        self.node_to(operator, inputs, output.clone(), attributes);
        output
    }

    /// A node whose result has this name.
    pub(super) fn node_to(&mut self, operator: &str, inputs: &[&str], output: String, attributes: Vec<AttributeProto>) {
        let node = NodeProto::new(operator, inputs.iter().copied(), [output]);
        self.nodes.push(NodeProto { attribute: attributes, ..node });
    }

    /// A constant of 32-bit floats.
    pub(super) fn floats(&mut self, wish: &str, dims: &[usize], values: &[f32]) -> String {
        let name = self.names.reserve(&format!("kiln/{wish}"));
        self.constants.push(TensorProto::f32(&name, sizes(dims), values));
        name
    }

    /// A constant of 64-bit integers.
    pub(super) fn integers(&mut self, wish: &str, values: &[i64]) -> String {
        let name = self.names.reserve(&format!("kiln/{wish}"));
        self.constants.push(TensorProto::i64(&name, vec![values.len() as i64], values));
        name
    }

    /// A node of two operands, the second of which is a constant.
    pub(super) fn with_number(&mut self, operator: &str, wish: &str, input: &str, number: f32) -> String {
        let constant = self.floats(&format!("{wish}/value"), &[], &[number]);
        self.node(operator, wish, &[input, &constant], Vec::new())
    }

    /// A conversion to another element type (`TensorProto.DataType`).
    pub(super) fn cast(&mut self, wish: &str, input: &str, element: i32) -> String {
        self.node("Cast", wish, &[input], vec![AttributeProto::int("to", element.into())])
    }

    /// A conversion to 32-bit floats.
    pub(super) fn cast_to_float(&mut self, wish: &str, input: &str) -> String {
        self.cast(wish, input, DataType::Float.into())
    }

    /// Numbers below `low` or above `high` become these. `Clip` has its bounds in attributes before opset 11, and in inputs
    /// since.
    pub(super) fn clip(&mut self, wish: &str, input: &str, low: f32, high: f32) -> String {
        if self.opset < 11 {
            let attributes = vec![AttributeProto::float("min", low), AttributeProto::float("max", high)];
            return self.node("Clip", wish, &[input], attributes);
        }
        let low = self.floats(&format!("{wish}/low"), &[], &[low]);
        let high = self.floats(&format!("{wish}/high"), &[], &[high]);
        self.node("Clip", wish, &[input, &low, &high], Vec::new())
    }

    /// Another order of the axes.
    pub(super) fn transpose(&mut self, wish: &str, input: &str, order: &[i64]) -> String {
        self.node("Transpose", wish, &[input], vec![AttributeProto::ints("perm", order)])
    }

    /// The elements `indices` of an axis.
    pub(super) fn gather(&mut self, wish: &str, input: &str, indices: &[i64], axis: i64) -> String {
        let indices = self.integers(&format!("{wish}/indices"), indices);
        self.node("Gather", wish, &[input, &indices], vec![AttributeProto::int("axis", axis)])
    }

    /// Another shape; 0 keeps the size of an axis, -1 takes the remaining elements.
    pub(super) fn reshape(&mut self, wish: &str, input: &str, shape: &[i64]) -> String {
        let shape = self.integers(&format!("{wish}/shape"), shape);
        self.node("Reshape", wish, &[input, &shape], Vec::new())
    }
}

fn sizes(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|size| *size as i64).collect()
}
