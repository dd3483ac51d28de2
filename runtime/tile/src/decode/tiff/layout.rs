//! The storage layout of a TIFF page. Layouts that cannot be decoded exactly are refused with a reason.

use super::compression::Compression;
use super::directory::{Directory, damaged};
use super::tag;
use crate::decode::limits::Limits;
use crate::error::TileError;

/// Meaning of the samples of a pixel (`PhotometricInterpretation`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Photometric {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    /// Only in JPEG streams.
    YCbCr,
}

/// Meaning of the sample after the colours (`ExtraSamples`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extra {
    None,
    /// Colours are premultiplied with it.
    Associated,
    Unassociated,
    /// Not defined: only accepted if it is opaque everywhere.
    Unspecified,
}

/// The layout of a page.
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits of a sample: 1, 2, 4, 8, 12 or 16.
    pub(super) bits: u32,
    /// Samples of a pixel.
    pub(super) samples: usize,
    pub(super) photometric: Photometric,
    pub(super) extra: Extra,
    pub(super) compression: Compression,
    /// Horizontal differencing.
    pub(super) differences: bool,
    /// The bits of each byte are in reverse order.
    pub(super) reversed_bits: bool,
    /// One plane per sample.
    pub(super) planar: bool,
    /// Width and height of a strip or tile.
    pub(super) chunk: (u32, u32),
    /// The last strip may be shorter; tiles are always whole.
    pub(super) tiled: bool,
    pub(super) offsets: Vec<u64>,
    pub(super) byte_counts: Vec<u64>,
}

