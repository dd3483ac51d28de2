//! Fits mixtures to vectors of normal tiles: principal components by `linfa-linalg`, Gaussians by `linfa-clustering`.

use burn::tensor::Device;
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{GaussianMixtureModel, GmmError};
use linfa_linalg::cholesky::Cholesky;
use linfa_linalg::eigh::{EigSort, Eigh};
use linfa_linalg::triangular::{SolveTriangular, UPLO};
use ndarray_of_linfa::{Array1, Array2, ArrayBase, ArrayView1, Axis, concatenate, s};
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
pub(super) fn check_room(at: usize, config: &MixtureConfig, vectors: usize) -> Result<()> {
    let needed = VECTORS_A_DIMENSION * config.components * config.dimensions;
    if vectors >= needed {
        return Ok(());
    }
    Err(wrong(at, "components")(format!(
        "{} components in {} dimensions need {needed} vectors, but the normal training tiles give {vectors}; ask for fewer \
         components or dimensions, or add normal tiles",
        config.components, config.dimensions
    )))
}

/// The mixture with the number `at` of vectors of `features` values each, of which it reads `columns`.
pub(super) fn fitted(
    at: usize,
    config: &MixtureConfig,
    columns: Vec<[usize; 2]>,
    (values, features): (&[f64], usize),
    seed: u64,
    device: &Device,
) -> Result<Mixture> {
    check_room(at, config, values.len() / features)?;
    let read = |vector: &[f64]| -> Vec<f64> {
        columns.iter().flat_map(|[start, end]| vector[*start..*end].iter().copied()).collect()
    };
    let values: Vec<f64> = values.chunks_exact(features).flat_map(read).collect();
    let features = columns.iter().map(|[start, end]| end - start).sum();
    if values.iter().any(|value| !value.is_finite()) {
        let reason = "the backbone gives values that are not finite; check its weights";
        return Err(wrong(at, "dimensions")(reason.to_owned()));
    }
    let (centre, centred) = centred(values, features).map_err(wrong(at, "dimensions"))?;
    let projection = projection(&centred, config.dimensions).map_err(wrong(at, "dimensions"))?;
    let white = centred.dot(&projection);
    let gaussians = gaussians(config, white.clone(), seed).map_err(wrong(at, "components"))?;
    let distances = gaussians.log_distances(&white);
    let mean = distances.mean().unwrap_or(0.0);
    let deviation = deviation((distances - mean).view());

    let offsets =
        gaussians.factors.iter().zip(gaussians.means.rows()).flat_map(|(factor, mean)| mean.dot(factor)).collect();
    let factors: Vec<_> = gaussians.factors.iter().map(ArrayBase::view).collect();
    let factors = concatenate(Axis(1), &factors).map_err(|error| wrong(at, "components")(error.to_string()))?;
    Ok(Mixture::from_values(
        at,
        config,
        columns,
        MixtureValues {
            centre: row(&centre, device),
            projection: matrix(&projection, device),
            factors: matrix(&factors, device),
            offsets: row(&offsets, device),
            peaks: row(&gaussians.peaks, device),
            standard: row(&Array1::from(vec![mean, config.weight / deviation]), device),
        },
    ))
}

