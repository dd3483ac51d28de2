//! One model over several trainings: folds, each with its own test tiles, and seeds within a fold. A figure is the mean
//! over the seeds of a fold, then the mean over folds by their number of tiles; scores of different trainings are never
//! thrown into one ranking, because their scales differ. Groups are resampled within each fold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::Groups;
use super::figures::{Figures, Judge};
use super::measure::{FEW_GROUPS, check_pairs};
use super::{Bootstrap, Interval, MetricsError, Scored, check};

/// One training's scores of its fold's test tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Number of the fold; trials of one fold have the same test tiles in the same order.
    pub fold: usize,
    /// Seed of the training.
    pub seed: u64,
    /// The scores with their truth.
    pub scored: Vec<Scored>,
    /// The threshold that this training chose on its validation tiles.
    pub threshold: f64,
    /// Scores are probabilities of being anomalous.
    pub probabilities: bool,
}

/// Figures of a model over all of its trials, each with a 95 % interval over groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Trainings.
    pub trials: usize,
    /// Test tiles over all folds.
    pub n: usize,
    /// Groups that they come from.
    pub groups: usize,
    /// Area under the ROC curve.
    pub auroc: Interval,
    /// Standard deviation of it over seeds; nothing for one seed.
    pub auroc_sd: Option<f64>,
    /// Average precision.
    pub aupr: Interval,
    /// Share of right decisions, each trial at its own threshold, as for all that follows.
    pub accuracy: Interval,
    /// Share of the tiles called anomalous that is.
    pub precision: Interval,
    /// Share of the anomalous tiles that is called so.
    pub recall: Interval,
    /// Share of the normal tiles that is called so.
    pub specificity: Interval,
    /// Harmonic mean of precision and recall.
    pub f1: Interval,
    /// The highest recall of any threshold that calls at most 1 % of the normal tiles anomalous.
    pub tpr_at_1_percent_fpr: Interval,
    /// The same at 5 %.
    pub tpr_at_5_percent_fpr: Interval,
    /// Mean squared distance of a probability from 0 or 1.
    pub brier: Option<Interval>,
    /// Expected calibration error of a probability.
    pub ece: Option<Interval>,
    /// Why the intervals, and every test on the same tiles, say less than they seem to, where they do.
    pub caution: Option<String>,
}

/// Number of rates in a [`Summary`].
const RATES: usize = 11;

type Rates = [f64; RATES];

/// The trials of a fold, sorted once.
pub(super) struct Fold<'a> {
    pub(super) trials: Vec<&'a Trial>,
    pub(super) groups: Groups,
    /// Its part of all test tiles.
    pub(super) share: f64,
}

/// Puts trials into folds, by number.
pub(super) fn folds(trials: &[Trial]) -> Result<Vec<Fold<'_>>, MetricsError> {
    let mut by_number = BTreeMap::<usize, Vec<&Trial>>::new();
    for trial in trials {
        check(&trial.scored)?;
        let others = by_number.entry(trial.fold).or_default();
        if let Some(first) = others.first() {
            check_pairs(&first.scored, &trial.scored)?;
        }
        others.push(trial);
    }
    let tiles = |trials: &Vec<&Trial>| trials.first().map_or(0, |trial| trial.scored.len());
    let total: usize = by_number.values().map(tiles).sum();
    let fold = |trials: Vec<&'_ Trial>| {
        let share = tiles(&trials) as f64 / total as f64;
        let scored: &[Scored] = trials.first().map_or(&[], |trial| &trial.scored);
        (Groups::new(scored), share)
    };
    if total == 0 {
        return Err(MetricsError::Empty);
    }
    Ok(by_number
        .into_values()
        .map(|trials| {
            let (groups, share) = fold(trials.clone());
            Fold { trials, groups, share }
        })
        .collect())
}

