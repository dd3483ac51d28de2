//! Random variations of a training tile that do not change its label: orientation, scale, shape, colour and stain. They
//! work on decoded 8-bit pixels in the loader's threads, before a batch is made.

use kiln_resize::Square;
use kiln_tile::{SIDE, TILE_BYTES, Tile, TileError};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::colour_jitter::ColourJitter;
use super::random::{below, between, unit};
use super::stain::StainJitter;
use super::{DataError, Result, elastic};

const N: usize = SIDE as usize;
const WHOLE: Square = Square { left: 0.0, top: 0.0, side: SIDE as f32 };

/// The kinds of variation, and their amounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Turns by 0, 90, 180 or 270 degrees, each equally likely.
    pub rotation: bool,
    /// Mirrors left to right in half of the cases; with the turns, all eight symmetries of a square.
    pub flips: bool,
    /// The largest part of the side that is cropped before the rest is brought to the side of the whole, from 0 (off) to 0.9.
    pub zoom: f32,
    /// The largest displacement by elastic deformation, as a part of the side, from 0 (off) to 0.1.
    pub elastic: f32,
    /// Changes of colour.
    pub colour_jitter: ColourJitter,
    /// Changes of the amounts of haematoxylin and eosin.
    pub stain_jitter: StainJitter,
}

impl Default for Augmentation {
    /// The kinds that the paper names: rotation, flips, zoom and colour jitter. The paper gives no amounts; these are mild.
    fn default() -> Self {
        Self { rotation: true, flips: true, zoom: 0.1, colour_jitter: ColourJitter::default(), ..Self::off() }
    }
}

impl Augmentation {
    /// An augmentation that changes nothing.
    #[must_use]
    pub fn off() -> Self {
        let colour_jitter = ColourJitter { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
        let stain_jitter = StainJitter::default();
        Self { rotation: false, flips: false, zoom: 0.0, elastic: 0.0, colour_jitter, stain_jitter }
    }

    /// Refuses amounts out of their range.
    ///
    /// # Errors
    /// [`DataError::Option`], naming the key.
    pub fn check(&self) -> Result<()> {
        let jitter = &self.colour_jitter;
        for (key, value, most, expected) in [
            ("data.augmentation.zoom", self.zoom, 0.9, "a number from 0 to 0.9"),
            ("data.augmentation.elastic", self.elastic, 0.1, "a number from 0 to 0.1"),
            ("data.augmentation.stain_jitter.factor", self.stain_jitter.factor, 0.9, "a number from 0 to 0.9"),
            ("data.augmentation.stain_jitter.shift", self.stain_jitter.shift, 0.5, "a number from 0 to 0.5"),
            ("data.augmentation.colour_jitter.brightness", jitter.brightness, 1.0, "a number from 0 to 1"),
            ("data.augmentation.colour_jitter.contrast", jitter.contrast, 1.0, "a number from 0 to 1"),
            ("data.augmentation.colour_jitter.saturation", jitter.saturation, 1.0, "a number from 0 to 1"),
            ("data.augmentation.colour_jitter.hue", jitter.hue, 0.5, "a number from 0 to 0.5"),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(DataError::Option { key, found: value.to_string(), expected });
            }
        }
        Ok(())
    }

    /// A variation of `tile`, drawn from `rng`. The same state of `rng` gives the same bytes on every machine.
    #[must_use]
    pub fn apply(&self, tile: &Tile, rng: &mut impl Rng) -> Tile {
        let varied = self.pixels(tile, N, rng).and_then(Tile::from_pixels);
        // The side is that of a tile, so the fallback is never used.
        varied.unwrap_or_else(|_| tile.clone())
    }

