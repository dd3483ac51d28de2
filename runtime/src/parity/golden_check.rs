//! Comparison of a bundle with its golden outputs, possible on any machine without burn.

use std::collections::BTreeMap;

use super::{Accumulator, ParityReport, Tolerance};
use crate::Result;
use crate::bundle::manifest::Variant;
use crate::decision::DecisionRule;
use crate::golden::Golden;
use crate::scorer::{Scorer, rows, run_padded};

/// Batch sizes at which golden tiles are run where the graph's batch is symbolic: one, an odd one, a power of two.
pub const GOLDEN_BATCHES: [usize; 3] = [1, 3, 8];

/// Runs the golden tiles through `scorer` at every batch size and compares with the golden outputs. A last part that
/// is smaller than the batch is run as it is, or padded where the graph's batch is fixed.
///
/// # Errors
/// If the scorer fails.
pub fn against_golden(
    scorer: &mut impl Scorer,
    golden: &Golden,
    rule: &DecisionRule,
    batches: &[usize],
) -> Result<ParityReport> {
    against_golden_within(scorer, golden, rule, batches, BTreeMap::new())
}

/// [`check_golden`] with other tolerances for some outputs: those of [`gate_tolerances`], for fp16 and int8 graphs.
///
/// # Errors
/// If the scorer fails.
pub fn against_golden_within(
    scorer: &mut impl Scorer,
    golden: &Golden,
    rule: &DecisionRule,
    batches: &[usize],
    tolerances: BTreeMap<String, Tolerance>,
) -> Result<ParityReport> {
    let mut accumulator = Accumulator::new(rule.clone()).with_tolerances(tolerances);
    let tiles = &golden.tiles;
    let fixed = scorer.fixed_batch();
    for batch in fixed.as_ref().map_or(batches, std::slice::from_ref) {
        let batch = (*batch).max(1);
        for first in (0..tiles.len()).step_by(batch) {
            let last = (first + batch).min(tiles.len());
            let mut pixels: Vec<u8> = tiles[first..last].iter().flat_map(|tile| tile.pixels()).copied().collect();
            let candidate = run_padded(scorer, &mut pixels, last - first)?;
            accumulator.add(first, &rows(&golden.outputs, first, last), &candidate);
        }
    }
    Ok(accumulator.finish(&scorer.provider(), scorer.nodes()))
}

/// Margin over the largest difference that the export measured: golden tiles differ from the gate's tiles, and each
/// provider rounds differently.
const GATE_MARGIN: f64 = 2.0;

/// Tolerances of an fp16 or int8 graph: for every output, twice the largest difference from the fp32 graph that the export
/// measured at its gate. Empty for the fp32 graph, whose tolerances follow from single precision.
#[must_use]
pub fn gate_tolerances(variant: &Variant) -> BTreeMap<String, Tolerance> {
    let outputs = variant.gate.as_ref().and_then(|gate| gate.get("outputs")?.as_array().cloned()).unwrap_or_default();
    let tolerance = |output: &serde_json::Value| {
        let name = output.get("name")?.as_str()?.to_owned();
        let seen = output.get("max_abs")?.as_f64()?;
        let reason = "twice the largest difference that the export measured on the validation split";
        Some((name, Tolerance { absolute: GATE_MARGIN * seen, relative: 0.0, reason }))
    };
    outputs.iter().filter_map(tolerance).collect()
}
