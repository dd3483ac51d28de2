//! Differences that need no hypothesis but a count: few tiles, values that are not finite, small differences everywhere.

use super::{Cause, Evidence, Finding};
use crate::difference::OutputDifference;

/// The largest share of tiles that counts as few.
const FEW: f64 = 0.05;

/// The smallest number of tiles of which some can be few.
const LEAST: usize = 20;

/// Tiles that are named.
const NAMED: usize = 5;

pub(super) fn not_finite(evidence: &Evidence<'_>) -> Vec<Finding> {
    let finding = |output: &OutputDifference| {
        let (a, b) = (output.reference_non_finite, output.candidate_non_finite);
        if a + b == 0 {
            return None;
        }
        let whose = match (a, b) {
            (_, 0) => format!("{a} values of the reference"),
            (0, _) => format!("{b} values of the candidate"),
            _ => format!("{a} values of the reference and {b} of the candidate"),
        };
        let tiles: Vec<String> = output.worst.iter().take(NAMED).map(|worst| worst.path.clone()).collect();
        let text = format!(
            "output `{}`: {whose} are NaN or infinite, of {}; the first tile is {}",
            output.name,
            output.elements,
            tiles.first().map_or("unknown", String::as_str)
        );
        Some(Finding::new(Cause::NotFinite, Some(&output.name), text).on(tiles))
    };
    evidence.outputs.iter().filter_map(finding).collect()
}

pub(super) fn few_tiles(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    let (bad, all) = (output.tiles_outside, evidence.answered.len());
    // Tiles that just miss are the tail of a difference everywhere.
    let apart = output.max_abs > 10.0 * output.max_abs_of_others.max(output.tolerance);
    if all < LEAST || bad == 0 || bad as f64 > FEW * all as f64 || !apart {
        return None;
    }
    let tiles: Vec<String> = output.worst.iter().take(bad.min(NAMED)).map(|worst| worst.path.clone()).collect();
    let more = bad.saturating_sub(tiles.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!(
        "output `{}`: {bad} of {all} tiles {}, by up to {:.2e}: {}{more}; the others agree to {:.1e}",
        output.name,
        if bad == 1 { "differs" } else { "differ" },
        output.max_abs,
        tiles.join(", "),
        output.max_abs_of_others
    );
    Some(Finding::new(Cause::FewTiles, Some(&output.name), text).on(tiles))
}

pub(super) fn rounding(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    // Values that are not finite are another finding; the others may agree.
    let not_finite = output.reference_non_finite + output.candidate_non_finite > 0;
    if output.max_abs == 0.0 || (not_finite && output.outside == 0) {
        return None;
    }
    let lower = evidence.facts.iter().find(|facts| matches!(facts.precision.as_deref(), Some("fp16" | "int8")));
    if let Some(facts) = lower.filter(|_| output.cosine > 0.99) {
        let precision = facts.precision.clone().unwrap_or_default();
        let text = format!(
            "output `{}`: {precision} differs by up to {:.2e}, more than its gate has seen; cosine {:.6}",
            output.name, output.max_abs, output.cosine
        );
        return Some(Finding::new(Cause::Precision, Some(&output.name), text));
    }
    let small = output.cosine > 0.999_99 && output.max_abs < 1e3 * output.tolerance.max(1e-7);
    small.then(|| {
        let text = format!(
            "output `{}`: small differences on {} of {} tiles, as of rounding in lower precision (median {:.1e}, largest \
             {:.1e}, {} units in the last place)",
            output.name,
            output.tiles_outside,
            evidence.answered.len(),
            output.quantiles.p50,
            output.max_abs,
            output.ulp_max
        );
        Finding::new(Cause::Rounding, Some(&output.name), text)
    })
}
