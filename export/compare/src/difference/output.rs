//! The difference of one output over all tiles.

use serde::{Deserialize, Serialize};

use super::sketch::Sketches;
use super::tile::TileDifference;
use crate::map::{MapDifference, MapTile};
use crate::tolerances::OutputLimits;

/// One output of a candidate beside that of the reference, over all tiles. Its field names are part of Kiln's JSON output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputDifference {
    /// The output's name in the graph.
    pub name: String,
    /// Every value is finite, and all limits hold.
    pub passed: bool,
    /// Largest absolute difference, in the output's own unit.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Largest difference relative to the reference's magnitude (at least 1e-7).
    pub max_rel: f64,
    /// Cosine similarity of all elements as one vector: 1 is the same direction.
    pub cosine: f64,
    /// Signal-to-noise ratio in decibels; none if there is no difference, or no signal.
    pub snr_db: Option<f64>,
    /// Largest distance in units in the last place of f32.
    pub ulp_max: u32,
    /// The distance in units in the last place that 99 % of the elements do not exceed.
    pub ulp_p99: f64,
    /// Quantiles of the absolute difference.
    pub quantiles: Quantiles,
    /// Absolute part of the tolerance.
    pub tolerance: f64,
    /// Relative part of the tolerance, added to it: `tolerance_relative * |reference|`.
    pub tolerance_relative: f64,
    /// Justification of the limits.
    pub tolerance_reason: String,
    /// Elements compared.
    pub elements: u64,
    /// Elements that are finite and beyond the tolerance.
    pub outside: u64,
    /// Their share of all elements.
    pub outside_share: f64,
    /// The largest share that is accepted.
    pub outside_limit: f64,
    /// Elements of the reference that are NaN or infinite.
    pub reference_non_finite: u64,
    /// Elements of the candidate that are NaN or infinite.
    pub candidate_non_finite: u64,
    /// Tiles with an element beyond the tolerance, or not finite.
    pub tiles_outside: usize,
    /// Largest absolute difference on the other tiles.
    pub max_abs_of_others: f64,
    /// Length of each axis behind the batch.
    pub shape: Vec<usize>,
    /// The tiles with the largest differences, the largest first.
    pub worst: Vec<WorstTile>,
    /// Places of the differences, if the output is a map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<MapDifference>,
    /// The reason why the two cannot be compared, or the first limit that does not hold.
    pub problem: Option<String>,
}

/// Quantiles of the absolute difference.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// 90 % of the elements do not exceed it.
    pub p90: f64,
    /// 99 % of the elements do not exceed it.
    pub p99: f64,
    /// 99.9 % of the elements do not exceed it.
    pub p99_9: f64,
    /// The largest.
    pub max: f64,
    /// False for quantiles of many elements, which are within 0.05 % of the exact ones.
    pub exact: bool,
}

/// A tile with a large difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstTile {
    /// The tile's name.
    pub path: String,
    /// Number of the tile, from 0.
    pub tile: usize,
    /// Largest absolute difference on it.
    pub max_abs: f64,
    /// Mean absolute difference on it.
    pub mean_abs: f64,
    /// Place of the largest difference, one index for each axis of [`OutputDifference::shape`].
    pub at: Vec<usize>,
    /// Elements beyond the tolerance, or not finite.
    pub outside: u64,
}

/// Differences of one output so far, one entry for each tile.
#[derive(Debug)]
pub(crate) struct OutputTally {
    pub(crate) name: String,
    pub(crate) limits: OutputLimits,
    pub(crate) shape: Vec<usize>,
    pub(crate) tiles: Vec<(usize, TileDifference)>,
    pub(crate) maps: Vec<(usize, MapTile)>,
    /// The reason why the output cannot be compared.
    pub(crate) problem: Option<String>,
}

