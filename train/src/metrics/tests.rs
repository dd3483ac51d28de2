//! Reference values come from scikit-learn 1.9.1 and NumPy 2.4.6, on the tiles that `tiles()` makes: `roc_auc_score`,
//! `average_precision_score`, `accuracy_score` and the like at 0.625, `LogisticRegression(C=1.0, tol=1e-10)` after
//! `StandardScaler`, and `np.percentile` over 20,000 resamples of the 40 groups.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kiln_files::Fault;
use kiln_tile::{TILE_BYTES, Tile};
use proptest::prelude::*;

use super::*;

/// Knuth's 64-bit linear congruential generator, upper 31 bits: what the reference script draws from as well.
pub(super) fn draws(n: usize, seed: u64) -> Vec<u64> {
    let step =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), step).skip(1).take(n).map(|state| state >> 33).collect()
}

/// 200 tiles in 40 groups of 5, 70 of them anomalous, with 26 distinct scores.
pub(super) fn tiles() -> Vec<Scored> {
    let draws = draws(400, 1);
    let tile = |index: usize| {
        let anomalous = draws[index].is_multiple_of(3);
        let score = (draws[200 + index] % 50) as f64 / 50.0 + if anomalous { 0.3 } else { 0.0 };
        Scored { score: (score * 20.0).round() / 20.0, anomalous, group: format!("slide-{}", index / 5) }
    };
    (0..200).map(tile).collect()
}

fn scored(scores: &[f64], anomalous: &[bool]) -> Vec<Scored> {
    let pairs = scores.iter().zip(anomalous).enumerate();
    pairs.map(|(at, (&score, &anomalous))| Scored { score, anomalous, group: at.to_string() }).collect()
}

pub(super) fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "found {found}, expected {expected}");
}

#[test]
fn ranking_figures_equal_those_of_scikit_learn() {
    let tiles = tiles();
    assert_eq!(tiles.iter().filter(|tile| tile.anomalous).count(), 70);
    close(auroc(&tiles).unwrap(), 0.726_153_846_153_846, 1e-12);
    close(average_precision(&tiles).unwrap(), 0.631_391_003_506_585, 1e-12);
}

#[test]
fn threshold_figures_equal_those_of_scikit_learn() {
    let metrics = measure(&tiles(), 0.625, None, Bootstrap::default()).unwrap();
    close(metrics.accuracy.value, 0.615, 1e-12);
    close(metrics.precision.value, 0.459_770_114_942_529, 1e-12);
    close(metrics.recall.value, 0.571_428_571_428_571, 1e-12);
    close(metrics.f1.value, 0.509_554_140_127_389, 1e-12);
    assert_eq!((metrics.n, metrics.anomalous, metrics.groups), (200, 70, 40));
    assert_eq!(metrics.intervals.caution, None);
}

#[test]
fn intervals_agree_with_those_that_numpy_draws_over_groups() {
    let metrics = measure(&tiles(), 0.625, None, Bootstrap { resamples: 20_000, seed: 3 }).unwrap();
    // Different random numbers: the standard error of a 2.5 % percentile over 20,000 draws is below 0.001 here.
    // The percentiles of average precision are 0.53226 and 0.73054, and its median is 0.00440 above the value.
    for (found, low, high) in
        [(metrics.auroc, 0.651_25, 0.801_33), (metrics.aupr, 0.527_86, 0.726_14), (metrics.f1, 0.409_62, 0.605_26)]
    {
        close(found.low, low, 0.004);
        close(found.high, high, 0.004);
    }
}

