//! Tolerances of outputs by their meaning. All tolerances of the fp32 graph are defined here.

use crate::decision;

/// The limit for one output: `|candidate - reference| <= absolute + relative * |reference|`, for every element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Absolute part, in the output's own unit.
    pub absolute: f64,
    /// Relative part; 0 where the output has a bounded range.
    pub relative: f64,
    /// Justification of the two numbers.
    pub reason: &'static str,
}

impl Tolerance {
    /// The tolerance of a named output in single precision. `classifier`: the model has classes, so that `score` is a
    /// probability.
    #[must_use]
    pub fn for_output(name: &str, classifier: bool) -> Self {
        match name {
            decision::PROBABILITIES => PROBABILITY,
            decision::SCORE if classifier => PROBABILITY,
            decision::SCORE => SCORE,
            "reconstruction" => PIXEL,
            "error_map" => ERROR_MAP,
            "latent_mean" | "latent_log_variance" => LATENT,
            _ => OTHER,
        }
    }

    /// The largest difference allowed at an element whose reference is `reference`.
    #[must_use]
    pub fn at(&self, reference: f64) -> f64 {
        self.relative.mul_add(reference.abs(), self.absolute)
    }
}

const PROBABILITY: Tolerance = Tolerance {
    absolute: 1e-5,
    relative: 0.0,
    reason: "a value in 0..1 after softmax, whose slope is at most 1/4: sums in another order move it by about 1e-6",
};
const SCORE: Tolerance = Tolerance {
    absolute: 1e-5,
    relative: 1e-4,
    reason: "an unbounded mean over 196608 squared errors, so the error grows with the value",
};
const PIXEL: Tolerance =
    Tolerance { absolute: 1e-4, relative: 0.0, reason: "a pixel in 0..1: a fortieth of one step of 8 bits" };
const ERROR_MAP: Tolerance = Tolerance {
    absolute: 2e-4,
    relative: 0.0,
    reason: "the square of a difference of pixels: its slope is at most 2, so twice a pixel's tolerance",
};
const LATENT: Tolerance = Tolerance {
    absolute: 1e-4,
    relative: 1e-4,
    reason: "an unbounded sum over some 10^4 to 10^5 products in single precision",
};
const OTHER: Tolerance = Tolerance { absolute: 1e-4, relative: 1e-4, reason: "its range is unknown" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_a_probability_only_where_there_are_classes() {
        assert_eq!(Tolerance::for_output("score", true), PROBABILITY);
        assert_eq!(Tolerance::for_output("score", false), SCORE);
    }

    #[test]
    fn the_promised_tolerances_hold() {
        assert!((Tolerance::for_output("probabilities", true).at(1.0) - 1e-5).abs() < 1e-18);
        assert!((Tolerance::for_output("reconstruction", false).at(1.0) - 1e-4).abs() < 1e-18);
        assert!(Tolerance::for_output("latent_mean", false).at(100.0) > 1e-2);
    }
}
