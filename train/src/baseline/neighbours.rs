//! Anomaly as distance from normal colour: the mean distance to the nearest normal training tiles, over standardised
//! colour histograms. Needs no anomalous tile, so it is the baseline for models that learn from normal tiles alone.
//! Points are found by `linfa-nn`'s k-d tree.

use linfa_nn::distance::L2Dist;
use linfa_nn::{KdTree, NearestNeighbour};
use ndarray_of_linfa::{Array1, Array2, ArrayView1, Axis};

use crate::metrics::MetricsError;

/// Neighbours whose distances are averaged; fewer where there are fewer tiles.
const NEIGHBOURS: usize = 5;

/// Colour histograms of normal tiles, standardised by their own mean and deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourNeighbours {
    mean: Array1<f64>,
    deviation: Array1<f64>,
    points: Array2<f64>,
}

impl ColourNeighbours {
    /// Keeps the histograms of normal tiles, all of one length.
    ///
    /// # Errors
    /// When there is no tile, histograms of two lengths, or a value that is not finite.
    pub fn fit(normal: &[&[f64]]) -> Result<Self, MetricsError> {
        let width = normal.first().map_or(0, |row| row.len());
        if width == 0 {
            return Err(refused("there is no normal tile to learn from"));
        }
        let values: Vec<f64> = normal.iter().flat_map(|row| row.iter().copied()).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(refused("a histogram holds a value that is not finite"));
        }
        let mut points = Array2::from_shape_vec((normal.len(), width), values).map_err(refused)?;
        let mean = points.mean_axis(Axis(0)).ok_or_else(|| refused("there is no normal tile to learn from"))?;
        // A bin that never varies says nothing of how far is far, and keeps its own scale.
        let deviation = points.std_axis(Axis(0), 0.0).mapv(|value| if value > 1e-9 { value } else { 1.0 });
        points -= &mean;
        points /= &deviation;
        Ok(Self { mean, deviation, points })
    }

    /// Mean distance of each row to its five nearest normal tiles, in standard deviations of normal tiles.
    ///
    /// # Errors
    /// A row of another length than were fitted on.
    pub fn score(&self, rows: &[&[f64]]) -> Result<Vec<f64>, MetricsError> {
        let index = KdTree.from_batch(&self.points, L2Dist).map_err(refused)?;
        let distance = |row: &&[f64]| {
            if row.len() != self.mean.len() {
                return Err(refused(format!("a histogram of {} values, not {}", row.len(), self.mean.len())));
            }
            let point = (&ArrayView1::from(*row) - &self.mean) / &self.deviation;
            let nearest = index.k_nearest(point.view(), NEIGHBOURS).map_err(refused)?;
            let apart =
                |other: &ArrayView1<'_, f64>| point.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            Ok(nearest.iter().map(|(other, _)| apart(other)).sum::<f64>() / nearest.len() as f64)
        };
        rows.iter().map(distance).collect()
    }
}

fn refused(reason: impl std::fmt::Display) -> MetricsError {
    MetricsError::Fit { baseline: "colour_neighbours", reason: reason.to_string() }
}
