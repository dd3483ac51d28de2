//! Decisions at a threshold: the choice of the threshold, and the metrics of the confusion matrix. A threshold is midway
//! between two observed scores, so that rounding differences between machines do not change a decision on the tiles that
//! it was chosen on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ranking::roc_curve;
use super::{MetricsError, Scored};

/// Rule for the choice of a threshold. Choose it on the validation split, never on the test split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// The highest F1 score.
    #[default]
    MaxF1,
    /// The highest sensitivity + specificity - 1 (Youden, Cancer 1950).
    Youden,
}

impl ThresholdRule {
    /// The name in configurations and manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxF1 => "max_f1",
            Self::Youden => "youden",
        }
    }

    /// The best threshold on these tiles. Of equally good thresholds it takes the one in the widest gap between scores,
    /// which is the most robust. If the two neighbouring scores differ in single precision, the threshold is a
    /// single-precision number too, so that a server that compares in f32 makes the same decisions.
    ///
    /// # Errors
    /// No tiles, one class only, or a score that is not finite.
    pub fn choose(self, scored: &[Scored]) -> Result<f64, MetricsError> {
        let curve = roc_curve(scored)?;
        let anomalous = scored.iter().filter(|tile| tile.anomalous).count() as f64;
        let normal = scored.len() as f64 - anomalous;
        // At the first point no tile is anomalous, which is never the best.
        let mut best = Candidate { merit: f64::NEG_INFINITY, gap: 0.0, threshold: 0.0 };
        for (at, point) in curve.iter().enumerate().skip(1) {
            let below = curve.get(at + 1).map_or(point.threshold, |next| next.threshold);
            let (tp, fp) = (point.true_positive_rate * anomalous, point.false_positive_rate * normal);
            let merit = match self {
                Self::MaxF1 => 2.0 * tp / (tp + fp + anomalous),
                Self::Youden => point.true_positive_rate - point.false_positive_rate,
            };
            let candidate =
                Candidate { merit, gap: point.threshold - below, threshold: midpoint(below, point.threshold) };
            if candidate.beats(&best) {
                best = candidate;
            }
        }
        Ok(best.threshold)
    }
}

struct Candidate {
    merit: f64,
    gap: f64,
    threshold: f64,
}

impl Candidate {
    fn beats(&self, other: &Self) -> bool {
        // Values that differ only by rounding are equal.
        if (self.merit - other.merit).abs() > 1e-12 { self.merit > other.merit } else { self.gap > other.gap }
    }
}

/// A number in `(low, high]`, midway if it can be represented.
fn midpoint(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    let single = f64::from(middle as f32);
    [single, middle].into_iter().find(|&at| low < at && at <= high).unwrap_or(high)
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ThresholdRule {
    type Err = MetricsError;

    fn from_str(name: &str) -> Result<Self, MetricsError> {
        match name {
            "max_f1" => Ok(Self::MaxF1),
            "youden" => Ok(Self::Youden),
            _ => Err(MetricsError::Rule(name.to_owned())),
        }
    }
}

/// The confusion matrix: tiles counted by truth and decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Anomalous tiles that were classified as anomalous.
    pub true_positive: u64,
    /// Normal tiles that were classified as anomalous.
    pub false_positive: u64,
    /// Normal tiles that were classified as normal.
    pub true_negative: u64,
    /// Anomalous tiles that were classified as normal.
    pub false_negative: u64,
}

impl Confusion {
    /// Counts decisions, each tile with its weight.
    pub(super) fn count(scored: &[Scored], threshold: f64, weight: impl Fn(usize) -> u32) -> Self {
        let mut counts = Self::default();
        for (index, tile) in scored.iter().enumerate() {
            let part = match (tile.anomalous, tile.score >= threshold) {
                (true, true) => &mut counts.true_positive,
                (false, true) => &mut counts.false_positive,
                (false, false) => &mut counts.true_negative,
                (true, false) => &mut counts.false_negative,
            };
            *part += u64::from(weight(index));
        }
        counts
    }

    /// Fraction of correct decisions.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positive + self.true_negative;
        ratio(right, right + self.false_positive + self.false_negative)
    }

    /// Fraction of true positives among predicted positives; 0 without predicted positives.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// True-positive rate (sensitivity).
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// True-negative rate.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        ratio(self.true_negative, self.true_negative + self.false_positive)
    }

    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)
    }
}

/// Part over whole; 0 if the whole is 0.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
