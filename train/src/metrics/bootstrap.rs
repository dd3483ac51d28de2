//! Percentile intervals by resampling whole groups with replacement (Efron and Tibshirani 1993, chapters 8 and 13). Those of
//! figures that repeated tiles bias are centred on the figure. Every interval contains its figure.
//! Tiles of one slide are correlated, so resampling tiles would give intervals that are too narrow. Each resample has its
//! own random stream, so the result does not depend on the number of threads.

use std::collections::BTreeMap;
use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MetricsError, Scored};

/// Confidence level of the intervals.
pub(super) const LEVEL: f64 = 0.95;

/// Draws without one of the classes before a resample is dropped. With each class in two groups or more, a draw lacks
/// one with a probability below 0.3, so this is never reached in practice.
const DRAWS: usize = 64;

/// A metric and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The metric on all tiles.
    pub value: f64,
    /// 2.5th percentile over the resamples, centred for average precision and calibration error.
    pub low: f64,
    /// 97.5th percentile over the resamples, centred likewise.
    pub high: f64,
}

impl fmt::Display for Interval {
    /// The value, and both ends of the interval in brackets, with three digits each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3} to {:.3})", self.value, self.low, self.high)
    }
}

/// Options of the bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of resamples, 40 or more.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Bootstrap {
    /// The least number of resamples: with fewer there is no point outside the interval on each side.
    pub const LEAST: usize = 40;
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, seed: 0 }
    }
}

/// The group of each tile, and the classes in each group.
pub(super) struct Groups {
    /// Group number of each tile.
    of: Vec<usize>,
    anomalous: Vec<bool>,
    normal: Vec<bool>,
}

impl Groups {
    /// Numbers the groups in the order of their names, independent of the order of the tiles.
    pub(super) fn new(scored: &[Scored]) -> Self {
        let mut numbers: BTreeMap<&str, usize> = scored.iter().map(|tile| (tile.group.as_str(), 0)).collect();
        numbers.values_mut().enumerate().for_each(|(number, value)| *value = number);
        let of: Vec<usize> = scored.iter().map(|tile| numbers[tile.group.as_str()]).collect();
        let (mut anomalous, mut normal) = (vec![false; numbers.len()], vec![false; numbers.len()]);
        for (tile, &group) in scored.iter().zip(&of) {
            let present = if tile.anomalous { &mut anomalous } else { &mut normal };
            present[group] = true;
        }
        Self { of, anomalous, normal }
    }

    pub(super) fn len(&self) -> usize {
        self.anomalous.len()
    }

    /// The number of groups with the rarer class: the one in fewer groups.
    pub(super) fn with_rarer_class(&self) -> usize {
        let count = |present: &[bool]| present.iter().filter(|&&present| present).count();
        count(&self.anomalous).min(count(&self.normal))
    }

    /// True if groups can be resampled: each class must be in two groups or more.
    pub(super) fn can_resample(&self) -> bool {
        self.with_rarer_class() >= 2
    }

    /// Number of times that each group is drawn in resample `index`; none if no draw had both classes.
    fn draw(&self, seed: u64, index: usize) -> Option<Vec<u32>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64);
        (0..DRAWS).find_map(|_| {
            let mut times = vec![0_u32; self.len()];
            for _ in 0..self.len() {
                times[random.random_range(0..self.len())] += 1;
            }
            let drawn = |present: &[bool]| present.iter().zip(&times).any(|(&present, &times)| present && times > 0);
            (drawn(&self.anomalous) && drawn(&self.normal)).then_some(times)
        })
    }
}

impl Bootstrap {
    /// `statistic` of every resample, from the weight of each tile in it; none if groups cannot be resampled.
    pub(super) fn resample<T: Send>(
        self,
        groups: &Groups,
        statistic: impl Fn(&dyn Fn(usize) -> u32) -> T + Sync,
    ) -> Result<Vec<T>, MetricsError> {
        if self.resamples < Self::LEAST {
            return Err(MetricsError::Resamples { found: self.resamples, least: Self::LEAST });
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
    /// The percentile interval. Without resamples the spread is unknown, and the interval is the whole `range`.
    pub(super) fn from_resamples(value: f64, resampled: Vec<f64>, range: (f64, f64)) -> Self {
        Self::around(value, resampled, range, |_| 0.0)
    }

    /// The percentile interval, moved until the median of the resamples is the value, within `range`. For average precision and
    /// calibration error: a resample repeats tiles, which moves both up, often beyond the value on all tiles. The bias-corrected
    /// percentile interval (Efron 1987) would move further up, because it assumes that the value has the bias too.
    pub(super) fn centred(value: f64, resampled: Vec<f64>, range: (f64, f64)) -> Self {
        Self::around(value, resampled, range, |sorted| value - percentile(sorted, 0.5))
    }

    /// The percentile interval of the resamples after a shift, within `range`. It contains the value.
    fn around(value: f64, mut resampled: Vec<f64>, range: (f64, f64), shift: impl Fn(&[f64]) -> f64) -> Self {
        if resampled.is_empty() {
            return Self { value, low: range.0, high: range.1 };
        }
        resampled.sort_by(f64::total_cmp);
        let (tail, shift) = ((1.0 - LEVEL) / 2.0, shift(&resampled));
        let at = |share: f64| (percentile(&resampled, share) + shift).clamp(range.0, range.1);
        Self { value, low: at(tail).min(value), high: at(1.0 - tail).max(value) }
    }
}

/// Linear interpolation between the two nearest ranks, like NumPy's default.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: (f64, f64) = (0.0, 1.0);

    #[test]
    fn an_interval_contains_its_value_wherever_the_resamples_are() {
        for value in [0.0, 0.1, 0.347, 0.9, 1.0] {
            for offset in [-0.3, -0.01, 0.0, 0.01, 0.3] {
                let resampled = || (0..200).map(|at| (0.5 + offset + f64::from(at) / 2000.0).min(1.0)).collect();
                for found in
                    [Interval::from_resamples(value, resampled(), RANGE), Interval::centred(value, resampled(), RANGE)]
                {
                    assert!(found.low <= value && value <= found.high, "{found:?}");
                    assert!(found.low >= 0.0 && found.high <= 1.0, "{found:?}");
                }
            }
        }
    }

    #[test]
    fn a_centred_interval_has_the_width_of_the_percentiles_on_both_sides_of_the_value() {
        let found = Interval::centred(0.3, (0..=1000).map(|at| 0.4 + f64::from(at) / 10_000.0).collect(), RANGE);
        assert!((found.low - 0.2525).abs() < 1e-9 && (found.high - 0.3475).abs() < 1e-9, "{found:?}");
        let at_the_end = Interval::centred(0.01, (0..=1000).map(|at| f64::from(at) / 10_000.0).collect(), RANGE);
        assert!(at_the_end.low == 0.0 && (at_the_end.high - 0.0575).abs() < 1e-9, "{at_the_end:?}");
        assert_eq!(Interval::centred(0.3, Vec::new(), RANGE), Interval { value: 0.3, low: 0.0, high: 1.0 });
    }
}
