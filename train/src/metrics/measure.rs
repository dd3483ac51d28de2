//! All figures of one set of scored tiles, under the names that `metrics.json` and `kiln evaluate --json` keep. The
//! model and the colour baseline are resampled together, so that their difference has an interval too.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Groups, LEVEL};
use super::figures::{Figures, Judge};
use super::ranking::Ranking;
use super::{Bootstrap, CalibrationBin, Confusion, Failures, Interval, MetricsError, Scored, check};

/// `metrics.json`: every figure with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of tiles.
    pub n: usize,
    /// Number of them that are anomalous.
    pub anomalous: usize,
    /// Number of groups that they come from.
    pub groups: usize,
    /// Area under the ROC curve.
    pub auroc: Interval,
    /// Average precision. Chance is `anomalous / n`.
    pub aupr: Interval,
    /// Share of right decisions at the threshold.
    pub accuracy: Interval,
    /// Share of the tiles called anomalous that is; 0 when none is called so.
    pub precision: Interval,
    /// Share of the anomalous tiles that is called so (sensitivity).
    pub recall: Interval,
    /// Share of the normal tiles that is called so.
    pub specificity: Interval,
    /// Harmonic mean of precision and recall.
    pub f1: Interval,
    /// The highest recall of any threshold that calls at most 1 % of the normal tiles anomalous.
    #[serde(default)]
    pub tpr_at_1_percent_fpr: Option<Interval>,
    /// The same at 5 %.
    #[serde(default)]
    pub tpr_at_5_percent_fpr: Option<Interval>,
    /// Whether the score means what it says, where it is a probability.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// How well tiles are rebuilt, where the model rebuilds them.
    #[serde(default)]
    pub reconstruction: Option<Reconstruction>,
    /// Wrong decisions by label and by group.
    #[serde(default)]
    pub failures: Option<Failures>,
    /// `score >= threshold` is called anomalous.
    pub threshold: f64,
    /// Decisions counted at the threshold.
    pub confusion: Confusion,
    /// What colour alone reaches on the same tiles.
    pub baseline: Baseline,
    /// How the intervals were drawn.
    pub intervals: Resampling,
}

/// What a model that sees nothing but mean and spread of colour reaches; nothing where it was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Its area under the ROC curve.
    pub colour_auroc: Option<Interval>,
    /// The model's AUROC less the baseline's, resampled in pairs. An interval above 0 says that the model sees more
    /// than colour.
    pub gain: Option<Interval>,
    /// Area under the ROC curve of the distance to the nearest normal tiles by colour: what a baseline reaches that
    /// has never seen an anomalous tile.
    #[serde(default)]
    pub neighbours_auroc: Option<Interval>,
}

/// Whether a score means what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Mean squared distance of the score from 0 or 1; 0.25 is what always saying one half gets.
    pub brier: Interval,
    /// Expected calibration error over ten bins of equally many tiles. It is never quite 0 on few tiles: chance alone
    /// moves the share of a bin.
    pub ece: Interval,
    /// The bins, from the lowest score up.
    pub bins: Vec<CalibrationBin>,
}

/// Mean squared error between tiles and their reconstructions, over pixels and channels, with intensities in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reconstruction {
    /// Over all tiles.
    pub mse: Interval,
    /// Over normal tiles.
    pub mse_normal: Interval,
    /// Over anomalous tiles.
    pub mse_anomalous: Interval,
}

