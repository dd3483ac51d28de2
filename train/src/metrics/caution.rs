//! Warnings about scores that separate nothing, or in the wrong direction. The figures alone do not show why.

use super::summary::{Trial, folds};
use super::{Interval, MetricsError, Scored};

/// Scores that differ by less than this fraction of the largest one are the same: burn and ONNX Runtime may differ by as
/// much.
const SAME: f64 = 1e-5;

/// Warning about the scores of tiles with this AUROC; `None` if they separate normal from anomalous tiles, and the threshold
/// leaves tiles on both sides. The interval of the AUROC counts only if it was `resampled`.
pub(super) fn of_scores(scored: &[Scored], threshold: f64, auroc: Interval, resampled: bool) -> Option<String> {
    if let Some(same) = one_score(scored) {
        return Some(same);
    }
    let parts: Vec<String> = [one_sided(scored, threshold), ranking(auroc, resampled)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Warnings about the scores of several trainings of a model.
pub(crate) struct TrialCautions {
    /// Trainings whose scores separate nothing, by their index.
    pub(crate) trials: Vec<(usize, String)>,
    /// Warning about the AUROC over all trainings.
    pub(crate) ranking: Option<String>,
}

/// Warnings about the trainings of a model with this AUROC over all of them: as [`of_scores`], with the ranking over all.
///
/// # Errors
/// As [`summarise`](super::summarise).
pub(crate) fn of_trials(trials: &[Trial], auroc: Interval) -> Result<TrialCautions, MetricsError> {
    let resampled = folds(trials)?.iter().all(|fold| fold.groups.can_resample());
    let of_trial = |(at, trial): (usize, &Trial)| {
        Some((at, one_score(&trial.scored).or_else(|| one_sided(&trial.scored, trial.threshold))?))
    };
    let is_constant = trials.iter().all(|trial| one_score(&trial.scored).is_some());
    Ok(TrialCautions {
        trials: trials.iter().enumerate().filter_map(of_trial).collect(),
        ranking: ranking(auroc, resampled).filter(|_| !is_constant),
    })
}

/// The lowest and the highest score.
fn range(scored: &[Scored]) -> (f64, f64) {
    scored
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), tile| (low.min(tile.score), high.max(tile.score)))
}

/// Warning about one score for all tiles.
fn one_score(scored: &[Scored]) -> Option<String> {
    let (low, high) = range(scored);
    (high - low <= SAME * low.abs().max(high.abs()))
        .then(|| format!("all scores are {high}, or nearly so, and a decision at any threshold means nothing"))
}

/// Warning about a threshold that has all scores on one side.
fn one_sided(scored: &[Scored], threshold: f64) -> Option<String> {
    let (low, high) = range(scored);
    let (side, decision) = match () {
        () if threshold > high => ("below", "normal"),
        () if threshold <= low => ("at or above", "anomalous"),
        () => return None,
    };
    Some(format!(
        "all scores are {side} the threshold {threshold}, so every decision is {decision}: it was chosen on other data, or \
         its rule allows no other choice"
    ))
}

