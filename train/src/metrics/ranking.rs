//! Metrics without a threshold. AUROC is the Mann-Whitney statistic with ties counted half (Hanley and McNeil, Radiology
//! 1982); AUPR is average precision, the step-wise sum that does not interpolate between thresholds (Davis and Goadrich,
//! ICML 2006). Both accept a weight for each tile, so that a bootstrap resample costs one pass and no sort.

use super::{MetricsError, Scored, check};

/// Tiles in descending order of score, in runs of equal scores, so that ties are one step.
pub(super) struct Ranking {
    order: Vec<usize>,
    /// End of each run in `order`.
    ends: Vec<usize>,
    anomalous: Vec<bool>,
}

/// Weight of anomalous and of normal tiles.
#[derive(Debug, Clone, Copy, Default)]
struct Mass {
    anomalous: u64,
    normal: u64,
}

impl Ranking {
    /// Sorts finite scores.
    pub(super) fn new(scored: &[Scored]) -> Self {
        let mut order: Vec<usize> = (0..scored.len()).collect();
        order.sort_by(|&a, &b| scored[b].score.total_cmp(&scored[a].score));
        let ends = (1..=order.len())
            .filter(|&end| end == order.len() || scored[order[end]].score != scored[order[end - 1]].score)
            .collect();
        Self { order, ends, anomalous: scored.iter().map(|tile| tile.anomalous).collect() }
    }

    /// The runs of equal scores from the highest down, as indices of tiles.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[usize]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.order[start..end])
    }

    fn masses(&self, weight: impl Fn(usize) -> u32) -> impl Iterator<Item = Mass> {
        self.runs().map(move |run| {
            run.iter().fold(Mass::default(), |mut mass, &tile| {
                let part = if self.anomalous[tile] { &mut mass.anomalous } else { &mut mass.normal };
                *part += u64::from(weight(tile));
                mass
            })
        })
    }

    /// Area under the ROC curve; NaN if a class has no weight.
    pub(super) fn auroc(&self, weight: impl Fn(usize) -> u32) -> f64 {
        let (mut above, mut doubled) = (Mass::default(), 0_u64);
        for run in self.masses(weight) {
            // A normal tile counts 1 for each anomalous tile above it, and 1/2 for each with an equal score.
            doubled += run.normal * (2 * above.anomalous + run.anomalous);
            above.anomalous += run.anomalous;
            above.normal += run.normal;
        }
        doubled as f64 / (2.0 * above.anomalous as f64 * above.normal as f64)
    }

    /// Average precision; NaN without anomalous weight.
    pub(super) fn average_precision(&self, weight: impl Fn(usize) -> u32) -> f64 {
        let (mut above, mut sum) = (Mass::default(), 0.0);
        for run in self.masses(weight) {
            above.anomalous += run.anomalous;
            above.normal += run.normal;
            if run.anomalous > 0 {
                sum += run.anomalous as f64 * above.anomalous as f64 / (above.anomalous + above.normal) as f64;
            }
        }
        sum / above.anomalous as f64
    }

    /// The highest true-positive rate of any threshold with a false-positive rate of at most `rate`, without
    /// interpolation. NaN if a class has no weight.
    pub(super) fn true_positive_rate_at(&self, rate: f64, weight: impl Fn(usize) -> u32) -> f64 {
        let masses: Vec<Mass> = self.masses(weight).collect();
        let normal: u64 = masses.iter().map(|run| run.normal).sum();
        let anomalous: u64 = masses.iter().map(|run| run.anomalous).sum();
        let (mut above, mut reached) = (Mass::default(), 0);
        for run in masses {
            above.normal += run.normal;
            above.anomalous += run.anomalous;
            // Rates that differ by rounding alone are equal.
            if above.normal as f64 > rate * normal as f64 + 1e-9 {
                break;
            }
            reached = above.anomalous;
        }
        reached as f64 / anomalous as f64
    }

    /// For each tile the fraction of the other class that it is correctly ranked against, ties counted half: DeLong's
    /// structural components. Their mean over either class is the AUROC.
    pub(super) fn placements(&self) -> Vec<f64> {
        let masses: Vec<Mass> = self.masses(|_| 1).collect();
        let (normal, anomalous) =
            masses.iter().fold((0, 0), |(normal, anomalous), run| (normal + run.normal, anomalous + run.anomalous));
        let mut above = Mass::default();
        let mut placements = vec![0.0; self.order.len()];
        for (run, mass) in self.runs().zip(&masses) {
            let below = (normal - above.normal - mass.normal) as f64 + mass.normal as f64 / 2.0;
            let over = above.anomalous as f64 + mass.anomalous as f64 / 2.0;
            for &tile in run {
                placements[tile] = if self.anomalous[tile] { below / normal as f64 } else { over / anomalous as f64 };
            }
            above.normal += mass.normal;
            above.anomalous += mass.anomalous;
        }
        placements
    }
}