/// What scores are judged by, beside the scores themselves.
#[derive(Debug, Clone, Copy)]
pub struct Judgement<'a> {
    /// `score >= threshold` is called anomalous.
    pub threshold: f64,
    /// Scores are probabilities of being anomalous, so that calibration means something.
    pub probabilities: bool,
    /// Scores of the supervised colour baseline for the same tiles.
    pub colour: Option<&'a [Scored]>,
    /// Scores of the normal-only colour baseline for the same tiles.
    pub neighbours: Option<&'a [Scored]>,
    /// Mean squared error of each tile's reconstruction.
    pub squared_errors: Option<&'a [f64]>,
    /// Label of each tile, for the failures by class.
    pub labels: Option<&'a [&'a str]>,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Judgement<'_> {
    /// A judgement by threshold alone.
    #[must_use]
    pub fn at(threshold: f64, bootstrap: Bootstrap) -> Self {
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

/// How intervals were drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resampling {
    /// `percentile bootstrap over groups`, or `none` where groups cannot be resampled.
    pub method: String,
    /// Why the intervals say less than they seem to, where they do.
    pub caution: Option<String>,
    /// The share of resamples that an interval covers: 0.95.
    pub level: f64,
    /// Resamples drawn; 0 where groups cannot be resampled and every interval is the whole range.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// Percentile intervals over fewer groups than this cover clearly less than their level.
pub(super) const FEW_GROUPS: usize = 10;

/// The figures of one resample.
struct Resample {
    figures: Figures,
    colour: Option<f64>,
    neighbours: Option<f64>,
    /// Of all, normal and anomalous tiles.
    errors: Option<[f64; 3]>,
}

/// Measures scored tiles at a threshold, with the colour baseline's scores of the same tiles beside them.
///
/// Intervals are 95 % percentile intervals over whole groups. Where a class is found in one group only, groups cannot
/// be resampled: nothing is known of the spread, and every interval is its whole range. `intervals.caution` says this, and
/// when so few groups or mistakes are behind an interval that it is likely too narrow.
///
/// # Errors
/// When there are no tiles, one class only, a score or threshold that is not finite, a baseline of other tiles, or
/// fewer than 40 resamples.
pub fn measure(
    scored: &[Scored],
    threshold: f64,
    baseline: Option<&[Scored]>,
    bootstrap: Bootstrap,
) -> Result<Metrics, MetricsError> {
    measure_by(scored, &Judgement { colour: baseline, ..Judgement::at(threshold, bootstrap) })
}

/// As [`measure`], with all that can be said of the tiles beside their scores.
///
/// # Errors
/// As [`measure`]; and a probability outside 0..1, or as many errors or labels as tiles are not given.
pub fn measure_by(scored: &[Scored], judgement: &Judgement<'_>) -> Result<Metrics, MetricsError> {
    check_judgement(scored, judgement)?;
    let judge = Judge::new(scored, judgement.threshold, judgement.probabilities);
    let ranked = |baseline: Option<&'_ [Scored]>| baseline.map(Ranking::new);
    let (colour, neighbours) = (ranked(judgement.colour), ranked(judgement.neighbours));
    let resample = |weight: &dyn Fn(usize) -> u32| Resample {
        figures: judge.figures(weight),
        colour: colour.as_ref().map(|ranking| ranking.auroc(weight)),
        neighbours: neighbours.as_ref().map(|ranking| ranking.auroc(weight)),
        errors: judgement.squared_errors.map(|errors| mean_errors(scored, errors, weight)),
    };
    let groups = Groups::new(scored);
    let resampled = judgement.bootstrap.resample(&groups, resample)?;
    Ok(Summary { all: resample(&|_| 1), resampled, bins: judge.bins() }.metrics(scored, judgement, &groups))
}

fn check_judgement(scored: &[Scored], judgement: &Judgement<'_>) -> Result<(), MetricsError> {
    check(scored)?;
    if !judgement.threshold.is_finite() {
        return Err(MetricsError::Threshold(judgement.threshold));
    }
    for baseline in [judgement.colour, judgement.neighbours].into_iter().flatten() {
        check_pairs(scored, baseline)?;
    }
    let outside = |tile: &&Scored| judgement.probabilities && !(0.0..=1.0).contains(&tile.score);
    if let Some(tile) = scored.iter().find(outside) {
        return Err(MetricsError::Probability { group: tile.group.clone(), score: tile.score });
    }
    let counts = [judgement.squared_errors.map(<[f64]>::len), judgement.labels.map(<[&str]>::len)];
    match counts.into_iter().flatten().find(|&count| count != scored.len()) {
        Some(count) => Err(MetricsError::Baseline(format!("{count} values beside {} tiles", scored.len()))),
        None => Ok(()),
    }
}

/// Mean over all, normal and anomalous tiles.
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

/// Both lists must describe the same tiles in the same order.
pub(super) fn check_pairs(scored: &[Scored], baseline: &[Scored]) -> Result<(), MetricsError> {
    if scored.len() != baseline.len() {
        return Err(MetricsError::Baseline(format!("{} scores beside {} tiles", baseline.len(), scored.len())));
    }
    let differs = |(a, b): (&Scored, &Scored)| a.anomalous != b.anomalous || a.group != b.group;
    if let Some(index) = scored.iter().zip(baseline).position(differs) {
        return Err(MetricsError::Baseline(format!("tile {index} has another label or group")));
    }
    check(baseline)
}

struct Summary {
    all: Resample,
    resampled: Vec<Resample>,
    bins: Vec<CalibrationBin>,
}

impl Summary {
    fn metrics(self, scored: &[Scored], judgement: &Judgement<'_>, groups: &Groups) -> Metrics {
        let threshold = judgement.threshold;
        Metrics {
            n: scored.len(),
            anomalous: scored.iter().filter(|tile| tile.anomalous).count(),
            groups: groups.len(),
            auroc: self.share(|figures| figures.auroc),
            aupr: self.share(|figures| figures.aupr),
            accuracy: self.share(|figures| figures.decisions.accuracy()),
            precision: self.share(|figures| figures.decisions.precision()),
            recall: self.share(|figures| figures.decisions.recall()),
            specificity: self.share(|figures| figures.decisions.specificity()),
            f1: self.share(|figures| figures.decisions.f1()),
            tpr_at_1_percent_fpr: Some(self.share(|figures| figures.tpr[0])),
            tpr_at_5_percent_fpr: Some(self.share(|figures| figures.tpr[1])),
            calibration: self.calibration(),
            reconstruction: self.reconstruction(),
            failures: judgement.labels.map(|labels| Failures::of(scored, labels, threshold)),
            threshold,
            confusion: self.all.figures.decisions,
            baseline: Baseline {
                colour_auroc: self.interval((0.0, 1.0), |all| all.colour),
                gain: self.interval((-1.0, 1.0), |all| Some(all.figures.auroc - all.colour?)),
                neighbours_auroc: self.interval((0.0, 1.0), |all| all.neighbours),
            },
            intervals: Resampling {
                method: if groups.can_resample() { "percentile bootstrap over groups" } else { "none" }.to_owned(),
                caution: self.caution(groups),
                level: LEVEL,
                resamples: self.resampled.len(),
                seed: judgement.bootstrap.seed,
            },
        }
    }

    fn caution(&self, groups: &Groups) -> Option<String> {
        let auroc = self.share(|figures| figures.auroc);
        match groups.of_rarer_class() {
            ..2 => Some("a class is found in one group only, so nothing is known of the spread".to_owned()),
            count @ ..FEW_GROUPS => Some(format!(
                "a class is found in {count} groups only, so the intervals are rough and likely too narrow"
            )),
            _ if auroc.low >= auroc.high => {
                Some("no resample held a mistake, which does not say that there is none".to_owned())
            }
            _ => None,
        }
    }

    fn calibration(&self) -> Option<Calibration> {
        let part = |at: usize| self.interval((0.0, 1.0), move |all| Some(all.figures.calibration?[at]));
        Some(Calibration { brier: part(0)?, ece: part(1)?, bins: self.bins.clone() })
    }

    fn reconstruction(&self) -> Option<Reconstruction> {
        let part = |at: usize| self.interval((0.0, 1.0), move |all| Some(all.errors?[at]));
        Some(Reconstruction { mse: part(0)?, mse_normal: part(1)?, mse_anomalous: part(2)? })
    }

    fn share(&self, of: impl Fn(&Figures) -> f64) -> Interval {
        let resampled = self.resampled.iter().map(|one| of(&one.figures)).collect();
        Interval::of(of(&self.all.figures), resampled, (0.0, 1.0))
    }

    fn interval(&self, range: (f64, f64), of: impl Fn(&Resample) -> Option<f64>) -> Option<Interval> {
        let resampled = self.resampled.iter().filter_map(&of).collect();
        Some(Interval::of(of(&self.all)?, resampled, range))
    }
}
