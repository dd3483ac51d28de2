//! Nearest neighbours by colour: the score is the mean distance to the nearest normal training tiles, over standardised
//! colour histograms. Needs no anomalous tiles, so it is the baseline for models that are trained on normal tiles only.
//! Neighbours are found by `linfa-nn`'s k-d tree.

use linfa_nn::distance::L2Dist;
use linfa_nn::{KdTree, NearestNeighbour};
use ndarray_of_linfa::{Array1, Array2, ArrayView1, Axis};

use crate::metrics::MetricsError;

/// Number of neighbours; fewer if there are fewer tiles.
const NEIGHBOURS: usize = 5;

/// Colour histograms of normal tiles, standardised by their mean and standard deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourNeighbours {
    mean: Array1<f64>,
    deviation: Array1<f64>,
    points: Array2<f64>,
}

impl ColourNeighbours {
    /// Stores the histograms of normal tiles, all of one length.
    ///
    /// # Errors
    /// No tiles, histograms of different lengths, or a value that is not finite.
    pub fn fit(normal: &[&[f64]]) -> Result<Self, MetricsError> {
        let width = normal.first().map_or(0, |row| row.len());
        if width == 0 {
            return Err(failed("there are no normal training tiles"));
        }
        let values: Vec<f64> = normal.iter().flat_map(|row| row.iter().copied()).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(failed("a histogram has a value that is not finite"));
        }
        let mut points = Array2::from_shape_vec((normal.len(), width), values).map_err(failed)?;
        let mean = points.mean_axis(Axis(0)).ok_or_else(|| failed("there are no normal training tiles"))?;
        // A constant bin is not scaled.
        let deviation = points.std_axis(Axis(0), 0.0).mapv(|value| if value > 1e-9 { value } else { 1.0 });
        points -= &mean;
        points /= &deviation;
        Ok(Self { mean, deviation, points })
    }

    /// Mean distance of each row to its five nearest normal tiles, in standard deviations of normal tiles.
    ///
    /// # Errors
    /// A row of another length than in training.
    pub fn score(&self, rows: &[&[f64]]) -> Result<Vec<f64>, MetricsError> {
        let index = KdTree.from_batch(&self.points, L2Dist).map_err(failed)?;
        let distance = |row: &&[f64]| {
            if row.len() != self.mean.len() {
                return Err(failed(format!("a histogram has {} values, not {}", row.len(), self.mean.len())));
            }
            let point = (&ArrayView1::from(*row) - &self.mean) / &self.deviation;
            let nearest = index.k_nearest(point.view(), NEIGHBOURS).map_err(failed)?;
            let apart =
                |other: &ArrayView1<'_, f64>| point.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            Ok(nearest.iter().map(|(other, _)| apart(other)).sum::<f64>() / nearest.len() as f64)
        };
        rows.iter().map(distance).collect()
    }
}

fn failed(reason: impl std::fmt::Display) -> MetricsError {
    MetricsError::Fit { baseline: "colour_neighbours", reason: reason.to_string() }
}
