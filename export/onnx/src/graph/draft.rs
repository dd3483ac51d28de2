//! A graph with the rest of its model file.

use super::Graph;
use crate::onnx::proto::{FunctionProto, OperatorSetIdProto};
use crate::symbolic::Plan;

/// The fields of a model file beside the graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    /// The graph's name.
    pub(crate) name: String,
    pub(crate) description: String,
    /// Sorted by key.
    pub(crate) metadata: Vec<(String, String)>,
    /// The parts of a model of another origin that no pass looks at.
    pub(crate) foreign: Option<Box<ForeignHeader>>,
}

/// The parts of a model of another origin beside its graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForeignHeader {
    /// Operator sets beside the standard one.
    pub(crate) imports: Vec<OperatorSetIdProto>,
    /// Operators that the model defines.
    pub(crate) functions: Vec<FunctionProto>,
    /// Name and version of the program that wrote the model.
    pub(crate) producer: (String, String),
}

/// A model before it is encoded. Every value of the graph has a name.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) graph: Graph,
    /// The symbolic axes, by which ports name their sizes.
    pub(crate) plan: Plan,
    pub(crate) header: Header,
    pub(crate) opset: i64,
}
