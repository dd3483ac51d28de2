//! Comparison of two sets of outputs over many batches, with one verdict.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::difference::Difference;
use super::{OutputParity, StainParity, Tolerance};
use crate::decision::{DecisionRule, PROBABILITIES, SCORE, most_probable};
use crate::session::Outputs;

/// The outcome of a comparison. Its field names are part of Kiln's JSON output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParityReport {
    /// Every output is within its tolerance and no decision changed.
    pub passed: bool,
    /// One entry an output of the reference, by name.
    pub outputs: Vec<OutputParity>,
    /// Tiles whose decision changed at any batch size: another side of the threshold, or another most probable class.
    pub decisions_changed: usize,
    /// The first of those tiles, counted from 0; at most [`MAX_NAMED`].
    pub changed_tiles: Vec<usize>,
    /// Distinct tiles compared.
    pub tiles: usize,
    /// Batch sizes at which they were compared, ascending.
    pub batches: Vec<usize>,
    /// Smallest distance of a reference score from the threshold: the margin of the closest decision.
    pub closest_to_threshold: Option<f64>,
    /// The provider that was asked to run the candidate.
    pub provider: String,
    /// Nodes that each provider ran.
    pub nodes: BTreeMap<String, usize>,
    /// Check of stain normalisation; `None` if the graph's caller does none, or it was not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stain_normalisation: Option<StainParity>,
}

impl ParityReport {
    /// Adds the check of stain normalisation; a difference there is a miss.
    #[must_use]
    pub fn with_stain(self, stain: Option<StainParity>) -> Self {
        let passed = self.passed && stain.is_none_or(|stain| stain.passed());
        Self { passed, stain_normalisation: stain, ..self }
    }
}

/// The most changed tiles that a report names.
pub const MAX_NAMED: usize = 20;

/// Collects the differences of many batches. Tiles that are compared at several batch sizes count once.
#[derive(Debug, Clone)]
pub struct Accumulator {
    rule: DecisionRule,
    tolerances: BTreeMap<String, Tolerance>,
    outputs: BTreeMap<String, Difference>,
    seen: BTreeSet<usize>,
    changed: BTreeSet<usize>,
    batches: BTreeSet<usize>,
    closest: Option<f64>,
}

impl Accumulator {
    /// An empty comparison under a decision rule.
    #[must_use]
    pub fn new(rule: DecisionRule) -> Self {
        Self {
            rule,
            tolerances: BTreeMap::new(),
            outputs: BTreeMap::new(),
            seen: BTreeSet::new(),
            changed: BTreeSet::new(),
            batches: BTreeSet::new(),
            closest: None,
        }
    }

    /// Replaces the tolerances of some outputs, by name: for fp16 and int8 graphs.
    #[must_use]
    pub fn with_tolerances(self, tolerances: BTreeMap<String, Tolerance>) -> Self {
        Self { tolerances, ..self }
    }

    /// Adds a batch: the outputs of reference and candidate for the tiles `first_tile ..`. An output that only one side has
    /// is a miss of that output.
    pub fn add(&mut self, first_tile: usize, reference: &Outputs, candidate: &Outputs) {
        for (name, array) in &reference.arrays {
            let difference = self.difference(name);
            match candidate.arrays.get(name) {
                Some(candidate) => difference.add(first_tile, array, candidate),
                None => difference.miss("the candidate has no such output".to_owned()),
            }
        }
        for name in candidate.arrays.keys().filter(|name| !reference.arrays.contains_key(*name)) {
            self.difference(name).miss("the reference has no such output".to_owned());
        }
        self.batches.insert(reference.batch);
        self.seen.extend(first_tile..first_tile + reference.batch);
        for row in 0..reference.batch {
            self.decide(first_tile + row, row, reference, candidate);
        }
    }

    /// The verdict, with the provider that ran the candidate and the nodes that each provider got.
    #[must_use]
    pub fn finish(self, provider: &str, nodes: BTreeMap<String, usize>) -> ParityReport {
        let outputs: Vec<_> = self.outputs.into_iter().map(|(name, difference)| difference.finish(&name)).collect();
        ParityReport {
            passed: !outputs.is_empty() && outputs.iter().all(|output| output.passed) && self.changed.is_empty(),
            decisions_changed: self.changed.len(),
            changed_tiles: self.changed.into_iter().take(MAX_NAMED).collect(),
            tiles: self.seen.len(),
            batches: self.batches.into_iter().collect(),
            closest_to_threshold: self.closest,
            provider: provider.to_owned(),
            nodes,
            stain_normalisation: None,
            outputs,
        }
    }

