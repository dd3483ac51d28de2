//! All metrics of one set of scored tiles, with the field names of `metrics.json`. The model and the colour baseline are
//! resampled together, so that their difference has an interval too.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Groups, LEVEL};
use super::caution;
use super::evaluator::{Evaluator, Values};
use super::is_probability;
use super::ranking::Ranking;
use super::{
    Bootstrap, CalibrationBin, Confusion, Failures, Interval, LatentUse, MetricsError, Scored, Subgroups, check,
};

/// All metrics with their 95 % intervals: the content of `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of tiles.
    pub n: usize,
    /// Number of anomalous tiles.
    pub anomalous: usize,
    /// Number of their groups.
    pub groups: usize,
    /// Area under the ROC curve.
    pub auroc: Interval,
    /// Average precision. Chance is `anomalous / n`.
    pub aupr: Interval,
    /// Fraction of correct decisions at the threshold.
    pub accuracy: Interval,
    /// Fraction of true positives among predicted positives; 0 without predicted positives.
    pub precision: Interval,
    /// True-positive rate (sensitivity).
    pub recall: Interval,
    /// True-negative rate.
    pub specificity: Interval,
    /// Harmonic mean of precision and recall.
    pub f1: Interval,
    /// The highest recall at a false-positive rate of at most 1 %.
    #[serde(default)]
    pub tpr_at_1_percent_fpr: Option<Interval>,
    /// The highest recall at a false-positive rate of at most 5 %.
    #[serde(default)]
    pub tpr_at_5_percent_fpr: Option<Interval>,
    /// Warning if the scores separate nothing: one score for all tiles, all on one side of the threshold, or an AUROC at or below
    /// chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<String>,
    /// Calibration, if the score is a probability.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// Reconstruction error, if the model reconstructs tiles.
    #[serde(default)]
    pub reconstruction: Option<Reconstruction>,
    /// Diagnosis of the latent space, if the model has one and it was diagnosed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<LatentUse>,
    /// Wrong decisions by label and by group.
    #[serde(default)]
    pub failures: Option<Failures>,
    /// Figures by subgroup, for each key that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subgroups: Vec<Subgroups>,
    /// Tiles that score at or above this are anomalous.
    pub threshold: f64,
    /// Confusion matrix at the threshold.
    pub confusion: Confusion,
    /// Colour baselines on the same tiles.
    pub baseline: Baseline,
    /// Method of the intervals.
    pub intervals: Resampling,
}

/// Metrics of the colour baselines; none if they were not evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Area under the ROC curve of the logistic regression on colour statistics.
    pub colour_auroc: Option<Interval>,
    /// The model's AUROC minus the baseline's, resampled in pairs. An interval above 0 shows that the model uses more than
    /// colour.
    pub gain: Option<Interval>,
    /// Area under the ROC curve of the distance to the nearest normal tiles by colour: a baseline that is fitted without
    /// anomalous tiles.
    #[serde(default)]
    pub neighbours_auroc: Option<Interval>,
}

/// Calibration of scores that are probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Mean squared distance of the score from 0 or 1; a constant score of one half gives 0.25.
    pub brier: Interval,
    /// Expected calibration error over ten bins of equally many tiles. On few tiles it is above 0 by chance.
    pub ece: Interval,
    /// The bins, from the lowest score up.
    pub bins: Vec<CalibrationBin>,
}

/// Mean squared error between tiles and their reconstructions, over pixels and channels, with intensities in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reconstruction {
    /// Error over all tiles.
    pub mse: Interval,
    /// Error over normal tiles.
    pub mse_normal: Interval,
    /// Error over anomalous tiles.
    pub mse_anomalous: Interval,
}

/// Options of [`measure_with`]: the threshold, and further data about the same tiles.
#[derive(Debug, Clone, Copy)]
pub struct MeasureOptions<'a> {
    /// Tiles that score at or above this are anomalous.
    pub threshold: f64,
    /// True if scores are probabilities of being anomalous; adds the calibration.
    pub probabilities: bool,
    /// Scores of the supervised colour baseline for the same tiles.
    pub colour: Option<&'a [Scored]>,
    /// Scores of the normal-only colour baseline for the same tiles.
    pub neighbours: Option<&'a [Scored]>,
    /// Mean squared error of each tile's reconstruction; adds the reconstruction error.
    pub squared_errors: Option<&'a [f64]>,
    /// Label of each tile; adds the failures.
    pub labels: Option<&'a [&'a str]>,
    /// Options of the intervals.
    pub bootstrap: Bootstrap,
}

impl MeasureOptions<'_> {
    /// Options with a threshold and nothing else.
    #[must_use]
    pub fn new(threshold: f64, bootstrap: Bootstrap) -> Self {
        Self {
            threshold,
            probabilities: false,
            colour: None,
            neighbours: None,
            squared_errors: None,
            labels: None,
            bootstrap,
        }
    }
}