/// Warning about an AUROC at or below chance.
fn ranking(auroc: Interval, resampled: bool) -> Option<String> {
    if !resampled {
        return None;
    }
    if auroc.high < 0.5 {
        return Some(
            "the AUROC is below 0.5, because most anomalous scores are lower than normal ones; check what counts as normal"
                .to_owned(),
        );
    }
    (auroc.low <= 0.5).then(|| "the AUROC may be chance: its interval contains 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Bootstrap, measure, summarise};
    use super::*;

    /// 40 tiles of 20 groups, every second one anomalous, at a threshold between their scores.
    fn caution(score: impl Fn(usize) -> f64) -> Option<String> {
        let middle = f64::midpoint(score(0), score(39));
        at_threshold(score, middle)
    }

    fn at_threshold(score: impl Fn(usize) -> f64, threshold: f64) -> Option<String> {
        let tile = |at: usize| Scored { score: score(at), anomalous: at % 2 == 1, group: (at / 2).to_string() };
        let tiles: Vec<Scored> = (0..40).map(tile).collect();
        measure(&tiles, threshold, None, Bootstrap { resamples: 200, seed: 0 }).ok()?.caution
    }

    #[test]
    fn a_threshold_with_all_tiles_on_one_side_is_named() {
        let score = |at: usize| (at % 2) as f64 + at as f64 * 0.01;
        assert!(at_threshold(score, 1.4).is_some_and(|text| text.contains("every decision is normal")));
        assert!(at_threshold(score, 0.0).is_some_and(|text| text.contains("every decision is anomalous")));
        assert_eq!(at_threshold(score, 1.39), None);
        let both = at_threshold(|at| (at / 2) as f64, 100.0);
        assert!(both.is_some_and(|text| text.contains("every decision is normal") && text.contains("may be chance")));
    }

    #[test]
    fn a_model_with_one_score_for_all_tiles_is_named() {
        for constant in [0.0, 0.5, -3.0, 1e9] {
            let same = |at: usize| constant * (1.0 + 1e-7 * (at % 3) as f64);
            assert!(caution(same).is_some_and(|text| text.contains("all scores are")), "{constant}");
        }
        // Small errors of a good reconstruction.
        assert_eq!(caution(|at| 1e-6 * (1 + at % 2) as f64), None);
    }

    #[test]
    fn an_auroc_at_or_below_chance_is_named() {
        assert!(caution(|at| (at / 2) as f64).is_some_and(|text| text.contains("may be chance")));
        assert!(caution(|at| -((at % 2) as f64) - at as f64 * 0.01).is_some_and(|text| text.contains("below 0.5")));
        assert_eq!(caution(|at| (at % 2) as f64 + at as f64 * 0.01), None);
    }

    #[test]
    fn trainings_whose_scores_separate_nothing_are_named_among_others() {
        let trial = |seed: u64, score: &dyn Fn(usize) -> f64| {
            let tile = |at: usize| Scored { score: score(at), anomalous: at % 2 == 1, group: (at / 2).to_string() };
            Trial { fold: 0, seed, scored: (0..40).map(tile).collect(), threshold: 0.5, probabilities: false }
        };
        let good = |at: usize| (at % 2) as f64 + at as f64 * 0.01;
        let of = |trials: &[Trial]| {
            let auroc = summarise(trials, Bootstrap { resamples: 200, seed: 0 }).ok()?.auroc;
            of_trials(trials, auroc).ok()
        };
        let mixed = [trial(1, &good), trial(2, &|_| 0.0), trial(3, &|at| good(at) + 7.0)];
        let found = of(&mixed).map(|found| (found.trials, found.ranking));
        assert!(found.is_some_and(|(trials, ranking)| {
            let named: Vec<usize> = trials.iter().map(|(at, _)| *at).collect();
            named == [1, 2] && trials[0].1.contains("all scores are 0") && ranking.is_none()
        }));
        let constant = of(&[trial(1, &|_| 0.0)]);
        assert!(constant.is_some_and(|found| found.trials.len() == 1 && found.ranking.is_none()));
        let chance = of(&[trial(1, &|at| (at / 2) as f64 / 20.0)]);
        assert!(chance.is_some_and(|found| found.trials.is_empty() && found.ranking.is_some()));
    }

    #[test]
    fn without_an_interval_only_equal_scores_are_named() {
        let one = Interval { value: 0.4, low: 0.0, high: 1.0 };
        let tiles = [0.1, 0.2].map(|score| Scored { score, anomalous: score > 0.15, group: "one".to_owned() });
        assert_eq!(of_scores(&tiles, 0.15, one, false), None);
        let same = tiles.map(|tile| Scored { score: 0.1, ..tile });
        assert!(of_scores(&same, 0.05, one, false).is_some());
    }
}