#[test]
fn intervals_contain_their_figures_on_tiles_of_any_kind() {
    let bootstrap = Bootstrap { resamples: 100, seed: 0 };
    for seed in 0..30 {
        let draws = draws(150, seed + 1);
        let tile = |at: usize| Scored {
            score: (draws[3 * at] % 1000) as f64 / 1000.0 * if seed % 2 == 0 { 1.0 } else { 0.4 },
            anomalous: if at < 4 { at.is_multiple_of(2) } else { draws[3 * at + 1].is_multiple_of(2 + seed % 4) },
            group: if at < 4 { at.to_string() } else { (draws[3 * at + 2] % 12).to_string() },
        };
        let tiles: Vec<Scored> = (0..50).map(tile).collect();
        let options = MeasureOptions { probabilities: true, ..MeasureOptions::new(0.5, bootstrap) };
        let metrics = measure_with(&tiles, &options).unwrap();
        let trial = Trial { fold: 0, seed, scored: tiles, threshold: 0.5, probabilities: true };
        let (summary, calibration) = (summarise(&[trial], bootstrap).unwrap(), metrics.calibration.unwrap());
        let tpr = [metrics.tpr_at_1_percent_fpr, metrics.tpr_at_5_percent_fpr].into_iter().flatten();
        let figures = [metrics.auroc, metrics.aupr, metrics.f1, metrics.precision, calibration.brier, calibration.ece];
        for found in figures.into_iter().chain(tpr).chain([summary.aupr]).chain(summary.ece) {
            assert!(found.low <= found.value && found.value <= found.high, "{found:?} of seed {seed}");
        }
        assert_eq!((summary.ece, summary.aupr), (Some(calibration.ece), metrics.aupr));
    }
}

#[test]
fn intervals_do_not_depend_on_threads_or_on_the_order_of_tiles() {
    let bootstrap = Bootstrap { resamples: 200, seed: 11 };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let one = pool.install(|| measure(&tiles(), 0.625, None, bootstrap)).unwrap();
    let mut reversed = tiles();
    reversed.reverse();
    assert_eq!(one, measure(&tiles(), 0.625, None, bootstrap).unwrap());
    assert_eq!(one, measure(&reversed, 0.625, None, bootstrap).unwrap());
    let other = measure(&tiles(), 0.625, None, Bootstrap { seed: 12, ..bootstrap }).unwrap();
    assert_ne!(one.auroc, other.auroc);
}

#[test]
fn tiles_of_one_group_do_not_narrow_the_interval() {
    let few = tiles();
    let many: Vec<Scored> = few.iter().flat_map(|tile| std::iter::repeat_n(tile.clone(), 20)).collect();
    let bootstrap = Bootstrap { resamples: 400, seed: 0 };
    let (few, many) = (measure(&few, 0.6, None, bootstrap).unwrap(), measure(&many, 0.6, None, bootstrap).unwrap());
    close(few.auroc.low, many.auroc.low, 1e-12);
    close(few.auroc.high, many.auroc.high, 1e-12);
}

#[test]
fn without_two_groups_a_class_nothing_is_said_of_the_spread() {
    let mut tiles = tiles();
    tiles.iter_mut().for_each(|tile| tile.group = if tile.anomalous { "a".into() } else { "b".into() });
    let metrics = measure(&tiles, 0.625, Some(&tiles), Bootstrap::default()).unwrap();
    assert_eq!((metrics.auroc.low, metrics.auroc.high), (0.0, 1.0));
    assert_eq!(metrics.baseline.gain.map(|gain| (gain.low, gain.high)), Some((-1.0, 1.0)));
    assert_eq!(metrics.intervals.resamples, 0);
    assert!(metrics.intervals.caution.unwrap().contains("one group only"));
    tiles.iter_mut().enumerate().for_each(|(at, tile)| tile.group = (at % 4).to_string());
    let few = measure(&tiles, 0.625, None, Bootstrap::default()).unwrap();
    assert!(few.intervals.caution.unwrap().contains("4 groups only"));
}

#[test]
fn the_baseline_is_resampled_in_pairs_with_the_model() {
    let tiles = tiles();
    let metrics = measure(&tiles, 0.625, Some(&tiles), Bootstrap::default()).unwrap();
    assert_eq!(metrics.baseline.colour_auroc, Some(metrics.auroc));
    assert_eq!(metrics.baseline.gain, Some(Interval { value: 0.0, low: 0.0, high: 0.0 }));
}

