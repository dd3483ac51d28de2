//! The share of a difference that a hypothesis leaves.

use super::Evidence;

/// The most elements that a hypothesis is tried on.
const ELEMENTS: usize = 400_000;

/// Paired elements of both sides, finite ones alone.
#[derive(Debug, Default)]
pub(super) struct Paired {
    /// Of the reference.
    pub(super) a: Vec<f64>,
    /// Of the candidate.
    pub(super) b: Vec<f64>,
}

impl Paired {
    /// The elements of an output: of all tiles if it is small, else of the sampled tiles.
    pub(super) fn new(evidence: &Evidence<'_>, name: &str) -> Self {
        let mut paired = Self::default();
        let rows = evidence.rows.map(|rows| rows.rows_of(name));
        if let [Some((_, a)), Some((_, b))] = rows {
            let step = a.len().div_ceil(ELEMENTS).max(1);
            paired.extend(a.iter().step_by(step), b.iter().step_by(step));
            return paired;
        }
        let arrays = || {
            evidence.samples.iter().filter_map(|sample| {
                let (a, b) = (sample.reference.arrays.get(name)?, sample.candidate.arrays.get(name)?);
                (a.shape() == b.shape()).then_some((a, b))
            })
        };
        let total: usize = arrays().map(|(a, _)| a.len()).sum();
        let step = total.div_ceil(ELEMENTS).max(1);
        for (a, b) in arrays() {
            paired.extend(a.iter().step_by(step), b.iter().step_by(step));
        }
        paired
    }

    fn extend<'a>(&mut self, a: impl Iterator<Item = &'a f32>, b: impl Iterator<Item = &'a f32>) {
        for (a, b) in a.zip(b).filter(|(a, b)| a.is_finite() && b.is_finite()) {
            self.a.push(f64::from(*a));
            self.b.push(f64::from(*b));
        }
    }

    /// Root mean square difference.
    pub(super) fn rms(&self) -> f64 {
        rms(self.a.iter().copied().zip(self.b.iter().copied()))
    }

    /// The share of the difference that is left if the reference's elements are changed by `change`.
    pub(super) fn left(&self, change: impl Fn(f64) -> f64) -> f64 {
        ratio(rms(self.a.iter().map(|a| change(*a)).zip(self.b.iter().copied())), self.rms())
    }
}

/// Root mean square of the differences of pairs; infinite if one is not finite.
pub(super) fn rms(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, n) = pairs.fold((0.0, 0_u64), |(sum, n), (a, b)| (sum + (a - b).powi(2), n + 1));
    let mean = (sum / n.max(1) as f64).sqrt();
    if mean.is_finite() { mean } else { f64::INFINITY }
}

/// The share of a difference that is left; 1 if there was none.
pub(super) fn ratio(after: f64, before: f64) -> f64 {
    if before > 0.0 { after / before } else { 1.0 }
}

/// A share in words.
pub(super) fn percent(left: f64) -> String {
    let share = 100.0 * (1.0 - left);
    if share > 99.95 { format!("{share:.2} %") } else { format!("{share:.0} %") }
}
