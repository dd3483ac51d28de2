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

/// A square part of an image, in pixels from its upper left corner; fractions are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Square {
    /// Distance from the left border.
    pub left: f32,
    /// Distance from the upper border.
    pub top: f32,
    /// Length of a side.
    pub side: f32,
}

/// Resizes `[height, width, 3]` pixels `from` a width and height `to` another one, averaging over source pixels when
/// shrinking. The aspect ratio is not kept.
///
/// # Errors
/// A message, if there are too few pixels.
pub fn bilinear(pixels: Vec<u8>, from: (u32, u32), to: (u32, u32)) -> Result<Vec<u8>, String> {
    resized(pixels, from, to, |options| options)
}

/// As [`bilinear`], of a part of the image. When shrinking, pixels up to half a target pixel outside of it have weight
/// in the outermost pixels of the result, as in Pillow's `resize` with a `box`.
///
/// ```
/// use kiln_resize::{Square, bilinear_part};
///
/// let halves = [[10; 3 * 8], [90; 3 * 8]].concat().repeat(16);
/// let right = Square { left: 10.0, top: 4.0, side: 4.0 };
/// assert_eq!(bilinear_part(halves.clone(), (16, 16), right, (2, 2))?, [90; 3 * 2 * 2]);
/// assert!(bilinear_part(halves, (16, 16), Square { left: 13.0, ..right }, (2, 2)).is_err());
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// A message, if there are too few pixels, or the part is empty or not within the image.
pub fn bilinear_part(pixels: Vec<u8>, from: (u32, u32), part: Square, to: (u32, u32)) -> Result<Vec<u8>, String> {
    let [left, top, side] = [part.left, part.top, part.side].map(f64::from);
    if !(side > 0.0 && left >= 0.0 && top >= 0.0) {
        return Err(format!("{part:?} is empty or not within the image"));
    }
    resized(pixels, from, to, |options| options.crop(left, top, side, side))
}

fn resized(
    mut pixels: Vec<u8>,
    from: (u32, u32),
    to: (u32, u32),
    part: impl FnOnce(ResizeOptions) -> ResizeOptions,
) -> Result<Vec<u8>, String> {
    // The library compiles every kernel for each pixel type and for each type of source image. Its own buffers are
    // `TypedImage`s, so this source adds no second set of kernels.
    let source = image(&mut pixels, from)?;
    let mut resized = vec![0; 3 * to.0 as usize * to.1 as usize];
    let mut target = image(&mut resized, to)?;
    let options = part(ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)));
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|error| error.to_string())?;
    Ok(resized)
}

fn image(pixels: &mut [u8], (width, height): (u32, u32)) -> Result<TypedImage<'_, U8x3>, String> {
    TypedImage::from_buffer(width, height, pixels).map_err(|error| error.to_string())
}