    fn difference(&mut self, name: &str) -> &mut Difference {
        let tolerance = self.tolerances.get(name).copied();
        let tolerance = tolerance.unwrap_or_else(|| Tolerance::for_output(name, !self.rule.classes().is_empty()));
        self.outputs.entry(name.to_owned()).or_insert_with(|| Difference::new(tolerance))
    }

    fn decide(&mut self, tile: usize, row: usize, reference: &Outputs, candidate: &Outputs) {
        let (Some(expected), Some(found)) = (score(reference, row), score(candidate, row)) else { return };
        let distance = (f64::from(expected) - self.rule.threshold()).abs();
        self.closest = Some(self.closest.map_or(distance, |closest| closest.min(distance)));
        let side_changed = self.rule.is_anomalous(expected) != self.rule.is_anomalous(found);
        if side_changed || most_probable_class(reference, row) != most_probable_class(candidate, row) {
            self.changed.insert(tile);
        }
    }
}

fn score(outputs: &Outputs, row: usize) -> Option<f32> {
    outputs.arrays.get(SCORE).and_then(|scores| scores.get([row].as_slice()).copied())
}

fn most_probable_class(outputs: &Outputs, row: usize) -> Option<usize> {
    let probabilities = outputs.arrays.get(PROBABILITIES)?;
    let classes = *probabilities.shape().get(1)?;
    most_probable((0..classes).filter_map(|class| probabilities.get([row, class].as_slice()).copied()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::{Array1, Array2};

    fn rule() -> DecisionRule {
        DecisionRule::new(0.5, vec!["benign".to_owned(), "tumour".to_owned()], &["benign".to_owned()])
    }

    fn outputs(scores: &[f32]) -> Outputs {
        let probabilities =
            Array2::from_shape_fn(
                (scores.len(), 2),
                |(row, class)| {
                    if class == 1 { scores[row] } else { 1.0 - scores[row] }
                },
            );
        Outputs {
            batch: scores.len(),
            arrays: BTreeMap::from([
                ("score".to_owned(), Array1::from(scores.to_vec()).into_dyn()),
                ("probabilities".to_owned(), probabilities.into_dyn()),
            ]),
        }
    }

    fn report(accumulator: Accumulator) -> ParityReport {
        accumulator.finish("cpu", BTreeMap::from([("cpu".to_owned(), 7)]))
    }

    #[test]
    fn the_same_tiles_at_several_batch_sizes_count_once() {
        let mut accumulator = Accumulator::new(rule());
        accumulator.add(0, &outputs(&[0.1, 0.9]), &outputs(&[0.1, 0.9]));
        accumulator.add(0, &outputs(&[0.1]), &outputs(&[0.1]));
        accumulator.add(1, &outputs(&[0.9]), &outputs(&[0.9]));
        let report = report(accumulator);
        assert!(report.passed);
        assert_eq!((report.tiles, report.batches.as_slice()), (2, &[1, 2][..]));
        assert!((report.closest_to_threshold.unwrap() - 0.4).abs() < 1e-6);
    }

    #[test]
    fn a_decision_that_changed_fails_even_within_tolerance() {
        let mut accumulator = Accumulator::new(rule());
        accumulator.add(4, &outputs(&[0.1, 0.499_999]), &outputs(&[0.1, 0.500_001]));
        let report = report(accumulator);
        assert!(report.outputs.iter().all(|output| output.passed));
        assert_eq!((report.passed, report.decisions_changed, report.changed_tiles), (false, 1, vec![5]));
    }

    #[test]
    fn a_missing_output_and_an_unknown_one_are_misses() {
        let (whole, mut part) = (outputs(&[0.1]), outputs(&[0.1]));
        part.arrays.remove("probabilities");
        for (reference, candidate) in [(&whole, &part), (&part, &whole)] {
            let mut accumulator = Accumulator::new(rule());
            accumulator.add(0, reference, candidate);
            let report = report(accumulator);
            assert!(!report.passed);
            let missed = report.outputs.iter().find(|output| output.name == "probabilities").unwrap();
            assert!(missed.problem.as_ref().unwrap().contains("no such output"));
        }
    }

    #[test]
    fn a_comparison_of_nothing_does_not_pass() {
        assert!(!report(Accumulator::new(rule())).passed);
    }

    #[test]
    fn the_report_has_the_stable_names() {
        let mut accumulator = Accumulator::new(rule());
        accumulator.add(0, &outputs(&[0.1]), &outputs(&[0.1]));
        let json = serde_json::to_value(report(accumulator)).unwrap();
        for name in ["passed", "outputs", "decisions_changed", "tiles", "provider", "nodes"] {
            assert!(json.get(name).is_some(), "{name}");
        }
        for name in ["name", "max_abs", "mean_abs", "max_rel", "cosine", "tolerance"] {
            assert!(json["outputs"][0].get(name).is_some(), "{name}");
        }
    }
}
