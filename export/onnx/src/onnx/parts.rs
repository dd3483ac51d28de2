//! The messages of a model, apart from the data of its constants.

use super::proto::{GraphProto, ModelProto, TensorProto};
use crate::graph::Constant;

/// The parts of a model's message.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The model without its graph.
    pub(crate) model: ModelProto,
    /// The graph without its initializers.
    pub(crate) graph: GraphProto,
    pub(crate) initializers: Vec<Initializer>,
}

/// A constant of the graph, and its message without the data.
#[derive(Clone)]
pub(crate) struct Initializer {
    pub(crate) tensor: TensorProto,
    pub(crate) constant: Constant,
}

impl Initializer {
    /// Returns true if its data is part of the message, false if it is in a separate file.
    pub(crate) fn is_inside(&self) -> bool {
        self.tensor.external_data.is_empty()
    }
}
