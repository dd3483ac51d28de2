//! Fits a mixture to vectors of normal tiles: principal components by `linfa-linalg`, Gaussians by `linfa-clustering`.

use burn::tensor::Device;
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{GaussianMixtureModel, GmmError};
use linfa_linalg::cholesky::Cholesky;
use linfa_linalg::eigh::{EigSort, Eigh};
use linfa_linalg::triangular::{SolveTriangular, UPLO};
use ndarray_of_linfa::{Array1, Array2, ArrayBase, Axis, concatenate, s};
use rand_xoshiro_of_linfa::Xoshiro256Plus;
use rand_xoshiro_of_linfa::rand_core::SeedableRng;

use super::MixtureConfig;
use super::mixture::{Mixture, MixtureValues};
use super::vectors::{centred, deviation, matrix, row};
use crate::{Error, Result};

/// Added to the variances of each component, of data of variance 1: no component narrows to a single vector.
const LEAST_VARIANCE: f64 = 1e-3;

/// Iterations of expectation and maximisation before the mixture is refused; it usually settles within a hundred.
const ITERATIONS: u64 = 1000;

/// Vectors for each figure of a component's mean: with fewer its covariance is that of chance.
const VECTORS_A_DIMENSION: usize = 2;

/// The number of vectors that a mixture needs.
pub(super) fn check_room(config: &MixtureConfig, vectors: usize) -> Result<()> {
    let needed = VECTORS_A_DIMENSION * config.components * config.dimensions;
    if vectors >= needed {
        return Ok(());
    }
    Err(wrong(
        "components",
        format!(
            "{} components in {} dimensions need {needed} vectors, but the normal training tiles give {vectors}; ask for \
             fewer components or dimensions",
            config.components, config.dimensions
        ),
    ))
}

/// The mixture of vectors of `features` values each.
pub(super) fn fitted(
    config: &MixtureConfig,
    values: Vec<f64>,
    features: usize,
    seed: u64,
    device: &Device,
) -> Result<Mixture> {
    check_room(config, values.len() / features)?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(wrong("dimensions", "the backbone gives values that are not finite; check its weights".to_owned()));
    }
    let (centre, centred) = centred(values, features).map_err(|reason| wrong("dimensions", reason))?;
    let projection = projection(&centred, config.dimensions)?;
    let gaussians = gaussians(config, centred.dot(&projection), seed)?;

    let offsets =
        gaussians.factors.iter().zip(gaussians.means.rows()).flat_map(|(factor, mean)| mean.dot(factor)).collect();
    let factors: Vec<_> = gaussians.factors.iter().map(ArrayBase::view).collect();
    let factors = concatenate(Axis(1), &factors).map_err(|error| wrong("components", error.to_string()))?;
    Ok(Mixture::from_values(MixtureValues {
        centre: row(&centre, device),
        projection: matrix(&projection, device),
        factors: matrix(&factors, device),
        offsets: row(&offsets, device),
        peaks: row(&gaussians.peaks, device),
    }))
}

/// The map from centred vectors to their first principal components, each of variance 1. Features are divided by their
/// deviations first: those of different stages differ in scale.
fn projection(centred: &Array2<f64>, dimensions: usize) -> Result<Array2<f64>> {
    let deviation = centred.map_axis(Axis(0), deviation);
    let standard = centred / &deviation;
    let correlation = standard.t().dot(&standard) / standard.nrows() as f64;
    let (variances, directions) =
        correlation.eigh().map_err(|error| wrong("dimensions", error.to_string()))?.sort_eig_desc();
    let varying = variances.iter().take_while(|variance| **variance > 1e-9).count();
    if varying < dimensions {
        return Err(wrong(
            "dimensions",
            format!(
                "{dimensions} are asked for, but the vectors vary in {varying} directions; ask for at most that many"
            ),
        ));
    }
    let scale = variances.slice(s![..dimensions]).mapv(f64::sqrt);
    Ok(&directions.slice(s![.., ..dimensions]) / &scale / &deviation.insert_axis(Axis(1)))
}

/// Fitted Gaussians.
struct Gaussians {
    means: Array2<f64>,
    /// For each component, the factor by which differences from its mean get covariance 1.
    factors: Vec<Array2<f64>>,
    peaks: Array1<f64>,
}

