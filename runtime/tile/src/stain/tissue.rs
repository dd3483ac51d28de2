//! Tissue of a tile, told from glass by its optical density.

use super::optical::Densities;
use crate::size::TILE_BYTES;

/// Pixels of a tile.
pub(super) const PIXELS: usize = TILE_BYTES / 3;

/// Pixels of tissue below which a tile has no statistics of its own: one in a hundred.
pub const LEAST_TISSUE: usize = PIXELS / 100;

/// Tissue is what absorbs at least this much, in the mean of the channels (Macenko's beta). Asked of every channel, as it
/// often is, it would leave out pale eosin, which takes next to nothing of the red.
const TISSUE: f32 = 0.15;

/// Densities of up to about `limit` tissue pixels, evenly spread; `None` if the tile holds too little tissue.
pub(super) fn tissue(pixels: &[u8], limit: usize) -> Option<Vec<[f64; 3]>> {
    debug_assert_eq!(pixels.len(), 3 * PIXELS);
    let densities = Densities::get();
    let is_tissue = |pixel: &&[u8]| densities.of_pixel(pixel).iter().sum::<f32>() >= 3.0 * TISSUE;
    let count = pixels.chunks_exact(3).filter(is_tissue).count();
    if count < LEAST_TISSUE {
        return None;
    }
    // An odd step: an even one would keep to some columns, and JPEG's blocks are eight wide.
    let step = (count / limit) | 1;
    let chosen = pixels.chunks_exact(3).filter(is_tissue).step_by(step);
    Some(chosen.map(|pixel| densities.of_pixel(pixel).map(f64::from)).collect())
}
