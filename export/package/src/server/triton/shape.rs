//! Shapes of ports as Triton declares them. Dimensions leave the batch out where Triton batches, and include it where it
//! does not. Triton has no tensor without dimensions, so an output such as `score` `[batch]` is declared as `[1]` with an
//! empty reshape, and arrives as `[batch, 1]` (Triton's model configuration, "Reshape").

use kiln_runtime::bundle::manifest::Dim;

use crate::graph::{BatchRule, Port, ServedGraph};
use crate::request::PackageRequest;

/// Triton's batch limit for a graph: the requested one if the batch is symbolic, 0 (no batching) if it is fixed.
pub(super) fn max_batch(request: &PackageRequest, graph: &ServedGraph) -> i32 {
    match graph.batch {
        BatchRule::Symbolic => i32::try_from(request.max_batch).unwrap_or(i32::MAX),
        BatchRule::Fixed(_) => 0,
    }
}

/// The declared dimensions, and the graph's own shape if it differs.
pub(super) fn dims(port: &Port, max_batch: i32) -> (Vec<i64>, Option<Vec<i64>>) {
    let number = |dim: &Dim| match dim {
        Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
        Dim::Symbolic(_) => -1,
    };
    let skipped = usize::from(max_batch > 0);
    let dims: Vec<i64> = port.shape.iter().skip(skipped).map(number).collect();
    if dims.is_empty() { (vec![1], Some(dims)) } else { (dims, None) }
}
