//! A decoded image before it becomes a tile, and notes about the file.

use super::format::ImageFormat;
use crate::error::TileError;

/// Contents of a file that decoding ignores. None of them changes the pixels of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notes {
    /// Format of the file, detected by its content.
    pub format: ImageFormat,
    /// The file has an ICC profile. Profiles are not applied.
    pub icc_profile: bool,
    /// Orientation tag, 1 to 8. Orientations are not applied.
    pub orientation: Option<u8>,
    /// Number of further images in the file: reduced versions in a TIFF.
    pub further_images: usize,
    /// Bytes follow the end of the image.
    pub trailing_bytes: bool,
    /// The image had transparent pixels, which were blended with white.
    pub transparent: bool,
}

impl Notes {
    pub(super) fn new(format: ImageFormat) -> Self {
        Self {
            format,
            icc_profile: false,
            orientation: None,
            further_images: 0,
            trailing_bytes: false,
            transparent: false,
        }
    }

    /// Returns true if the orientation tag requests a rotation or reflection.
    #[must_use]
    pub fn is_turned(&self) -> bool {
        self.orientation.is_some_and(|orientation| orientation > 1)
    }
}

/// Pixels in rows from the top, 8 bits per sample.
pub(super) enum Pixels {
    Grey8(Vec<u8>),
    /// Grey and straight alpha.
    GreyAlpha8(Vec<u8>),
    Rgb8(Vec<u8>),
    /// Colour and straight alpha.
    Rgba8(Vec<u8>),
    /// Colour premultiplied with alpha, and alpha.
    PremultipliedRgba8(Vec<u8>),
    /// Grey premultiplied with alpha, and alpha.
    PremultipliedGreyAlpha8(Vec<u8>),
}

/// A decoded image.
pub(super) struct Image {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixels: Pixels,
    pub(super) notes: Notes,
}

impl Image {
    /// Returns `[height, width, 3]` RGB pixels; transparent ones are blended with white.
    ///
    /// # Errors
    /// [`TileError::Damaged`] if premultiplied colour is brighter than its alpha allows.
    pub(super) fn into_rgb(self) -> Result<(Vec<u8>, Notes), TileError> {
        let mut notes = self.notes;
        notes.transparent = match &self.pixels {
            Pixels::Grey8(_) | Pixels::Rgb8(_) => false,
            Pixels::GreyAlpha8(values) | Pixels::PremultipliedGreyAlpha8(values) => is_transparent::<2>(values),
            Pixels::Rgba8(values) | Pixels::PremultipliedRgba8(values) => is_transparent::<4>(values),
        };
        let rgb = match self.pixels {
            Pixels::Rgb8(values) => values,
            Pixels::Grey8(values) => values.into_iter().flat_map(|value| [value; 3]).collect(),
            Pixels::GreyAlpha8(values) => {
                pixels::<2>(&values).flat_map(|[grey, alpha]| [over_white(*grey, *alpha); 3]).collect()
            }
            Pixels::Rgba8(values) => without_alpha(values),
            Pixels::PremultipliedGreyAlpha8(values) => {
                let grey =
                    pixels::<2>(&values).map(|[grey, alpha]| multiplied_over_white(*grey, *alpha).map(|v| [v; 3]));
                grey.collect::<Option<Vec<_>>>().ok_or_else(too_bright)?.into_flattened()
            }
            Pixels::PremultipliedRgba8(values) => {
                let colour = |[r, g, b, a]: &[u8; 4]| {
                    let over = |value: &u8| multiplied_over_white(*value, *a);
                    Some([over(r)?, over(g)?, over(b)?])
                };
                pixels::<4>(&values).map(colour).collect::<Option<Vec<_>>>().ok_or_else(too_bright)?.into_flattened()
            }
        };
        Ok((rgb, notes))
    }
}

/// Blends RGBA pixels with white, in place.
fn without_alpha(mut values: Vec<u8>) -> Vec<u8> {
    let count = values.len() / 4;
    for at in 0..count {
        let alpha = values[4 * at + 3];
        for channel in 0..3 {
            values[3 * at + channel] = over_white(values[4 * at + channel], alpha);
        }
    }
    values.truncate(3 * count);
    values.shrink_to_fit();
    values
}

fn pixels<const N: usize>(values: &[u8]) -> std::slice::Iter<'_, [u8; N]> {
    values.as_chunks::<N>().0.iter()
}

fn is_transparent<const N: usize>(values: &[u8]) -> bool {
    pixels::<N>(values).any(|pixel| pixel[N - 1] != u8::MAX)
}

fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}

/// Returns `None` if the colour exceeds its alpha by more than rounding: the file is not premultiplied.
fn multiplied_over_white(value: u8, alpha: u8) -> Option<u8> {
    let sum = u32::from(value) + 255 - u32::from(alpha);
    (sum <= 256).then(|| u8::try_from(sum).unwrap_or(u8::MAX))
}

fn too_bright() -> TileError {
    TileError::Damaged("its alpha is marked as premultiplied, but its colours are not".to_owned())
}

/// Converts 16 bits to 8, rounded to the nearest.
pub(super) fn high_byte(value: u16) -> u8 {
    u8::try_from((u32::from(value) + 128) / 257).unwrap_or(u8::MAX)
}

/// Appends `count` samples of 1, 2, 4 or 8 bits, packed from the most significant bit.
pub(super) fn unpack(row: &[u8], bits: u32, count: usize, out: &mut Vec<u8>) {
    if bits == 8 {
        out.extend_from_slice(&row[..count.min(row.len())]);
        return;
    }
    let (each, mask) = ((8 / bits) as usize, (1_u8 << bits) - 1);
    let sample = |index: usize| row[index / each] >> (8 - bits as usize * (index % each + 1)) & mask;
    out.extend((0..count).map(sample));
}
