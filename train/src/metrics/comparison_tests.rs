//! Figures beyond ranking and threshold, and figures over several trainings. Reference values come from scikit-learn
//! 1.9.1 (`roc_curve`, `brier_score_loss`) and from NumPy over the matrix of all pairs, on the tiles that `tests` makes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::tests::{close, draws, tiles};
use super::*;

/// The tiles again, with scores that `score` makes of a draw.
fn scored_by(seed: u64, score: impl Fn(u64, bool) -> f64) -> Vec<Scored> {
    let drawn = tiles().into_iter().zip(draws(200, seed));
    drawn.map(|(tile, draw)| Scored { score: score(draw, tile.anomalous), ..tile }).collect()
}

fn probabilities() -> Vec<Scored> {
    scored_by(5, |draw, anomalous| (draw % 1000) as f64 / 1000.0 * 0.7 + if anomalous { 0.3 } else { 0.0 })
}

fn others() -> Vec<Scored> {
    scored_by(9, |draw, anomalous| (draw % 40) as f64 / 40.0 + if anomalous { 0.15 } else { 0.0 })
}

fn trial(fold: usize, seed: u64, scored: Vec<Scored>) -> Trial {
    Trial { fold, seed, scored, threshold: 0.625, probabilities: false }
}

const DRAWS: Bootstrap = Bootstrap { resamples: 2000, seed: 3 };

#[test]
fn true_positives_at_few_false_ones_equal_those_of_scikit_learn() {
    let metrics = measure(&tiles(), 0.625, None, DRAWS).unwrap();
    let (one, five) = (metrics.tpr_at_1_percent_fpr.unwrap(), metrics.tpr_at_5_percent_fpr.unwrap());
    close(one.value, 0.228_571_428_571_429, 1e-12);
    close(five.value, 0.3, 1e-12);
    for figure in [one, five] {
        assert!(figure.low <= figure.value && figure.value <= figure.high && figure.low < figure.high);
    }
}

#[test]
fn calibration_equals_the_reference() {
    let options = MeasureOptions { probabilities: true, ..MeasureOptions::new(0.5, DRAWS) };
    let calibration = measure_with(&probabilities(), &options).unwrap().calibration.unwrap();
    close(calibration.brier.value, 0.152_203_363_9, 1e-12);
    close(calibration.ece.value, 0.118_363, 1e-9);
    let counts: Vec<u64> = calibration.bins.iter().map(|bin| bin.n).collect();
    assert_eq!(counts, [20, 20, 20, 20, 20, 20, 19, 21, 20, 20]);
    assert!(calibration.bins.windows(2).all(|pair| pair[0].mean_score < pair[1].mean_score));
    assert!(measure(&probabilities(), 0.5, None, DRAWS).unwrap().calibration.is_none(), "nobody said so");
}

#[test]
fn a_probability_that_is_right_on_average_costs_nothing_and_one_outside_is_refused() {
    let mut always = tiles();
    always.iter_mut().for_each(|tile| tile.score = 0.35);
    let options = MeasureOptions { probabilities: true, ..MeasureOptions::new(0.5, DRAWS) };
    let calibration = measure_with(&always, &options).unwrap().calibration.unwrap();
    // 70 of 200 are anomalous.
    close(calibration.ece.value, 0.0, 1e-12);
    close(calibration.brier.value, 0.35 * 0.65, 1e-12);
    assert_eq!(calibration.bins.len(), 1);
    let outside = measure_with(&tiles(), &options).unwrap_err().to_string();
    assert!(outside.contains("is not a probability"), "{outside}");
}

#[test]
fn errors_of_reconstructions_are_averaged_by_truth() {
    let errors: Vec<f64> = tiles().iter().map(|tile| if tile.anomalous { 0.02 } else { 0.01 }).collect();
    let options = MeasureOptions { squared_errors: Some(&errors), ..MeasureOptions::new(0.5, DRAWS) };
    let found = measure_with(&tiles(), &options).unwrap().reconstruction.unwrap();
    close(found.mse_normal.value, 0.01, 1e-12);
    close(found.mse_anomalous.high, 0.02, 1e-12);
    close(found.mse.value, 0.0135, 1e-12);
    let short = MeasureOptions { squared_errors: Some(&errors[1..]), ..options };
    assert!(measure_with(&tiles(), &short).is_err());
}

#[test]
fn failures_are_counted_by_label_and_group() {
    let scores = [(0.9, false, "a"), (0.1, true, "a"), (0.2, true, "b"), (0.8, true, "b"), (0.1, false, "c")];
    let scored: Vec<Scored> =
        scores.iter().map(|&(score, anomalous, group)| Scored { score, anomalous, group: group.to_owned() }).collect();
    let failures = Failures::new(&scored, &["benign", "tumour", "necrosis", "tumour", "benign"], 0.5);
    let classes: Vec<(&str, usize, usize)> =
        failures.classes.iter().map(|class| (class.label.as_str(), class.n, class.wrong)).collect();
    assert_eq!(classes, [("benign", 2, 1), ("necrosis", 1, 1), ("tumour", 2, 1)]);
    let groups: Vec<(&str, usize, usize)> = failures
        .groups
        .iter()
        .map(|group| (group.group.as_str(), group.false_positive, group.false_negative))
        .collect();
    assert_eq!(groups, [("a", 1, 1), ("b", 0, 1)]);
    assert_eq!(failures.groups_with_failures, 2);
}

