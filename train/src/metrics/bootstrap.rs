//! Percentile intervals by resampling whole groups with replacement (Efron and Tibshirani 1993, chapters 8 and 13).
//! Tiles of one slide resemble each other: resampling tiles would claim a certainty that is not there. Each resample
//! has a random stream of its own, so the result does not depend on how many threads draw them.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MetricsError, Scored};

/// The share of resamples that an interval covers.
pub(super) const LEVEL: f64 = 0.95;

/// Fewer resamples than this have no point outside the interval on each side.
const LEAST_RESAMPLES: usize = 40;

/// Draws that may lack a class before a resample is given up. With each class in two groups or more a draw lacks one
/// with a chance below 0.3, so that this is never reached in practice.
const DRAWS: usize = 64;

/// A figure and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure on all tiles.
    pub value: f64,
    /// 2.5th percentile over the resamples.
    pub low: f64,
    /// 97.5th percentile over the resamples.
    pub high: f64,
}

/// How intervals are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of resamples, 40 or more.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, seed: 0 }
    }
}

/// Which group each tile is in, and which classes each group holds.
pub(super) struct Groups {
    /// Group number of each tile.
    of: Vec<usize>,
    anomalous: Vec<bool>,
    normal: Vec<bool>,
}

impl Groups {
    /// Groups numbered by the order of their names, whatever the order of the tiles.
    pub(super) fn new(scored: &[Scored]) -> Self {
        let mut numbers: BTreeMap<&str, usize> = scored.iter().map(|tile| (tile.group.as_str(), 0)).collect();
        numbers.values_mut().enumerate().for_each(|(number, value)| *value = number);
        let of: Vec<usize> = scored.iter().map(|tile| numbers[tile.group.as_str()]).collect();
        let (mut anomalous, mut normal) = (vec![false; numbers.len()], vec![false; numbers.len()]);
        for (tile, &group) in scored.iter().zip(&of) {
            let holds = if tile.anomalous { &mut anomalous } else { &mut normal };
            holds[group] = true;
        }
        Self { of, anomalous, normal }
    }

    pub(super) fn len(&self) -> usize {
        self.anomalous.len()
    }

    /// The number of groups that hold the class which is found in fewer of them.
    pub(super) fn of_rarer_class(&self) -> usize {
        let count = |holds: &[bool]| holds.iter().filter(|&&holds| holds).count();
        count(&self.anomalous).min(count(&self.normal))
    }

    /// Whether groups vary enough to be resampled: each class must be in two groups or more.
    pub(super) fn can_resample(&self) -> bool {
        self.of_rarer_class() >= 2
    }

    /// How often each group is drawn in resample `index`; none if no draw held both classes.
    fn draw(&self, seed: u64, index: usize) -> Option<Vec<u32>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64);
        (0..DRAWS).find_map(|_| {
            let mut times = vec![0_u32; self.len()];
            for _ in 0..self.len() {
                times[random.random_range(0..self.len())] += 1;
            }
            let drawn = |holds: &[bool]| holds.iter().zip(&times).any(|(&holds, &times)| holds && times > 0);
            (drawn(&self.anomalous) && drawn(&self.normal)).then_some(times)
        })
    }
}

impl Bootstrap {
    /// `statistic` of every resample, given the weight of each tile in it; none where groups cannot be resampled.
    pub(super) fn resample<T: Send>(
        self,
        groups: &Groups,
        statistic: impl Fn(&dyn Fn(usize) -> u32) -> T + Sync,
    ) -> Result<Vec<T>, MetricsError> {
        if self.resamples < LEAST_RESAMPLES {
            return Err(MetricsError::Resamples { found: self.resamples, least: LEAST_RESAMPLES });
        }
        if !groups.can_resample() {
            return Ok(Vec::new());
        }
        let drawn = (0..self.resamples).into_par_iter().filter_map(|index| {
            let times = groups.draw(self.seed, index)?;
            Some(statistic(&|tile| times[groups.of[tile]]))
        });
        Ok(drawn.collect())
    }
}

impl Interval {
    /// The percentile interval. Without resamples nothing is known of the spread, and the interval is all of
    /// `range`.
    pub(super) fn of(value: f64, mut resampled: Vec<f64>, range: (f64, f64)) -> Self {
        if resampled.is_empty() {
            return Self { value, low: range.0, high: range.1 };
        }
        resampled.sort_by(f64::total_cmp);
        let tail = (1.0 - LEVEL) / 2.0;
        Self { value, low: percentile(&resampled, tail), high: percentile(&resampled, 1.0 - tail) }
    }
}

/// Linear interpolation between the two nearest ranks, as NumPy's default.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}
