//! A graph with the rest of its model file.

use super::Graph;
use crate::symbolic::Plan;

/// The fields of a model file beside the graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    /// The graph's name.
    pub(crate) name: String,
    pub(crate) description: String,
    /// Sorted by key.
    pub(crate) metadata: Vec<(String, String)>,
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
