//! Passes that tidy a lowered graph, one in each file. A pass never changes the function that the graph computes.

mod batch_norm;
mod constants;
mod dedupe;
mod fuse;
mod identity;
pub(crate) mod kernels;
mod prune;

pub(crate) use prune::remove_unused;

use super::Graph;

/// Runs every pass, in an order in which each one helps the next.
pub(crate) fn tidy(graph: &mut Graph, opset: i64) {
    constants::fold(graph);
    identity::remove(graph);
    dedupe::merge(graph);
    remove_unused(graph);
    batch_norm::fold(graph);
    fuse::apply(graph, opset);
    dedupe::merge(graph);
    remove_unused(graph);
}
