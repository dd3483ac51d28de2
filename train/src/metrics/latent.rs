//! Diagnosis of an autoencoder: how much of its latent space it uses, and how much of the tiles it rebuilds. An autoencoder
//! has collapsed if the divergence has pushed its units to the prior; its reconstructions are then one colour.

use serde::{Deserialize, Serialize};

/// A unit is active if the variance of its posterior mean over the tiles is above this (Burda and others, 2016).
pub const ACTIVE_VARIANCE: f64 = 0.01;
/// Fewer active units than one in this many are a collapse.
const UNITS_FOR_AN_ACTIVE_ONE: usize = 8;
/// A smaller rebuilt share of the variance is a collapse.
const REBUILT_SHARE: f64 = 0.1;

/// The latent space over the normal tiles of a split: an autoencoder learns from normal tiles alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatentUse {
    /// Number of normal tiles.
    pub tiles: usize,
    /// Dimensions of the latent space.
    pub units: usize,
    /// Units whose posterior mean has a variance above [`ACTIVE_VARIANCE`]; none for a plain autoencoder, whose latent space has
    /// no scale.
    pub active: Option<usize>,
    /// Variance of the posterior mean over the tiles, by unit.
    pub variance: Vec<f64>,
    /// Mean KL divergence from the standard normal in nats, by unit; none for a plain autoencoder.
    pub divergence: Option<Vec<f64>>,
    /// Share of the pixels' variance around the mean colour of these tiles that reconstructions hold: 1 for perfect ones, 0 for
    /// that colour; none if the model does not rebuild tiles.
    pub rebuilt: Option<f64>,
    /// Warning if the autoencoder has collapsed.
    pub caution: Option<String>,
}

/// One tile in the latent space.
#[derive(Debug, Clone, Copy)]
pub struct LatentTile<'a> {
    /// Posterior mean, `[units]`.
    pub mean: &'a [f32],
    /// Natural logarithm of the posterior variance, `[units]`, unless the autoencoder is a plain one.
    pub log_variance: Option<&'a [f32]>,
    /// The pixels and their reconstruction, if the model rebuilds tiles.
    pub rebuilt: Option<RebuiltTile>,
}

/// A tile's pixels in 0..1 and its reconstruction error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RebuiltTile {
    /// Mean of each channel.
    pub mean: [f64; 3],
    /// Mean square of each channel.
    pub mean_square: [f64; 3],
    /// Mean squared error of the reconstruction over pixels and channels.
    pub squared_error: f64,
}