/// The method of the intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resampling {
    /// `percentile bootstrap over groups`, or `none` if groups cannot be resampled.
    pub method: String,
    /// Warning if the intervals are unreliable.
    pub caution: Option<String>,
    /// Confidence level: 0.95.
    pub level: f64,
    /// Number of resamples; 0 if groups cannot be resampled and every interval is the whole range.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// With fewer groups than this, percentile intervals are clearly too narrow.
pub(super) const FEW_GROUPS: usize = 10;

/// The metrics of one resample.
struct Resample {
    values: Values,
    colour: Option<f64>,
    neighbours: Option<f64>,
    /// Reconstruction errors of all, normal and anomalous tiles.
    errors: Option<[f64; 3]>,
}

/// Computes all metrics of scored tiles at a threshold, and compares them with a baseline's scores of the same tiles.
///
/// Intervals are 95 % percentile intervals over whole groups, those of average precision and calibration error centred on the
/// figure. If a class is in one group only, groups cannot be
/// resampled: the spread is unknown, and every interval is its whole range. `intervals.caution` reports this, and also
/// intervals that are likely too narrow because of few groups or errors.
///
/// # Errors
/// No tiles, one class only, a score or threshold that is not finite, a baseline of other tiles, or fewer than 40
/// resamples.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), kiln_train::metrics::MetricsError> {
/// use kiln_train::metrics::{Bootstrap, Scored, ThresholdRule, measure};
///
/// let tile = |(number, score): (usize, f64)| Scored {
///     score,
///     anomalous: number % 2 == 1,
///     group: format!("slide {}", number % 6),
/// };
/// let scores = [0.1, 0.9, 0.2, 0.7, 0.4, 0.3, 0.1, 0.8, 0.3, 0.6, 0.2, 0.5];
/// let scored: Vec<Scored> = scores.into_iter().enumerate().map(tile).collect();
/// // Choose the threshold on validation tiles; here, for brevity, on the same ones.
/// let threshold = ThresholdRule::MaxF1.choose(&scored)?;
/// let metrics = measure(&scored, threshold, None, Bootstrap { resamples: 200, seed: 0 })?;
/// assert!(metrics.auroc.low <= metrics.auroc.value && metrics.auroc.value <= metrics.auroc.high);
/// assert_eq!(metrics.confusion.true_positive + metrics.confusion.false_negative, 6);
/// # Ok(())
/// # }
/// ```
pub fn measure(
    scored: &[Scored],
    threshold: f64,
    baseline: Option<&[Scored]>,
    bootstrap: Bootstrap,
) -> Result<Metrics, MetricsError> {
    measure_with(scored, &MeasureOptions { colour: baseline, ..MeasureOptions::new(threshold, bootstrap) })
}

/// As [`measure`], with further data about the tiles.
///
/// # Errors
/// As [`measure`]; and a probability outside 0 to 1, or a number of errors or labels that differs from the number of
/// tiles.
pub fn measure_with(scored: &[Scored], options: &MeasureOptions<'_>) -> Result<Metrics, MetricsError> {
    check_input(scored, options)?;
    let evaluator = Evaluator::new(scored, options.threshold, options.probabilities);
    let ranked = |baseline: Option<&'_ [Scored]>| baseline.map(Ranking::new);
    let (colour, neighbours) = (ranked(options.colour), ranked(options.neighbours));
    let resample = |weight: &dyn Fn(usize) -> u32| Resample {
        values: evaluator.values(weight),
        colour: colour.as_ref().map(|ranking| ranking.auroc(weight)),
        neighbours: neighbours.as_ref().map(|ranking| ranking.auroc(weight)),
        errors: options.squared_errors.map(|errors| mean_errors(scored, errors, weight)),
    };
    let groups = Groups::new(scored);
    let resampled = options.bootstrap.resample(&groups, resample)?;
    Ok(Resamples { all: resample(&|_| 1), resampled, bins: evaluator.bins() }.metrics(scored, options, &groups))
}

fn check_input(scored: &[Scored], options: &MeasureOptions<'_>) -> Result<(), MetricsError> {
    check(scored)?;
    if !options.threshold.is_finite() {
        return Err(MetricsError::Threshold(options.threshold));
    }
    for baseline in [options.colour, options.neighbours].into_iter().flatten() {
        check_pairs(scored, baseline)?;
    }
    let outside = |tile: &&Scored| options.probabilities && !is_probability(tile.score);
    if let Some(tile) = scored.iter().find(outside) {
        return Err(MetricsError::Probability { group: tile.group.clone(), score: tile.score });
    }
    let counts =
        [("squared errors", options.squared_errors.map(<[f64]>::len)), ("labels", options.labels.map(<[&str]>::len))];
    for (of, found) in counts {
        if let Some(found) = found.filter(|&found| found != scored.len()) {
            return Err(MetricsError::Length { found, of, expected: scored.len() });
        }
    }
    Ok(())
}

