//! Metrics of one model over several trainings: folds, each with its own test tiles, and seeds within a fold. A metric is
//! averaged over the seeds of a fold, then over folds, weighted by their number of tiles. Scores of different trainings are
//! never ranked together, because their scales differ. Groups are resampled within each fold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::Groups;
use super::evaluator::{Evaluator, Values};
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
    /// The threshold, chosen on the training's validation tiles.
    pub threshold: f64,
    /// True if scores are probabilities of being anomalous.
    pub probabilities: bool,
}

/// Metrics of a model over all its trials, each with a 95 % interval over groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of trainings.
    pub trials: usize,
    /// Number of test tiles over all folds.
    pub n: usize,
    /// Number of their groups.
    pub groups: usize,
    /// Area under the ROC curve.
    pub auroc: Interval,
    /// Standard deviation of the AUROC over seeds; none for one seed.
    pub auroc_sd: Option<f64>,
    /// Average precision.
    pub aupr: Interval,
    /// Fraction of correct decisions. This and the following metrics use the threshold of each trial.
    pub accuracy: Interval,
    /// Fraction of true positives among predicted positives.
    pub precision: Interval,
    /// True-positive rate (sensitivity).
    pub recall: Interval,
    /// True-negative rate.
    pub specificity: Interval,
    /// Harmonic mean of precision and recall.
    pub f1: Interval,
    /// The highest recall at a false-positive rate of at most 1 %.
    pub tpr_at_1_percent_fpr: Interval,
    /// The highest recall at a false-positive rate of at most 5 %.
    pub tpr_at_5_percent_fpr: Interval,
    /// Brier score: mean squared distance of a probability from 0 or 1.
    pub brier: Option<Interval>,
    /// Expected calibration error of a probability.
    pub ece: Option<Interval>,
    /// Warning if the intervals and tests are unreliable.
    pub caution: Option<String>,
}

/// Number of rates in a [`Summary`].
const RATES: usize = 11;

type Rates = [f64; RATES];

/// The trials of a fold, sorted once.
pub(super) struct Fold<'a> {
    pub(super) trials: Vec<&'a Trial>,
    pub(super) groups: Groups,
    /// Its fraction of all test tiles.
    pub(super) share: f64,
}

/// Groups trials by fold.
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

/// The statistic of every resample: the mean over folds, weighted by their size. Empty if a fold cannot be resampled.
pub(super) fn resampled<const N: usize>(
    folds: &[Fold<'_>],
    bootstrap: Bootstrap,
    statistic: impl Fn(usize, &dyn Fn(usize) -> u32) -> [f64; N] + Sync,
) -> Result<Vec<[f64; N]>, MetricsError> {
    let mut sums: Option<Vec<[f64; N]>> = None;
    for (number, fold) in folds.iter().enumerate() {
        // Folds have different groups, so each has its own draws.
        let own = Bootstrap { seed: bootstrap.seed.wrapping_add(number as u64), ..bootstrap };
        let drawn = own.resample(&fold.groups, |weight| statistic(number, weight).map(|value| fold.share * value))?;
        sums = Some(match sums {
            None => drawn,
            Some(sums) => sums.iter().zip(&drawn).map(|(a, b)| std::array::from_fn(|at| a[at] + b[at])).collect(),
        });
    }
    Ok(sums.unwrap_or_default())
}

/// Summarises the metrics of a model over its trials.
///
/// # Errors
/// No trials, tiles on which the metrics are not defined, or trials of one fold with different tiles.
pub fn summarise(trials: &[Trial], bootstrap: Bootstrap) -> Result<Summary, MetricsError> {
    let folds = folds(trials)?;
    let probabilities = trials.iter().all(|trial| trial.probabilities);
    let evaluators: Vec<Vec<Evaluator<'_>>> = folds
        .iter()
        .map(|fold| {
            fold.trials.iter().map(|trial| Evaluator::new(&trial.scored, trial.threshold, probabilities)).collect()
        })
        .collect();
    let of_fold = |number: usize, weight: &dyn Fn(usize) -> u32| {
        mean(evaluators[number].iter().map(|evaluator| rates(&evaluator.values(weight))))
    };
    let resampled = resampled(&folds, bootstrap, of_fold)?;
    let mut all = [0.0; RATES];
    for (number, fold) in folds.iter().enumerate() {
        let values = of_fold(number, &|_| 1);
        all.iter_mut().zip(values).for_each(|(sum, value)| *sum += fold.share * value);
    }
    let drawn = |at: usize| resampled.iter().map(|rates| rates[at]).collect();
    let interval = |at: usize| Interval::from_resamples(all[at], drawn(at), (0.0, 1.0));
    let centred = |at: usize| Interval::centred(all[at], drawn(at), (0.0, 1.0));
    Ok(Summary {
        trials: trials.len(),
        n: folds.iter().map(|fold| fold.trials[0].scored.len()).sum(),
        groups: folds.iter().map(|fold| fold.groups.len()).sum(),
        auroc: interval(0),
        auroc_sd: over_seeds(&folds, &evaluators),
        aupr: centred(1),
        accuracy: interval(2),
        precision: interval(3),
        recall: interval(4),
        specificity: interval(5),
        f1: interval(6),
        tpr_at_1_percent_fpr: interval(7),
        tpr_at_5_percent_fpr: interval(8),
        brier: probabilities.then(|| interval(9)),
        ece: probabilities.then(|| centred(10)),
        caution: caution(&folds),
    })
}

fn caution(folds: &[Fold<'_>]) -> Option<String> {
    if folds.iter().any(|fold| !fold.groups.can_resample()) {
        return Some("in one fold, a class is in one group only, so the spread is unknown".to_owned());
    }
    let count: usize = folds.iter().map(|fold| fold.groups.with_rarer_class()).sum();
    (count < FEW_GROUPS).then(|| {
        format!("a class is in {count} groups only, so intervals are likely too narrow and p-values too small")
    })
}

fn rates(values: &Values) -> Rates {
    let decisions = values.decisions;
    let [brier, ece] = values.calibration.unwrap_or([0.0; 2]);
    [
        values.auroc,
        values.aupr,
        decisions.accuracy(),
        decisions.precision(),
        decisions.recall(),
        decisions.specificity(),
        decisions.f1(),
        values.tpr[0],
        values.tpr[1],
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

/// Standard deviation over seeds of the AUROC over all folds; only for seeds that all folds have.
fn over_seeds(folds: &[Fold<'_>], evaluators: &[Vec<Evaluator<'_>>]) -> Option<f64> {
    let mut by_seed = BTreeMap::<u64, (usize, f64)>::new();
    for (fold, evaluators) in folds.iter().zip(evaluators) {
        for (trial, evaluator) in fold.trials.iter().zip(evaluators) {
            let place = by_seed.entry(trial.seed).or_default();
            place.0 += 1;
            place.1 += fold.share * evaluator.auroc(&|_| 1);
        }
    }
    let whole: Vec<f64> =
        by_seed.into_values().filter(|(count, _)| *count == folds.len()).map(|(_, sum)| sum).collect();
    let count = whole.len() as f64;
    let mean = whole.iter().sum::<f64>() / count;
    let squares: f64 = whole.iter().map(|value| (value - mean).powi(2)).sum();
    (whole.len() >= 2).then(|| (squares / (count - 1.0)).sqrt())
}
