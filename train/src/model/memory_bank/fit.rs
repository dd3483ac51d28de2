//! Fills the banks of a memory bank from normal tiles: one pass through the backbone, no gradient.

use burn::tensor::Device;
use linfa_linalg::cholesky::Cholesky;
use linfa_linalg::triangular::{SolveTriangular, UPLO};
use ndarray_of_linfa::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::vectors::{centred, deviation, matrix, row};
use super::{Bank, MemoryBank, MemoryBankConfig, fit_mixture};
use crate::data::random;
use crate::model::OnePass;
use crate::{Error, Result};

/// The model with banks of the tiles of `pass`.
pub(super) fn fitted(model: MemoryBank, config: &MemoryBankConfig, pass: &mut OnePass<'_>) -> Result<MemoryBank> {
    let OnePass { loader, views, seed, device, .. } = *pass;
    let (rows, of_each) =
        (loader.tiles() * views as usize, config.patch.as_ref().map_or(0, |patch| patch.of_each_tile));
    check_rooms(config, rows)?;
    let (whole, features) = (config.features(), config.backbone.features());
    let (mut tiles, mut patches) = (Vec::new(), Vec::new());
    let (mut done, all) = (0, rows);
    for view in 0..views {
        for batch in loader.epoch(view, 0) {
            let batch = batch?;
            let vectors = (pass.vectors)(&batch.pixels, batch.indices.len())?;
            tiles.extend(vectors.features.into_iter().map(f64::from));
            if let Some(parts) = vectors.patches {
                let of_tile = parts.len() / batch.indices.len();
                for (index, parts) in batch.indices.iter().zip(parts.chunks_exact(of_tile)) {
                    let mut rng = random::stream(seed, b"patches ", view, *index as u64);
                    patches.extend(chosen(parts, features, of_each, &mut rng));
                }
            }
            done += batch.indices.len();
            (pass.on_batch)(done, all);
        }
    }
    let mixtures =
        config.mixtures.iter().enumerate().map(|(at, mixture)| {
            fit_mixture::fitted(at, mixture, config.columns(mixture), (&tiles, whole), seed, device)
        });
    let mixtures = mixtures.collect::<Result<_>>()?;
    let tile = config.tile.as_ref().map(|bank| filled("tile", tiles, whole, [bank.entries, bank.neighbours], device));
    let patch = config.patch.as_ref().map(|bank| filled("patch", patches, features, [bank.entries, 1], device));
    Ok(model.with_banks(tile.transpose()?, mixtures, patch.transpose()?))
}

/// Some patches of a tile, drawn without repetition.
fn chosen(parts: &[f32], width: usize, count: usize, rng: &mut impl rand::Rng) -> Vec<f64> {
    let mut places: Vec<usize> = (0..parts.len() / width).collect();
    random::shuffle(&mut places, rng);
    places.truncate(count);
    let vector = |place: usize| parts[place * width..(place + 1) * width].iter().copied().map(f64::from);
    places.into_iter().flat_map(vector).collect()
}

/// Vectors that a bank needs at least: the score is in units of their distances.
const LEAST_VECTORS: usize = 2;

/// Refuses banks and mixtures that need more vectors than `rows` variations of normal training tiles give.
pub(super) fn check_rooms(config: &MemoryBankConfig, rows: usize) -> Result<()> {
    if let Some(bank) = &config.tile {
        check_room("tile", bank.entries, rows)?;
    }
    if let Some(bank) = &config.patch {
        check_room("patch", bank.entries, rows * bank.of_each_tile)?;
    }
    config.mixtures.iter().enumerate().try_for_each(|(at, mixture)| fit_mixture::check_room(at, mixture, rows))
}

/// Refuses a bank of more vectors than there are, before the first one is computed.
fn check_room(name: &str, entries: usize, vectors: usize) -> Result<()> {
    if vectors >= entries.max(LEAST_VECTORS) {
        return Ok(());
    }
    let advice = if vectors < LEAST_VECTORS {
        format!("a bank needs at least {LEAST_VECTORS}, so add normal tiles")
    } else {
        "ask for at most that many".to_owned()
    };
    let found = if vectors == 1 { "1 vector".to_owned() } else { format!("{vectors} vectors") };
    let reason = format!("{entries} are asked for, but the normal training tiles give {found}; {advice}");
    Err(Error::Config { origin: format!("model.{name}.entries"), reason })
}

/// A bank of the whitened vectors that are furthest from each other.
fn filled(
    name: &str,
    values: Vec<f64>,
    features: usize,
    [entries, neighbours]: [usize; 2],
    device: &Device,
) -> Result<Bank> {
    let wrong = |reason: String| Error::Config { origin: format!("model.{name}"), reason };
    let count = values.len() / features;
    check_room(name, entries, count)?;
    let (centre, centred) = centred(values, features).map_err(wrong)?;
    let whitening = whitening(&centred).map_err(wrong)?;
    let kept = spread(centred.dot(&whitening).view(), entries);
    Ok(Bank::from_entries(
        name,
        row(&centre, device),
        matrix(&whitening, device),
        matrix(&kept.t().to_owned(), device),
        neighbours,
    ))
}

