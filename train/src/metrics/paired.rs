//! Tests whether one model ranks better than another on the same tiles, in order of decreasing assumptions: DeLong's test
//! (DeLong, DeLong and Clarke-Pearson, Biometrics 1988) assumes independent tiles; its extension to clustered data
//! (Obuchowski, Biometrics 1997) assumes independent groups; the bootstrap resamples whole groups. All three compare
//! trained weights: variation between seeds is not included.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::measure::check_pairs;
use super::ranking::Ranking;
use super::summary::{Fold, Trial, folds, resampled};
use super::{Bootstrap, Interval, MetricsError, Scored};

/// The difference in AUROC of two models on the same tiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// AUROC of the one minus AUROC of the other, with a 95 % interval over groups.
    pub difference: Interval,
    /// Two-sided p-value of the bootstrap over groups, at least one over the number of resamples; none if groups cannot be
    /// resampled.
    pub p_bootstrap: Option<f64>,
    /// Test that assumes independent tiles.
    pub delong: PairedTest,
    /// Test that assumes independent groups; preferable if tiles of a group are correlated.
    pub clustered: PairedTest,
}

/// A test of the difference against the normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// Standard error of the difference; none if a class is in one group only.
    pub standard_error: Option<f64>,
    /// The difference in standard errors; none without a standard error.
    pub z: Option<f64>,
    /// Two-sided p-value; 1 if the two models rank alike.
    pub p: Option<f64>,
}

/// Compares `model` with `other`, which must have scored the same tiles in the same folds.
///
/// # Errors
/// Different tiles or folds, or tiles on which the AUROC is not defined.
pub fn compare(model: &[Trial], other: &[Trial], bootstrap: Bootstrap) -> Result<Comparison, MetricsError> {
    let (model, other) = (folds(model)?, folds(other)?);
    if model.len() != other.len() {
        return Err(MetricsError::Folds { folds: model.len(), other: other.len() });
    }
    for (a, b) in model.iter().zip(&other) {
        check_pairs(&a.trials[0].scored, &b.trials[0].scored)?;
    }
    let rankings = |folds: &[Fold<'_>]| -> Vec<Vec<Ranking>> {
        folds.iter().map(|fold| fold.trials.iter().map(|trial| Ranking::new(&trial.scored)).collect()).collect()
    };
    let (ours, theirs) = (rankings(&model), rankings(&other));
    let difference =
        |fold: usize, weight: &dyn Fn(usize) -> u32| [auroc(&ours[fold], weight) - auroc(&theirs[fold], weight)];
    let value = model.iter().enumerate().map(|(at, fold)| fold.share * difference(at, &|_| 1)[0]).sum();
    let drawn: Vec<f64> = resampled(&model, bootstrap, difference)?.into_iter().map(|[value]| value).collect();
    let parts: Vec<FoldDifferences<'_>> =
        model.iter().enumerate().map(|(at, fold)| FoldDifferences::new(fold, &ours[at], &theirs[at])).collect();
    let variance = |cluster: Cluster| parts.iter().map(|part| part.variance(cluster)).sum::<Option<f64>>();
    Ok(Comparison {
        p_bootstrap: p_value(&drawn),
        difference: Interval::from_resamples(value, drawn, (-1.0, 1.0)),
        delong: PairedTest::new(value, variance(Cluster::Tile)),
        clustered: PairedTest::new(value, variance(Cluster::Group)),
    })
}

/// Mean over the trials of a fold.
fn auroc(rankings: &[Ranking], weight: &dyn Fn(usize) -> u32) -> f64 {
    rankings.iter().map(|ranking| ranking.auroc(weight)).sum::<f64>() / rankings.len() as f64
}

/// Twice the fraction of resamples on the rarer side of zero.
fn p_value(drawn: &[f64]) -> Option<f64> {
    let count = |side: fn(f64) -> bool| drawn.iter().filter(|&&value| side(value)).count();
    let rarer = count(|value| value <= 0.0).min(count(|value| value >= 0.0));
    let total = drawn.len();
    (total > 0).then(|| (2.0 * (rarer.max(1)) as f64 / total as f64).min(1.0))
}

