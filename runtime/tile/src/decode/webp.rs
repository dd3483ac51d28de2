//! WebP, through `image-webp`. The RIFF container must be as long as it announces; animations are refused.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::{Image, ImageFormat, Limits, MAX_DECODED_BYTES, Notes, Pixels, exif};
use crate::TileError;

/// Decodes a WebP file.
///
/// # Errors
/// Why there is no picture.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, TileError> {
    let mut notes = walk(bytes)?;
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(failed)?;
    decoder.set_memory_limit(MAX_DECODED_BYTES);
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    if decoder.is_animated() {
        return Err(TileError::Refused("an animated WebP".to_owned()));
    }
    notes.icc_profile = decoder.icc_profile().map_err(failed)?.is_some();
    notes.orientation = decoder.exif_metadata().map_err(failed)?.and_then(|exif| orientation(&exif));
    let length = decoder.output_buffer_size().filter(|length| *length <= MAX_DECODED_BYTES);
    let mut pixels = vec![0; length.ok_or_else(|| TileError::Damaged("it needs more memory than a tile may".to_owned()))?];
    decoder.read_image(&mut pixels).map_err(failed)?;
    let pixels = if decoder.has_alpha() { Pixels::Rgba8(pixels) } else { Pixels::Rgb8(pixels) };
    Ok(Image { width, height, pixels, notes })
}

/// The size in pixels, from the headers.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), TileError> {
    Ok(WebPDecoder::new(Cursor::new(bytes)).map_err(failed)?.dimensions())
}

/// Goes through the chunks of the RIFF container.
fn walk(bytes: &[u8]) -> Result<Notes, TileError> {
    let long = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let end = long(4).and_then(|length| length.checked_add(8)).ok_or(TileError::Truncated)?;
    if end > bytes.len() {
        return Err(TileError::Truncated);
    }
    let (mut at, mut images) = (12, 0);
    while at < end {
        let next = long(at + 4).and_then(|length| (at + 8).checked_add(length)).ok_or(TileError::Truncated)?;
        if next > end {
            return Err(TileError::Damaged("a chunk goes past the end of its container".to_owned()));
        }
        images += usize::from([b"VP8 ", b"VP8L", b"ANMF"].iter().any(|name| bytes[at..].starts_with(*name)));
        at = next + next % 2;
    }
    if images > 1 {
        return Err(TileError::Refused("an animated WebP".to_owned()));
    }
    Ok(Notes { trailing_bytes: end < bytes.len(), ..Notes::new(ImageFormat::WebP) })
}

fn orientation(exif: &[u8]) -> Option<u8> {
    exif::orientation(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
}

fn failed(error: DecodingError) -> TileError {
    match error {
        DecodingError::IoError(error) => error.into(),
        other => TileError::Damaged(other.to_string()),
    }
}