fn gaussians(config: &MixtureConfig, white: Array2<f64>, seed: u64) -> Result<Gaussians> {
    let refused = |error: GmmError| {
        let reason = format!(
            "no mixture of {} components fits the normal training tiles; ask for fewer: {error}",
            config.components
        );
        wrong("components", reason)
    };
    let mixture = GaussianMixtureModel::params_with_rng(config.components, Xoshiro256Plus::seed_from_u64(seed))
        .reg_covariance(LEAST_VARIANCE)
        .max_n_iterations(ITERATIONS)
        .fit(&DatasetBase::from(white))
        .map_err(refused)?;
    let unit = Array2::eye(config.dimensions);
    let (mut factors, mut peaks) = (Vec::new(), Vec::new());
    for (covariance, weight) in mixture.covariances().outer_iter().zip(mixture.weights()) {
        let root = covariance.cholesky().map_err(|error| refused(error.into()))?;
        let inverse = root.solve_triangular(&unit, UPLO::Lower).map_err(|error| refused(error.into()))?;
        peaks.push(weight.ln() - root.diag().mapv(f64::ln).sum());
        factors.push(inverse.reversed_axes());
    }
    // In units of the highest one, the negative logarithm is about 0 at the densest place and positive elsewhere.
    let highest = peaks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let peaks = peaks.into_iter().map(|peak| peak - highest).collect();
    Ok(Gaussians { means: mixture.means().clone(), factors, peaks })
}

fn wrong(key: &str, reason: String) -> Error {
    Error::Config { origin: format!("model.mixture.{key}"), reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::data::random;

    /// Vectors of two clusters, far from each other in the first of three features; the last is a constant.
    fn clusters(count: usize) -> Vec<f64> {
        let mut rng = random::stream(3, b"test    ", 0, 0);
        let vector = |at: usize| {
            let side = if at.is_multiple_of(2) { 6.0 } else { -6.0 };
            let (a, b) = (f64::from(random::normal(&mut rng)), f64::from(random::normal(&mut rng)));
            [side + a, 0.5 * a + b, 7.0]
        };
        (0..count).flat_map(vector).collect()
    }

    fn scores(mixture: &Mixture, vectors: &[[f32; 3]]) -> Vec<f32> {
        let tensor = Tensor::<2>::from_data(
            TensorData::new(vectors.as_flattened().to_vec(), [vectors.len(), 3]),
            &Device::flex(),
        );
        mixture.negative_log_density(tensor).into_data().try_into_vec().unwrap()
    }

    #[test]
    fn between_clusters_a_vector_is_improbable_though_it_is_their_mean() {
        let config = MixtureConfig { components: 2, dimensions: 2 };
        let mixture = fitted(&config, clusters(2000), 3, 1, &Device::flex()).unwrap();
        let found = scores(&mixture, &[[6.0, 0.0, 7.0], [-6.0, 0.0, 7.0], [0.0, 0.0, 7.0], [600.0, 0.0, 7.0]]);
        assert!((found[0] - found[1]).abs() < 0.3, "{found:?}");
        assert!(found[2] > found[0] + 10.0, "{found:?}");
        assert!(found[3].is_finite() && found[3] > 1000.0, "{found:?}");
    }

    #[test]
    fn one_component_is_a_gaussian_of_principal_components() {
        let config = MixtureConfig { components: 1, dimensions: 2 };
        let mixture = fitted(&config, clusters(4000), 3, 1, &Device::flex()).unwrap();
        // Two deviations out along the regression line of the second feature on the first, and across it.
        let found = scores(&mixture, &[[0.0, 0.0, 7.0], [12.17, 0.164, 7.0], [0.0, 2.23, 7.0]]);
        assert!(found[0].abs() < 0.01, "{found:?}");
        assert!((found[1] - 2.0).abs() < 0.2 && (found[2] - 2.0).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn what_cannot_be_fitted_is_refused_with_the_key() {
        let refused = |components, dimensions, values| {
            let config = MixtureConfig { components, dimensions };
            fitted(&config, values, 3, 1, &Device::flex()).unwrap_err().to_string()
        };
        let few = refused(8, 2, clusters(31));
        assert!(
            few.contains("model.mixture.components") && few.contains("need 32") && few.contains("give 31"),
            "{few}"
        );
        let flat = refused(2, 3, clusters(100));
        assert!(flat.contains("model.mixture.dimensions") && flat.contains("2 directions"), "{flat}");
        let mut broken = clusters(100);
        broken[5] = f64::NAN;
        assert!(refused(2, 2, broken).contains("finite"));
    }
}