impl LatentUse {
    /// Diagnoses the latent space over normal tiles, all of one model; none without tiles, or if a figure is not finite.
    #[must_use]
    pub fn new(tiles: &[LatentTile<'_>]) -> Option<Self> {
        let units = tiles.first()?.mean.len();
        let variance: Vec<f64> = (0..units).map(|unit| variance(tiles, unit)).collect();
        let divergence = (0..units).map(|unit| divergence(tiles, unit)).collect::<Option<Vec<f64>>>();
        let active = divergence.as_ref().map(|_| variance.iter().filter(|value| **value > ACTIVE_VARIANCE).count());
        let rebuilt = rebuilt(tiles);
        let numbers = variance.iter().chain(divergence.iter().flatten()).chain(&rebuilt);
        if numbers.into_iter().any(|value| !value.is_finite()) {
            return None;
        }
        let caution = caution(units, active, rebuilt);
        Some(Self { tiles: tiles.len(), units, active, variance, divergence, rebuilt, caution })
    }
}

fn variance(tiles: &[LatentTile<'_>], unit: usize) -> f64 {
    let count = tiles.len() as f64;
    let values = || tiles.iter().filter_map(|tile| tile.mean.get(unit)).map(|value| f64::from(*value));
    let mean = values().sum::<f64>() / count;
    values().map(|value| (value - mean).powi(2)).sum::<f64>() / count
}

/// The mean divergence of a unit; none if a tile has no variance for it.
fn divergence(tiles: &[LatentTile<'_>], unit: usize) -> Option<f64> {
    let terms = tiles.iter().map(|tile| {
        let (mean, log_variance) = (f64::from(*tile.mean.get(unit)?), f64::from(*tile.log_variance?.get(unit)?));
        Some(0.5 * (mean.powi(2) + log_variance.exp() - log_variance - 1.0))
    });
    Some(terms.sum::<Option<f64>>()? / tiles.len() as f64)
}

fn rebuilt(tiles: &[LatentTile<'_>]) -> Option<f64> {
    let all: Vec<RebuiltTile> = tiles.iter().map(|tile| tile.rebuilt).collect::<Option<_>>()?;
    let colour: [f64; 3] =
        std::array::from_fn(|channel| all.iter().map(|tile| tile.mean[channel]).sum::<f64>() / all.len() as f64);
    let around = |tile: &RebuiltTile| -> f64 {
        let channel = |at: usize| tile.mean_square[at] - 2.0 * tile.mean[at] * colour[at] + colour[at].powi(2);
        (0..3).map(channel).sum::<f64>() / 3.0
    };
    let (error, total): (f64, f64) =
        all.iter().fold((0.0, 0.0), |sums, tile| (sums.0 + tile.squared_error, sums.1 + around(tile)));
    (total > 0.0).then(|| 1.0 - error / total)
}

fn caution(units: usize, active: Option<usize>, rebuilt: Option<f64>) -> Option<String> {
    let least = (units / UNITS_FOR_AN_ACTIVE_ONE).max(2).min(units);
    let few = active
        .filter(|active| *active < least)
        .map(|active| format!("{active} of {units} latent units are active (at least {least} are expected)"));
    let flat = rebuilt
        .filter(|share| *share < REBUILT_SHARE)
        .map(|share| format!("reconstructions hold {:.0} % of the variance around one colour", 100.0 * share.max(0.0)));
    let found: Vec<String> = few.into_iter().chain(flat).collect();
    (!found.is_empty()).then(|| {
        format!(
            "the autoencoder has collapsed: {}; try a smaller model.beta, more epochs or a larger model.beta_warmup_epochs",
            found.join(", and ")
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tile<'a>(mean: &'a [f32], log_variance: &'a [f32]) -> LatentTile<'a> {
        LatentTile { mean, log_variance: Some(log_variance), rebuilt: None }
    }

    #[test]
    fn a_unit_at_the_prior_is_inactive_and_has_no_divergence() {
        let (a, b, none) = ([2.0, 0.0, 1.0], [-2.0, 0.01, 0.0], [0.0, 0.0, 0.0]);
        let found = LatentUse::new(&[tile(&a, &none), tile(&b, &none)]).unwrap();
        assert_eq!((found.units, found.tiles, found.active), (3, 2, Some(2)));
        assert!((found.variance[0] - 4.0).abs() < 1e-9 && found.variance[1] < ACTIVE_VARIANCE);
        let divergence = found.divergence.unwrap();
        assert!((divergence[0] - 2.0).abs() < 1e-9 && divergence[1] < 1e-4 && (divergence[2] - 0.25).abs() < 1e-9);
        assert_eq!(found.caution, None);
    }

    #[test]
    fn a_narrow_posterior_adds_to_the_divergence() {
        let found = LatentUse::new(&[tile(&[0.0], &[-2.0])]).unwrap();
        assert!((found.divergence.unwrap()[0] - 0.5 * ((-2.0_f64).exp() + 1.0)).abs() < 1e-9);
    }

    #[test]
    fn one_unit_of_many_is_a_collapse() {
        let (mut a, mut b, prior) = (vec![0.0; 32], vec![0.0; 32], vec![0.0; 32]);
        (a[3], b[3]) = (1.0, -1.0);
        let found = LatentUse::new(&[tile(&a, &prior), tile(&b, &prior)]).unwrap();
        assert_eq!(found.active, Some(1));
        let caution = found.caution.unwrap();
        assert!(caution.contains("1 of 32 latent units") && caution.contains("at least 4"), "{caution}");
        for unit in [9, 20, 30] {
            (a[unit], b[unit]) = (1.0, -1.0);
        }
        assert_eq!(LatentUse::new(&[tile(&a, &prior), tile(&b, &prior)]).unwrap().caution, None);
    }

    #[test]
    fn a_reconstruction_of_one_colour_holds_no_variance() {
        // Half of each tile is black and half is white.
        let with = |squared_error| {
            let rebuilt = RebuiltTile { mean: [0.5; 3], mean_square: [0.5; 3], squared_error };
            let tile = LatentTile { mean: &[1.0], log_variance: None, rebuilt: Some(rebuilt) };
            LatentUse::new(&[tile, tile]).unwrap()
        };
        let (grey, half, perfect) = (with(0.25), with(0.125), with(0.0));
        assert!(grey.rebuilt.unwrap().abs() < 1e-9 && grey.caution.unwrap().contains("hold 0 % of the variance"));
        assert!((half.rebuilt.unwrap() - 0.5).abs() < 1e-9 && half.caution.is_none());
        assert_eq!(perfect.rebuilt, Some(1.0));
        // Without a Gaussian there is no prior to collapse to.
        assert_eq!((perfect.active, perfect.divergence), (None, None));
    }

    #[test]
    fn without_tiles_there_is_no_diagnosis() {
        assert_eq!(LatentUse::new(&[]), None);
    }
}
