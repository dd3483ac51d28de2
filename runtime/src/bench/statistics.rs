//! Summary statistics of latencies.

use serde::{Deserialize, Serialize};

/// Latencies of one measurement, in milliseconds for a whole batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile. Percentiles are nearest-rank: the smallest latency that at least that share of queries does not exceed.
    pub p90_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile; meaningful from 100 queries on.
    pub p99_ms: f64,
    /// 99.9th percentile; meaningful from 1000 queries on.
    pub p999_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Shortest.
    pub min_ms: f64,
    /// Longest.
    pub max_ms: f64,
    /// Coefficient of variation: sample standard deviation over mean.
    pub cv: f64,
    /// Medians of the first, middle and last third of the queries, in the order of time.
    pub thirds_ms: [f64; 3],
}

impl Latency {
    /// Summarises latencies in the order in which they were measured; `None` if there are none.
    #[must_use]
    pub fn from_samples(latencies_ms: &[f64]) -> Option<Self> {
        let sorted = sorted(latencies_ms);
        let (min_ms, max_ms) = (*sorted.first()?, *sorted.last()?);
        let mean_ms = mean(latencies_ms);
        Some(Self {
            p50_ms: percentile(&sorted, 500),
            p90_ms: percentile(&sorted, 900),
            p95_ms: percentile(&sorted, 950),
            p99_ms: percentile(&sorted, 990),
            p999_ms: percentile(&sorted, 999),
            mean_ms,
            min_ms,
            max_ms,
            cv: standard_deviation(latencies_ms, mean_ms) / mean_ms,
            thirds_ms: thirds(latencies_ms),
        })
    }

    /// Spread of the thirds: (longest - shortest) / shortest.
    #[must_use]
    pub fn drift(&self) -> f64 {
        let [first, second, third] = self.thirds_ms;
        let (low, high) = (first.min(second).min(third), first.max(second).max(third));
        (high - low) / low
    }
}

/// Medians of [`BLOCKS`] blocks of equal length in the order of time; fewer where there are fewer values.
pub(super) fn blocks(values: &[f64]) -> Vec<f64> {
    let length = values.len().div_ceil(BLOCKS).max(1);
    values.chunks(length).map(|block| percentile(&sorted(block), 500)).collect()
}

/// Blocks of a measurement that a later one can be compared with.
const BLOCKS: usize = 20;

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Nearest rank over sorted values, which must not be empty.
fn percentile(sorted: &[f64], in_a_thousand: usize) -> f64 {
    let rank = (sorted.len() * in_a_thousand).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation; 0 for a single value.
fn standard_deviation(values: &[f64], mean: f64) -> f64 {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / values.len().saturating_sub(1).max(1) as f64).sqrt()
}

fn thirds(values: &[f64]) -> [f64; 3] {
    let cut = |part: usize| values.len() * part / 3;
    [0, 1, 2].map(|part| match &values[cut(part)..cut(part + 1)] {
        // Fewer than three values: every third is the whole.
        [] => percentile(&sorted(values), 500),
        third => percentile(&sorted(third), 500),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let latency = Latency::from_samples(&values).unwrap();
        assert_eq!([latency.p50_ms, latency.p90_ms, latency.p95_ms, latency.p99_ms], [50.0, 90.0, 95.0, 99.0]);
        assert_eq!([latency.min_ms, latency.max_ms, latency.mean_ms], [1.0, 100.0, 50.5]);
        assert!((latency.cv - 29.011_491_975_882_016 / 50.5).abs() < 1e-12);
    }

    #[test]
    fn the_last_percentile_is_of_a_thousand() {
        let values: Vec<f64> = (1..=2_000).map(f64::from).collect();
        assert_eq!(Latency::from_samples(&values).unwrap().p999_ms.to_bits(), 1998.0_f64.to_bits());
    }

    #[test]
    fn blocks_follow_the_order_of_time() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i / 5)).collect();
        assert_eq!(blocks(&values), (0..20).map(f64::from).collect::<Vec<_>>());
        assert_eq!(blocks(&[3.0, 4.0]), [3.0, 4.0]);
    }

    #[test]
    fn a_single_value_is_every_percentile() {
        let latency = Latency::from_samples(&[3.0]).unwrap();
        assert_eq!([latency.p50_ms, latency.p99_ms, latency.cv, latency.drift()], [3.0, 3.0, 0.0, 0.0]);
        assert_eq!(Latency::from_samples(&[]), None);
    }

    #[test]
    fn warming_up_inside_the_window_shows_as_drift() {
        let values: Vec<f64> = [vec![2.0; 30], vec![1.0; 60]].concat();
        let latency = Latency::from_samples(&values).unwrap();
        assert_eq!(latency.thirds_ms, [2.0, 1.0, 1.0]);
        assert!((latency.drift() - 1.0).abs() < 1e-12);
    }
}
