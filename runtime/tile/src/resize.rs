//! Applies the size policy to decoded pixels.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::{SIDE, SizePolicy, TILE_BYTES, Tile, TileError};

/// Makes a tile of `[height, width, 3]` pixels by `policy`.
pub(crate) fn fit(pixels: Vec<u8>, width: u32, height: u32, policy: SizePolicy) -> Result<Tile, TileError> {
    if (width, height) == (SIDE, SIDE) {
        return Tile::from_pixels(pixels);
    }
    match policy {
        SizePolicy::Resize => resize(&pixels, width, height),
        SizePolicy::CenterCrop if width >= SIDE && height >= SIDE => Tile::from_pixels(crop(&pixels, width, height)),
        SizePolicy::CenterCrop | SizePolicy::Error => Err(TileError::WrongSize { width, height }),
    }
}

fn resize(pixels: &[u8], width: u32, height: u32) -> Result<Tile, TileError> {
    let damaged = |error: &dyn std::fmt::Display| TileError::Damaged(error.to_string());
    let source = TypedImageRef::<U8x3>::from_buffer(width, height, pixels).map_err(|e| damaged(&e))?;
    let mut resized = vec![0; TILE_BYTES];
    let mut target = TypedImage::<U8x3>::from_buffer(SIDE, SIDE, &mut resized).map_err(|e| damaged(&e))?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    // For one type of pixels: `Resizer::resize` compiles all of them, two minutes of work.
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|e| damaged(&e))?;
    Tile::from_pixels(resized)
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
