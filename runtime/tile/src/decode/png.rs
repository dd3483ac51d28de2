//! PNG. The chunks are checked first, up to IEND, which must be present. Checksums are verified, animations refused.

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

use super::exif;
use super::format::ImageFormat;
use super::image::{Image, Notes, Pixels, high_byte, unpack};
use super::limits::{Limits, MAX_DECODED_BYTES, too_much_memory};
use crate::error::TileError;

const SIGNATURE: usize = 8;

/// Decodes a PNG file.
///
/// # Errors
/// If the file is damaged, too large or unsupported.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, TileError> {
    let notes = walk(bytes)?;
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(std::io::Cursor::new(bytes), options);
    decoder.set_limits(png::Limits { bytes: MAX_DECODED_BYTES });
    let info = decoder.read_header_info().map_err(failed)?;
    let (width, height) = (info.width, info.height);
    limits.check_size(width, height)?;
    let indexed = info.color_type == ColorType::Indexed;
    // Indices are looked up here: `png` turns one outside the palette into black.
    decoder.set_transformations(if indexed { Transformations::IDENTITY } else { Transformations::EXPAND });
    let mut reader = decoder.read_info().map_err(failed)?;
    let length = reader.output_buffer_size().filter(|length| *length <= MAX_DECODED_BYTES);
    let length = length.ok_or_else(too_much_memory)?;
    let mut buffer = vec![0; length];
    let output = reader.next_frame(&mut buffer).map_err(failed)?;
    reader.finish().map_err(failed)?;
    let pixels = if indexed {
        let info = reader.info();
        let palette = info.palette.as_deref().unwrap_or_default();
        let alpha = info.trns.as_deref().unwrap_or_default();
        looked_up(&buffer, output.line_size, width, output.bit_depth as u32, palette, alpha)?
    } else {
        let samples = match output.bit_depth {
            png::BitDepth::Sixteen => narrowed(buffer),
            _ => buffer,
        };
        match output.color_type {
            ColorType::Grayscale => Pixels::Grey8(samples),
            ColorType::GrayscaleAlpha => Pixels::GreyAlpha8(samples),
            ColorType::Rgb => Pixels::Rgb8(samples),
            ColorType::Rgba => Pixels::Rgba8(samples),
            ColorType::Indexed => return Err(TileError::Damaged("a palette in an image without one".to_owned())),
        }
    };
    Ok(Image { width, height, pixels, notes })
}

/// Rounds samples of 16 bits to 8, in place: the buffer may have as many bytes as an image is allowed.
fn narrowed(mut samples: Vec<u8>) -> Vec<u8> {
    for at in 0..samples.len() / 2 {
        samples[at] = high_byte(u16::from_be_bytes([samples[2 * at], samples[2 * at + 1]]));
    }
    samples.truncate(samples.len() / 2);
    samples.shrink_to_fit();
    samples
}

/// Reads the size in pixels from the header chunk.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), TileError> {
    let mut decoder = Decoder::new(std::io::Cursor::new(bytes));
    let info = decoder.read_header_info().map_err(failed)?;
    Ok((info.width, info.height))
}

/// Checks the chunks up to IEND.
fn walk(bytes: &[u8]) -> Result<Notes, TileError> {
    let mut notes = Notes::new(ImageFormat::Png);
    let mut order = Order::default();
    let mut at = SIGNATURE;
    loop {
        let header = bytes.get(at..at + 8).ok_or(TileError::Truncated)?;
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let name = &header[4..8];
        // With a valid name, a length past the end means a truncated file; with an invalid one, damage.
        if !name.iter().all(u8::is_ascii_alphabetic) {
            return Err(TileError::Damaged(format!("no chunk at byte {at}")));
        }
        let data = bytes.get(at + 8..at + 8 + length).ok_or(TileError::Truncated)?;
        at += 12 + length;
        if at > bytes.len() {
            return Err(TileError::Truncated);
        }
        order.check(name, data)?;
        match name {
            b"IEND" => break,
            b"IHDR" | b"PLTE" | b"IDAT" => {}
            b"acTL" if data.get(..4) != Some(&[0, 0, 0, 1]) => {
                return Err(TileError::Refused("an animated PNG".to_owned()));
            }
            b"iCCP" => notes.icc_profile = true,
            b"eXIf" => notes.orientation = notes.orientation.or(exif::orientation(data)),
            b"CgBI" => return Err(TileError::Refused("a PNG in the form that iPhones use (CgBI)".to_owned())),
            // PNG, 5.4: an upper-case first letter makes a chunk critical.
            critical if critical[0].is_ascii_uppercase() => {
                let name = String::from_utf8_lossy(critical).into_owned();
                return Err(TileError::Refused(format!("a PNG with the critical chunk {name}")));
            }
            _ => {}
        }
    }
    notes.trailing_bytes = at < bytes.len();
    Ok(notes)
}

