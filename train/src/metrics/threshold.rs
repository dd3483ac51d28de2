//! Decisions at a threshold: how one is chosen, and the figures that follow from the counts of right and wrong
//! decisions. A threshold lies midway between two scores that were seen, so that a last-digit difference between two
//! machines does not change a decision on the tiles that it was chosen on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ranking::roc_curve;
use super::{MetricsError, Scored};

/// How a threshold is chosen. It is chosen on the validation split and never on the tiles it is judged by.
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

    /// The threshold that the rule prefers on these tiles. Of equally good ones it takes the one in the widest gap
    /// between scores, since that is the one least likely to be crossed by chance. Where single precision can tell
    /// the two neighbouring scores apart, the threshold is a single-precision number too, so that a server that
    /// compares in f32 decides alike.
    ///
    /// # Errors
    /// When there are no tiles, one class only, or a score that is not finite.
    pub fn choose(self, scored: &[Scored]) -> Result<f64, MetricsError> {
        let curve = roc_curve(scored)?;
        let anomalous = scored.iter().filter(|tile| tile.anomalous).count() as f64;
        let normal = scored.len() as f64 - anomalous;
        // The first point calls nothing anomalous, which no rule prefers.
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
        // Merits that differ by rounding alone are equal.
        if (self.merit - other.merit).abs() > 1e-12 { self.merit > other.merit } else { self.gap > other.gap }
    }
}

/// A number in `(low, high]`, midway where that can be written down.
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

/// Tiles counted by what they are and what they were called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Anomalous, and called so.
    pub true_positive: u64,
    /// Normal, but called anomalous.
    pub false_positive: u64,
    /// Normal, and called so.
    pub true_negative: u64,
    /// Anomalous, but called normal.
    pub false_negative: u64,
}

impl Confusion {
    /// Counts decisions, each tile as often as its weight says.
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

    /// Share of right decisions.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positive + self.true_negative;
        ratio(right, right + self.false_positive + self.false_negative)
    }

    /// Share of the tiles called anomalous that is; 0 when none is called so.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// Share of the anomalous tiles that is called so (sensitivity).
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// Share of the normal tiles that is called so.
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

/// Zero where the denominator is.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
