//! BMP, decoded by `image`. The headers are read here first: the header's length decides which fields exist, and decoders
//! interpret the fourth byte of a pixel differently.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder as _, ImageError};

use super::format::ImageFormat;
use super::image::{Image, Notes, Pixels, unpack};
use super::limits::{Limits, too_much_memory};
use crate::error::TileError;

const FILE_HEADER: usize = 14;

const BI_RGB: u32 = 0;
const BI_RLE8: u32 = 1;
const BI_RLE4: u32 = 2;
const BI_BITFIELDS: u32 = 3;

/// The fields of both headers that decoding depends on.
struct Header {
    width: u32,
    height: u32,
    pixels_at: usize,
    length: usize,
    bits: u16,
    compression: u32,
    colours: usize,
    /// Red, green, blue, alpha.
    masks: [u32; 4],
    icc_profile: bool,
}

/// Decodes a BMP file.
///
/// # Errors
/// If the file is damaged, too large or unsupported.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, TileError> {
    let header = Header::read(bytes)?;
    let (width, height) = (header.width, header.height);
    limits.check_size(width, height)?;
    header.check(bytes)?;
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(failed)?;
    if decoder.dimensions() != (width, height) {
        return Err(TileError::Damaged("its headers contradict each other".to_owned()));
    }
    let color = decoder.color_type();
    let mut samples = vec![0; usize::try_from(decoder.total_bytes()).map_err(|_| too_much_memory())?];
    decoder.read_image(&mut samples).map_err(failed)?;
    let pixels = match color {
        ColorType::Rgb8 => Pixels::Rgb8(samples),
        ColorType::Rgba8 => opaque_if_empty(samples),
        _ => return Err(TileError::Refused("a BMP with other samples than 8-bit colour".to_owned())),
    };
    let notes = Notes {
        icc_profile: header.icc_profile,
        trailing_bytes: header.end().is_some_and(|end| end < bytes.len()),
        ..Notes::new(ImageFormat::Bmp)
    };
    Ok(Image { width, height, pixels, notes })
}

/// Reads the size in pixels from the headers.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), TileError> {
    let header = Header::read(bytes)?;
    Ok((header.width, header.height))
}

