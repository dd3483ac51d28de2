//! The nodes of the second graph that compute one value from values of the first side, run alone: one node where both
//! graphs have the same values, several where the second one has values in between that the first has not.

use std::collections::BTreeMap;

use burn_onnx_export::proto::{DataType, GraphProto, NodeProto, TensorProto};
use kiln_runtime::{Array, Session, chain};

use super::Counterparts;
use crate::array::{absolute, magnitude};
use crate::graph::{Graph, Piece, Port, floats, numbers_of};
use crate::rounding::{self, SUMS};
use crate::side::Side;
use crate::values::feed;

/// A piece of the second graph.
pub(crate) struct Alone {
    pub(crate) piece: Piece,
    open: Option<Result<Open, String>>,
    /// The sum of magnitudes of the last run.
    sums: Option<f64>,
}

struct Open {
    session: Session,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// The piece on magnitudes, for a single sum.
    magnitudes: Option<Session>,
}

impl Alone {
    /// The piece that computes a value of the second graph.
    pub(crate) fn new(b: &Graph, counterparts: &Counterparts, value: &str) -> Self {
        let piece = b.piece(value, &|name| counterparts.of(name).is_some());
        Self { piece, open: None, sums: None }
    }

    /// The reason for which the piece could not be run.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.open.as_ref()?.as_ref().err().map(String::as_str)
    }

    /// The value that the piece computes; none if it cannot be run. `given` are values by the second graph's names.
    pub(crate) fn run(
        &mut self,
        b: &Side,
        given: &BTreeMap<String, Array>,
        value: &str,
        expected: &Array,
    ) -> Option<Array> {
        let piece = &self.piece;
        let open = self.open.get_or_insert_with(|| open(b, piece, given, expected));
        let ran = match open {
            Ok(open) => open.run(given, value, expected).inspect(|_| self.sums = open.sums(given)),
            Err(_) => return None,
        };
        match ran {
            Ok(found) => Some(found),
            Err(problem) => {
                self.open = Some(Err(problem));
                None
            }
        }
    }

    /// The properties of the piece from which its bound follows.
    pub(crate) fn bound<'g>(
        &self,
        b: &'g Graph,
        given: &BTreeMap<String, Array>,
        expected: &Array,
    ) -> rounding::Piece<'g> {
        let nodes = live(b, &self.piece);
        let read = self.piece.inputs.iter().filter_map(|name| given.get(name)).map(magnitude).fold(0.0, f64::max);
        let constants = nodes.iter().flat_map(|node| &node.input).filter_map(|name| b.tensor(name));
        let is_half = |code: i32| DataType::from_code(code).is_some_and(DataType::is_half);
        let halves = |name: &String| b.tensor(name).is_some_and(|tensor| is_half(tensor.data_type));
        let cast_to_half =
            |node: &&NodeProto| node.op_type == "Cast" && node.int("to").is_some_and(|code| is_half(code as i32));
        let border = self.open.as_ref().and_then(|open| open.as_ref().ok());
        let half_border = border.is_some_and(|open| open.inputs.iter().chain(&open.outputs).any(Port::is_half));
        let half =
            half_border || nodes.iter().any(cast_to_half) || nodes.iter().flat_map(|node| &node.input).any(halves);
        let largest = constants.filter_map(numbers_of).flatten().map(f64::abs).filter(|value| value.is_finite());
        let step = nodes
            .iter()
            .filter(|node| node.op_type == "QuantizeLinear")
            .find_map(|node| numbers_of(b.tensor(node.input.get(1)?)?)?.into_iter().reduce(f64::max));
        rounding::Piece {
            operators: nodes.iter().map(|node| node.op_type.as_str()).collect(),
            result: magnitude(expected),
            // Weights of sums are part of the sums.
            read: if self.sums.is_some() { read } else { largest.fold(read, f64::max) },
            sums: self.sums,
            length: nodes.iter().map(|node| length(b, node, given, expected)).fold(0.0, f64::max),
            half,
            step,
            quantised_weights: reads_quantised_weights(b, &self.piece),
            whole: !matches!(expected, Array::F32(_) | Array::F64(_)),
        }
    }
}

/// Positions of the nodes of a piece that depend on an input.
pub(crate) fn live_nodes(graph: &Graph, piece: &Piece) -> Vec<usize> {
    let is_live = |at: &usize| {
        let mut results = graph.nodes()[*at].output.iter();
        results.any(|name| !name.is_empty() && !graph.is_constant(name))
    };
    piece.nodes.iter().copied().filter(is_live).collect()
}