#[test]
fn metrics_json_keeps_its_names() {
    let tiles = tiles();
    let metrics = measure(&tiles, 0.625, Some(&tiles), Bootstrap::default()).unwrap();
    let json = serde_json::to_value(&metrics).unwrap();
    assert_eq!(json["n"], 200);
    assert_eq!(json["threshold"], 0.625);
    for name in ["auroc", "aupr", "accuracy", "precision", "recall", "f1"] {
        for part in ["value", "low", "high"] {
            assert!(json[name][part].is_f64(), "{name}.{part}");
        }
    }
    assert!(json["baseline"]["colour_auroc"]["value"].is_f64());
    assert_eq!(serde_json::from_value::<Metrics>(json).unwrap(), metrics);
}

#[test]
fn curves_start_and_end_where_they_must() {
    let roc = roc_curve(&tiles()).unwrap();
    assert_eq!(roc.len(), 27);
    assert_eq!((roc[0].false_positive_rate, roc[0].true_positive_rate), (0.0, 0.0));
    assert_eq!((roc[26].false_positive_rate, roc[26].true_positive_rate), (1.0, 1.0));
    let area: f64 = roc
        .windows(2)
        .map(|pair| {
            let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
            width * f64::midpoint(pair[0].true_positive_rate, pair[1].true_positive_rate)
        })
        .sum();
    close(area, auroc(&tiles()).unwrap(), 1e-12);
    let last = *pr_curve(&tiles()).unwrap().last().unwrap();
    assert_eq!((last.recall, last.precision), (1.0, 0.35));
}

#[test]
fn a_threshold_lies_midway_in_the_widest_gap() {
    let tiles = scored(&[0.1, 0.2, 0.4, 0.9, 0.95], &[false, false, false, true, true]);
    for rule in [ThresholdRule::MaxF1, ThresholdRule::Youden] {
        close(rule.choose(&tiles).unwrap(), 0.65, 1e-6);
    }
}

#[test]
fn rules_choose_what_their_names_say() {
    // One false call in four costs F1 less than a missed tile; there are two normal tiles only, so it costs Youden more.
    let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.3];
    let anomalous = [true, true, true, false, true, false];
    let tiles = scored(&scores, &anomalous);
    close(ThresholdRule::MaxF1.choose(&tiles).unwrap(), 0.4, 1e-6);
    close(ThresholdRule::Youden.choose(&tiles).unwrap(), 0.65, 1e-6);
}

#[test]
fn a_rate_is_kept_on_further_tiles_and_costs_the_least_of_the_other() {
    // 39 anomalous tiles at 1, 2, ..., and 39 normal ones half a point below.
    let scores: Vec<f64> = (1..=39).flat_map(|at| [f64::from(at), f64::from(at) - 0.5]).collect();
    let anomalous: Vec<bool> = (0..78).map(|at| at % 2 == 0).collect();
    let tiles = scored(&scores, &anomalous);
    // A further anomalous tile has each rank of 40 with the same probability: at most two of them may be below.
    let chosen = |rule: &str| rule.parse::<ThresholdRule>().unwrap().choose(&tiles).unwrap();
    close(chosen("sensitivity:0.95"), 1.75, 1e-6);
    close(chosen("sensitivity:0.9"), 3.75, 1e-6);
    close(chosen("specificity:0.95"), 37.75, 1e-6);
    close(chosen("specificity:0.9"), 35.75, 1e-6);
    // The lowest threshold of all finds every tile: with fewer than 39 tiles, 0.975 cannot be promised.
    close(chosen("sensitivity:0.975"), 0.75, 1e-6);
    let error = ThresholdRule::Sensitivity(0.975).choose(&tiles[2..]).unwrap_err().to_string();
    assert!(
        error.contains("`sensitivity:0.975` needs at least 39 anomalous") && error.contains("there are 38"),
        "{error}"
    );
    for (rate, least) in [(0.9, 9), (0.95, 19), (0.99, 99), (0.5, 1), (0.3, 1), (0.9999, 9999)] {
        for rule in [ThresholdRule::Sensitivity(rate), ThresholdRule::Specificity(rate)] {
            assert!(rule.check(least, least).is_ok() && rule.check(least - 1, least - 1).is_err(), "{rule}");
        }
    }
    assert!(ThresholdRule::Sensitivity(0.9).check(0, 9).is_ok() && ThresholdRule::Specificity(0.9).check(9, 0).is_ok());
}

