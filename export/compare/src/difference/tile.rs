//! The difference of one output on one tile, element by element.

use kiln_runtime::parity::{self, RELATIVE_FLOOR, Tolerance};

use super::sketch::Keys;

/// Sums and extremes of the elements of one output on one tile.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TileDifference {
    /// Elements.
    pub elements: u64,
    /// Elements that are finite on both sides and beyond the tolerance.
    pub outside: u64,
    /// Elements of the reference that are NaN or infinite.
    pub reference_non_finite: u64,
    /// Elements of the candidate that are NaN or infinite.
    pub candidate_non_finite: u64,
    /// Elements that are finite on both sides.
    pub compared: u64,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Its place in the tile's elements, row by row.
    pub at: usize,
    /// Sum of the absolute differences.
    pub sum_abs: f64,
    /// Sum of the squared differences.
    pub sum_square: f64,
    /// Largest difference relative to the reference's magnitude.
    pub max_rel: f64,
    /// Largest distance in units in the last place: the number of f32 values from one to the other.
    pub max_ulp: u32,
    /// Sum of the products.
    pub dot: f64,
    /// Sum of the reference's squares.
    pub reference_square: f64,
    /// Sum of the candidate's squares.
    pub candidate_square: f64,
}

/// Measures the elements of one tile. Both slices must have the same length. The differences are appended to `keys`.
pub(crate) fn measure(reference: &[f32], candidate: &[f32], tolerance: &Tolerance, keys: &mut Keys) -> TileDifference {
    let mut all = TileDifference { elements: reference.len() as u64, ..TileDifference::default() };
    for (at, (&reference, &candidate)) in reference.iter().zip(candidate).enumerate() {
        if !(reference.is_finite() && candidate.is_finite()) {
            all.reference_non_finite += u64::from(!reference.is_finite());
            all.candidate_non_finite += u64::from(!candidate.is_finite());
            continue;
        }
        let ulp = ulps(reference, candidate);
        let (reference, candidate) = (f64::from(reference), f64::from(candidate));
        let difference = (candidate - reference).abs();
        all.compared += 1;
        if difference > all.max_abs {
            all.max_abs = difference;
            all.at = at;
        }
        all.outside += u64::from(difference > tolerance.at(reference));
        all.sum_abs += difference;
        all.sum_square += difference * difference;
        let magnitude = reference.abs().max(RELATIVE_FLOOR);
        // A product is faster than a quotient, which most elements do not need.
        if difference > all.max_rel * magnitude {
            all.max_rel = difference / magnitude;
        }
        all.max_ulp = all.max_ulp.max(ulp);
        all.dot += reference * candidate;
        all.reference_square += reference * reference;
        all.candidate_square += candidate * candidate;
        keys.push(difference as f32, ulp);
    }
    all
}

/// The number of f32 values from one to the other; both zeros are one value.
fn ulps(a: f32, b: f32) -> u32 {
    ordered(a).abs_diff(ordered(b))
}

/// Numbers the finite f32 values in their order, zero as 0.
fn ordered(value: f32) -> i32 {
    let magnitude = (value.to_bits() & 0x7fff_ffff).cast_signed();
    if value.is_sign_negative() { -magnitude } else { magnitude }
}

impl TileDifference {
    /// Adds the sums of another tile. `at` and `max_abs` become those of the larger difference.
    #[must_use]
    pub(crate) fn and(self, other: &Self) -> Self {
        let (max_abs, at) =
            if other.max_abs > self.max_abs { (other.max_abs, other.at) } else { (self.max_abs, self.at) };
        Self {
            elements: self.elements + other.elements,
            outside: self.outside + other.outside,
            reference_non_finite: self.reference_non_finite + other.reference_non_finite,
            candidate_non_finite: self.candidate_non_finite + other.candidate_non_finite,
            compared: self.compared + other.compared,
            max_abs,
            at,
            sum_abs: self.sum_abs + other.sum_abs,
            sum_square: self.sum_square + other.sum_square,
            max_rel: self.max_rel.max(other.max_rel),
            max_ulp: self.max_ulp.max(other.max_ulp),
            dot: self.dot + other.dot,
            reference_square: self.reference_square + other.reference_square,
            candidate_square: self.candidate_square + other.candidate_square,
        }
    }

