//! Conversion of the bytes of a strip or tile to samples of 8 bits.

use super::layout::{Layout, Photometric};
use crate::decode::image::{high_byte, unpack};
use crate::decode::limits::{MAX_DECODED_BYTES, too_much_memory};
use crate::error::TileError;

/// Returns the samples of `rows` rows of a strip or tile, 8 bits each. Fewer bits are scaled to 8, except palette indices.
pub(super) fn expanded(data: &[u8], layout: &Layout, rows: u32, little_endian: bool) -> Result<Vec<u8>, TileError> {
    let in_row = layout.chunk.0 as usize * layout.chunk_samples();
    // Every row begins at a byte boundary.
    let stride = (in_row * layout.bits as usize).div_ceil(8);
    // Samples of any depth become bytes.
    let widest = stride.max(in_row);
    let fits = widest.checked_mul(rows as usize).is_some_and(|length| length <= MAX_DECODED_BYTES);
    let length = stride.checked_mul(rows as usize).filter(|_| fits);
    let length = length.ok_or_else(too_much_memory)?;
    let whole = if layout.tiled { length } else { stride.saturating_mul(layout.chunk.1 as usize) };
    let mut bytes = layout.compression.expand(data, length, whole)?;
    if layout.reversed_bits {
        bytes.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
    }
    let step = layout.chunk_samples();
    if layout.bits == 8 {
        if layout.differences {
            bytes
                .chunks_exact_mut(stride)
                .for_each(|row| add_up(row, step, |before, value| before.wrapping_add(value)));
        }
        return Ok(bytes);
    }
    let mut samples = Vec::with_capacity(in_row * rows as usize);
    for row in bytes.chunks_exact(stride) {
        match layout.bits {
            16 => {
                let word =
                    |pair: &[u8; 2]| if little_endian { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
                let mut words: Vec<u16> = row.as_chunks::<2>().0.iter().map(word).collect();
                if layout.differences {
                    add_up(&mut words, step, |before, value| before.wrapping_add(value));
                }
                samples.extend(words.into_iter().map(high_byte));
            }
            12 => samples.extend((0..in_row).map(|index| stretched(twelve_bits(row, index), 4095))),
            bits => {
                let start = samples.len();
                unpack(row, bits, in_row, &mut samples);
                if layout.photometric != Photometric::Palette {
                    let most = (1_u32 << bits) - 1;
                    samples[start..].iter_mut().for_each(|sample| *sample = stretched((*sample).into(), most));
                }
            }
        }
    }
    Ok(samples)
}

/// Undoes horizontal differencing, TIFF 6.0, section 14.
fn add_up<T: Copy>(row: &mut [T], step: usize, add: impl Fn(T, T) -> T) {
    for index in step..row.len() {
        row[index] = add(row[index - step], row[index]);
    }
}

fn twelve_bits(row: &[u8], index: usize) -> u32 {
    let first = index / 2 * 3;
    let byte = |at: usize| u32::from(row.get(at).copied().unwrap_or_default());
    if index.is_multiple_of(2) {
        byte(first) << 4 | byte(first + 1) >> 4
    } else {
        (byte(first + 1) & 15) << 8 | byte(first + 2)
    }
}

/// Scales a sample of 0 to `most` to 0 to 255, rounded to the nearest.
fn stretched(value: u32, most: u32) -> u8 {
    u8::try_from((value * 255 + most / 2) / most).unwrap_or(u8::MAX)
}