#[test]
fn where_no_threshold_keeps_a_specificity_no_tile_is_anomalous() {
    let rule = ThresholdRule::Specificity(0.6);
    let threshold = rule.choose(&scored(&[0.9, 0.8, 0.1], &[false, true, false])).unwrap();
    assert!(threshold > 0.9 && threshold < 0.9 + 1e-6 && f64::from(threshold as f32) == threshold, "{threshold}");
    let threshold = rule.choose(&scored(&[1e300, 0.8, 0.1], &[false, true, false])).unwrap();
    assert!(threshold > 1e300 && threshold.is_finite());
    // Equal scores across the limit are one step.
    let threshold = rule.choose(&scored(&[0.9, 0.9, 0.1], &[false, true, false])).unwrap();
    assert!(threshold > 0.9, "{threshold}");
    close(
        ThresholdRule::Specificity(0.3).choose(&scored(&[0.9, 0.8, 0.1], &[false, true, false])).unwrap(),
        0.45,
        1e-6,
    );
}

#[test]
fn an_allowed_error_that_gains_nothing_is_not_made() {
    // Separated classes with wide gaps among the tiles that the rate would give up.
    let scores: Vec<f64> = (0..20).map(|at| f64::from(at) * if at < 10 { 1.0 } else { 3.0 }).collect();
    let anomalous: Vec<bool> = (0..20).map(|at| at >= 10).collect();
    let tiles = scored(&scores, &anomalous);
    for rule in ["sensitivity:0.5", "specificity:0.5", "sensitivity:0.9", "specificity:0.9", "youden"] {
        close(rule.parse::<ThresholdRule>().unwrap().choose(&tiles).unwrap(), 19.5, 1e-6);
    }
}