/// The statistic of every resample: that of each fold, weighed by its share. Nothing where a fold cannot be resampled.
pub(super) fn resampled<const N: usize>(
    folds: &[Fold<'_>],
    bootstrap: Bootstrap,
    statistic: impl Fn(usize, &dyn Fn(usize) -> u32) -> [f64; N] + Sync,
) -> Result<Vec<[f64; N]>, MetricsError> {
    let mut sums: Option<Vec<[f64; N]>> = None;
    for (number, fold) in folds.iter().enumerate() {
        // Folds share no group, so each gets draws of its own.
        let own = Bootstrap { seed: bootstrap.seed.wrapping_add(number as u64), ..bootstrap };
        let drawn = own.resample(&fold.groups, |weight| statistic(number, weight).map(|value| fold.share * value))?;
        sums = Some(match sums {
            None => drawn,
            Some(sums) => sums.iter().zip(&drawn).map(|(a, b)| std::array::from_fn(|at| a[at] + b[at])).collect(),
        });
    }
    Ok(sums.unwrap_or_default())
}

/// The figures of a model over its trials.
///
/// # Errors
/// When there are no trials, a fold's tiles cannot be measured, or trials of one fold have other tiles.
pub fn summarise(trials: &[Trial], bootstrap: Bootstrap) -> Result<Summary, MetricsError> {
    let folds = folds(trials)?;
    let probabilities = trials.iter().all(|trial| trial.probabilities);
    let judges: Vec<Vec<Judge<'_>>> = folds
        .iter()
        .map(|fold| fold.trials.iter().map(|trial| Judge::new(&trial.scored, trial.threshold, probabilities)).collect())
        .collect();
    let of_fold = |number: usize, weight: &dyn Fn(usize) -> u32| {
        mean(judges[number].iter().map(|judge| rates(&judge.figures(weight))))
    };
    let resampled = resampled(&folds, bootstrap, of_fold)?;
    let mut all = [0.0; RATES];
    for (number, fold) in folds.iter().enumerate() {
        let values = of_fold(number, &|_| 1);
        all.iter_mut().zip(values).for_each(|(sum, value)| *sum += fold.share * value);
    }
    let interval = |at: usize| Interval::of(all[at], resampled.iter().map(|rates| rates[at]).collect(), (0.0, 1.0));
    Ok(Summary {
        trials: trials.len(),
        n: folds.iter().map(|fold| fold.trials[0].scored.len()).sum(),
        groups: folds.iter().map(|fold| fold.groups.len()).sum(),
        auroc: interval(0),
        auroc_sd: over_seeds(&folds, &judges),
        aupr: interval(1),
        accuracy: interval(2),
        precision: interval(3),
        recall: interval(4),
        specificity: interval(5),
        f1: interval(6),
        tpr_at_1_percent_fpr: interval(7),
        tpr_at_5_percent_fpr: interval(8),
        brier: probabilities.then(|| interval(9)),
        ece: probabilities.then(|| interval(10)),
        caution: caution(&folds),
    })
}

fn caution(folds: &[Fold<'_>]) -> Option<String> {
    if folds.iter().any(|fold| !fold.groups.can_resample()) {
        return Some("in a fold a class is found in one group only, so nothing is known of the spread".to_owned());
    }
    let count: usize = folds.iter().map(|fold| fold.groups.of_rarer_class()).sum();
    (count < FEW_GROUPS).then(|| {
        format!("a class is found in {count} groups only, so intervals and tests are rough and likely too sure")
    })
}

fn rates(figures: &Figures) -> Rates {
    let decisions = figures.decisions;
    let [brier, ece] = figures.calibration.unwrap_or([0.0; 2]);
    [
        figures.auroc,
        figures.aupr,
        decisions.accuracy(),
        decisions.precision(),
        decisions.recall(),
        decisions.specificity(),
        decisions.f1(),
        figures.tpr[0],
        figures.tpr[1],
        brier,
        ece,
    ]
}

fn mean(values: impl Iterator<Item = Rates>) -> Rates {
    let (mut sums, mut count) = ([0.0; RATES], 0.0);
    for value in values {
        sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    sums.map(|sum| sum / count)
}

/// Standard deviation over seeds of the AUROC over all folds; only for seeds that every fold has.
fn over_seeds(folds: &[Fold<'_>], judges: &[Vec<Judge<'_>>]) -> Option<f64> {
    let mut by_seed = BTreeMap::<u64, (usize, f64)>::new();
    for (fold, judges) in folds.iter().zip(judges) {
        for (trial, judge) in fold.trials.iter().zip(judges) {
            let place = by_seed.entry(trial.seed).or_default();
            place.0 += 1;
            place.1 += fold.share * judge.auroc(&|_| 1);
        }
    }
    let whole: Vec<f64> =
        by_seed.into_values().filter(|(count, _)| *count == folds.len()).map(|(_, sum)| sum).collect();
    let count = whole.len() as f64;
    let mean = whole.iter().sum::<f64>() / count;
    let squares: f64 = whole.iter().map(|value| (value - mean).powi(2)).sum();
    (whole.len() >= 2).then(|| (squares / (count - 1.0)).sqrt())
}
