//! All figures of one set of scored tiles, under the names that `metrics.json` and `kiln evaluate --json` keep. The
//! model and the colour baseline are resampled together, so that their difference has an interval too.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Groups, LEVEL};
use super::ranking::Ranking;
use super::{Bootstrap, Confusion, Interval, MetricsError, Scored, check};

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
const FEW_GROUPS: usize = 10;

/// The figures of one resample.
struct Figures {
    auroc: f64,
    aupr: f64,
    decisions: Confusion,
    baseline: Option<f64>,
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
    check(scored)?;
    if !threshold.is_finite() {
        return Err(MetricsError::Threshold(threshold));
    }
    if let Some(baseline) = baseline {
        check_pairs(scored, baseline)?;
    }
    let ranking = Ranking::new(scored);
    let colour = baseline.map(Ranking::new);
    let figures = |weight: &dyn Fn(usize) -> u32| Figures {
        auroc: ranking.auroc(weight),
        aupr: ranking.average_precision(weight),
        decisions: Confusion::count(scored, threshold, weight),
        baseline: colour.as_ref().map(|colour| colour.auroc(weight)),
    };
    let groups = Groups::new(scored);
    let resampled = bootstrap.resample(&groups, figures)?;
    Ok(Summary { all: figures(&|_| 1), resampled }.metrics(scored, threshold, &groups, bootstrap))
}

/// Both lists must describe the same tiles in the same order.
fn check_pairs(scored: &[Scored], baseline: &[Scored]) -> Result<(), MetricsError> {
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
    all: Figures,
    resampled: Vec<Figures>,
}

impl Summary {
    fn metrics(&self, scored: &[Scored], threshold: f64, groups: &Groups, bootstrap: Bootstrap) -> Metrics {
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
            threshold,
            confusion: self.all.decisions,
            baseline: Baseline {
                colour_auroc: self.interval((0.0, 1.0), |figures| figures.baseline),
                gain: self.interval((-1.0, 1.0), |figures| Some(figures.auroc - figures.baseline?)),
            },
            intervals: Resampling {
                method: if groups.can_resample() { "percentile bootstrap over groups" } else { "none" }.to_owned(),
                caution: self.caution(groups),
                level: LEVEL,
                resamples: self.resampled.len(),
                seed: bootstrap.seed,
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

    fn share(&self, of: impl Fn(&Figures) -> f64) -> Interval {
        Interval::of(of(&self.all), self.resampled.iter().map(of).collect(), (0.0, 1.0))
    }

    fn interval(&self, range: (f64, f64), of: impl Fn(&Figures) -> Option<f64>) -> Option<Interval> {
        let resampled = self.resampled.iter().filter_map(&of).collect();
        Some(Interval::of(of(&self.all)?, resampled, range))
    }
}
