//! Applies the size policy to decoded pixels.

use crate::error::TileError;
use crate::policy::SizePolicy;
use crate::size::{SIDE, TILE_BYTES};
use crate::tile::Tile;

/// Makes a tile of `[height, width, 3]` pixels by `policy`.
pub(crate) fn fit(pixels: Vec<u8>, width: u32, height: u32, policy: SizePolicy) -> Result<Tile, TileError> {
    if (width, height) == (SIDE, SIDE) {
        return Tile::from_pixels(pixels);
    }
    match policy {
        SizePolicy::Resize => {
            let resized = kiln_resize::bilinear(pixels, (width, height), (SIDE, SIDE)).map_err(TileError::Damaged)?;
            Tile::from_pixels(resized)
        }
        SizePolicy::CenterCrop if width >= SIDE && height >= SIDE => Tile::from_pixels(crop(&pixels, width, height)),
        SizePolicy::CenterCrop | SizePolicy::Error => Err(TileError::WrongSize { width, height }),
    }
}

fn crop(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let (left, top) = ((width - SIDE) / 2, (height - SIDE) / 2);
    let mut middle = Vec::with_capacity(TILE_BYTES);
    for row in top..top + SIDE {
        let start = 3 * (row as usize * width as usize + left as usize);
        middle.extend_from_slice(&pixels[start..start + 3 * SIDE as usize]);
    }
    middle
}