    /// True if an element is beyond the tolerance or not finite.
    #[must_use]
    pub fn misses(&self) -> bool {
        self.outside > 0 || self.reference_non_finite > 0 || self.candidate_non_finite > 0
    }

    /// Mean absolute difference of the elements that are finite on both sides.
    #[must_use]
    pub fn mean_abs(&self) -> f64 {
        self.sum_abs / self.compared.max(1) as f64
    }

    /// Cosine similarity of both sides as vectors: 1 is the same direction. Two zero vectors point the same way.
    #[must_use]
    pub fn cosine(&self) -> f64 {
        parity::cosine(self.dot, self.reference_square, self.candidate_square)
    }

    /// Signal-to-noise ratio in decibels: ten times the common logarithm of the reference's energy over the difference's.
    /// `None` if there is no difference, or no signal.
    #[must_use]
    pub fn snr_db(&self) -> Option<f64> {
        let ratio = self.reference_square / self.sum_square;
        (ratio > 0.0 && ratio.is_finite()).then(|| 10.0 * ratio.log10())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Tolerance = Tolerance { absolute: 0.0, relative: 0.0, reason: "test" };

    fn measured(reference: &[f32], candidate: &[f32], tolerance: &Tolerance) -> TileDifference {
        measure(reference, candidate, tolerance, &mut Keys::default())
    }

    #[test]
    fn the_figures_are_those_of_the_definition() {
        let tolerance = Tolerance { absolute: 0.6, relative: 0.0, reason: "test" };
        let found = measured(&[1.0, 2.0, 4.0, 0.0], &[1.0, 2.5, 3.0, 0.0], &tolerance);
        assert_eq!((found.max_abs, found.at, found.outside, found.compared), (1.0, 2, 1, 4));
        assert!((found.mean_abs() - 0.375).abs() < 1e-12 && (found.max_rel - 0.25).abs() < 1e-12);
        assert!((found.cosine() - 18.0 / (21f64.sqrt() * 16.25f64.sqrt())).abs() < 1e-12);
        // 21 over 0.25 + 1.
        assert!(found.snr_db().is_some_and(|snr| (snr - 10.0 * (21.0_f64 / 1.25).log10()).abs() < 1e-12));
    }

    #[test]
    fn units_in_the_last_place_are_counted_across_zero() {
        let next = f32::from_bits(1.0_f32.to_bits() + 3);
        assert_eq!(ulps(1.0, next), 3);
        assert_eq!(ulps(0.0, -0.0), 0);
        assert_eq!(ulps(f32::from_bits(2), -f32::from_bits(3)), 5);
        assert_eq!(ulps(f32::MAX, f32::MIN), 2 * 0x7f7f_ffff);
        assert_eq!(measured(&[1.0, -2.0], &[next, -2.0], &EXACT).max_ulp, 3);
    }

    #[test]
    fn values_that_are_not_finite_are_counted_by_side_and_excluded() {
        let found = measured(&[f32::NAN, 1.0, 2.0], &[f32::NAN, f32::INFINITY, 2.5], &EXACT);
        assert_eq!((found.reference_non_finite, found.candidate_non_finite, found.compared), (1, 2, 1));
        assert!(found.misses() && found.max_abs == 0.5);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (a, b) = ([1.0, -3.0, 0.5, 9.0], [1.5, -3.0, 0.25, 8.0]);
        let whole = measured(&a, &b, &EXACT);
        let sum = measured(&a[..2], &b[..2], &EXACT).and(&measured(&a[2..], &b[2..], &EXACT));
        assert_eq!(TileDifference { at: 0, ..sum }, TileDifference { at: 0, ..whole });
    }

    #[test]
    fn equal_sides_have_no_noise_and_zeros_point_the_same_way() {
        let found = measured(&[0.0, 0.0], &[0.0, 0.0], &EXACT);
        assert_eq!((found.cosine(), found.snr_db(), found.misses()), (1.0, None, false));
    }
}