/// The matrix that maps centred vectors, `[n, features]`, to vectors without covariance and with variance 1: each feature
/// over its deviation, then the inverse of the Cholesky factor of the shrunk covariance (Ledoit and Wolf, 2004).
fn whitening(centred: &Array2<f64>) -> std::result::Result<Array2<f64>, String> {
    let deviation = centred.map_axis(Axis(0), deviation);
    let covariance = shrunk_covariance(&(centred / &deviation));
    let factor = covariance.cholesky().map_err(|error| format!("the features have no covariance: {error}"))?;
    let unit = Array2::eye(factor.nrows());
    let inverse = factor.solve_triangular(&unit, UPLO::Lower).map_err(|error| error.to_string())?;
    Ok(&inverse.t() / &deviation.insert_axis(Axis(1)))
}

/// The covariance of centred vectors, shrunk towards its mean variance by the optimal share of Ledoit and Wolf (2004): with
/// fewer tiles than features the plain covariance has no inverse.
fn shrunk_covariance(centred: &Array2<f64>) -> Array2<f64> {
    let (count, features) = (centred.nrows() as f64, centred.ncols() as f64);
    let sample = centred.t().dot(centred) / count;
    let mean = sample.diag().sum() / features;
    let squares: f64 = sample.iter().map(|value| value * value).sum();
    let fourth: f64 = centred.rows().into_iter().map(|row| row.dot(&row).powi(2)).sum();
    let spread = (squares - 2.0 * mean * sample.diag().sum() + features * mean * mean) / features;
    let error = ((fourth / count - squares) / (count * features)).min(spread);
    let part = if spread > 0.0 { error / spread } else { 1.0 };
    let mut shrunk = sample * (1.0 - part);
    shrunk.diag_mut().mapv_inplace(|value| value + part * mean);
    shrunk
}

/// Chooses `count` of the vectors: the one nearest to the centre, then repeatedly the one furthest from all chosen ones
/// (greedy k-centre, as PatchCore's coreset).
fn spread(vectors: ArrayView2<'_, f64>, count: usize) -> Array2<f64> {
    let squared = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| {
        Zip::from(a).and(b).fold(0.0, |sum, a, b| sum + (a - b) * (a - b))
    };
    let lengths = vectors.map_axis(Axis(1), |row| row.dot(&row));
    let mut next = extreme(lengths.iter().map(|length| -length));
    let mut far = Array1::from_elem(vectors.nrows(), f64::INFINITY);
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        chosen.push(next);
        let newest = vectors.row(next);
        Zip::from(&mut far).and(vectors.rows()).for_each(|far, row| *far = far.min(squared(row, newest)));
        next = extreme(far.iter().copied());
    }
    vectors.select(Axis(0), &chosen)
}

/// Index of the largest value, the first of equals.
fn extreme(values: impl Iterator<Item = f64>) -> usize {
    values
        .enumerate()
        .fold((0, f64::NEG_INFINITY), |best, (at, value)| if value > best.1 { (at, value) } else { best })
        .0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// Two features that vary together, and one that never changes.
    fn vectors() -> Array2<f64> {
        let mut rng = random::stream(1, b"test    ", 0, 0);
        let row = |_| {
            let (a, b) = (f64::from(random::normal(&mut rng)), f64::from(random::normal(&mut rng)));
            [3.0 * a, 3.0 * a + 0.5 * b, 0.0]
        };
        let rows: Vec<[f64; 3]> = (0..4000).map(row).collect();
        let all = Array2::from(rows);
        let mean = all.mean_axis(Axis(0)).unwrap();
        all - &mean
    }

    #[test]
    fn a_bank_without_room_is_refused_with_advice_that_helps() {
        let refused = |entries, vectors| check_room("tile", entries, vectors).expect_err("no room").to_string();
        assert!(refused(1, 1).contains("give 1 vector; a bank needs at least 2, so add normal tiles"));
        assert!(refused(5, 3).contains("give 3 vectors; ask for at most that many"));
        check_room("tile", 1, 2).expect("room");
    }

    #[test]
    fn after_whitening_features_vary_alike_and_apart() {
        let vectors = vectors();
        let white = vectors.dot(&whitening(&vectors).unwrap());
        let covariance = white.t().dot(&white) / white.nrows() as f64;
        assert!((covariance[[0, 0]] - 1.0).abs() < 0.1 && (covariance[[1, 1]] - 1.0).abs() < 0.1, "{covariance}");
        assert!(covariance[[0, 1]].abs() < 0.1, "{covariance}");
    }

    #[test]
    fn fewer_vectors_than_features_still_have_a_covariance_with_an_inverse() {
        let few = Array2::from_shape_fn([5, 8], |(row, column)| ((row * 7 + column * 3) % 5) as f64 - 2.0);
        assert!(whitening(&few).unwrap().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn what_is_kept_is_spread_out() {
        let line = Array2::from_shape_vec([5, 1], vec![0.0, 0.1, 0.2, 10.0, -9.0]).unwrap();
        assert_eq!(spread(line.view(), 3).into_raw_vec_and_offset().0, [0.0, 10.0, -9.0]);
    }

    #[test]
    fn too_few_vectors_are_refused_with_the_key() {
        let error = filled("tile", vec![0.0; 6], 2, [4, 1], &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("model.tile") && error.contains("3 vectors"), "{error}");
    }

    #[test]
    fn a_vector_that_is_not_finite_is_refused_with_the_key() {
        let values = vec![0.0, 1.0, f64::NAN, 2.0, 1.0, 0.0];
        let error = filled("tile", values, 2, [2, 1], &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("model.tile") && error.contains("not finite"), "{error}");
    }
}