/// The unit that a test assumes to be independent.
#[derive(Debug, Clone, Copy)]
enum Cluster {
    Tile,
    Group,
}

/// The differences in placement of each tile of a fold.
struct FoldDifferences<'a> {
    scored: &'a [Scored],
    differences: Vec<f64>,
    share: f64,
}

/// Sums of one cluster: differences and tiles, of the anomalous and of the normal ones.
#[derive(Default)]
struct Sums {
    sum: [f64; 2],
    tiles: [f64; 2],
}

impl<'a> FoldDifferences<'a> {
    fn new(fold: &Fold<'a>, ours: &[Ranking], theirs: &[Ranking]) -> Self {
        let scored: &[Scored] = &fold.trials[0].scored;
        let (ours, theirs) = (mean_placements(ours), mean_placements(theirs));
        let differences = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
        Self { scored, differences, share: fold.share }
    }

    /// Obuchowski's variance of the difference of two areas, times the square of the fold's share. With each tile as a
    /// cluster it is DeLong's. None if a class has fewer than two clusters.
    fn variance(&self, cluster: Cluster) -> Option<f64> {
        let mut clusters = std::collections::BTreeMap::<(&str, usize), Sums>::new();
        let mut tiles = [0.0; 2];
        let mut total = [0.0; 2];
        for (index, (tile, difference)) in self.scored.iter().zip(&self.differences).enumerate() {
            let key = match cluster {
                Cluster::Tile => ("", index),
                Cluster::Group => (tile.group.as_str(), 0),
            };
            let (class, place) = (usize::from(!tile.anomalous), clusters.entry(key).or_default());
            place.sum[class] += difference;
            place.tiles[class] += 1.0;
            tiles[class] += 1.0;
            total[class] += difference;
        }
        let mean = [total[0] / tiles[0], total[1] / tiles[1]];
        let off = |sums: &Sums, class: usize| sums.sum[class] - sums.tiles[class] * mean[class];
        let holding = |class: usize| clusters.values().filter(|sums| sums.tiles[class] > 0.0).count() as f64;
        let counts = [holding(0), holding(1), clusters.len() as f64];
        if counts[0] < 2.0 || counts[1] < 2.0 {
            return None;
        }
        let own = |class: usize| {
            let squares: f64 = clusters.values().map(|sums| off(sums, class).powi(2)).sum();
            counts[class] / (counts[class] - 1.0) * squares / tiles[class].powi(2)
        };
        let both: f64 = clusters.values().map(|sums| off(sums, 0) * off(sums, 1)).sum();
        let between = 2.0 * counts[2] / (counts[2] - 1.0) * both / (tiles[0] * tiles[1]);
        Some(self.share.powi(2) * (own(0) + own(1) + between).max(0.0))
    }
}

fn mean_placements(rankings: &[Ranking]) -> Vec<f64> {
    let mut sums: Vec<f64> = Vec::new();
    for placements in rankings.iter().map(Ranking::placements) {
        sums.resize(placements.len(), 0.0);
        sums.iter_mut().zip(placements).for_each(|(sum, value)| *sum += value);
    }
    sums.into_iter().map(|sum| sum / rankings.len() as f64).collect()
}

impl PairedTest {
    fn new(difference: f64, variance: Option<f64>) -> Self {
        let standard_error = variance.map(f64::sqrt);
        match standard_error {
            // All placements are equal, so no difference is due to chance.
            Some(error) if error <= f64::EPSILON => {
                let p = if difference.abs() <= 1e-12 { Some(1.0) } else { None };
                Self { standard_error, z: None, p }
            }
            Some(error) => {
                let z = difference / error;
                Self { standard_error, z: Some(z), p: Some(two_sided(z)) }
            }
            None => Self { standard_error: None, z: None, p: None },
        }
    }
}

/// Probability that a standard normal is further from zero than `z`.
fn two_sided(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}
