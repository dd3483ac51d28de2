//! Figures of the difference of two arrays, collected over several batches.

use kiln_runtime::Array;
use serde::Serialize;

use crate::array::numbers;

/// The difference of a candidate from a reference, over all elements of all tiles.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Number of elements.
    pub elements: u64,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Largest difference relative to the reference's element; elements below a thousandth of the largest magnitude are
    /// left out, since a ratio is meaningless there.
    pub max_rel: f64,
    /// Cosine of the angle between both as vectors; 1 if both are zero.
    pub cosine: f64,
    /// Signal-to-noise ratio in decibels, `10 log10(sum r² / sum (c - r)²)`; none if nothing differs.
    pub snr_db: Option<f64>,
    /// Largest magnitude of the reference.
    pub magnitude: f64,
    /// Elements that are NaN or infinite on one side only, or with another sign.
    pub non_finite: u64,
    /// Row of the first axis with the largest difference, as a tile of the comparison, from 0.
    pub worst_tile: usize,
    /// Both numbers at the largest difference: reference, candidate.
    pub worst: (f64, f64),
    /// Index of the largest difference in its batch.
    pub worst_index: Vec<usize>,
}

/// Collects [`Figures`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Accumulator {
    /// The figures so far; mean, cosine and signal-to-noise ratio follow from the sums at the end.
    figures: Figures,
    sum_abs: f64,
    dot: f64,
    reference: f64,
    candidate: f64,
    noise: f64,
}

impl Accumulator {
    /// Adds a batch whose first tile has the number `first`; `tiles` is the number of tiles in it. Both have one shape.
    pub(crate) fn add(&mut self, first: usize, tiles: usize, reference: &Array, candidate: &Array) {
        let shape = reference.shape();
        let (a, b) = (numbers(reference), numbers(candidate));
        let per_tile = (a.len() / tiles.max(1)).max(1);
        let finite = a.iter().map(|value| value.abs()).filter(|value| value.is_finite());
        let figures = &mut self.figures;
        figures.magnitude = finite.fold(figures.magnitude, f64::max);
        let least = figures.magnitude / 1e3;
        for (at, (a, b)) in a.iter().zip(&b).enumerate() {
            figures.elements += 1;
            let differs = if a.is_finite() && b.is_finite() {
                (a - b).abs()
            } else if a == b || (a.is_nan() && b.is_nan()) {
                continue;
            } else {
                figures.non_finite += 1;
                f64::INFINITY
            };
            if differs > figures.max_abs {
                (figures.max_abs, figures.worst, figures.worst_tile) = (differs, (*a, *b), first + at / per_tile);
                figures.worst_index = index(at, shape);
            }
            if differs.is_finite() {
                self.sum_abs += differs;
                self.noise += differs * differs;
                self.dot += a * b;
                self.reference += a * a;
                self.candidate += b * b;
                if a.abs() > least {
                    figures.max_rel = figures.max_rel.max(differs / a.abs());
                }
            }
        }
    }

    pub(crate) fn finish(self) -> Figures {
        let norms = (self.reference * self.candidate).sqrt();
        let both_zero = self.reference == 0.0 && self.candidate == 0.0;
        Figures {
            mean_abs: self.sum_abs / self.figures.elements.max(1) as f64,
            cosine: if both_zero {
                1.0
            } else if norms > 0.0 {
                (self.dot / norms).min(1.0)
            } else {
                0.0
            },
            snr_db: (self.noise > 0.0).then(|| 10.0 * (self.reference / self.noise).log10()),
            ..self.figures
        }
    }
}

impl Figures {
    /// The largest difference in units of the reference's largest magnitude.
    #[must_use]
    pub fn relative_to_magnitude(&self) -> f64 {
        if self.magnitude > 0.0 { self.max_abs / self.magnitude } else { self.max_abs }
    }
}

/// The index along each axis of an element of a row-major array.
pub(crate) fn index(at: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = at;
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|size| {
            let own = rest % (*size).max(1);
            rest /= (*size).max(1);
            own
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_over_two_batches() {
        let mut all = Accumulator::default();
        all.add(
            0,
            2,
            &ndarray::arr2(&[[1.0_f32, 2.0], [3.0, 4.0]]).into(),
            &ndarray::arr2(&[[1.0_f32, 2.0], [3.0, 4.5]]).into(),
        );
        all.add(2, 1, &ndarray::arr2(&[[1.0_f32, 1.0]]).into(), &ndarray::arr2(&[[1.0_f32, 1.0]]).into());
        let figures = all.finish();
        assert_eq!((figures.max_abs, figures.worst_tile, figures.elements), (0.5, 1, 6));
        assert_eq!((figures.worst, figures.worst_index.as_slice()), ((4.0, 4.5), [1, 1].as_slice()));
        assert!((figures.max_rel - 0.125).abs() < 1e-12 && (figures.mean_abs - 0.5 / 6.0).abs() < 1e-12);
        let expected = 10.0 * (32.0_f64 / 0.25).log10();
        assert!(figures.snr_db.is_some_and(|snr| (snr - expected).abs() < 1e-9));
    }

    #[test]
    fn numbers_that_are_not_finite_differ_from_every_other() {
        let mut all = Accumulator::default();
        let reference = ndarray::arr1(&[1.0_f32, f32::NAN, f32::INFINITY]).into();
        all.add(0, 1, &reference, &ndarray::arr1(&[f32::NAN, f32::NAN, f32::INFINITY]).into());
        let figures = all.finish();
        assert_eq!((figures.non_finite, figures.max_abs), (1, f64::INFINITY));
    }
}
