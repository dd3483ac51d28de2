//! Decisions at a threshold: the choice of the threshold, and the metrics of the confusion matrix. A threshold is midway
//! between two observed scores, so that rounding differences between machines do not change a decision on the tiles that
//! it was chosen on.

use std::fmt;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_yaml::{Mapping, Value};

use super::ranking::{RocPoint, roc_curve};
use super::{MetricsError, Scored};

/// Rule for the choice of a threshold. Choose it on the validation split, never on the test split.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(into = "String")]
pub enum ThresholdRule {
    /// The highest F1 score.
    #[default]
    MaxF1,
    /// The highest sensitivity + specificity - 1 (Youden, Cancer 1950).
    Youden,
    /// The highest specificity at which a further anomalous tile is found with at least this probability, over 0 and below 1.
    ///
    /// Further tiles must be exchangeable with the given ones, which those of other slides are not quite. Of n anomalous tiles
    /// at most floor((n + 1)(1 - sensitivity)) - 1 may be missed, as in split conformal prediction: a further one has any rank
    /// among them with the same probability.
    Sensitivity(f64),
    /// The highest sensitivity at which a further normal tile is called normal with at least this probability, over 0 and
    /// below 1. As [`ThresholdRule::Sensitivity`], with the classes exchanged.
    Specificity(f64),
}

impl ThresholdRule {
    /// The rule in words, such as `the highest F1`.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::MaxF1 => "the highest F1".to_owned(),
            Self::Youden => "the highest sensitivity + specificity - 1".to_owned(),
            Self::Sensitivity(rate) => format!("the highest specificity at a sensitivity of at least {rate}"),
            Self::Specificity(rate) => format!("the highest sensitivity at a specificity of at least {rate}"),
        }
    }

    /// Checks that so many tiles are enough for the rule.
    ///
    /// # Errors
    /// [`MetricsError::FewTiles`].
    pub fn check(self, normal: usize, anomalous: usize) -> Result<(), MetricsError> {
        let Some((rate, found, kind)) = self.limited(normal, anomalous) else { return Ok(()) };
        if wrong_allowed(rate, found).is_some() {
            return Ok(());
        }
        let least = ((1.0 - ROUNDING) / (1.0 - rate)).ceil() as usize - 1;
        Err(MetricsError::FewTiles { rule: self, kind, least, found })
    }

    /// The rate, the number of tiles of the kind that it is of, and that kind; `None` for a rule without a rate.
    fn limited(self, normal: usize, anomalous: usize) -> Option<(f64, usize, &'static str)> {
        match self {
            Self::MaxF1 | Self::Youden => None,
            Self::Sensitivity(rate) => Some((rate, anomalous, "anomalous")),
            Self::Specificity(rate) => Some((rate, normal, "normal")),
        }
    }

    /// The best threshold on these tiles. Of thresholds with the same errors it takes the one in the widest gap between scores,
    /// which is the most robust. Where none keeps the rate and calls a tile anomalous, because the highest scores are those of
    /// normal tiles, it takes the next number above all scores. If the two neighbouring scores differ in single precision, the
    /// threshold is a single-precision number too, so that a server that compares in f32 makes the same decisions.
    ///
    /// # Errors
    /// No tiles, one class only, a score that is not finite, or too few tiles for a rate.
    pub fn choose(self, scored: &[Scored]) -> Result<f64, MetricsError> {
        let curve = roc_curve(scored)?;
        let anomalous = scored.iter().filter(|tile| tile.anomalous).count();
        let normal = scored.len() - anomalous;
        self.check(normal, anomalous)?;
        let allowed = self.limited(normal, anomalous).and_then(|(rate, tiles, _)| wrong_allowed(rate, tiles));
        // Counts are computed from rates below, so the limit lies between two counts.
        let limit = allowed.unwrap_or_default() as f64 + 0.5;
        let (anomalous, normal) = (anomalous as f64, normal as f64);
        // At the first point no tile is anomalous.
        let mut best = Candidate { merit: f64::NEG_INFINITY, spared: 0.0, gap: 0.0, threshold: above(&curve) };
        for (at, point) in curve.iter().enumerate().skip(1) {
            let below = curve.get(at + 1).map_or(point.threshold, |next| next.threshold);
            let (tp, fp) = (point.true_positive_rate * anomalous, point.false_positive_rate * normal);
            let (merit, spared) = match self {
                Self::MaxF1 => (2.0 * tp / (tp + fp + anomalous), 0.0),
                Self::Youden => (point.true_positive_rate - point.false_positive_rate, 0.0),
                Self::Sensitivity(_) if anomalous - tp < limit => (-fp, tp),
                Self::Specificity(_) if fp < limit => (tp, -fp),
                Self::Sensitivity(_) | Self::Specificity(_) => continue,
            };
            let candidate =
                Candidate { merit, spared, gap: point.threshold - below, threshold: midpoint(below, point.threshold) };
            if candidate.beats(&best) {
                best = candidate;
            }
        }
        Ok(best.threshold)
    }
}

