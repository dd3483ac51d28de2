//! Calibration of probabilities: the Brier score (Brier, Monthly Weather Review 1950), and the expected calibration error
//! over bins with equally many tiles (Nixon et al., CVPR Workshops 2019). Bins of equal width would be almost empty for a
//! confident model.

use serde::{Deserialize, Serialize};

use super::ranking::Ranking;
use super::{MetricsError, Scored, check, is_probability};

/// Number of bins of the calibration error.
const BINS: usize = 10;

/// One bin of the reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Number of tiles.
    pub n: u64,
    /// Mean score: the predicted probability.
    pub mean_score: f64,
    /// Fraction of anomalous tiles: the observed frequency.
    pub anomalous: f64,
}

/// Mean squared distance of the score from 0 or 1.
pub(super) fn brier(scored: &[Scored], weight: &dyn Fn(usize) -> u32) -> f64 {
    let (mut sum, mut mass) = (0.0, 0.0);
    for (index, tile) in scored.iter().enumerate() {
        let times = f64::from(weight(index));
        sum += times * (tile.score - f64::from(u8::from(tile.anomalous))).powi(2);
        mass += times;
    }
    sum / mass
}

/// Tiles in bins of equal mass, from the lowest score up. Tiles with equal scores are in one bin, that of the middle of
/// their mass, so the order of tiles does not matter. Empty bins are omitted.
pub(super) fn bins(scored: &[Scored], ranking: &Ranking, weight: &dyn Fn(usize) -> u32) -> Vec<CalibrationBin> {
    let total: u64 = (0..scored.len()).map(|index| u64::from(weight(index))).sum();
    let mut bins = [CalibrationBin::default(); BINS];
    // The ranking runs from the highest score down.
    let mut above = 0_u64;
    for run in ranking.runs() {
        let mass: u64 = run.iter().map(|&tile| u64::from(weight(tile))).sum();
        let middle = (total - above) as f64 - mass as f64 / 2.0;
        above += mass;
        let bin = &mut bins[((middle * BINS as f64 / total as f64) as usize).min(BINS - 1)];
        for &tile in run {
            let times = u64::from(weight(tile));
            bin.n += times;
            bin.mean_score += times as f64 * scored[tile].score;
            bin.anomalous += (times * u64::from(scored[tile].anomalous)) as f64;
        }
    }
    let filled = bins.into_iter().filter(|bin| bin.n > 0);
    filled
        .map(|bin| {
            let n = bin.n as f64;
            CalibrationBin { n: bin.n, mean_score: bin.mean_score / n, anomalous: bin.anomalous / n }
        })
        .collect()
}

/// Expected calibration error: the mean distance between predicted probability and observed frequency, over tiles.
pub(super) fn error(bins: &[CalibrationBin]) -> f64 {
    let total: u64 = bins.iter().map(|bin| bin.n).sum();
    bins.iter().map(|bin| bin.n as f64 * (bin.mean_score - bin.anomalous).abs()).sum::<f64>() / total as f64
}

/// Expected calibration error of probabilities over ten bins of equally many tiles, without an interval. On few tiles it is
/// above 0 by chance. [`measure_with`](super::measure_with) adds an interval.
///
/// # Errors
/// No tiles, one class only, or a score that is no probability.
pub fn expected_calibration_error(scored: &[Scored]) -> Result<f64, MetricsError> {
    check(scored)?;
    if let Some(tile) = scored.iter().find(|tile| !is_probability(tile.score)) {
        return Err(MetricsError::Probability { group: tile.group.clone(), score: tile.score });
    }
    Ok(error(&bins(scored, &Ranking::new(scored), &|_| 1)))
}
