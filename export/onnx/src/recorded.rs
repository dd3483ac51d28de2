//! The recording that a model was exported from, for a program that executes it: the operations in order, their constants
//! and parameters, and the recorded tensor of each value of the graph. Executing it is left to the caller, who chooses the
//! backend; this crate computes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use burn::backend::capture::TensorId;
use burn::backend::ir::{OperationIr, TensorIr};
use burn::tensor::TensorData;

use crate::capture::{Recording, kind};
use crate::error::Result;
use crate::graph::{Graph, ValueId, Weight};
use crate::panics;

/// The recording behind an [`OnnxModel`](crate::OnnxModel), with the sizes of the first recording: a symbolic axis has the
/// sample's size, or 2 if that is 1.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::{Device, Tensor, activation::relu};
/// use burn_onnx_export::Exporter;
///
/// let device = Device::flex();
/// let module = LinearConfig::new(8, 2).init(&device);
/// let exporter = Exporter::new().input("x", Tensor::<2>::zeros([4, 8], &device), ["batch", ""]).outputs(["y"]);
/// let (model, recorded) = exporter.export_recorded(&module, |module, x| relu(module.forward(x)))?;
/// assert_eq!(model.operators(), ["Gemm", "Relu"]);
/// // Every value that the graph kept has a recorded tensor.
/// let names: Vec<&str> = recorded.values().map(|(name, _)| name).collect();
/// assert_eq!(names, ["bias", "out", "weight", "x", "y"]);
/// assert_eq!(recorded.tensor("y").map(|tensor| tensor.shape.to_vec()), Some(vec![4, 2]));
/// # Ok::<(), burn_onnx_export::Error>(())
/// ```
#[derive(Clone)]
pub struct Recorded {
    operations: Vec<OperationIr>,
    inputs: Vec<(String, TensorId)>,
    values: BTreeMap<TensorId, TensorData>,
    weights: HashMap<TensorId, Weight>,
    /// The description of every tensor that an operation reads or computes.
    tensors: HashMap<TensorId, TensorIr>,
    names: BTreeMap<String, TensorId>,
}

impl Recorded {
    /// Copies what an execution needs, before the lowering takes the constants away.
    pub(crate) fn new(recording: &Recording, inputs: &[String]) -> Self {
        let mut tensors: HashMap<TensorId, TensorIr> = HashMap::new();
        for tensor in recording.operations.iter().flat_map(OperationIr::nodes) {
            tensors.entry(tensor.id).or_insert_with(|| tensor.clone());
        }
        let given: HashSet<TensorId> = recording.inputs.iter().copied().collect();
        let values = recording.values.iter().filter(|(id, _)| !given.contains(*id));
        Self {
            operations: recording.operations.clone(),
            inputs: inputs.iter().cloned().zip(recording.inputs.iter().copied()).collect(),
            values: values.map(|(id, data)| (*id, data.clone())).collect(),
            weights: recording.weights.clone(),
            tensors,
            names: BTreeMap::new(),
        }
    }

    /// Assigns the names of the finished graph. A value keeps its number through every pass and no pass changes what a
    /// number stands for, so a value that survived is the tensor that it was bound to; others have no entry.
    pub(crate) fn named(mut self, graph: &Graph, bound: &HashMap<TensorId, ValueId>) -> Self {
        let ports = graph.inputs.iter().chain(&graph.outputs).copied();
        let read = graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten().chain(&node.outputs)).copied();
        let alive: HashSet<ValueId> = ports.chain(read).collect();
        let mut bound: Vec<(&TensorId, &ValueId)> = bound.iter().collect();
        bound.sort();
        for (tensor, value) in bound.into_iter().filter(|(_, value)| alive.contains(value)) {
            if self.tensors.contains_key(tensor) {
                self.names.entry(graph.name(*value).to_owned()).or_insert(*tensor);
            }
        }
        self
    }

    /// The operations, in the order of execution.
    #[must_use]
    pub fn operations(&self) -> &[OperationIr] {
        &self.operations
    }

    /// The name of an operation's kind, such as `Module::Conv2d`.
    #[must_use]
    pub fn kind(operation: &OperationIr) -> String {
        kind(operation)
    }

    /// Names and recorded tensors of the graph's inputs, in order. Their values are the caller's.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, TensorId)> {
        self.inputs.iter().map(|(name, id)| (name.as_str(), *id))
    }

    /// Constants and parameters: every tensor that operations read and none computes, except the inputs. A parameter is
    /// copied from its module when the iterator reaches it.
    pub fn constants(&self) -> impl Iterator<Item = Result<(TensorId, TensorData)>> + '_ {
        let values = self.values.iter().map(|(id, data)| Ok((*id, data.clone())));
        let weights = self.weights.iter().filter(|(id, _)| !self.values.contains_key(*id));
        values.chain(weights.map(|(id, weight)| panics::reading(|| Ok((*id, weight.data())))))
    }

    /// Values of the graph that have a recorded tensor, sorted by name.
    pub fn values(&self) -> impl Iterator<Item = (&str, &TensorIr)> {
        self.names.iter().filter_map(|(name, id)| Some((name.as_str(), self.tensors.get(id)?)))
    }

    /// The recorded tensor of a value; none for a value inside a lowering, or one that passes computed anew.
    #[must_use]
    pub fn tensor(&self, value: &str) -> Option<&TensorIr> {
        self.tensors.get(self.names.get(value)?)
    }
}

/// The part of a recording that an export keeps: nothing, or everything for an execution.
pub(crate) trait Kept: Sized {
    /// Assigns the names of the finished graph.
    fn named(self, graph: &Graph, bound: &HashMap<TensorId, ValueId>) -> Self;
}

impl Kept for () {
    fn named(self, _graph: &Graph, _bound: &HashMap<TensorId, ValueId>) -> Self {}
}

impl Kept for Recorded {
    fn named(self, graph: &Graph, bound: &HashMap<TensorId, ValueId>) -> Self {
        Self::named(self, graph, bound)
    }
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Recorded");
        text.field("operations", &self.operations.len()).field("values", &self.names.len()).finish_non_exhaustive()
    }
}