/// Rates are decimal fractions: 10 (1 - 0.9) is 1.
const ROUNDING: f64 = 1e-9;

/// The number of `tiles` that a threshold may put on the wrong side, for a further one to be on the right side with a
/// probability of at least `rate`; `None` if there are too few.
fn wrong_allowed(rate: f64, tiles: usize) -> Option<usize> {
    (((tiles + 1) as f64 * (1.0 - rate) + ROUNDING).floor() as usize).checked_sub(1)
}

struct Candidate {
    /// The figure that the rule maximises.
    merit: f64,
    /// Of equal merit, fewer errors of the kind that the rate limits.
    spared: f64,
    gap: f64,
    threshold: f64,
}

impl Candidate {
    fn beats(&self, other: &Self) -> bool {
        // Values that differ only by rounding are equal.
        let order = [(self.merit, other.merit), (self.spared, other.spared)];
        let differs = order.into_iter().find(|(own, other)| (own - other).abs() > 1e-12);
        differs.map_or(self.gap > other.gap, |(own, other)| own > other)
    }
}

/// The next number above all scores of a curve, in single precision if it can be.
fn above(curve: &[RocPoint]) -> f64 {
    // After the starting point, at infinity, thresholds descend from the highest score.
    let highest = curve.get(1).map_or(0.0, |point| point.threshold);
    let single = f64::from((highest as f32).next_up());
    if single.is_finite() { single } else { highest.next_up() }
}

/// A number in `(low, high]`, midway if it can be represented.
fn midpoint(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    let single = f64::from(middle as f32);
    [single, middle].into_iter().find(|&at| low < at && at <= high).unwrap_or(high)
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxF1 => f.write_str("max_f1"),
            Self::Youden => f.write_str("youden"),
            Self::Sensitivity(rate) => write!(f, "sensitivity:{rate}"),
            Self::Specificity(rate) => write!(f, "specificity:{rate}"),
        }
    }
}

impl FromStr for ThresholdRule {
    type Err = MetricsError;

    fn from_str(text: &str) -> Result<Self, MetricsError> {
        let rate = |text: &str| text.parse().ok().filter(|rate| 0.0 < *rate && *rate < 1.0);
        let rule = match text.split_once(':') {
            None if text == "max_f1" => Some(Self::MaxF1),
            None if text == "youden" => Some(Self::Youden),
            Some(("sensitivity", text)) => rate(text).map(Self::Sensitivity),
            Some(("specificity", text)) => rate(text).map(Self::Specificity),
            _ => None,
        };
        rule.ok_or_else(|| MetricsError::Rule(text.to_owned()))
    }
}

impl From<ThresholdRule> for String {
    fn from(rule: ThresholdRule) -> Self {
        rule.to_string()
    }
}

impl<'de> Deserialize<'de> for ThresholdRule {
    /// By hand, so that an error has the key of the rule: one of a conversion after reading would have that of its section.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = ThresholdRule;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a threshold rule (the rules are max_f1, youden, sensitivity:RATE and specificity:RATE)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ThresholdRule, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ThresholdRule, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ThresholdRule, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ThresholdRule, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<ThresholdRule, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<ThresholdRule, E> {
        self.visit_str("null")
    }

    /// `sensitivity:0.9` with a blank after the colon is a mapping in YAML.
    fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<ThresholdRule, A::Error> {
        let pairs = Mapping::deserialize(MapAccessDeserializer::new(pairs))?;
        let part = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => "?".to_owned(),
        };
        let pairs: Vec<String> = pairs.iter().map(|(name, rate)| format!("{}:{}", part(name), part(rate))).collect();
        self.visit_str(&pairs.join(", "))
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
