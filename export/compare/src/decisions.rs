//! Decisions of two sides on the same tiles: tiles on another side of the threshold, with their margins; tiles with another
//! most probable class; and, where labels are known, ranking and calibration of both.

use kiln_runtime::decision::{PROBABILITIES, SCORE, most_probable};
use kiln_train::metrics::{Bootstrap, Interval, Scored, Trial, auroc, compare, expected_calibration_error};
use serde::{Deserialize, Serialize};

use crate::engine::SideRows;
use crate::facts::SideFacts;
use crate::tiles::TileInfo;
use crate::tolerances::DecisionLimits;

/// The most tiles that a report names.
const NAMED: usize = 1000;

/// Decisions of a candidate beside those of the reference. Each side has its own threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// All limits hold.
    pub passed: bool,
    /// Tiles with a score on both sides.
    pub tiles: usize,
    /// Tiles on another side of the threshold.
    pub flips: usize,
    /// Of these, normal by the reference and anomalous by the candidate.
    pub to_anomalous: usize,
    /// Of these, anomalous by the reference and normal by the candidate.
    pub to_normal: usize,
    /// The tiles, those with the largest change of the score first; at most 1000.
    pub flipped: Vec<Flip>,
    /// Tiles with another most probable class.
    pub class_changes: usize,
    /// The tiles; at most 1000.
    pub changed_classes: Vec<ClassChange>,
    /// Tiles with a score or probability on a side that is NaN or infinite.
    pub undefined: usize,
    /// The largest share of flips that is accepted.
    pub flips_limit: f64,
    /// The largest share of class changes that is accepted.
    pub class_changes_limit: f64,
    /// Threshold of the reference; none if unknown.
    pub threshold: Option<f64>,
    /// Threshold of the candidate; none if unknown.
    pub candidate_threshold: Option<f64>,
    /// Smallest distance of a reference score from the threshold.
    pub closest_to_threshold: Option<f64>,
    /// The tile with that score.
    pub closest_path: Option<String>,
    /// Tiles whose label is known.
    pub labelled: usize,
    /// Ranking of both sides; none without labels of both kinds.
    pub auroc: Option<Auroc>,
    /// Calibration of both sides; none without labels of both kinds, or if a score is no probability.
    pub calibration: Option<Calibration>,
    /// The first limit that does not hold.
    pub problem: Option<String>,
}

/// A tile on another side of the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// The tile's name.
    pub path: String,
    /// Score of the reference.
    pub reference: f32,
    /// Score of the candidate.
    pub candidate: f32,
    /// The reference's score minus its threshold: at least 0 for an anomalous tile.
    pub reference_margin: f64,
    /// The candidate's score minus its threshold.
    pub candidate_margin: f64,
    /// The label, if known.
    pub label: Option<String>,
}

/// A tile with another most probable class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassChange {
    /// The tile's name.
    pub path: String,
    /// Most probable class of the reference.
    pub reference: String,
    /// Most probable class of the candidate.
    pub candidate: String,
    /// The reference's lead of its class over the candidate's class: the margin that was lost.
    pub margin: f32,
}

/// Areas under the ROC curve of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Auroc {
    /// Of the reference.
    pub reference: f64,
    /// Of the candidate.
    pub candidate: f64,
    /// Candidate minus reference, with a 95 % interval by resampling groups in pairs.
    pub difference: Interval,
    /// Two-sided p-value of that bootstrap; none if groups cannot be resampled.
    pub p: Option<f64>,
    /// The largest loss that is accepted; none for no limit.
    pub lost_limit: Option<f64>,
}

/// Expected calibration errors of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Of the reference.
    pub reference: f64,
    /// Of the candidate.
    pub candidate: f64,
}