#[test]
fn delongs_test_and_its_extension_to_groups_equal_the_reference() {
    let found = compare(&[trial(0, 1, tiles())], &[trial(0, 1, others())], DRAWS).unwrap();
    close(found.difference.value, 0.083_736_263_736_264, 1e-12);
    close(found.delong.standard_error.unwrap(), 0.056_501_204_283_866, 1e-12);
    close(found.delong.z.unwrap(), 1.482_026_176_213_296, 1e-10);
    close(found.delong.p.unwrap(), 0.138_333_330_098_127, 1e-9);
    close(found.clustered.standard_error.unwrap(), 0.055_908_599_657_245, 1e-12);
    close(found.clustered.p.unwrap(), 0.134_202_127_438_453, 1e-9);
    // The bootstrap over groups, with other mathematics, finds the same spread.
    close((found.difference.high - found.difference.low) / (2.0 * 1.96), 0.056, 0.005);
    close(found.p_bootstrap.unwrap(), 0.134, 0.04);
}

#[test]
fn a_model_does_not_differ_from_itself() {
    let same = compare(&[trial(0, 1, tiles())], &[trial(0, 2, tiles())], DRAWS).unwrap();
    assert_eq!(same.difference, Interval { value: 0.0, low: 0.0, high: 0.0 });
    assert_eq!((same.p_bootstrap, same.delong.p, same.clustered.p), (Some(1.0), Some(1.0), Some(1.0)));
    let back = compare(&[trial(0, 1, others())], &[trial(0, 1, tiles())], DRAWS).unwrap();
    let forth = compare(&[trial(0, 1, tiles())], &[trial(0, 1, others())], DRAWS).unwrap();
    close(back.difference.low, -forth.difference.high, 1e-12);
    assert_eq!(back.p_bootstrap, forth.p_bootstrap);
}

#[test]
fn models_are_only_compared_on_the_same_tiles() {
    let mut turned = others();
    turned[7].anomalous = !turned[7].anomalous;
    assert!(compare(&[trial(0, 1, tiles())], &[trial(0, 1, turned)], DRAWS).is_err());
    let fold = compare(&[trial(0, 1, tiles()), trial(1, 1, others())], &[trial(0, 1, tiles())], DRAWS);
    assert!(fold.unwrap_err().to_string().contains("1 folds cannot be compared with 2"));
    assert!(compare(&[], &[trial(0, 1, tiles())], DRAWS).is_err());
}

#[test]
fn one_trial_summarises_to_its_own_figures() {
    let summary = summarise(&[trial(0, 1, tiles())], DRAWS).unwrap();
    let metrics = measure(&tiles(), 0.625, None, DRAWS).unwrap();
    assert_eq!((summary.auroc, summary.f1, summary.specificity), (metrics.auroc, metrics.f1, metrics.specificity));
    assert_eq!(summary.tpr_at_5_percent_fpr, metrics.tpr_at_5_percent_fpr.unwrap());
    assert_eq!((summary.n, summary.groups, summary.auroc_sd, summary.ece), (200, 40, None, None));
    assert_eq!(summary.caution, None);
    let few = summarise(&[trial(0, 1, tiles()[..30].to_vec())], DRAWS).unwrap();
    assert!(few.caution.unwrap().contains("in 6 groups only"));
    let one: Vec<Scored> = tiles().into_iter().map(|tile| Scored { group: "a".to_owned(), ..tile }).collect();
    let nothing = summarise(&[trial(0, 1, one)], DRAWS).unwrap();
    assert_eq!((nothing.auroc.low, nothing.auroc.high), (0.0, 1.0));
    assert!(nothing.caution.unwrap().contains("one group only"));
}

#[test]
fn folds_are_weighed_by_their_tiles_and_seeds_are_averaged() {
    let (first, second): (Vec<Scored>, Vec<Scored>) = (tiles()[..80].to_vec(), tiles()[80..].to_vec());
    let (other_first, other_second) = (others()[..80].to_vec(), others()[80..].to_vec());
    let areas = [&first, &second, &other_first, &other_second].map(|part| auroc(part).unwrap());
    let trials = [trial(0, 1, first), trial(1, 1, second), trial(0, 2, other_first.clone()), trial(1, 2, other_second)];
    let summary = summarise(&trials, DRAWS).unwrap();
    let by_seed = [0.4 * areas[0] + 0.6 * areas[1], 0.4 * areas[2] + 0.6 * areas[3]];
    close(summary.auroc.value, f64::midpoint(by_seed[0], by_seed[1]), 1e-12);
    close(summary.auroc_sd.unwrap(), (by_seed[0] - by_seed[1]).abs() / 2.0_f64.sqrt(), 1e-12);
    assert_eq!((summary.trials, summary.n, summary.groups), (4, 200, 40));
    // A fold's trials must have scored the same tiles.
    let mixed = [trials[0].clone(), trial(0, 2, others()[40..120].to_vec())];
    assert!(summarise(&mixed, DRAWS).is_err());
    assert!(summarise(&[], DRAWS).is_err());
}
