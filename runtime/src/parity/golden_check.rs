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

/// [`against_golden`] with other tolerances for some outputs: those of [`gate_tolerances`], for fp16 and int8 graphs.
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
pub const GATE_MARGIN: f64 = 2.0;

/// Justification of a tolerance of [`GATE_MARGIN`] times the measured difference.
pub const GATE_REASON: &str = "twice the largest difference that the export measured on the validation split";

/// The largest difference of each output from the fp32 graph that the export measured at the gate of an fp16 or int8 graph.
/// Empty for the fp32 graph.
#[must_use]
pub fn gate_differences(variant: &Variant) -> BTreeMap<String, f64> {
    let outputs = variant.gate.as_ref().and_then(|gate| gate.get("outputs")?.as_array());
    let difference =
        |output: &serde_json::Value| Some((output.get("name")?.as_str()?.to_owned(), output.get("max_abs")?.as_f64()?));
    outputs.into_iter().flatten().filter_map(difference).collect()
}

/// Tolerances of an fp16 or int8 graph: for every output, [`GATE_MARGIN`] times its difference at the gate. Empty for the
/// fp32 graph, whose tolerances follow from single precision.
#[must_use]
pub fn gate_tolerances(variant: &Variant) -> BTreeMap<String, Tolerance> {
    let tolerance = |seen: f64| Tolerance { absolute: GATE_MARGIN * seen, relative: 0.0, reason: GATE_REASON };
    gate_differences(variant).into_iter().map(|(name, seen)| (name, tolerance(seen))).collect()
}
