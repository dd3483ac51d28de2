//! Limits of a comparison: those of single precision by the meaning of an output, those that an export measured for fp16
//! and int8 graphs, and those of a YAML file, which replace them output by output.

mod yaml;

use std::collections::BTreeMap;

use kiln_runtime::parity::{GATE_MARGIN, GATE_REASON, Tolerance};

use self::yaml::nearest;

use crate::difference::TileDifference;
use crate::facts::SideFacts;
use crate::{CompareError, Result};

/// The share of decisions that an fp16 or int8 graph may change, as at the export's gate.
const LOWER_PRECISION_FLIPS: f64 = kiln_export::DECISIONS_CHANGED;

/// The AUROC that an fp16 or int8 graph may lose, as at the export's gate.
const LOWER_PRECISION_AUROC: f64 = kiln_export::AUROC_LOST;

/// The share of elements of an fp16 or int8 graph that may differ by more than twice the export's measurement: its largest
/// difference is that of some validation tiles, and other tiles exceed it in single elements. No score of a thousand.
const LOWER_PRECISION_OUTSIDE: f64 = 1e-3;

/// Reason of limits that come from a file.
const FROM_FILE: &str = "from the file of tolerances";

/// Limits of one output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputLimits {
    /// The largest difference of an element: `absolute + relative * |reference|`.
    pub tolerance: Tolerance,
    /// The largest share of elements beyond the tolerance.
    pub outside: f64,
    /// The largest distance in units in the last place.
    pub ulp: Option<u32>,
    /// The smallest cosine similarity.
    pub cosine: Option<f64>,
    /// The smallest signal-to-noise ratio in decibels.
    pub snr_db: Option<f64>,
}

impl OutputLimits {
    /// A tolerance that every element must keep.
    #[must_use]
    pub fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, outside: 0.0, ulp: None, cosine: None, snr_db: None }
    }

    /// The first limit that does not hold, in words.
    pub(crate) fn problem(&self, all: &TileDifference, outside_share: f64) -> Option<String> {
        let not_finite = all.reference_non_finite + all.candidate_non_finite;
        if all.elements == 0 {
            return Some("nothing was compared".to_owned());
        }
        if not_finite > 0 {
            return Some(format!(
                "values that are not finite: {} of the reference and {} of the candidate, of {}",
                all.reference_non_finite, all.candidate_non_finite, all.elements
            ));
        }
        if outside_share > self.outside {
            let Tolerance { absolute, relative, .. } = self.tolerance;
            let relative = if relative > 0.0 { format!(" + {relative:.0e} of the value") } else { String::new() };
            let accepted = if self.outside > 0.0 {
                format!(", and at most a share of {} is accepted", self.outside)
            } else {
                String::new()
            };
            return Some(format!(
                "{} of {} values are beyond the tolerance of {absolute:.1e}{relative}{accepted}; the largest difference is \
                 {:.3e}",
                all.outside, all.elements, all.max_abs
            ));
        }
        if let Some(limit) = self.ulp.filter(|limit| all.max_ulp > *limit) {
            return Some(format!("{} units in the last place, over the limit of {limit}", all.max_ulp));
        }
        if let Some(limit) = self.cosine.filter(|limit| all.cosine() < *limit) {
            return Some(format!("cosine similarity {:.7}, below the limit of {limit}", all.cosine()));
        }
        match (self.snr_db, all.snr_db()) {
            (Some(limit), Some(found)) if found < limit => {
                Some(format!("signal-to-noise ratio {found:.1} dB, below the limit of {limit} dB"))
            }
            _ => None,
        }
    }
}

/// Limits of the decisions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionLimits {
    /// The largest share of tiles on another side of the threshold.
    pub flips: f64,
    /// The largest share of tiles with another most probable class.
    pub class_changes: f64,
    /// The largest loss of AUROC; none for no limit.
    pub auroc_lost: Option<f64>,
}

/// Limits of outputs and decisions.
///
/// ```
/// use kiln_compare::Tolerances;
///
/// let yaml = "outputs:\n  score: {absolute: 1e-3, outside: 0.01}\nprecisions:\n  int8: {decisions: {flips: 0.01}}\n";
/// assert!(Tolerances::parse(yaml, "tolerances.yaml").is_ok());
/// let error = Tolerances::parse("outputs: {score: {absolut: 1}}", "tolerances.yaml").unwrap_err();
/// assert!(error.to_string().contains("`outputs.score.absolut`, nearest `absolute`"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tolerances {
    origin: String,
    every: Section,
    precisions: BTreeMap<String, Section>,
}

/// Changes of the usual limits.
#[derive(Debug, Clone, Default, PartialEq)]
struct Section {
    default: Option<Change>,
    outputs: BTreeMap<String, Change>,
    flips: Option<f64>,
    class_changes: Option<f64>,
    auroc_lost: Option<f64>,
}