/// Area under the ROC curve, in `0..=1`: the probability that an anomalous tile scores above a normal one, ties counted
/// half. [`measure`](super::measure) adds an interval.
///
/// # Errors
/// No tiles, one class only, or a score that is not finite.
pub fn auroc(scored: &[Scored]) -> Result<f64, MetricsError> {
    check(scored)?;
    Ok(Ranking::new(scored).auroc(|_| 1))
}

/// Area under the precision-recall curve as average precision, in `0..=1`. Chance is the fraction of anomalous tiles.
///
/// # Errors
/// As [`auroc`].
pub fn average_precision(scored: &[Scored]) -> Result<f64, MetricsError> {
    check(scored)?;
    Ok(Ranking::new(scored).average_precision(|_| 1))
}

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Tiles that score at or above this are anomalous; infinite at the first point.
    pub threshold: f64,
    /// Fraction of the normal tiles at or above the threshold.
    pub false_positive_rate: f64,
    /// Fraction of the anomalous tiles at or above the threshold.
    pub true_positive_rate: f64,
}

/// The ROC curve from (0, 0) to (1, 1), with one point for each distinct score.
///
/// # Errors
/// As [`auroc`].
pub fn roc_curve(scored: &[Scored]) -> Result<Vec<RocPoint>, MetricsError> {
    let steps = steps(scored)?;
    let all = steps.last().map_or_else(Mass::default, |step| step.1);
    let start = RocPoint { threshold: f64::INFINITY, false_positive_rate: 0.0, true_positive_rate: 0.0 };
    let points = steps.into_iter().map(|(threshold, above)| RocPoint {
        threshold,
        false_positive_rate: above.normal as f64 / all.normal as f64,
        true_positive_rate: above.anomalous as f64 / all.anomalous as f64,
    });
    Ok(std::iter::once(start).chain(points).collect())
}

/// A point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrPoint {
    /// Tiles that score at or above this are anomalous.
    pub threshold: f64,
    /// Fraction of the anomalous tiles at or above the threshold.
    pub recall: f64,
    /// Fraction of anomalous tiles among those at or above the threshold.
    pub precision: f64,
}

/// The precision-recall curve by increasing recall, with one point for each distinct score.
///
/// # Errors
/// As [`auroc`].
pub fn pr_curve(scored: &[Scored]) -> Result<Vec<PrPoint>, MetricsError> {
    let steps = steps(scored)?;
    let all = steps.last().map_or_else(Mass::default, |step| step.1);
    let points = steps.into_iter().map(|(threshold, above)| PrPoint {
        threshold,
        recall: above.anomalous as f64 / all.anomalous as f64,
        precision: above.anomalous as f64 / (above.anomalous + above.normal) as f64,
    });
    Ok(points.collect())
}

/// Each distinct score from the highest down, with the weight at or above it.
fn steps(scored: &[Scored]) -> Result<Vec<(f64, Mass)>, MetricsError> {
    check(scored)?;
    let ranking = Ranking::new(scored);
    let mut above = Mass::default();
    let masses = ranking.runs().zip(ranking.masses(|_| 1));
    Ok(masses
        .map(|(run, mass)| {
            above.anomalous += mass.anomalous;
            above.normal += mass.normal;
            (scored[run[0]].score, above)
        })
        .collect())
}
