//! The difference between two arrays of one output, over any number of batches.

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};

use super::Tolerance;

/// References below this magnitude count as zero for the relative error (the limit of PyTorch's export verification).
pub const RELATIVE_FLOOR: f64 = 1e-7;

/// One output compared with its reference, over all elements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputParity {
    /// The output's name in the graph.
    pub name: String,
    /// Largest absolute difference, in the output's own unit.
    pub max_abs: f64,
    /// Mean absolute difference.
    pub mean_abs: f64,
    /// Largest difference relative to the reference's magnitude (at least 1e-7). Reported but never part of the verdict:
    /// it is large wherever the reference is nearly zero.
    pub max_rel: f64,
    /// Cosine similarity of all elements as one vector: 1 is the same direction.
    pub cosine: f64,
    /// Absolute part of the tolerance.
    pub tolerance: f64,
    /// Relative part of the tolerance, added to it: `tolerance_relative * |reference|`.
    pub tolerance_relative: f64,
    /// Every element is finite and within the tolerance.
    pub passed: bool,
    /// Elements compared.
    pub elements: u64,
    /// Elements that are finite and beyond the tolerance.
    pub beyond: u64,
    /// Elements that are NaN or infinite on either side; any is a miss.
    pub non_finite: u64,
    /// The tile that holds the largest absolute difference, counted from 0.
    pub worst_tile: Option<usize>,
    /// The reason why the two cannot be compared: a missing output, another shape.
    pub problem: Option<String>,
}

/// Compares one output of one batch, `candidate` against `reference`, both `[batch, ...]`.
///
/// A different shape is not an error but a miss, with the reason in [`OutputParity::problem`].
#[must_use]
pub fn compare(name: &str, reference: &ArrayD<f32>, candidate: &ArrayD<f32>, tolerance: Tolerance) -> OutputParity {
    let mut difference = Difference::new(tolerance);
    difference.add(0, reference, candidate);
    difference.finish(name)
}

/// Differences of one output so far.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    tolerance: Tolerance,
    elements: u64,
    beyond: u64,
    non_finite: u64,
    max_abs: f64,
    sum_abs: f64,
    max_rel: f64,
    dot: f64,
    reference_square: f64,
    candidate_square: f64,
    worst_tile: Option<usize>,
    problem: Option<String>,
}

impl Difference {
    pub(super) fn new(tolerance: Tolerance) -> Self {
        Self {
            tolerance,
            elements: 0,
            beyond: 0,
            non_finite: 0,
            max_abs: 0.0,
            sum_abs: 0.0,
            max_rel: 0.0,
            dot: 0.0,
            reference_square: 0.0,
            candidate_square: 0.0,
            worst_tile: None,
            problem: None,
        }
    }

    /// Adds a batch whose first tile is the `first_tile`-th of the data.
    pub(super) fn add(&mut self, first_tile: usize, reference: &ArrayD<f32>, candidate: &ArrayD<f32>) {
        if reference.shape() != candidate.shape() {
            self.miss(format!("shape {:?} where the reference has {:?}", candidate.shape(), reference.shape()));
            return;
        }
        let per_tile = reference.len().checked_div(reference.shape().first().copied().unwrap_or(1)).unwrap_or(0).max(1);
        for (index, (reference, candidate)) in reference.iter().zip(candidate).enumerate() {
            self.element(f64::from(*reference), f64::from(*candidate), || first_tile + index / per_tile);
        }
    }

    /// Records the reason why the two cannot be compared. The first reason is kept.
    pub(super) fn miss(&mut self, reason: String) {
        self.problem.get_or_insert(reason);
    }

    fn element(&mut self, reference: f64, candidate: f64, tile: impl FnOnce() -> usize) {
        self.elements += 1;
        if !(reference.is_finite() && candidate.is_finite()) {
            self.non_finite += 1;
            return;
        }
        let difference = (candidate - reference).abs();
        if difference > self.max_abs {
            self.max_abs = difference;
            self.worst_tile = Some(tile());
        }
        self.beyond += u64::from(difference > self.tolerance.at(reference));
        self.sum_abs += difference;
        self.max_rel = self.max_rel.max(difference / reference.abs().max(RELATIVE_FLOOR));
        self.dot += reference * candidate;
        self.reference_square += reference * reference;
        self.candidate_square += candidate * candidate;
    }

