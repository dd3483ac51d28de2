//! Tidies a lowered graph, one pass a file. A pass never changes what the graph computes.

mod batch_norm;
mod constants;
mod dedupe;
mod fuse;
mod identity;
pub(crate) mod kernels;
mod prune;

use super::Graph;

/// Runs every pass, in the order in which each one helps the next.
pub(crate) fn tidy(graph: &mut Graph, opset: i64) {
    constants::fold(graph);
    identity::remove(graph);
    dedupe::merge(graph);
    prune::unused(graph);
    batch_norm::fold(graph);
    fuse::apply(graph, opset);
    dedupe::merge(graph);
    prune::unused(graph);
}