impl OutputTally {
    pub(crate) fn new(name: &str, limits: OutputLimits) -> Self {
        let (tiles, maps) = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), limits, shape: Vec::new(), tiles, maps, problem: None }
    }

    /// The figures. `paths` are the names of all tiles; at most `worst` of them are named.
    pub(crate) fn finish(self, sketches: Option<Sketches>, paths: &[String], worst: usize) -> OutputDifference {
        // In the order of the tiles, so that sums do not depend on the threads.
        let all = self.tiles.iter().fold(TileDifference::default(), |all, (_, tile)| all.and(tile));
        let (quantiles, ulp_p99) = sketches.map_or_else(Default::default, |sketches| quantiles(sketches, all.max_abs));
        let limits = &self.limits;
        let outside_share = all.outside as f64 / all.elements.max(1) as f64;
        let problem = self.problem.clone().or_else(|| limits.problem(&all, outside_share));
        OutputDifference {
            passed: problem.is_none(),
            max_abs: all.max_abs,
            mean_abs: all.mean_abs(),
            max_rel: all.max_rel,
            cosine: all.cosine(),
            snr_db: all.snr_db(),
            ulp_max: all.max_ulp,
            ulp_p99,
            quantiles,
            tolerance: limits.tolerance.absolute,
            tolerance_relative: limits.tolerance.relative,
            tolerance_reason: limits.tolerance.reason.to_owned(),
            elements: all.elements,
            outside: all.outside,
            outside_share,
            outside_limit: limits.outside,
            reference_non_finite: all.reference_non_finite,
            candidate_non_finite: all.candidate_non_finite,
            tiles_outside: self.tiles.iter().filter(|(_, tile)| tile.misses()).count(),
            max_abs_of_others: self
                .tiles
                .iter()
                .filter(|(_, tile)| !tile.misses())
                .fold(0.0, |most, (_, tile)| tile.max_abs.max(most)),
            worst: self.worst(paths, worst),
            map: MapDifference::new(&self.maps, &self.tiles, &self.shape, paths),
            shape: self.shape,
            name: self.name,
            problem,
        }
    }

    fn worst(&self, paths: &[String], most: usize) -> Vec<WorstTile> {
        let mut tiles: Vec<&(usize, TileDifference)> =
            self.tiles.iter().filter(|(_, tile)| tile.max_abs > 0.0 || tile.misses()).collect();
        let not_finite = |tile: &TileDifference| tile.reference_non_finite + tile.candidate_non_finite;
        tiles.sort_by(|a, b| {
            let by_finite = not_finite(&b.1).cmp(&not_finite(&a.1));
            by_finite.then(b.1.max_abs.total_cmp(&a.1.max_abs)).then(a.0.cmp(&b.0))
        });
        let worst = |(tile, difference): &&(usize, TileDifference)| WorstTile {
            path: paths.get(*tile).cloned().unwrap_or_default(),
            tile: *tile,
            max_abs: difference.max_abs,
            mean_abs: difference.mean_abs(),
            at: place(difference.at, &self.shape),
            outside: difference.outside + not_finite(difference),
        };
        tiles.iter().take(most).map(worst).collect()
    }
}

fn quantiles(mut sketches: Sketches, max: f64) -> (Quantiles, f64) {
    let found = sketches.abs.quantiles(&[0.5, 0.9, 0.99, 0.999]);
    let at = |number: usize| found.get(number).copied().unwrap_or_default().min(max);
    let exact = sketches.abs.is_exact();
    let quantiles = Quantiles { p50: at(0), p90: at(1), p99: at(2), p99_9: at(3), max, exact };
    (quantiles, sketches.ulp.quantiles(&[0.99]).first().copied().unwrap_or_default())
}

/// The index of each axis, from the place in row order.
pub(crate) fn place(at: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = at;
    let mut indices: Vec<usize> = shape
        .iter()
        .rev()
        .map(|length| {
            let index = rest % (*length).max(1);
            rest /= (*length).max(1);
            index
        })
        .collect();
    indices.reverse();
    indices
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kiln_runtime::parity::Tolerance;

    use super::super::tile::measure;
    use super::super::{Keys, Sketches};
    use super::*;

    fn limits(absolute: f64) -> OutputLimits {
        OutputLimits::new(Tolerance { absolute, relative: 0.0, reason: "test" })
    }

    fn tally(tiles: &[(&[f32], &[f32])], limits: OutputLimits) -> OutputDifference {
        let mut tally = OutputTally::new("score", limits);
        let mut sketches = Sketches::new(100);
        tally.shape = vec![tiles[0].0.len()];
        for (number, (reference, candidate)) in tiles.iter().enumerate() {
            let mut keys = Keys::default();
            tally.tiles.push((number, measure(reference, candidate, &tally.limits.tolerance, &mut keys)));
            sketches.add(&keys);
        }
        tally.finish(Some(sketches), &["a.png".to_owned(), "b.png".to_owned(), "c.png".to_owned()], 2)
    }

    #[test]
    fn the_worst_tiles_are_named_by_path_and_place() {
        let found = tally(&[(&[0.0, 0.0], &[0.1, 0.0]), (&[0.0; 2], &[0.0; 2]), (&[1.0; 2], &[1.0, 1.5])], limits(0.2));
        assert_eq!((found.passed, found.outside, found.tiles_outside), (false, 1, 1));
        assert_eq!((found.worst.len(), found.worst[0].path.as_str()), (2, "c.png"));
        assert_eq!(found.worst[0].at, [1]);
        assert!(found.problem.unwrap().contains("1 of 6 values"));
        assert!((found.quantiles.p50 - 0.0).abs() < 1e-9 && found.quantiles.max == 0.5);
    }

    #[test]
    fn a_value_that_is_not_finite_comes_before_every_difference() {
        let found = tally(&[(&[0.0; 2], &[9.0, 0.0]), (&[0.0; 2], &[f32::NAN, 0.0])], limits(100.0));
        assert_eq!(found.worst[0].path, "b.png");
        assert!(!found.passed && found.problem.unwrap().contains("not finite"));
    }

    #[test]
    fn nothing_compared_proves_nothing() {
        let found = OutputTally::new("score", limits(1.0)).finish(None, &[], 3);
        assert!(!found.passed);
    }

    #[test]
    fn a_place_has_an_index_for_each_axis() {
        assert_eq!(place(0, &[]), Vec::<usize>::new());
        assert_eq!(place(7, &[2, 4]), [1, 3]);
        assert_eq!(place(25, &[1, 3, 10]), [0, 2, 5]);
    }
}