    pub(super) fn finish(self, name: &str) -> OutputParity {
        let mut problem = self.problem;
        if self.non_finite > 0 {
            problem.get_or_insert(format!("{} of {} values are NaN or infinite", self.non_finite, self.elements));
        }
        if self.elements == 0 {
            problem.get_or_insert("nothing was compared".to_owned());
        }
        let finite = (self.elements - self.non_finite).max(1) as f64;
        OutputParity {
            name: name.to_owned(),
            max_abs: self.max_abs,
            mean_abs: self.sum_abs / finite,
            max_rel: self.max_rel,
            cosine: cosine(self.dot, self.reference_square, self.candidate_square),
            tolerance: self.tolerance.absolute,
            tolerance_relative: self.tolerance.relative,
            passed: problem.is_none() && self.beyond == 0,
            elements: self.elements,
            beyond: self.beyond,
            non_finite: self.non_finite,
            worst_tile: self.worst_tile,
            problem,
        }
    }
}

/// Cosine similarity of two vectors from their product and their squares: 1 is the same direction. Two zero vectors point
/// the same way; a zero vector and another do not.
#[must_use]
pub fn cosine(dot: f64, left_square: f64, right_square: f64) -> f64 {
    let length = left_square.sqrt() * right_square.sqrt();
    if length > 0.0 {
        (dot / length).clamp(-1.0, 1.0)
    } else if left_square == right_square {
        1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn array(shape: &[usize], values: &[f32]) -> ArrayD<f32> {
        ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap_or_default()
    }

    fn tolerance(absolute: f64) -> Tolerance {
        Tolerance { absolute, relative: 0.0, reason: "test" }
    }

    #[test]
    fn equal_arrays_differ_by_nothing() {
        let values = array(&[2, 2], &[0.0, 1.0, -2.0, 3.0]);
        let parity = compare("score", &values, &values, tolerance(0.0));
        assert!(parity.passed);
        assert_eq!((parity.max_abs, parity.mean_abs, parity.max_rel), (0.0, 0.0, 0.0));
        assert!((parity.cosine - 1.0).abs() < 1e-12);
        assert_eq!(parity.worst_tile, None);
    }

    #[test]
    fn the_figures_are_those_of_the_definition() {
        let parity = compare(
            "x",
            &array(&[2, 2], &[1.0, 2.0, 4.0, 0.0]),
            &array(&[2, 2], &[1.0, 2.5, 3.0, 0.0]),
            tolerance(0.6),
        );
        assert!((parity.max_abs - 1.0).abs() < 1e-12);
        assert!((parity.mean_abs - 0.375).abs() < 1e-12);
        assert!((parity.max_rel - 0.25).abs() < 1e-12);
        assert!((parity.cosine - 18.0 / (21f64.sqrt() * 16.25f64.sqrt())).abs() < 1e-12);
        assert_eq!((parity.passed, parity.beyond, parity.worst_tile), (false, 1, Some(1)));
    }

    #[test]
    fn nan_and_infinity_are_misses_even_where_both_sides_agree() {
        for value in [f32::NAN, f32::INFINITY] {
            let broken = array(&[2], &[0.5, value]);
            let parity = compare("score", &broken, &broken, tolerance(1.0));
            assert!(!parity.passed);
            assert_eq!(parity.non_finite, 1);
            assert!(parity.max_abs.is_finite() && parity.mean_abs.is_finite());
        }
    }

    #[test]
    fn another_shape_is_a_miss_that_names_both() {
        let parity = compare("score", &array(&[2], &[0.0, 0.0]), &array(&[2, 1], &[0.0, 0.0]), tolerance(1.0));
        assert!(!parity.passed);
        assert_eq!(parity.problem.as_deref(), Some("shape [2, 1] where the reference has [2]"));
    }

    #[test]
    fn an_empty_comparison_proves_nothing() {
        let parity = compare("score", &array(&[0], &[]), &array(&[0], &[]), tolerance(1.0));
        assert!(!parity.passed);
    }

    #[test]
    fn the_relative_part_widens_the_limit() {
        let wide = Tolerance { absolute: 0.0, relative: 0.1, reason: "test" };
        assert!(compare("x", &array(&[1], &[10.0]), &array(&[1], &[10.9]), wide).passed);
        assert!(!compare("x", &array(&[1], &[10.0]), &array(&[1], &[11.1]), wide).passed);
    }
}