/// Makes an image opaque if its alpha is 0 everywhere. Many programs leave the fourth byte at 0, and viewers show such an
/// image opaque.
fn opaque_if_empty(mut pixels: Vec<u8>) -> Pixels {
    if pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == 0) {
        pixels.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = u8::MAX);
    }
    Pixels::Rgba8(pixels)
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TileError> {
        let short = |at: usize| {
            let bytes: [u8; 2] =
                bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).ok_or(TileError::Truncated)?;
            Ok::<_, TileError>(u16::from_le_bytes(bytes))
        };
        let long = |at: usize| Ok::<_, TileError>(u32::from(short(at)?) | u32::from(short(at + 2)?) << 16);
        let signed = |at: usize| Ok::<_, TileError>(long(at)?.cast_signed());
        let (pixels_at, length) = (long(10)? as usize, long(FILE_HEADER)? as usize);
        let at = |field: usize| FILE_HEADER + field;
        let damaged = |reason: &str| TileError::Damaged(reason.to_owned());
        if length == 12 {
            let (width, height) = (short(at(4))?.into(), short(at(6))?.into());
            let bits = short(at(10))?;
            let colours = if bits < 16 { 1 << bits.min(8) } else { 0 };
            return Ok(Self {
                width,
                height,
                pixels_at,
                length,
                bits,
                compression: BI_RGB,
                colours,
                masks: [0; 4],
                icc_profile: false,
            });
        }
        if ![40, 52, 56, 108, 124].contains(&length) {
            return Err(TileError::Refused(format!("a BMP with a header of {length} bytes")));
        }
        let (width, height) = (signed(at(4))?, signed(at(8))?);
        let width = u32::try_from(width).ok().filter(|width| *width > 0).ok_or_else(|| damaged("it has no width"))?;
        if height == 0 {
            return Err(damaged("it has no height"));
        }
        let (bits, compression, used) = (short(at(14))?, long(at(16))?, long(at(32))? as usize);
        let colours = match (bits, used) {
            (16.., _) => 0,
            (_, 0) => 1 << bits.min(8),
            (_, used) => used,
        };
        // The masks of bit fields follow a header of 40 bytes.
        let masked = length >= 52 || compression == BI_BITFIELDS;
        let mask = |index: usize| if masked && (index < 3 || length >= 56) { long(at(40 + 4 * index)) } else { Ok(0) };
        let masks = [mask(0)?, mask(1)?, mask(2)?, mask(3)?];
        // BITMAPV5HEADER: the colour spaces LINK and MBED mean a profile.
        let icc_profile = length == 124 && [*b"KNIL", *b"DEBM"].contains(&long(at(56))?.to_le_bytes());
        Ok(Self {
            width,
            height: height.unsigned_abs(),
            pixels_at,
            length,
            bits,
            compression,
            colours,
            masks,
            icc_profile,
        })
    }

    /// Refuses forms that decoders disagree about, and files that end early.
    fn check(&self, bytes: &[u8]) -> Result<(), TileError> {
        let refused = |reason: String| Err(TileError::Refused(reason));
        match (self.bits, self.compression) {
            (1 | 4 | 8 | 24, BI_RGB) | (16 | 32, BI_RGB | BI_BITFIELDS) => {}
            (4, BI_RLE4) | (8, BI_RLE8) => return refused("a run-length encoded BMP".to_owned()),
            (_, 4) => return refused("a BMP around a JPEG".to_owned()),
            (_, 5) => return refused("a BMP around a PNG".to_owned()),
            (bits, compression) => return refused(format!("a BMP of {bits} bits with compression {compression}")),
        }
        let palette_entry = if self.length == 12 { 3 } else { 4 };
        let masks_behind = if self.length == 40 && self.compression == BI_BITFIELDS { 12 } else { 0 };
        let palette_at = FILE_HEADER + self.length + masks_behind;
        if self.pixels_at < palette_at {
            return Err(TileError::Damaged("its pixels overlap its headers".to_owned()));
        }
        let colours = self.colours.min((self.pixels_at - palette_at) / palette_entry);
        if self.compression == BI_BITFIELDS {
            self.check_masks()?;
        } else if self.bits == 32 && self.masks[3] != 0 {
            return refused("a BMP with an alpha mask and without bit fields".to_owned());
        }
        let data = self.end().and_then(|end| bytes.get(self.pixels_at..end)).ok_or(TileError::Truncated)?;
        if self.bits <= 8 { self.check_indices(data, colours) } else { Ok(()) }
    }

    /// Bytes of a row, padded to whole words of 32 bits.
    fn line(&self) -> usize {
        (self.width as usize * usize::from(self.bits)).div_ceil(32) * 4
    }

    /// Offset of the end of the pixels in the file.
    fn end(&self) -> Option<usize> {
        self.line().checked_mul(self.height as usize)?.checked_add(self.pixels_at)
    }

    fn check_masks(&self) -> Result<(), TileError> {
        let [red, green, blue, alpha] = self.masks;
        let contiguous = |mask: u32| mask != 0 && (mask >> mask.trailing_zeros()).wrapping_add(1).is_power_of_two();
        let bits = |mask: u32| mask.count_ones();
        let used = red | green | blue | alpha;
        let overlap = bits(red) + bits(green) + bits(blue) + bits(alpha) != bits(used);
        let wide = u32::BITS - used.leading_zeros() > u32::from(self.bits);
        let known = [red, green, blue].iter().all(|mask| contiguous(*mask) && bits(*mask) <= 8)
            && (alpha == 0 || (contiguous(alpha) && bits(alpha) <= 8));
        if overlap || wide || !known {
            return Err(TileError::Refused(format!(
                "a BMP with the bit fields {red:x}, {green:x}, {blue:x}, {alpha:x}"
            )));
        }
        Ok(())
    }

    fn check_indices(&self, data: &[u8], colours: usize) -> Result<(), TileError> {
        if colours >= 1 << self.bits {
            return Ok(());
        }
        let mut indices = Vec::with_capacity(self.width as usize);
        for row in data.chunks_exact(self.line()) {
            indices.clear();
            unpack(row, self.bits.into(), self.width as usize, &mut indices);
            if indices.iter().any(|index| usize::from(*index) >= colours) {
                return Err(TileError::Damaged("a pixel's index is outside the palette".to_owned()));
            }
        }
        Ok(())
    }
}

fn failed(error: ImageError) -> TileError {
    match error {
        ImageError::IoError(error) => error.into(),
        ImageError::Limits(_) => too_much_memory(),
        other => TileError::Damaged(format!("its BMP data are damaged: {other}")),
    }
}
