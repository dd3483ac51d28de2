//! Reconstruction by principal components, the linear counterpart of an autoencoder. Principal components of normal
//! thumbnails by `linfa-reduction`; the score is the mean squared error of the reconstruction.

use linfa::traits::{Fit, Predict};
use linfa_reduction::Pca;
use ndarray_of_linfa::{Array2, Axis};

use super::features::THUMBNAIL;
use crate::metrics::MetricsError;

/// Number of components, if there are enough tiles.
const COMPONENTS: usize = 32;

/// Training tiles for each component: the solver searches in three times as many dimensions as it finds.
const TILES_A_COMPONENT: usize = 5;

/// Principal components of normal thumbnails.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelPca {
    pca: Pca<f64>,
}

impl PixelPca {
    /// Fits to thumbnails of normal tiles, `[32, 32, 3]` each.
    ///
    /// # Errors
    /// Fewer than ten tiles, a value that is not finite, or a failure of the solver.
    pub fn fit(normal: &[&[f32]]) -> Result<Self, MetricsError> {
        let components = COMPONENTS.min(normal.len() / TILES_A_COMPONENT);
        if components < 2 {
            let reason = format!("{} normal training tiles, at least 10 are needed", normal.len());
            return Err(failed(reason));
        }
        let records = records(normal)?;
        if records.iter().any(|value| !value.is_finite()) {
            return Err(failed("a thumbnail has a value that is not finite".to_owned()));
        }
        // The solver panics where a number overflows within it.
        let dataset = linfa::DatasetBase::from(records);
        let pca = kiln_files::caught(|| Pca::params(components).fit(&dataset)).map_err(failed)?;
        let pca = pca.map_err(|error| failed(error.to_string()))?;
        Ok(Self { pca })
    }

    /// Number of components.
    #[must_use]
    pub fn components(&self) -> usize {
        self.pca.components().nrows()
    }

    /// Mean squared error of each thumbnail's reconstruction, with intensities in `0..=1`.
    ///
    /// # Errors
    /// A thumbnail of another size.
    pub fn score(&self, thumbnails: &[&[f32]]) -> Result<Vec<f64>, MetricsError> {
        let records = records(thumbnails)?;
        let projected: Array2<f64> = self.pca.predict(&records);
        let difference = self.pca.inverse_transform(projected) - &records;
        let squares = difference.mapv(|value| value * value);
        Ok(squares.mean_axis(Axis(1)).map(|means| means.to_vec()).unwrap_or_default())
    }
}

fn records(thumbnails: &[&[f32]]) -> Result<Array2<f64>, MetricsError> {
    let values: Vec<f64> = thumbnails.iter().flat_map(|row| row.iter().map(|value| f64::from(*value))).collect();
    Array2::from_shape_vec((thumbnails.len(), THUMBNAIL), values).map_err(|error| failed(error.to_string()))
}

fn failed(reason: String) -> MetricsError {
    MetricsError::Fit { baseline: "pca", reason }
}
