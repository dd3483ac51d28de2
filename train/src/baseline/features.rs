//! Features of a tile for the classical baselines.

use kiln_tile::{SIDE, Tile};

use crate::metrics::{COLOUR_FEATURES, colour_features};

/// Side of the thumbnail in pixels.
const SMALL: usize = 32;

/// Number of values of a thumbnail: 32 x 32 x 3.
pub const THUMBNAIL: usize = SMALL * SMALL * 3;

/// Number of bins of a channel's histogram.
const BINS: usize = 16;

/// Colour features of a tile, independent of position.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourFeatures {
    /// Mean and standard deviation of each channel, `[6]`.
    pub statistics: [f64; COLOUR_FEATURES],
    /// Square roots of the fractions in 16 bins of each channel, `[48]`. Between square roots the Euclidean distance is
    /// the Hellinger distance, in which a few full bins do not dominate.
    pub histogram: Vec<f64>,
}

impl ColourFeatures {
    /// Computes the features of a decoded tile.
    #[must_use]
    pub fn new(tile: &Tile) -> Self {
        Self { statistics: colour_features(tile), histogram: histogram(tile) }
    }
}

/// All features of a tile.
#[derive(Debug, Clone, PartialEq)]
pub struct TileFeatures {
    /// Colour features.
    pub colour: ColourFeatures,
    /// Mean of each block of 8 x 8 pixels in `0..=1`, `[32, 32, 3]`.
    pub thumbnail: Vec<f32>,
}

impl TileFeatures {
    /// Computes the features of a decoded tile.
    #[must_use]
    pub fn new(tile: &Tile) -> Self {
        Self { colour: ColourFeatures::new(tile), thumbnail: thumbnail(tile) }
    }
}

/// Means over blocks of 8 x 8 pixels, each channel in `0..=1`, `[32, 32, 3]`.
#[must_use]
pub fn thumbnail(tile: &Tile) -> Vec<f32> {
    let side = SIDE as usize;
    let block = side / SMALL;
    let mut sums = vec![0_u32; THUMBNAIL];
    for (at, value) in tile.pixels().iter().enumerate() {
        let (pixel, channel) = (at / 3, at % 3);
        let (row, column) = (pixel / side / block, pixel % side / block);
        sums[(row * SMALL + column) * 3 + channel] += u32::from(*value);
    }
    let whole = (block * block) as f32 * 255.0;
    sums.into_iter().map(|sum| sum as f32 / whole).collect()
}

fn histogram(tile: &Tile) -> Vec<f64> {
    let mut counts = [0_u32; 3 * BINS];
    for (at, value) in tile.pixels().iter().enumerate() {
        counts[at % 3 * BINS + usize::from(*value) * BINS / 256] += 1;
    }
    let pixels = f64::from(SIDE * SIDE);
    counts.iter().map(|count| (f64::from(*count) / pixels).sqrt()).collect()
}
