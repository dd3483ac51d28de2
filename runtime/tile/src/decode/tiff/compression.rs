//! Compression schemes of a TIFF.

use std::io::Read as _;

use super::directory::Directory;
use super::tag;
use crate::error::TileError;

/// The compression scheme of strips and tiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compression {
    None,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
}

impl Compression {
    pub(super) fn read(page: &Directory<'_>) -> Result<Self, TileError> {
        let name = match page.number(tag::COMPRESSION, 1)? {
            1 => return Ok(Self::None),
            5 => return Ok(Self::Lzw),
            7 => return Ok(Self::Jpeg),
            8 | 32946 => return Ok(Self::Deflate),
            32773 => return Ok(Self::PackBits),
            50000 => return Ok(Self::Zstd),
            2..=4 | 32771 => "CCITT fax compression",
            6 => "old-style JPEG compression",
            9 | 10 | 34661 => "JBIG compression",
            32809 => "ThunderScan compression",
            33003 | 33004 | 33005 | 34712 => "JPEG 2000 compression",
            34676 | 34677 => "SGI log compression",
            34887 => "LERC compression",
            34892 => "lossy JPEG (DNG) compression",
            34925 => "LZMA compression",
            50001 => "WebP compression",
            50002 | 52546 => "JPEG XL compression",
            other => return Err(TileError::Refused(format!("a TIFF with the compression {other}"))),
        };
        Err(TileError::Refused(format!("a TIFF with {name}")))
    }

    /// Returns true if readers agree on the tag `Predictor` for this scheme.
    pub(super) fn takes_predictor(self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstd)
    }

    /// Expands the data to `length` bytes. Some writers pad the last strip to `most` bytes; any other length is damage.
    /// Reading to the end also verifies the checksums.
    ///
    /// # Errors
    /// If the data are damaged, too short or too long.
    pub(super) fn expand(self, data: &[u8], length: usize, most: usize) -> Result<Vec<u8>, TileError> {
        let mut expanded = Vec::with_capacity(length);
        match self {
            Self::None | Self::Jpeg => expanded.extend_from_slice(&data[..data.len().min(most + 1)]),
            Self::Lzw => lzw(data, most + 1, &mut expanded)?,
            Self::Deflate => read(flate2::read::ZlibDecoder::new(data), most + 1, &mut expanded)?,
            Self::PackBits => pack_bits(data, most + 1, &mut expanded),
            Self::Zstd => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(data).map_err(|error| failed(&error))?;
                read(&mut decoder, most + 1, &mut expanded)?;
                let frame = decoder.into_frame_decoder();
                if frame.get_checksum_from_data().is_some_and(|sum| Some(sum) != frame.get_calculated_checksum()) {
                    return Err(failed(&"wrong checksum"));
                }
            }
        }
        if expanded.len() < length {
            return Err(TileError::Truncated);
        }
        if expanded.len() != length && expanded.len() != most {
            return Err(TileError::Damaged("a strip or tile has more data than pixels".to_owned()));
        }
        expanded.truncate(length);
        Ok(expanded)
    }
}

fn read(decoder: impl std::io::Read, length: usize, expanded: &mut Vec<u8>) -> Result<(), TileError> {
    decoder.take(length as u64).read_to_end(expanded).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => TileError::Truncated,
        _ => failed(&error),
    })?;
    Ok(())
}

fn lzw(data: &[u8], length: usize, expanded: &mut Vec<u8>) -> Result<(), TileError> {
    // TIFF 6.0 begins with the code 256 of 9 bits, most significant bit first; an older form is least significant first.
    if data.first() == Some(&0) && data.get(1).is_some_and(|byte| byte & 1 == 1) {
        return Err(TileError::Refused("a TIFF with old-style LZW compression".to_owned()));
    }
    let mut decoder = weezl::decode::Configuration::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
        .with_yield_on_full_buffer(true)
        .build();
    expanded.resize(length, 0);
    let (mut taken, mut made) = (0, 0);
    while made < length {
        let result = decoder.decode_bytes(&data[taken..], &mut expanded[made..]);
        taken += result.consumed_in;
        made += result.consumed_out;
        match result.status.map_err(|error| failed(&error))? {
            weezl::LzwStatus::Ok if result.consumed_in + result.consumed_out > 0 => {}
            _ => break,
        }
    }
    expanded.truncate(made);
    Ok(())
}

/// TIFF 6.0, section 9.
fn pack_bits(data: &[u8], length: usize, expanded: &mut Vec<u8>) {
    let mut rest = data;
    while let ([head, tail @ ..], true) = (rest, expanded.len() < length) {
        rest = match head.cast_signed() {
            -128 => tail,
            count @ 0.. => {
                let count = (usize::from(count.unsigned_abs()) + 1).min(tail.len());
                expanded.extend_from_slice(&tail[..count]);
                &tail[count..]
            }
            count => {
                let Some((value, tail)) = tail.split_first() else { return };
                expanded.resize(expanded.len() + usize::from(count.unsigned_abs()) + 1, *value);
                tail
            }
        };
    }
    expanded.truncate(length);
}

fn failed(error: &dyn std::fmt::Display) -> TileError {
    TileError::Damaged(format!("its compressed data are damaged: {error}"))
}
