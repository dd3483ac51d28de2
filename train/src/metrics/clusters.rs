//! Two clusters of tiles by their hue, pink and purple: laboratories stain differently, and a model that works on one hue
//! may fail on the other. One feature divides them, mean blue minus mean red: eosin absorbs little red, haematoxylin absorbs
//! much, and the amount of white, which changes all channels alike, hardly matters. On one feature the best division in two
//! (the least variance within clusters: k-means with k = 2, Otsu 1979) is found exactly, so no start and no seed matters.

use serde::{Deserialize, Serialize};

use super::COLOUR_FEATURES;

/// If less than this fraction of the variance is between the clusters, there may be one cluster only: it is 0.64 for one normal
/// distribution, and 0.75 for a uniform one.
pub(super) const ONE_CLUSTER: f64 = 0.75;

/// A division of tiles into pink and purple ones, fitted without labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ColourClusters {
    /// Tiles whose mean blue minus mean red, in `-1..=1`, is at or above this are purple; all others are pink.
    pub boundary: f64,
    /// Mean blue minus red of the pink and of the purple tiles, `[2]`.
    pub centres: [f64; 2],
    /// Fraction of the variance that is between the clusters. One normal distribution has 0.64.
    pub between: f64,
    /// Number of tiles that it was fitted to.
    pub tiles: usize,
}

impl ColourClusters {
    /// Names of the clusters: the one with less blue than red first.
    pub const NAMES: [&'static str; 2] = ["pink", "purple"];

    /// Divides tiles by their [`colour_features`](super::colour_features). `None` if all tiles have one hue.
    #[must_use]
    pub fn fit(features: &[[f64; COLOUR_FEATURES]]) -> Option<Self> {
        let mut hues: Vec<f64> = features.iter().map(hue).filter(|hue| hue.is_finite()).collect();
        hues.sort_by(f64::total_cmp);
        let count = hues.len() as f64;
        let mean = hues.iter().sum::<f64>() / count;
        let total: f64 = hues.iter().map(|hue| (hue - mean).powi(2)).sum();
        let (mut below, mut best) = (0.0, None::<(f64, usize)>);
        for at in 1..hues.len() {
            below += hues[at - 1] - mean;
            if hues[at] <= hues[at - 1] {
                continue;
            }
            // The sums of both sides differ in sign only, as they are around the mean.
            let between = below * below * (1.0 / at as f64 + 1.0 / (hues.len() - at) as f64);
            if best.is_none_or(|(most, _)| between > most) {
                best = Some((between, at));
            }
        }
        let (between, at) = best?;
        let mean_of = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        Some(Self {
            boundary: f64::midpoint(hues[at - 1], hues[at]),
            centres: [mean_of(&hues[..at]), mean_of(&hues[at..])],
            between: between / total,
            tiles: hues.len(),
        })
    }

    /// The name of the cluster of a tile with these features.
    #[must_use]
    pub fn name(&self, features: &[f64; COLOUR_FEATURES]) -> &'static str {
        Self::NAMES[usize::from(hue(features) >= self.boundary)]
    }
}

/// Mean blue minus mean red.
fn hue(features: &[f64; COLOUR_FEATURES]) -> f64 {
    features[2] - features[0]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kiln_tile::{TILE_BYTES, Tile};

    use super::*;
    use crate::metrics::colour_features;

    fn features(colour: [u8; 3]) -> [f64; COLOUR_FEATURES] {
        colour_features(&Tile::from_pixels((0..TILE_BYTES).map(|at| colour[at % 3]).collect()).unwrap())
    }

    /// A pink and a purple palette at four amounts of white, which differ more than the hues do.
    fn palettes() -> [Vec<[f64; COLOUR_FEATURES]>; 2] {
        let lighter = |colour: [u8; 3], by: u8| features(colour.map(|channel| channel + by));
        [[180, 90, 140], [110, 60, 130]].map(|colour| [0, 20, 40, 60].map(|by| lighter(colour, by)).to_vec())
    }

    #[test]
    fn two_palettes_are_two_clusters_whatever_their_brightness() {
        let [pink, purple] = palettes();
        let clusters = ColourClusters::fit(&[pink.clone(), purple.clone()].concat()).unwrap();
        assert!(pink.iter().all(|tile| clusters.name(tile) == "pink"), "{clusters:?}");
        assert!(purple.iter().all(|tile| clusters.name(tile) == "purple"), "{clusters:?}");
        assert!((clusters.centres[0] + 40.0 / 255.0).abs() < 1e-9, "{clusters:?}");
        assert!((clusters.centres[1] - 20.0 / 255.0).abs() < 1e-9, "{clusters:?}");
        assert!((clusters.between - 1.0).abs() < 1e-9 && clusters.tiles == 8, "{clusters:?}");
        let turned = ColourClusters::fit(&[purple, pink].concat()).unwrap();
        assert_eq!(turned, clusters, "the order of the tiles does not matter");
    }

    #[test]
    fn the_division_has_the_least_variance_within() {
        let hues: [f64; 7] = [-0.3, -0.28, -0.1, 0.0, 0.05, 0.3, 0.31];
        let features: Vec<_> = hues.iter().map(|hue| [0.0, 0.0, *hue, 0.0, 0.0, 0.0]).collect();
        let clusters = ColourClusters::fit(&features).unwrap();
        let within = |part: &[f64]| {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            part.iter().map(|hue| (hue - mean).powi(2)).sum::<f64>()
        };
        let least = (1..7).map(|at| within(&hues[..at]) + within(&hues[at..])).fold(f64::INFINITY, f64::min);
        let (below, above): (Vec<f64>, Vec<f64>) = hues.iter().partition(|hue| **hue < clusters.boundary);
        assert!((within(&below) + within(&above) - least).abs() < 1e-12, "{clusters:?}");
        assert!((1.0 - least / within(&hues) - clusters.between).abs() < 1e-12, "{clusters:?}");
    }

    #[test]
    fn tiles_of_one_hue_are_not_divided() {
        assert_eq!(ColourClusters::fit(&[]), None);
        assert_eq!(ColourClusters::fit(&[features([40, 40, 40]), features([200, 200, 200])]), None);
    }
}
