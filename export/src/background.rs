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
    /// The scores are on different sides of the threshold, or one of them is not a number.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use kiln_runtime::Outputs;

    use super::*;

    /// Scores a tile by its first pixel.
    struct Fake(fn(u8) -> f32);

    impl Scorer for Fake {
        fn run(&mut self, pixels: &[u8], batch: usize) -> kiln_runtime::Result<Outputs> {
            let scores = pixels.chunks_exact(TILE_BYTES).map(|tile| (self.0)(tile[0])).collect();
            let scores = ndarray::Array1::from_vec(scores).into_dyn();
            Ok(Outputs { batch, arrays: BTreeMap::from([(SCORE.to_owned(), scores)]) })
        }

        fn fixed_batch(&self) -> Option<usize> {
            Some(2)
        }

        fn provider(&self) -> String {
            "cpu".to_owned()
        }

        fn nodes(&self) -> BTreeMap<String, usize> {
            BTreeMap::new()
        }
    }

    #[test]
    fn a_tile_on_the_other_side_of_the_threshold_or_without_a_score_is_named() {
        let rule = DecisionRule::new(0.5, Vec::new(), &[]);
        let changed = |variant: fn(u8) -> f32| -> Vec<&str> {
            let found = compare(&mut Fake(|_| 0.4), &mut Fake(variant), &rule).unwrap();
            assert_eq!(found.len(), 3);
            found.into_iter().filter(|one| one.decision_changed).map(|one| one.tile).collect()
        };
        assert!(changed(|_| 0.45).is_empty());
        assert_eq!(changed(|pixel| if pixel == 255 { 0.6 } else { 0.4 }), ["white"]);
        assert_eq!(changed(|pixel| if pixel == 0 { f32::NAN } else { 0.4 }), ["black"]);
    }
}