/// The map from centred vectors to their first principal components, each of variance 1. Features are divided by their
/// deviations first: those of different stages differ in scale.
fn projection(centred: &Array2<f64>, dimensions: usize) -> std::result::Result<Array2<f64>, String> {
    let deviation = centred.map_axis(Axis(0), deviation);
    let standard = centred / &deviation;
    let correlation = standard.t().dot(&standard) / standard.nrows() as f64;
    let (variances, directions) = correlation.eigh().map_err(|error| error.to_string())?.sort_eig_desc();
    let varying = variances.iter().take_while(|variance| **variance > 1e-9).count();
    if varying < dimensions {
        return Err(format!(
            "{dimensions} are asked for, but the vectors vary in {varying} directions; ask for at most that many"
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

impl Gaussians {
    /// [`Mixture::log_distances`] in double precision, of principal components `[n, dimensions]`.
    fn log_distances(&self, white: &Array2<f64>) -> Array1<f64> {
        let mut logarithms = Array2::zeros((white.nrows(), self.factors.len()));
        let parts = logarithms.columns_mut().into_iter().zip(&self.factors).zip(self.means.rows());
        for (((mut logarithms, factor), mean), peak) in parts.zip(&self.peaks) {
            let distances = (white - &mean).dot(factor);
            logarithms.assign(&distances.map_axis(Axis(1), |row| peak - 0.5 * row.dot(&row)));
        }
        logarithms.map_axis(Axis(1), |row| 0.5 * (-2.0 * log_of_sum(row)).max(0.0).ln_1p())
    }
}

/// Logarithm of the sum of numbers whose logarithms are given.
fn log_of_sum(logarithms: ArrayView1<'_, f64>) -> f64 {
    let largest = logarithms.fold(f64::NEG_INFINITY, |largest, value| largest.max(*value));
    largest + logarithms.mapv(|value| (value - largest).exp()).sum().ln()
}

fn gaussians(config: &MixtureConfig, white: Array2<f64>, seed: u64) -> std::result::Result<Gaussians, String> {
    let refused = |error: GmmError| {
        format!("no mixture of {} components fits the normal training tiles; ask for fewer: {error}", config.components)
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
    // No density is above the sum of the highest ones of all components: over it, the negative logarithm is at least 0.
    let peaks = Array1::from(peaks);
    let sum = log_of_sum(peaks.view());
    Ok(Gaussians { means: mixture.means().clone(), factors, peaks: peaks - sum })
}

/// The error of a key of the mixture with the number `at`.
fn wrong(at: usize, key: &str) -> impl Fn(String) -> Error {
    let origin = format!("model.mixtures[{at}].{key}");
    move |reason| Error::Config { origin: origin.clone(), reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::{Tensor, TensorData};

    use super::*;
    use crate::data::random;
    use crate::model::tensors::read;

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

    fn tensor(vectors: &[[f32; 3]]) -> Tensor<2> {
        let data = TensorData::new(vectors.as_flattened().to_vec(), [vectors.len(), 3]);
        Tensor::from_data(data, &Device::flex())
    }

    /// Distances by their logarithms.
    fn distances(mixture: &Mixture, vectors: &[[f32; 3]]) -> Vec<f64> {
        let logarithms = read(mixture.log_distances(tensor(vectors)).into_data()).unwrap();
        logarithms.into_iter().map(|value| ((2.0 * value).exp() - 1.0).sqrt()).collect()
    }

    fn mixture(components: usize, values: &[f64]) -> Mixture {
        let config = MixtureConfig { components, dimensions: 2, ..MixtureConfig::default() };
        fitted(0, &config, vec![[0, 3]], (values, 3), 1, &Device::flex()).unwrap()
    }

    #[test]
    fn between_clusters_a_vector_is_improbable_though_it_is_their_mean() {
        let mixture = mixture(2, &clusters(2000));
        let found = distances(&mixture, &[[6.0, 0.0, 7.0], [-6.0, 0.0, 7.0], [0.0, 0.0, 7.0], [600.0, 0.0, 7.0]]);
        assert!((found[0] - found[1]).abs() < 0.3, "{found:?}");
        assert!(found[2] > found[0] + 3.0, "{found:?}");
        assert!(found[3].is_finite() && found[3] > 50.0, "{found:?}");
    }

    #[test]
    fn one_component_is_a_gaussian_of_principal_components() {
        let mixture = mixture(1, &clusters(4000));
        // Two deviations out along the regression line of the second feature on the first, and across it.
        let found = distances(&mixture, &[[0.0, 0.0, 7.0], [12.17, 0.164, 7.0], [0.0, 2.23, 7.0]]);
        assert!(found[0].abs() < 0.1, "{found:?}");
        assert!((found[1] - 2.0).abs() < 0.1 && (found[2] - 2.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn the_part_of_a_score_is_the_weighted_distance_in_deviations_of_normal_vectors() {
        let values = clusters(2000);
        let vectors: Vec<[f32; 3]> =
            values.as_chunks::<3>().0.iter().map(|vector| vector.map(|value| value as f32)).collect();
        let part = |weight: f64, vectors: &[[f32; 3]]| {
            let config = MixtureConfig { components: 2, dimensions: 1, weight, ..MixtureConfig::default() };
            // Only the first feature and the constant count.
            let mixture = fitted(0, &config, vec![[0, 1], [2, 3]], (&values, 3), 1, &Device::flex()).unwrap();
            Array1::from(read(mixture.part(&tensor(vectors)).into_data()).unwrap())
        };
        let found = part(1.0, &vectors);
        let mean = found.mean().unwrap();
        assert!(mean.abs() < 1e-4 && (found.mapv(|value| value - mean).std(0.0) - 1.0).abs() < 1e-3);
        let far = part(1.0, &[[0.0, 0.0, 7.0], [0.0, 50.0, 7.0]]);
        assert!(far[0] > 1.0 && far[0] == far[1], "{far:?}");
        // A negative weight turns the sign, up to a limit.
        let turned = found.mapv(|value| (-0.5 * value).max(-1.0));
        assert!((part(-0.5, &vectors) - &turned).iter().all(|difference| difference.abs() < 1e-5));
        assert!(turned.iter().any(|value| *value == -1.0) && turned.iter().any(|value| *value > -0.9), "{turned}");
        assert_eq!(part(-0.5, &[[600.0, 0.0, 7.0]]).to_vec(), [-1.0]);
    }

    #[test]
    fn where_components_overlap_no_two_vectors_have_one_distance() {
        // One cloud, the second feature alone: eight components share it.
        let config = MixtureConfig { components: 8, dimensions: 1, ..MixtureConfig::default() };
        let values = clusters(2000);
        let mixture = fitted(0, &config, vec![[1, 2]], (&values, 3), 1, &Device::flex()).unwrap();
        let vectors: Vec<[f32; 3]> = (-20..20).map(|at| [0.0, 0.1 * at as f32, 0.0]).collect();
        let mut found = read(mixture.part(&tensor(&vectors)).into_data()).unwrap();
        found.sort_by(f64::total_cmp);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
    }

    #[test]
    fn what_cannot_be_fitted_is_refused_with_the_key() {
        let refused = |components, dimensions, values: Vec<f64>| {
            let config = MixtureConfig { components, dimensions, ..MixtureConfig::default() };
            fitted(1, &config, vec![[0, 3]], (&values, 3), 1, &Device::flex()).unwrap_err().to_string()
        };
        let few = refused(8, 2, clusters(31));
        assert!(
            few.contains("model.mixtures[1].components") && few.contains("need 32") && few.contains("give 31"),
            "{few}"
        );
        let flat = refused(2, 3, clusters(100));
        assert!(flat.contains("model.mixtures[1].dimensions") && flat.contains("2 directions"), "{flat}");
        let mut broken = clusters(100);
        broken[5] = f64::NAN;
        assert!(refused(2, 2, broken).contains("finite"));
    }
}