/// Changes of an output's limits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Change {
    absolute: Option<f64>,
    relative: Option<f64>,
    outside: Option<f64>,
    ulp: Option<u32>,
    cosine: Option<f64>,
    snr_db: Option<f64>,
}

/// The two sides of a comparison, as far as limits depend on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    /// Precision of each side, `fp32` if unknown.
    pub(crate) precisions: [&'a str; 2],
    /// The largest difference of each output that the exports measured for fp16 and int8 graphs.
    pub(crate) gates: [&'a BTreeMap<String, f64>; 2],
    /// The model has classes, so that its score is a probability.
    pub(crate) classifier: bool,
}

impl<'a> Pair<'a> {
    /// The part of the facts that limits depend on.
    pub(crate) fn new(facts: [&'a SideFacts; 2]) -> Self {
        Self {
            precisions: facts.map(SideFacts::precision_or_fp32),
            gates: facts.map(|facts| &facts.gate),
            classifier: facts.iter().any(|facts| !facts.classes.is_empty()),
        }
    }
}

impl Pair<'_> {
    fn is_lower_precision(&self) -> bool {
        self.precisions.iter().any(|precision| matches!(*precision, "fp16" | "int8"))
    }
}

impl Tolerances {
    /// Refuses limits of outputs that no side has: a misspelt name would silently keep the usual limit.
    pub(crate) fn check_outputs(&self, outputs: &[String]) -> Result<()> {
        let sections = std::iter::once(&self.every).chain(self.precisions.values());
        for name in sections.flat_map(|section| section.outputs.keys()) {
            if !outputs.contains(name) {
                let reason = format!(
                    "there is no output `{name}`, nearest `{}`; there are: {}",
                    nearest(name, outputs.iter().map(String::as_str)),
                    outputs.join(", ")
                );
                return Err(CompareError::Tolerances { origin: self.origin.clone(), reason });
            }
        }
        Ok(())
    }

    /// Limits of an output.
    pub(crate) fn output(&self, name: &str, pair: &Pair<'_>) -> OutputLimits {
        let gate = pair.gates.iter().filter_map(|gate| gate.get(name)).copied().reduce(f64::max);
        let usual = Tolerance::for_output(name, pair.classifier);
        let usual = match gate {
            // Sides that each differ from fp32 by their gate's figure may differ from each other by both.
            Some(_) if pair.is_lower_precision() => Tolerance {
                absolute: pair.gates.iter().filter_map(|gate| gate.get(name)).map(|seen| GATE_MARGIN * seen).sum(),
                relative: 0.0,
                reason: GATE_REASON,
            },
            _ => usual,
        };
        let mut limits = OutputLimits::new(usual);
        if gate.is_some() && pair.is_lower_precision() {
            limits.outside = LOWER_PRECISION_OUTSIDE;
        }
        for section in self.sections(pair) {
            for change in [section.default, section.outputs.get(name).copied()].into_iter().flatten() {
                change.apply(&mut limits);
            }
        }
        limits
    }

    /// Limits of the decisions.
    pub(crate) fn decisions(&self, pair: &Pair<'_>) -> DecisionLimits {
        let lower = pair.is_lower_precision();
        let usual = if lower { LOWER_PRECISION_FLIPS } else { 0.0 };
        let auroc_lost = lower.then_some(LOWER_PRECISION_AUROC);
        let mut limits = DecisionLimits { flips: usual, class_changes: usual, auroc_lost };
        for section in self.sections(pair) {
            limits.flips = section.flips.unwrap_or(limits.flips);
            limits.class_changes = section.class_changes.unwrap_or(limits.class_changes);
            limits.auroc_lost = section.auroc_lost.or(limits.auroc_lost);
        }
        limits
    }

    /// The sections that apply, the strongest last.
    fn sections<'a>(&'a self, pair: &'a Pair<'_>) -> impl Iterator<Item = &'a Section> {
        let own = pair.precisions.iter().rev().find_map(|precision| self.precisions.get(*precision));
        std::iter::once(&self.every).chain(own)
    }
}

impl Change {
    fn apply(self, limits: &mut OutputLimits) {
        if self.absolute.is_some() || self.relative.is_some() {
            // A file that states one part means that part alone.
            let (absolute, relative) = (self.absolute.unwrap_or(0.0), self.relative.unwrap_or(0.0));
            limits.tolerance = Tolerance { absolute, relative, reason: FROM_FILE };
        }
        limits.outside = self.outside.unwrap_or(limits.outside);
        limits.ulp = self.ulp.or(limits.ulp);
        limits.cosine = self.cosine.or(limits.cosine);
        limits.snr_db = self.snr_db.or(limits.snr_db);
    }
}

#[cfg(test)]
mod tests;