/// Both sides, their rows, and the tiles of the rows.
#[derive(Clone, Copy)]
pub(crate) struct DecisionInput<'a> {
    pub(crate) tiles: &'a [TileInfo],
    /// The tiles that were answered.
    pub(crate) answered: &'a [usize],
    pub(crate) facts: [&'a SideFacts; 2],
    pub(crate) rows: [&'a SideRows; 2],
    pub(crate) limits: DecisionLimits,
    pub(crate) bootstrap: Bootstrap,
}

impl DecisionInput<'_> {
    /// Compares the decisions; `None` if a side has no score or no threshold is known.
    pub(crate) fn decide(&self) -> Option<Decisions> {
        let scores = [0, 1].map(|side: usize| self.rows[side].whole(SCORE));
        let [Some(reference), Some(candidate)] = scores else { return None };
        // A side without a threshold, such as arrays of another program, has the other's.
        let [of_reference, of_candidate] = self.facts.map(|facts| facts.threshold);
        let thresholds = [of_reference.or(of_candidate)?, of_candidate.or(of_reference)?];
        let mut decisions = Decisions {
            flips_limit: self.limits.flips,
            class_changes_limit: self.limits.class_changes,
            threshold: Some(thresholds[0]),
            candidate_threshold: Some(thresholds[1]),
            ..Decisions::default()
        };
        let is_anomalous = |side: usize, score: f32| f64::from(score) >= thresholds[side];
        for (row, tile) in self.answered.iter().enumerate() {
            let (Some(a), Some(b)) = (reference.get(row).copied(), candidate.get(row).copied()) else { continue };
            let path = || self.tiles[*tile].path.clone();
            if !(a.is_finite() && b.is_finite()) {
                decisions.undefined += 1;
                continue;
            }
            decisions.tiles += 1;
            let margins = [f64::from(a) - thresholds[0], f64::from(b) - thresholds[1]];
            if decisions.closest_to_threshold.is_none_or(|closest| margins[0].abs() < closest) {
                decisions.closest_to_threshold = Some(margins[0].abs());
                decisions.closest_path = Some(path());
            }
            if is_anomalous(0, a) != is_anomalous(1, b) {
                decisions.flips += 1;
                *(if is_anomalous(1, b) { &mut decisions.to_anomalous } else { &mut decisions.to_normal }) += 1;
                decisions.flipped.push(Flip {
                    path: path(),
                    reference: a,
                    candidate: b,
                    reference_margin: margins[0],
                    candidate_margin: margins[1],
                    label: self.tiles[*tile].label.clone(),
                });
            }
        }
        let change = |flip: &Flip| f64::from(flip.candidate - flip.reference).abs();
        decisions.flipped.sort_by(|a, b| change(b).total_cmp(&change(a)).then_with(|| a.path.cmp(&b.path)));
        decisions.flipped.truncate(NAMED);
        self.add_classes(&mut decisions);
        self.add_ranking(&mut decisions, reference, candidate);
        decisions.problem = self.problem(&decisions);
        decisions.passed = decisions.problem.is_none();
        Some(decisions)
    }

    fn add_classes(&self, decisions: &mut Decisions) {
        let probabilities = [0, 1].map(|side: usize| self.rows[side].rows_of(PROBABILITIES));
        let [Some((classes, a)), Some((others, b))] = probabilities else { return };
        if classes != others || classes == 0 {
            return;
        }
        let name = |side: usize, class: usize| {
            // A side without names, such as arrays of another program, has those of the other.
            let own = &self.facts[side].classes;
            let names = if own.is_empty() { &self.facts[1 - side].classes } else { own };
            names.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
        };
        for (row, (a, b)) in a.chunks_exact(classes).zip(b.chunks_exact(classes)).enumerate() {
            let Some(tile) = self.answered.get(row) else { continue };
            if a.iter().chain(b).any(|value| !value.is_finite()) {
                continue;
            }
            let highest = |row: &[f32]| most_probable(row.iter().copied());
            let (Some(of_a), Some(of_b)) = (highest(a), highest(b)) else { continue };
            if name(0, of_a) == name(1, of_b) {
                continue;
            }
            decisions.class_changes += 1;
            if decisions.changed_classes.len() < NAMED {
                decisions.changed_classes.push(ClassChange {
                    path: self.tiles[*tile].path.clone(),
                    reference: name(0, of_a),
                    candidate: name(1, of_b),
                    margin: a[of_a] - a[of_b],
                });
            }
        }
    }

    /// The truth is by the reference's normal labels, or the candidate's if the reference has none.
    fn add_ranking(&self, decisions: &mut Decisions, reference: &[f32], candidate: &[f32]) {
        let normal = self.facts.iter().map(|facts| &facts.normal_classes).find(|labels| !labels.is_empty());
        let Some(normal) = normal else { return };
        let mut sides = [Vec::new(), Vec::new()];
        for (row, tile) in self.answered.iter().enumerate() {
            let info = &self.tiles[*tile];
            let Some(label) = &info.label else { continue };
            let (Some(a), Some(b)) = (reference.get(row), candidate.get(row)) else { continue };
            let (a, b) = (f64::from(*a), f64::from(*b));
            if !(a.is_finite() && b.is_finite()) {
                continue;
            }
            let (anomalous, group) = (!normal.contains(label), info.group.clone().unwrap_or_else(|| info.path.clone()));
            for (side, score) in sides.iter_mut().zip([a, b]) {
                side.push(Scored { score, anomalous, group: group.clone() });
            }
        }
        decisions.labelled = sides[0].len();
        let (Ok(a), Ok(b)) = (auroc(&sides[0]), auroc(&sides[1])) else { return };
        if let (Ok(a), Ok(b)) = (expected_calibration_error(&sides[0]), expected_calibration_error(&sides[1]))
            && self.facts.iter().any(|facts| !facts.classes.is_empty())
        {
            decisions.calibration = Some(Calibration { reference: a, candidate: b });
        }
        let trial = |scored: Vec<Scored>| [Trial { fold: 0, seed: 0, scored, threshold: 0.0, probabilities: false }];
        let [of_reference, of_candidate] = sides.map(trial);
        let Ok(found) = compare(&of_candidate, &of_reference, self.bootstrap) else { return };
        decisions.auroc = Some(Auroc {
            reference: a,
            candidate: b,
            difference: found.difference,
            p: found.p_bootstrap,
            lost_limit: self.limits.auroc_lost,
        });
    }

    fn problem(&self, decisions: &Decisions) -> Option<String> {
        let all = (decisions.tiles + decisions.undefined).max(1) as f64;
        let accepted = |limit: f64| {
            if limit > 0.0 { format!("; at most {:.2} % are accepted", 100.0 * limit) } else { String::new() }
        };
        if decisions.tiles + decisions.undefined == 0 {
            return Some("no tile has a score".to_owned());
        }
        if decisions.undefined > 0 {
            return Some(format!("{} tiles have a score that is not finite", decisions.undefined));
        }
        if decisions.flips as f64 / all > self.limits.flips {
            return Some(format!(
                "{} of {} decisions flip: {} to anomalous, {} to normal{}",
                decisions.flips,
                decisions.tiles,
                decisions.to_anomalous,
                decisions.to_normal,
                accepted(self.limits.flips)
            ));
        }
        if decisions.class_changes as f64 / all > self.limits.class_changes {
            return Some(format!(
                "{} of {} tiles have another most probable class{}",
                decisions.class_changes,
                decisions.tiles,
                accepted(self.limits.class_changes)
            ));
        }
        let auroc = decisions.auroc?;
        let limit = self.limits.auroc_lost.filter(|limit| -auroc.difference.value > *limit)?;
        Some(format!("the AUROC falls by {:.4}, over the limit of {limit}", -auroc.difference.value))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::facts::SideKind;

    fn facts(threshold: f64) -> SideFacts {
        let mut facts = SideFacts::new(SideKind::Bundle, "b", threshold);
        facts.classes = vec!["benign".to_owned(), "tumour".to_owned()];
        facts.normal_classes = vec!["benign".to_owned()];
        facts
    }

    fn rows(scores: &[f32]) -> SideRows {
        let mut rows = SideRows::default();
        rows.set(SCORE, 1, scores.to_vec());
        rows.set(PROBABILITIES, 2, scores.iter().flat_map(|score| [1.0 - score, *score]).collect());
        rows
    }

    fn tiles(n: usize) -> Vec<TileInfo> {
        let label = |at: usize| Some(if at % 2 == 1 { "tumour" } else { "benign" }.to_owned());
        (0..n).map(|at| TileInfo { path: format!("{at}.png"), label: label(at), group: None }).collect()
    }

    fn decided(a: &[f32], b: &[f32], thresholds: [f64; 2], flips: f64) -> Decisions {
        let (tiles, answered) = (tiles(a.len()), (0..a.len()).collect::<Vec<_>>());
        let sides = thresholds.map(facts);
        DecisionInput {
            tiles: &tiles,
            answered: &answered,
            facts: [&sides[0], &sides[1]],
            rows: [&rows(a), &rows(b)],
            limits: DecisionLimits { flips, class_changes: flips, auroc_lost: Some(0.01) },
            bootstrap: Bootstrap { resamples: 100, seed: 0 },
        }
        .decide()
        .unwrap()
    }

    #[test]
    fn flips_are_named_with_their_margins_in_both_directions() {
        let found = decided(&[0.1, 0.9, 0.4, 0.6], &[0.1, 0.9, 0.7, 0.45], [0.5, 0.5], 0.0);
        assert_eq!((found.flips, found.to_anomalous, found.to_normal, found.class_changes), (2, 1, 1, 2));
        assert_eq!(found.flipped[0].path, "2.png");
        assert!((found.flipped[0].candidate_margin - 0.2).abs() < 1e-6);
        assert!(found.flipped[0].reference_margin < 0.0);
        assert_eq!(
            (found.changed_classes[0].reference.as_str(), found.changed_classes[0].candidate.as_str()),
            ("benign", "tumour")
        );
        assert!(!found.passed && found.problem.unwrap().contains("2 of 4 decisions flip"));
        assert!((found.closest_to_threshold.unwrap() - 0.1).abs() < 1e-6);
    }

    #[test]
    fn another_threshold_flips_without_a_difference_of_scores() {
        let found = decided(&[0.1, 0.9, 0.4, 0.6], &[0.1, 0.9, 0.4, 0.6], [0.5, 0.7], 0.0);
        assert_eq!((found.flips, found.class_changes), (1, 0));
        assert_eq!(found.flipped[0].path, "3.png");
    }

    #[test]
    fn a_share_of_flips_may_be_accepted() {
        assert!(decided(&[0.1, 0.9, 0.4, 0.6], &[0.1, 0.9, 0.55, 0.6], [0.5, 0.5], 0.25).passed);
    }

    #[test]
    fn a_score_that_is_no_number_is_no_decision() {
        let found = decided(&[0.1, 0.9], &[0.1, f32::NAN], [0.5, 0.5], 1.0);
        assert_eq!((found.tiles, found.undefined, found.passed), (1, 1, false));
    }

    #[test]
    fn ranking_and_calibration_are_those_of_both_sides() {
        let a: Vec<f32> = (0..40_u8).map(|at| if at % 2 == 1 { 0.9 } else { 0.1 }).collect();
        let mut b = a.clone();
        b[1] = 0.05;
        b[3] = 0.05;
        let found = decided(&a, &b, [0.5, 0.5], 1.0);
        let auroc = found.auroc.unwrap();
        assert_eq!((auroc.reference, auroc.candidate), (1.0, 0.9));
        assert!((auroc.difference.value + 0.1).abs() < 1e-12 && auroc.difference.low < -0.1);
        assert!(found.calibration.is_some());
        assert!(found.problem.unwrap().contains("AUROC falls by 0.1000"));
        assert!(decided(&a, &a, [0.5, 0.5], 0.0).passed);
    }
}
