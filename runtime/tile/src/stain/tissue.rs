//! Tissue of a tile, distinguished from glass by its optical density.

use super::optical::Densities;
use crate::size::TILE_BYTES;

/// Number of pixels of a tile.
pub(super) const PIXELS: usize = TILE_BYTES / 3;

/// Fewest tissue pixels of a tile with statistics: one in a hundred.
pub const LEAST_TISSUE: usize = PIXELS / 100;

/// Smallest density of tissue, in the mean of the channels (Macenko's beta). A threshold on every channel, which is common,
/// would miss pale eosin, which absorbs next to no red.
const TISSUE: f32 = 0.15;

/// Returns the densities of up to about `limit` tissue pixels, evenly spread; `None` if the tile has too little tissue.
pub(super) fn tissue(pixels: &[u8], limit: usize) -> Option<Vec<[f64; 3]>> {
    debug_assert_eq!(pixels.len(), 3 * PIXELS);
    let densities = Densities::get();
    let is_tissue = |pixel: &&[u8]| densities.pixel_densities(pixel).iter().sum::<f32>() >= 3.0 * TISSUE;
    let count = pixels.chunks_exact(3).filter(is_tissue).count();
    if count < LEAST_TISSUE {
        return None;
    }
    // An odd step: an even one would select the same columns of JPEG's blocks, which are eight wide.
    let step = (count / limit) | 1;
    let chosen = pixels.chunks_exact(3).filter(is_tissue).step_by(step);
    Some(chosen.map(|pixel| densities.pixel_densities(pixel).map(f64::from)).collect())
}