/// Mean errors over all, normal and anomalous tiles.
fn mean_errors(scored: &[Scored], errors: &[f64], weight: &dyn Fn(usize) -> u32) -> [f64; 3] {
    let mut sums = [(0.0, 0.0); 3];
    for (index, (tile, error)) in scored.iter().zip(errors).enumerate() {
        let times = f64::from(weight(index));
        for place in [0, 1 + usize::from(tile.anomalous)] {
            sums[place].0 += times * error;
            sums[place].1 += times;
        }
    }
    sums.map(|(sum, mass)| sum / mass)
}

/// Checks that both lists have the same tiles in the same order.
pub(super) fn check_pairs(scored: &[Scored], baseline: &[Scored]) -> Result<(), MetricsError> {
    if scored.len() != baseline.len() {
        return Err(MetricsError::Length { found: baseline.len(), of: "baseline scores", expected: scored.len() });
    }
    let differs = |(a, b): (&Scored, &Scored)| a.anomalous != b.anomalous || a.group != b.group;
    if let Some(index) = scored.iter().zip(baseline).position(differs) {
        return Err(MetricsError::OtherTile { index });
    }
    check(baseline)
}

/// The metrics of all tiles and of the resamples.
struct Resamples {
    all: Resample,
    resampled: Vec<Resample>,
    bins: Vec<CalibrationBin>,
}

impl Resamples {
    fn metrics(self, scored: &[Scored], options: &MeasureOptions<'_>, groups: &Groups) -> Metrics {
        let threshold = options.threshold;
        Metrics {
            n: scored.len(),
            anomalous: scored.iter().filter(|tile| tile.anomalous).count(),
            groups: groups.len(),
            auroc: self.share(|values| values.auroc),
            aupr: Interval::centred(self.all.values.aupr, self.of_values(|values| values.aupr), (0.0, 1.0)),
            accuracy: self.share(|values| values.decisions.accuracy()),
            precision: self.share(|values| values.decisions.precision()),
            recall: self.share(|values| values.decisions.recall()),
            specificity: self.share(|values| values.decisions.specificity()),
            f1: self.share(|values| values.decisions.f1()),
            tpr_at_1_percent_fpr: Some(self.share(|values| values.tpr[0])),
            tpr_at_5_percent_fpr: Some(self.share(|values| values.tpr[1])),
            caution: caution::of_scores(scored, threshold, self.share(|values| values.auroc), groups.can_resample()),
            calibration: self.calibration(),
            reconstruction: self.reconstruction(),
            latent: None,
            failures: options.labels.map(|labels| Failures::new(scored, labels, threshold)),
            subgroups: Vec::new(),
            threshold,
            confusion: self.all.values.decisions,
            baseline: Baseline {
                colour_auroc: self.interval((0.0, 1.0), |all| all.colour),
                gain: self.interval((-1.0, 1.0), |all| Some(all.values.auroc - all.colour?)),
                neighbours_auroc: self.interval((0.0, 1.0), |all| all.neighbours),
            },
            intervals: Resampling {
                method: if groups.can_resample() { "percentile bootstrap over groups" } else { "none" }.to_owned(),
                caution: self.caution(groups),
                level: LEVEL,
                resamples: self.resampled.len(),
                seed: options.bootstrap.seed,
            },
        }
    }

    fn caution(&self, groups: &Groups) -> Option<String> {
        let auroc = self.share(|values| values.auroc);
        match groups.with_rarer_class() {
            ..2 => Some("a class is in one group only, so the spread is unknown".to_owned()),
            count @ ..FEW_GROUPS => {
                Some(format!("a class is in {count} groups only, so the intervals are rough and likely too narrow"))
            }
            _ if auroc.low >= auroc.high => {
                Some("no resample had an error, which does not prove that there are none".to_owned())
            }
            _ => None,
        }
    }

    fn calibration(&self) -> Option<Calibration> {
        let [_, ece] = self.all.values.calibration?;
        let part = |values: &Values, at: usize| values.calibration.map_or(0.0, |calibration| calibration[at]);
        Some(Calibration {
            brier: self.share(|values| part(values, 0)),
            ece: Interval::centred(ece, self.of_values(|values| part(values, 1)), (0.0, 1.0)),
            bins: self.bins.clone(),
        })
    }

    fn reconstruction(&self) -> Option<Reconstruction> {
        let part = |at: usize| self.interval((0.0, 1.0), move |all| Some(all.errors?[at]));
        Some(Reconstruction { mse: part(0)?, mse_normal: part(1)?, mse_anomalous: part(2)? })
    }

    fn share(&self, of: impl Fn(&Values) -> f64) -> Interval {
        Interval::from_resamples(of(&self.all.values), self.of_values(&of), (0.0, 1.0))
    }

    fn of_values(&self, of: impl Fn(&Values) -> f64) -> Vec<f64> {
        self.resampled.iter().map(|one| of(&one.values)).collect()
    }

    fn interval(&self, range: (f64, f64), of: impl Fn(&Resample) -> Option<f64>) -> Option<Interval> {
        let resampled = self.resampled.iter().filter_map(&of).collect();
        Some(Interval::from_resamples(of(&self.all)?, resampled, range))
    }
}
