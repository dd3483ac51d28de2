//! Tidies a lowered graph, one pass a file. A pass never changes what the graph computes.

mod constants;
mod dedupe;
mod identity;
mod prune;

use super::Graph;

/// Runs every pass, in the order in which each one helps the next.
pub(crate) fn tidy(graph: &mut Graph) {
    constants::fold(graph);
    identity::remove(graph);
    dedupe::merge(graph);
    prune::unused(graph);
}
