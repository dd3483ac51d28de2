//! Anomaly as distance from normal colour: the mean distance to the nearest normal training tiles, over standardised
//! colour statistics. Needs no anomalous tile, so it is the baseline for models that learn from normal tiles alone.
//! Points are found by `linfa-nn`'s k-d tree.

use linfa_nn::distance::L2Dist;
use linfa_nn::{KdTree, NearestNeighbour};
use ndarray_of_linfa::{Array1, Array2};

use crate::metrics::{COLOUR_FEATURES, MetricsError};

/// Neighbours whose distances are averaged; fewer where there are fewer tiles.
const NEIGHBOURS: usize = 5;

type Row = [f64; COLOUR_FEATURES];

/// Colour statistics of normal tiles, standardised by their own mean and deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourNeighbours {
    mean: Row,
    deviation: Row,
    points: Array2<f64>,
}

impl ColourNeighbours {
    /// Keeps the colour statistics of normal tiles.
    ///
    /// # Errors
    /// When there is no tile, or a value that is not finite.
    pub fn fit(normal: &[Row]) -> Result<Self, MetricsError> {
        let refused = |reason: String| MetricsError::Fit { baseline: "colour_neighbours", reason };
        if normal.is_empty() {
            return Err(refused("there is no normal tile to learn from".to_owned()));
        }
        if let Some(row) = normal.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
            return Err(refused(format!("row {row} holds a value that is not finite")));
        }
        let count = normal.len() as f64;
        let mean: Row = std::array::from_fn(|at| normal.iter().map(|row| row[at]).sum::<f64>() / count);
        let deviation: Row = std::array::from_fn(|at| {
            let variance = normal.iter().map(|row| (row[at] - mean[at]).powi(2)).sum::<f64>() / count;
            if variance > f64::EPSILON { variance.sqrt() } else { 1.0 }
        });
        let rows: Vec<Row> = normal.iter().map(|row| standardised(row, &mean, &deviation)).collect();
        Ok(Self { mean, deviation, points: Array2::from(rows) })
    }

    /// Mean distance of each row to its five nearest normal tiles, in standard deviations of normal tiles.
    ///
    /// # Errors
    /// None that a fitted baseline gives; the search is fallible in its signature.
    pub fn score(&self, rows: &[Row]) -> Result<Vec<f64>, MetricsError> {
        let refused = |reason: String| MetricsError::Fit { baseline: "colour_neighbours", reason };
        let index = KdTree.from_batch(&self.points, L2Dist).map_err(|error| refused(error.to_string()))?;
        let distance = |row: &Row| {
            let point = Array1::from(standardised(row, &self.mean, &self.deviation).to_vec());
            let nearest = index.k_nearest(point.view(), NEIGHBOURS).map_err(|error| refused(error.to_string()))?;
            let apart = |other: &ndarray_of_linfa::ArrayView1<'_, f64>| {
                point.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
            };
            Ok(nearest.iter().map(|(other, _)| apart(other)).sum::<f64>() / nearest.len() as f64)
        };
        rows.iter().map(distance).collect()
    }
}

fn standardised(row: &Row, mean: &Row, deviation: &Row) -> Row {
    std::array::from_fn(|at| (row[at] - mean[at]) / deviation[at])
}