#[test]
fn a_rule_is_written_as_it_is_read() {
    for text in ["max_f1", "youden", "sensitivity:0.95", "specificity:0.995"] {
        let rule: ThresholdRule = text.parse().unwrap();
        assert_eq!(rule.to_string(), text);
        assert_eq!(serde_yaml::to_string(&rule).unwrap().trim(), text);
        assert_eq!(serde_yaml::from_str::<ThresholdRule>(text).unwrap(), rule);
    }
    for text in
        ["max_f2", "sensitivity", "sensitivity:", "sensitivity:0", "sensitivity:1", "specificity:NaN", "youden:1", "95"]
    {
        let error = text.parse::<ThresholdRule>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}`")) && error.contains("sensitivity:0.95"), "{error}");
    }
}

#[test]
fn a_blank_after_the_colon_of_a_rule_makes_a_mapping_with_the_same_meaning() {
    for text in ["sensitivity: 0.9", "{sensitivity: 0.9}", "sensitivity: '0.9'"] {
        assert_eq!(serde_yaml::from_str::<ThresholdRule>(text).unwrap(), ThresholdRule::Sensitivity(0.9));
    }
    for text in [
        "{sensitivity: 0.9, specificity: 0.8}",
        "sensitivity: 9",
        "sensitivity: [0.9]",
        "0.5",
        "[max_f1]",
        "null",
        "{}",
    ] {
        let error = serde_yaml::from_str::<ThresholdRule>(text).unwrap_err().to_string();
        assert!(error.contains("the rules are max_f1, youden"), "{text}: {error}");
    }
}

#[test]
fn a_threshold_survives_single_precision() {
    let threshold = ThresholdRule::MaxF1.choose(&tiles()).unwrap();
    assert_eq!(f64::from(threshold as f32), threshold);
    // Neighbours that f32 cannot tell apart are still split.
    let (low, high) = (0.5, 0.5 + f64::EPSILON);
    let threshold = ThresholdRule::Youden.choose(&scored(&[low, high], &[false, true])).unwrap();
    assert!(low < threshold && threshold <= high);
}

#[test]
fn equal_scores_give_chance_and_call_all_alike() {
    let tiles = scored(&[0.5; 4], &[true, false, true, false]);
    assert_eq!(auroc(&tiles).unwrap(), 0.5);
    assert_eq!(average_precision(&tiles).unwrap(), 0.5);
    assert_eq!(ThresholdRule::MaxF1.choose(&tiles).unwrap(), 0.5);
}

#[test]
fn meaningless_input_is_refused_by_name() {
    let fails = |tiles: &[Scored], says: &str| {
        let error = measure(tiles, 0.5, None, Bootstrap::default()).unwrap_err();
        assert_eq!(error.fault(), Fault::Input);
        assert!(error.to_string().contains(says), "{error}");
        assert!(ThresholdRule::MaxF1.choose(tiles).is_err());
        assert!(roc_curve(tiles).is_err());
    };
    fails(&[], "no tiles");
    fails(&scored(&[0.1, 0.2], &[true, true]), "all 2 tiles are anomalous");
    fails(&scored(&[0.1], &[false]), "all 1 tiles are normal");
    fails(&scored(&[0.1, f64::NAN], &[true, false]), "tile 1 (group `1`) is NaN");
    fails(&scored(&[f64::INFINITY, 0.2], &[true, false]), "tile 0 (group `0`) is inf");
    let tiles = tiles();
    assert!(
        measure(&tiles, f64::NAN, None, Bootstrap::default()).unwrap_err().to_string().contains("threshold is NaN")
    );
    assert!(measure(&tiles, 0.5, Some(&tiles[1..]), Bootstrap::default()).is_err());
    assert!(measure(&tiles, 0.5, None, Bootstrap { resamples: 10, seed: 0 }).is_err());
}

/// 200 rows of uniform features, of which the first and the fifth lean with the label.
fn rows() -> (Vec<[f64; 6]>, Vec<bool>) {
    let labels: Vec<bool> = tiles().iter().map(|tile| tile.anomalous).collect();
    let draws: Vec<f64> = draws(1200, 7).iter().map(|draw| (draw % 1000) as f64 / 1000.0).collect();
    let row = |at: usize| {
        let mut row: [f64; 6] = std::array::from_fn(|column| draws[6 * at + column]);
        if labels[at] {
            row[0] += 0.25;
            row[4] -= 0.1;
        }
        row
    };
    ((0..200).map(row).collect(), labels)
}

#[test]
fn the_colour_baseline_equals_scikit_learns_logistic_regression() {
    let (rows, labels) = rows();
    let baseline = ColourBaseline::fit(&rows, &labels).unwrap();
    let scores: Vec<f64> = rows.iter().map(|row| baseline.score(row)).collect();
    for (found, expected) in scores.iter().zip([0.121_994_19, 0.800_483_54, 0.757_575_79]) {
        close(*found, expected, 1e-5);
    }
    close(auroc(&scored(&scores, &labels)).unwrap(), 0.799_340_659_341, 1e-9);
    // With the labels turned round the anomalous class is the larger one, and every probability its complement.
    let turned: Vec<bool> = labels.iter().map(|label| !label).collect();
    close(ColourBaseline::fit(&rows, &turned).unwrap().score(&rows[0]), 1.0 - 0.121_994_19, 1e-5);
    let kept: ColourBaseline = serde_json::from_str(&serde_json::to_string(&baseline).unwrap()).unwrap();
    assert_eq!(kept, baseline);
}

#[test]
fn out_of_fold_scores_do_not_see_their_own_group() {
    // Without any signal an in-sample fit looks better than chance; an out-of-fold one does not.
    let (rows, labels) = rows();
    let noise: Vec<[f64; 6]> = rows.iter().map(|row| [row[1], row[2], row[3], row[5], 0.0, 0.0]).collect();
    let groups: Vec<String> = (0..200).map(|at| format!("slide-{}", at / 5)).collect();
    let out = ColourBaseline::out_of_fold(&noise, &labels, &groups, 5).unwrap();
    let fitted = ColourBaseline::fit(&noise, &labels).unwrap();
    let within: Vec<f64> = noise.iter().map(|row| fitted.score(row)).collect();
    let area = |scores: &[f64]| auroc(&scored(scores, &labels)).unwrap();
    assert!(area(&out) < area(&within));
    assert!(area(&out) < 0.6);
}

#[test]
fn colour_that_never_varies_and_labels_that_do_not_fit_are_handled() {
    let rows = [[0.5; 6]; 4];
    let baseline = ColourBaseline::fit(&rows, &[true, false, true, false]).unwrap();
    close(baseline.score(&rows[0]), 0.5, 1e-6);
    assert!(ColourBaseline::fit(&rows, &[true]).is_err());
    assert!(ColourBaseline::fit(&rows, &[true; 4]).is_err());
    assert!(ColourBaseline::fit(&[], &[]).is_err());
    assert!(ColourBaseline::fit(&[[f64::NAN; 6]; 2], &[true, false]).is_err());
}

#[test]
fn colour_features_are_means_then_deviations() {
    let pixels: Vec<u8> =
        (0..TILE_BYTES).map(|at| if at % 3 == 0 { if at % 6 == 0 { 0 } else { 255 } } else { 51 }).collect();
    let features = colour_features(&Tile::from_pixels(pixels).unwrap());
    for (found, expected) in features.iter().zip([0.5, 0.2, 0.2, 0.5, 0.0, 0.0]) {
        close(*found, expected, 1e-9);
    }
}

proptest! {
    /// The sweep agrees with the definition, ties and all.
    #[test]
    fn auroc_is_the_chance_to_rank_right(pairs in prop::collection::vec((0_u8..8, any::<bool>()), 2..60)) {
        let scores: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.0)).collect();
        let anomalous: Vec<bool> = pairs.iter().map(|pair| pair.1).collect();
        let tiles = scored(&scores, &anomalous);
        let of = |wanted: bool| tiles.iter().filter(move |tile| tile.anomalous == wanted);
        let count = of(true).count() * of(false).count();
        if count == 0 {
            prop_assert!(auroc(&tiles).is_err());
            return Ok(());
        }
        let wins = |a: &Scored, b: &Scored| if a.score > b.score { 1.0 } else if a.score == b.score { 0.5 } else { 0.0 };
        let total: f64 = of(true).flat_map(|a| of(false).map(move |b| wins(a, b))).sum();
        prop_assert!((auroc(&tiles).unwrap() - total / count as f64).abs() < 1e-12);
    }

    /// No other threshold decides better by the rule's own measure.
    #[test]
    fn the_chosen_threshold_is_the_best(pairs in prop::collection::vec((0_u8..8, any::<bool>()), 2..40)) {
        let scores: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.0)).collect();
        let anomalous: Vec<bool> = pairs.iter().map(|pair| pair.1).collect();
        let tiles = scored(&scores, &anomalous);
        prop_assume!(auroc(&tiles).is_ok());
        let chosen = ThresholdRule::MaxF1.choose(&tiles).unwrap();
        let f1 = |at: f64| Confusion::count(&tiles, at, |_| 1).f1();
        for at in 0..8 {
            prop_assert!(f1(chosen) >= f1(f64::from(at)) - 1e-12);
        }
    }
}
