//! WebP, decoded by `image-webp`. The RIFF container must have its declared length; animations are refused.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::exif;
use super::format::ImageFormat;
use super::image::{Image, Notes, Pixels};
use super::limits::{Limits, MAX_DECODED_BYTES, too_much_memory};
use crate::error::TileError;

/// The transparency flag of a VP8X header.
const ALPHA: u8 = 0x10;

/// Decodes a WebP file.
///
/// # Errors
/// If the file is damaged, too large or unsupported.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, TileError> {
    let Walked { mut notes, lossless_end, corrected } = walk(bytes)?;
    let mut reader = Cursor::new(corrected.as_deref().unwrap_or(bytes));
    let mut decoder = WebPDecoder::new(&mut reader).map_err(failed)?;
    decoder.set_memory_limit(MAX_DECODED_BYTES);
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    if decoder.is_animated() {
        return Err(TileError::Refused("an animated WebP".to_owned()));
    }
    notes.icc_profile = decoder.icc_profile().map_err(failed)?.is_some();
    notes.orientation = decoder.exif_metadata().map_err(failed)?.and_then(|exif| orientation(&exif));
    let length = decoder.output_buffer_size().filter(|length| *length <= MAX_DECODED_BYTES);
    let mut pixels = vec![0; length.ok_or_else(too_much_memory)?];
    decoder.read_image(&mut pixels).map_err(failed)?;
    let pixels = if decoder.has_alpha() { Pixels::Rgba8(pixels) } else { Pixels::Rgb8(pixels) };
    // Zeros instead of data are short codes: the picture is then complete before its data end.
    const READ_AHEAD: u64 = 8;
    if lossless_end.is_some_and(|end| reader.position() + READ_AHEAD < end) {
        return Err(damaged("image data are left over: the file has a hole"));
    }
    Ok(Image { width, height, pixels, notes })
}

/// Reads the size in pixels from the headers.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), TileError> {
    // The same reader type as in `decode`: another one would compile the decoder again.
    Ok(WebPDecoder::new(&mut Cursor::new(bytes)).map_err(failed)?.dimensions())
}

/// A checked container.
struct Walked {
    notes: Notes,
    /// The end of the data of a lossless image.
    lossless_end: Option<u64>,
    /// The file with a corrected header, if that contradicts a lossless image about transparency: as in libwebp, the image
    /// decides.
    corrected: Option<Vec<u8>>,
}

/// Checks the chunks of the RIFF container.
fn walk(bytes: &[u8]) -> Result<Walked, TileError> {
    let long = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let end = long(4).and_then(|length| length.checked_add(8)).ok_or(TileError::Truncated)?;
    if end > bytes.len() {
        return Err(TileError::Truncated);
    }
    let (mut at, mut images, mut alpha, mut announced) = (12, 0, false, false);
    let (mut header, mut lossless) = (None, None);
    while at < end {
        let next = long(at + 4).and_then(|length| (at + 8).checked_add(length)).ok_or(TileError::Truncated)?;
        let data = bytes.get(at + 8..next).filter(|_| next <= end);
        let data = data.ok_or_else(|| damaged("a chunk extends past the end of its container"))?;
        match &bytes[at..at + 4] {
            b"VP8X" => {
                announced = data.first().is_some_and(|flags| flags & ALPHA != 0);
                header = header.or(Some(at + 8));
            }
            b"ALPH" if images > 0 || !announced => {
                return Err(damaged("its transparency is in the wrong place or not declared"));
            }
            b"ALPH" => alpha = true,
            b"VP8 " => {
                images += 1;
                check_lossy(data)?;
            }
            b"VP8L" if alpha => return Err(damaged("it has transparency twice")),
            b"VP8L" => {
                images += 1;
                lossless = Some((check_lossless(data)?, next as u64));
            }
            b"ANIM" | b"ANMF" => return Err(TileError::Refused("an animated WebP".to_owned())),
            _ => {}
        }
        at = next + next % 2;
    }
    match images {
        1 => {
            let notes = Notes { trailing_bytes: end < bytes.len(), ..Notes::new(ImageFormat::WebP) };
            let flags = header.filter(|_| lossless.is_some_and(|(alpha, _)| alpha != announced));
            let corrected = flags.map(|at| {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= ALPHA;
                bytes
            });
            Ok(Walked { notes, lossless_end: lossless.map(|(_, end)| end), corrected })
        }
        0 => Err(damaged("it has no image")),
        _ => Err(damaged("it has several images")),
    }
}

/// Checks a VP8 frame (RFC 6386, 9.1): a key frame that is shown, of a known version, not scaled.
fn check_lossy(frame: &[u8]) -> Result<(), TileError> {
    let [a, b, c, 0x9d, 0x01, 0x2a, _, width, _, height, ..] = frame else {
        return Err(damaged("its frame header is damaged"));
    };
    let tag = u32::from_le_bytes([*a, *b, *c, 0]);
    if tag & 1 != 0 || tag >> 1 & 7 > 3 || tag >> 4 & 1 == 0 || width >> 6 != 0 || height >> 6 != 0 {
        return Err(damaged("its frame is not a shown key frame of a known version"));
    }
    if (tag >> 5) as usize > frame.len() - 10 {
        return Err(TileError::Truncated);
    }
    check_holes(frame)
}

/// Checks the signature and version of a VP8L image (RFC 9649, 3.4). Returns its transparency flag.
fn check_lossless(image: &[u8]) -> Result<bool, TileError> {
    let [0x2f, _, _, _, high, ..] = image else { return Err(damaged("its image header is damaged")) };
    if high >> 5 != 0 {
        return Err(damaged("its image is of an unknown version"));
    }
    Ok(high & 0x10 != 0)
}

/// Refuses long runs of one byte: arithmetic-coded data have none, parts that were never written or were erased have.
fn check_holes(data: &[u8]) -> Result<(), TileError> {
    const SHORTEST: usize = 32;
    for byte in [0, u8::MAX] {
        let longest = data.split(|other| *other != byte).map(<[u8]>::len).max();
        if longest.is_some_and(|longest| longest >= SHORTEST) {
            return Err(damaged("a part of the image data is empty: the file has a hole"));
        }
    }
    Ok(())
}

fn damaged(reason: &str) -> TileError {
    TileError::Damaged(reason.to_owned())
}

fn orientation(exif: &[u8]) -> Option<u8> {
    exif::orientation(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
}

fn failed(error: DecodingError) -> TileError {
    match error {
        DecodingError::IoError(error) => error.into(),
        other => TileError::Damaged(format!("its WebP data are damaged: {other}")),
    }
}