impl Layout {
    /// Reads the layout of a page.
    pub(super) fn read(page: &Directory<'_>, limits: &Limits) -> Result<Self, TileError> {
        let (width, height) = size(page)?;
        limits.check_size(width, height)?;
        let samples = page.number(tag::SAMPLES_PER_PIXEL, 1)?;
        let samples = usize::try_from(samples).ok().filter(|count| (1..=64).contains(count));
        let samples = samples.ok_or_else(|| damaged("it has no samples, or too many"))?;
        let compression = Compression::read(page)?;
        let photometric = photometric(page, compression)?;
        let bits = bits(page, samples)?;
        let colours = if matches!(photometric, Photometric::Rgb | Photometric::YCbCr) { 3 } else { 1 };
        let extra = extra(page, samples, colours)?;
        let (chunk, tiled) = chunk(page, width, height)?;
        let (offsets, byte_counts) = if tiled {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let layout = Self {
            width,
            height,
            bits,
            samples,
            photometric,
            extra,
            compression,
            differences: differences(page, bits, compression)?,
            reversed_bits: reversed_bits(page, bits, compression)?,
            planar: planar(page, samples)?,
            chunk,
            tiled,
            offsets: page.numbers(offsets)?.ok_or_else(|| damaged("it does not list its strips or tiles"))?,
            byte_counts: page
                .numbers(byte_counts)?
                .ok_or_else(|| damaged("it does not list the lengths of its strips or tiles"))?,
        };
        layout.check()?;
        Ok(layout)
    }

    fn check(&self) -> Result<(), TileError> {
        if self.photometric == Photometric::Palette && (self.bits > 8 || self.extra != Extra::None) {
            return Err(TileError::Refused("a TIFF with an unusual palette".to_owned()));
        }
        if self.compression == Compression::Jpeg {
            let known = self.bits == 8
                && self.extra == Extra::None
                && self.photometric != Photometric::Palette
                && !(self.planar && self.photometric == Photometric::YCbCr);
            if !known {
                return Err(TileError::Refused("a TIFF with JPEG data of an unusual kind".to_owned()));
            }
        }
        let (across, down) = self.chunks();
        let expected = across as usize * down as usize * if self.planar { self.samples } else { 1 };
        if self.offsets.len() != expected || self.byte_counts.len() != expected {
            return Err(damaged("it lists another number of strips or tiles than its size needs"));
        }
        if self.offsets.iter().zip(&self.byte_counts).any(|(offset, count)| *offset == 0 || *count == 0) {
            return Err(TileError::Refused("a TIFF in which a strip or tile is missing".to_owned()));
        }
        Ok(())
    }

    /// Returns the number of strips or tiles of a plane, across and down.
    pub(super) fn chunks(&self) -> (u32, u32) {
        (self.width.div_ceil(self.chunk.0), self.height.div_ceil(self.chunk.1))
    }

    /// Returns the samples per pixel in one chunk.
    pub(super) fn chunk_samples(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }
}

/// Reads width and height in pixels.
pub(super) fn size(page: &Directory<'_>) -> Result<(u32, u32), TileError> {
    let side = |tag| u32::try_from(page.number(tag, 0)?).map_err(|_| damaged("its size is impossible"));
    Ok((side(tag::IMAGE_WIDTH)?, side(tag::IMAGE_LENGTH)?))
}

fn photometric(page: &Directory<'_>, compression: Compression) -> Result<Photometric, TileError> {
    let refused = |what: &str| Err(TileError::Refused(format!("a TIFF with {what}")));
    let Some(value) = page.numbers(tag::PHOTOMETRIC)? else { return refused("no PhotometricInterpretation") };
    match value.first() {
        Some(0) if compression == Compression::Jpeg => refused("JPEG data where white is zero"),
        Some(0) => Ok(Photometric::WhiteIsZero),
        Some(1) => Ok(Photometric::BlackIsZero),
        Some(2) => Ok(Photometric::Rgb),
        Some(3) => Ok(Photometric::Palette),
        Some(6) if compression == Compression::Jpeg => Ok(Photometric::YCbCr),
        Some(4) => refused("a transparency mask instead of an image"),
        Some(5) => refused("CMYK colours: they depend on a profile"),
        Some(6) => refused("YCbCr colours outside JPEG data"),
        Some(8..=10) => refused("CIE L*a*b* colours"),
        Some(32803) => refused("the raw data of a colour filter array"),
        Some(32844 | 32845) => refused("LogLuv colours"),
        Some(34892) => refused("linear raw data"),
        other => refused(&format!("the PhotometricInterpretation {}", other.copied().unwrap_or_default())),
    }
}

fn bits(page: &Directory<'_>, samples: usize) -> Result<u32, TileError> {
    let refused = |what: String| Err(TileError::Refused(format!("a TIFF with {what}")));
    let bits = page.numbers(tag::BITS_PER_SAMPLE)?.unwrap_or_else(|| vec![1]);
    let first = bits.first().copied().unwrap_or(1);
    if bits.iter().any(|one| *one != first) || ![1, samples].contains(&bits.len()) {
        return refused(format!("samples of {bits:?} bits"));
    }
    let formats = page.numbers(tag::SAMPLE_FORMAT)?.unwrap_or_default();
    match formats.iter().find(|format| **format != 1) {
        None => {}
        Some(2) => return refused("signed samples: their range is not defined".to_owned()),
        Some(3) => return refused("floating-point samples: their range is not defined".to_owned()),
        Some(format) => return refused(format!("the sample format {format}")),
    }
    match first {
        1 | 2 | 4 | 8 | 12 | 16 => Ok(first as u32),
        32 | 64 => refused(format!("samples of {first} bits: their range is not defined")),
        other => refused(format!("samples of {other} bits")),
    }
}

fn extra(page: &Directory<'_>, samples: usize, colours: usize) -> Result<Extra, TileError> {
    let kinds = page.numbers(tag::EXTRA_SAMPLES)?.unwrap_or_default();
    let count = samples.checked_sub(colours);
    match (count, &kinds[..]) {
        (Some(0), []) => Ok(Extra::None),
        (Some(1), [1]) => Ok(Extra::Associated),
        (Some(1), [2]) => Ok(Extra::Unassociated),
        (Some(1), [] | [0]) => Ok(Extra::Unspecified),
        _ => Err(TileError::Refused(format!("a TIFF with {samples} samples a pixel, of which {colours} are colours"))),
    }
}

fn differences(page: &Directory<'_>, bits: u32, compression: Compression) -> Result<bool, TileError> {
    match page.number(tag::PREDICTOR, 1)? {
        1 => Ok(false),
        2 if matches!(bits, 8 | 16) && compression.takes_predictor() => Ok(true),
        2 => Err(TileError::Refused("a TIFF with a predictor that decoders treat differently".to_owned())),
        3 => Err(TileError::Refused("a TIFF with the predictor for floating point".to_owned())),
        other => Err(TileError::Refused(format!("a TIFF with the predictor {other}"))),
    }
}

fn reversed_bits(page: &Directory<'_>, bits: u32, compression: Compression) -> Result<bool, TileError> {
    match page.number(tag::FILL_ORDER, 1)? {
        1 => Ok(false),
        2 if bits <= 8 && compression == Compression::None => Ok(true),
        _ => Err(TileError::Refused("a TIFF with a fill order that decoders treat differently".to_owned())),
    }
}

fn planar(page: &Directory<'_>, samples: usize) -> Result<bool, TileError> {
    match page.number(tag::PLANAR_CONFIGURATION, 1)? {
        1 => Ok(false),
        2 => Ok(samples > 1),
        other => Err(TileError::Damaged(format!("it has the planar configuration {other}"))),
    }
}

fn chunk(page: &Directory<'_>, width: u32, height: u32) -> Result<((u32, u32), bool), TileError> {
    let tiled = page.has(tag::TILE_WIDTH) || page.has(tag::TILE_LENGTH);
    let (across, down) = if tiled {
        (page.number(tag::TILE_WIDTH, 0)?, page.number(tag::TILE_LENGTH, 0)?)
    } else {
        let rows = page.number(tag::ROWS_PER_STRIP, u64::from(u32::MAX))?;
        (width.into(), rows.min(height.into()))
    };
    let side = |value: u64| u32::try_from(value).ok().filter(|side| (1..=1 << 16).contains(side));
    match (side(across), side(down)) {
        (Some(across), Some(down)) => Ok(((across, down), tiled)),
        _ => Err(damaged("its strips or tiles have an impossible size")),
    }
}