/// The nodes of a piece that depend on an input.
pub(crate) fn live<'g>(graph: &'g Graph, piece: &Piece) -> Vec<&'g NodeProto> {
    live_nodes(graph, piece).into_iter().map(|at| &graph.nodes()[at]).collect()
}

/// Returns true if a constant of the piece is computed from 8-bit numbers.
fn reads_quantised_weights(graph: &Graph, piece: &Piece) -> bool {
    let constant = |node: &&NodeProto| node.output.iter().all(|name| graph.is_constant(name));
    let nodes = piece.nodes.iter().map(|at| &graph.nodes()[*at]);
    nodes.filter(constant).any(|node| node.op_type == "DequantizeLinear")
}

fn open(b: &Side, piece: &Piece, given: &BTreeMap<String, Array>, expected: &Array) -> Result<Open, String> {
    let element = |name: &str, array: Option<&Array>| {
        let own = b.elements().get(name).copied();
        Some(own.or_else(|| DataType::from_name(array?.dtype())).unwrap_or(DataType::Float))
    };
    let input = |name: &String| {
        let array = given.get(name);
        Port { value: name.clone(), element: element(name, array), dims: array.map(|array| array.shape().to_vec()) }
    };
    let inputs: Vec<Port> = piece.inputs.iter().map(input).collect();
    let output = |name: &String| Port { value: name.clone(), element: element(name, Some(expected)), dims: None };
    let outputs: Vec<Port> = piece.outputs.iter().map(output).collect();
    let graph = b.graph();
    let model = graph.model_of(&piece.nodes, &inputs, &outputs);
    let session = b.runner().open(graph.name(), &model).map_err(|error| chain(&error))?;
    let sum = live(graph, piece);
    let single = matches!(sum.as_slice(), [node] if SUMS.contains(&node.op_type.as_str()));
    let magnitudes = single.then(|| {
        let mut model = model;
        model.graph.as_mut().map(weights_to_magnitudes)?;
        b.runner().open(graph.name(), &model).ok()
    });
    Ok(Open { session, inputs, outputs, magnitudes: magnitudes.flatten() })
}

fn weights_to_magnitudes(graph: &mut GraphProto) {
    for tensor in graph.initializer.iter_mut().filter(|tensor| tensor.data_type == DataType::Float.code()) {
        let values = numbers_of(tensor).unwrap_or_default();
        let changed: TensorProto = floats(tensor, values.into_iter().map(|value| value.abs() as f32));
        *tensor = changed;
    }
}

impl Open {
    fn run(&mut self, given: &BTreeMap<String, Array>, value: &str, expected: &Array) -> Result<Array, String> {
        let arrays = feed(&self.inputs, given);
        let outputs = self.session.run_named(arrays.iter().map(|(name, array)| (name.as_str(), &**array)));
        let outputs = crate::graph::renamed(outputs.map_err(|error| chain(&error))?, &self.outputs);
        let found = outputs.get(value).ok_or("the piece does not return the value")?;
        if found.shape() != expected.shape() {
            return Err(format!("shape {:?}, where the reference has {:?}", found.shape(), expected.shape()));
        }
        Ok(found.clone())
    }

    /// The largest sum of magnitudes.
    fn sums(&mut self, given: &BTreeMap<String, Array>) -> Option<f64> {
        let session = self.magnitudes.as_mut()?;
        let arrays: Vec<_> =
            feed(&self.inputs, given).into_iter().map(|(name, array)| (name, absolute(&array))).collect();
        let outputs = session.run_named(arrays.iter().map(|(name, array)| (name.as_str(), array))).ok()?;
        outputs.values().map(magnitude).reduce(f64::max)
    }
}

/// The number of products or elements that a node adds up for one element of its result.
fn length(graph: &Graph, node: &NodeProto, given: &BTreeMap<String, Array>, expected: &Array) -> f64 {
    let weight = || Some(graph.tensor(node.input.get(1)?)?.dims.iter().map(|size| *size as f64).collect::<Vec<_>>());
    let read = || Some(given.get(node.input.first()?)?.shape().to_vec());
    let count = |dims: &[usize]| dims.iter().map(|size| *size as f64).product::<f64>();
    match node.op_type.as_str() {
        "Conv" => weight().map_or(1.0, |dims| dims.iter().skip(1).product()),
        "ConvTranspose" => {
            weight().map_or(1.0, |dims| dims.iter().product::<f64>() / dims.get(1).copied().unwrap_or(1.0))
        }
        "Gemm" | "MatMul" => read().and_then(|dims| dims.last().copied()).map_or(1.0, |size| size as f64),
        _ => read().map_or(1.0, |dims| count(&dims) / count(expected.shape()).max(1.0)),
    }
}