    /// As [`apply`](Self::apply), at `side` pixels a side, `[side, side, 3]`. Fewer than 256 are made before colours are varied,
    /// which takes most of the time.
    ///
    /// # Errors
    /// Those of the library that resizes. It refuses no tile.
    pub(super) fn pixels(
        &self,
        tile: &Tile,
        side: usize,
        rng: &mut impl Rng,
    ) -> std::result::Result<Vec<u8>, TileError> {
        let mut pixels = tile.pixels().to_vec();
        let turns = if self.rotation { below(rng, 4) } else { 0 };
        let mirror = self.flips && below(rng, 2) == 1;
        if turns != 0 || mirror {
            pixels = turn(&pixels, turns, mirror);
        }
        let mut part = WHOLE;
        if self.zoom > 0.0 {
            part.side = N as f32 * (1.0 - self.zoom * unit(rng));
            part.left = between(rng, 0.0, N as f32 - part.side);
            part.top = between(rng, 0.0, N as f32 - part.side);
        }
        pixels = zoomed(pixels, part, side)?;
        self.colour_jitter.apply(&mut pixels, rng);
        // These come last and draw nothing when off, so that they do not change the draws above.
        if self.elastic > 0.0 {
            pixels = elastic::apply(self.elastic, &pixels, side, rng);
        }
        if !self.stain_jitter.is_off() {
            self.stain_jitter.apply(&mut pixels, rng);
        }
        Ok(pixels)
    }
}

/// The pixels of a tile at `side` pixels a side, without variation.
pub(super) fn reduced(tile: Tile, side: usize) -> std::result::Result<Vec<u8>, TileError> {
    zoomed(tile.into_pixels(), WHOLE, side)
}

/// A part of a tile at `side` pixels a side.
fn zoomed(pixels: Vec<u8>, part: Square, side: usize) -> std::result::Result<Vec<u8>, TileError> {
    match (u32::try_from(side), part == WHOLE) {
        (Ok(side), _) if side < SIDE => {
            kiln_resize::bilinear_part(pixels, (SIDE, SIDE), part, (side, side)).map_err(TileError::Damaged)
        }
        (_, true) => Ok(pixels),
        (_, false) => Ok(enlarge(&pixels, part.left, part.top, part.side)),
    }
}

/// Turns by `turns` quarters and mirrors.
pub(super) fn turn(pixels: &[u8], turns: usize, mirror: bool) -> Vec<u8> {
    let last = N - 1;
    let source = |x: usize, y: usize| {
        let x = if mirror { last - x } else { x };
        let (x, y) = match turns {
            0 => (x, y),
            1 => (y, last - x),
            2 => (last - x, last - y),
            _ => (last - y, x),
        };
        3 * (y * N + x)
    };
    let mut target = Vec::with_capacity(TILE_BYTES);
    for y in 0..N {
        for x in 0..N {
            let at = source(x, y);
            target.extend_from_slice(&pixels[at..at + 3]);
        }
    }
    target
}

/// Enlarges a square of the tile to the whole tile, bilinear, in integers.
pub(super) fn enlarge(pixels: &[u8], left: f32, top: f32, side: f32) -> Vec<u8> {
    let columns = taps(left, side);
    let rows = taps(top, side);
    let mut target = Vec::with_capacity(TILE_BYTES);
    for (y0, y1, wy) in rows {
        let (upper, lower) = (&pixels[3 * N * y0..3 * N * (y0 + 1)], &pixels[3 * N * y1..3 * N * (y1 + 1)]);
        for &(x0, x1, wx) in &columns {
            for channel in 0..3 {
                let mix =
                    |row: &[u8]| u32::from(row[3 * x0 + channel]) * (256 - wx) + u32::from(row[3 * x1 + channel]) * wx;
                // Two weights of 8 bits: the sum has 16 fraction bits.
                target.push(((mix(upper) * (256 - wy) + mix(lower) * wy + (1 << 15)) >> 16) as u8);
            }
        }
    }
    target
}

/// For each target position the two source positions and the weight of the second in 256ths.
fn taps(start: f32, side: f32) -> [(usize, usize, u32); N] {
    let scale = side / N as f32;
    std::array::from_fn(|at| {
        let position = (start + (at as f32 + 0.5) * scale - 0.5).clamp(0.0, (N - 1) as f32);
        let first = position as usize;
        (first, (first + 1).min(N - 1), ((position - first as f32) * 256.0) as u32)
    })
}
