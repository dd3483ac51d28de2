//! Tiles without tissue. Every slide has them and a data set of tissue has few, so a variant that was calibrated on tissue alone
//! could limit their activations and decide them differently.

use kiln_runtime::decision::{DecisionRule, SCORE};
use kiln_runtime::scorer::{Scorer, run_padded};
use kiln_tile::TILE_BYTES;
use serde::Serialize;

use super::Result;

/// Names of the tiles, and the value of all their pixels: no light lost, glass as scanners show it, and missing data.
const TILES: [(&str, u8); 3] = [("white", 255), ("glass", 240), ("black", 0)];

/// A tile without tissue under both graphs.
#[derive(Debug, Clone, Serialize)]
pub struct Background {
    /// `white`, `glass` or `black`.
    pub tile: &'static str,
    /// Score of the fp32 graph.
    pub score_reference: f32,
    /// Score of the variant.
    pub score: f32,
    /// The two lie on different sides of the threshold, or one of them is no number.
    pub decision_changed: bool,
}

impl Background {
    pub(crate) fn difference(&self) -> f64 {
        f64::from((self.score - self.score_reference).abs())
    }
}

/// The pixels of each tile, u8 `[1, 256, 256, 3]`.
pub(crate) fn tiles() -> impl Iterator<Item = Vec<u8>> {
    TILES.into_iter().map(|(_, value)| vec![value; TILE_BYTES])
}

/// Compares both graphs on each tile.
pub(crate) fn compare(
    reference: &mut impl Scorer,
    variant: &mut impl Scorer,
    rule: &DecisionRule,
) -> Result<Vec<Background>> {
    let mut found = Vec::new();
    for ((tile, _), mut pixels) in TILES.into_iter().zip(tiles()) {
        let (score_reference, score) = (score_of(reference, &mut pixels)?, score_of(variant, &mut pixels)?);
        let decision_changed = rule.is_anomalous(score_reference) != rule.is_anomalous(score)
            || score_reference.is_finite() != score.is_finite();
        found.push(Background { tile, score_reference, score, decision_changed });
    }
    Ok(found)
}

fn score_of(scorer: &mut impl Scorer, pixels: &mut Vec<u8>) -> Result<f32> {
    let outputs = run_padded(scorer, pixels, 1)?;
    // The gate has refused graphs without a score.
    Ok(outputs.arrays.get(SCORE).and_then(|scores| scores.first()).copied().unwrap_or(f32::NAN))
}