/// Checks the chunks that affect pixels: decoders ignore a palette or transparency in the wrong place, which changes the
/// picture.
#[derive(Default)]
struct Order {
    depth: u8,
    colour: u8,
    palette: Option<usize>,
    transparency: bool,
    /// The image is marked as an animation of one frame.
    animated: bool,
    /// A frame of the animation has been declared.
    frame: bool,
    /// Image data have begun, and have ended.
    data: (bool, bool),
}

impl Order {
    fn check(&mut self, name: &[u8], data: &[u8]) -> Result<(), TileError> {
        let damaged = |reason: &str| Err(TileError::Damaged(reason.to_owned()));
        let (begun, ended) = self.data;
        self.data.1 |= begun && name != b"IDAT";
        match name {
            b"IHDR" => {
                (self.depth, self.colour) = data.get(8..10).map_or((0, 0), |bytes| (bytes[0], bytes[1]));
            }
            b"IDAT" if ended => return damaged("its image data are interrupted by another chunk"),
            b"IDAT" if self.animated && !self.frame => {
                return Err(TileError::Refused("an animated PNG that hides its first image".to_owned()));
            }
            b"IDAT" => self.data.0 = true,
            b"acTL" if begun => return damaged("its animation chunk is in the wrong place"),
            b"acTL" => self.animated = true,
            b"fcTL" if self.frame => return Err(TileError::Refused("an animated PNG".to_owned())),
            b"fcTL" => self.frame = true,
            b"fdAT" => return Err(TileError::Refused("an animated PNG".to_owned())),
            b"PLTE" => {
                let colours = data.len() / 3;
                let most = if self.colour == 3 { 1_usize << self.depth.min(8) } else { 256 };
                if begun || self.palette.is_some() || self.transparency || matches!(self.colour, 0 | 4) {
                    return damaged("its palette is in the wrong place");
                }
                if !data.len().is_multiple_of(3) || !(1..=most).contains(&colours) {
                    return damaged("its palette has an impossible length");
                }
                self.palette = Some(colours);
            }
            b"tRNS" => {
                if begun || self.transparency {
                    return damaged("its transparency is in the wrong place");
                }
                self.transparency = true;
                let most = 1_u32 << self.depth.min(16);
                let known = |key: &[u8; 2]| u32::from(u16::from_be_bytes(*key)) < most;
                let sound = match self.colour {
                    0 => data.len() == 2 && data.as_chunks::<2>().0.iter().all(known),
                    2 => data.len() == 6 && data.as_chunks::<2>().0.iter().all(known),
                    3 => !data.is_empty() && self.palette.is_some_and(|colours| data.len() <= colours),
                    _ => false,
                };
                if !sound {
                    return damaged("its transparency does not fit its colours");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn looked_up(
    packed: &[u8],
    line: usize,
    width: u32,
    bits: u32,
    palette: &[u8],
    alpha: &[u8],
) -> Result<Pixels, TileError> {
    let mut indices = Vec::with_capacity(packed.len() * 8 / bits as usize);
    packed.chunks_exact(line).for_each(|row| unpack(row, bits, width as usize, &mut indices));
    let colours = palette.as_chunks::<3>().0;
    let colour = |index: &u8| colours.get(usize::from(*index)).copied();
    let outside = || TileError::Damaged("a pixel's index is outside the palette".to_owned());
    if alpha.is_empty() {
        let rgb: Option<Vec<[u8; 3]>> = indices.iter().map(colour).collect();
        return Ok(Pixels::Rgb8(rgb.ok_or_else(outside)?.into_flattened()));
    }
    let with_alpha = |index: &u8| {
        let [red, green, blue] = colour(index)?;
        Some([red, green, blue, alpha.get(usize::from(*index)).copied().unwrap_or(u8::MAX)])
    };
    let rgba: Option<Vec<[u8; 4]>> = indices.iter().map(with_alpha).collect();
    Ok(Pixels::Rgba8(rgba.ok_or_else(outside)?.into_flattened()))
}

fn failed(error: DecodingError) -> TileError {
    match error {
        DecodingError::IoError(error) => error.into(),
        DecodingError::LimitsExceeded => too_much_memory(),
        other => TileError::Damaged(format!("its PNG data are damaged: {other}")),
    }
}
