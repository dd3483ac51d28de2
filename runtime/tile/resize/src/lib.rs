//! Bilinear resizing of 8-bit RGB images by `fast_image_resize`. The library compiles its kernels, some two hundred
//! functions, in the crate that calls it. In a crate of their own they are compiled once, beside the decoders, and not
//! again when a decoder changes.
//!
//! ```
//! let white = vec![255; 3 * 40 * 30];
//! assert_eq!(kiln_resize::bilinear(white, (40, 30), (8, 8))?, [255; 3 * 8 * 8]);
//! # Ok::<(), String>(())
//! ```

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// Resizes `[height, width, 3]` pixels `from` a width and height `to` another one, averaging over source pixels when
/// shrinking. The aspect ratio is not kept.
///
/// # Errors
/// A message, if there are too few pixels.
pub fn bilinear(mut pixels: Vec<u8>, from: (u32, u32), to: (u32, u32)) -> Result<Vec<u8>, String> {
    // The library compiles every kernel for each pixel type and for each type of source image. Its own buffers are
    // `TypedImage`s, so this source adds no second set of kernels.
    let source = image(&mut pixels, from)?;
    let mut resized = vec![0; 3 * to.0 as usize * to.1 as usize];
    let mut target = image(&mut resized, to)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|error| error.to_string())?;
    Ok(resized)
}

fn image(pixels: &mut [u8], (width, height): (u32, u32)) -> Result<TypedImage<'_, U8x3>, String> {
    TypedImage::from_buffer(width, height, pixels).map_err(|error| error.to_string())
}
