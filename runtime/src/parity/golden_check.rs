//! A bundle against its own golden outputs: what any machine can check without burn.

use super::{Accumulator, ParityReport};
use crate::Result;
use crate::decision::DecisionRule;
use crate::engine::{Engine, rows, run_padded};
use crate::golden::Golden;

/// Batch sizes at which golden tiles are run where the graph's batch is symbolic: one, an odd one, a power of two.
pub const GOLDEN_BATCHES: [usize; 3] = [1, 3, 8];

/// Runs the golden tiles through `engine` at every batch size and compares with the golden outputs. A last part that
/// is smaller than the batch is run as it is, or padded where the graph's batch is fixed.
///
/// # Errors
/// What the engine said when it failed to run.
pub fn against_golden(
    engine: &mut impl Engine,
    golden: &Golden,
    rule: &DecisionRule,
    batches: &[usize],
) -> Result<ParityReport> {
    let mut accumulator = Accumulator::new(rule.clone());
    let tiles = &golden.tiles;
    let fixed = engine.fixed_batch();
    for batch in fixed.as_ref().map_or(batches, std::slice::from_ref) {
        let batch = (*batch).max(1);
        for first in (0..tiles.len()).step_by(batch) {
            let last = (first + batch).min(tiles.len());
            let mut pixels: Vec<u8> = tiles[first..last].iter().flat_map(|tile| tile.pixels()).copied().collect();
            let candidate = run_padded(engine, &mut pixels, last - first)?;
            accumulator.add(first, &rows(&golden.outputs, first, last), &candidate);
        }
    }
    Ok(accumulator.finish(&engine.provider(), engine.nodes()))
}
