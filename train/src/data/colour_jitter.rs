//! Colour jitter as one matrix. Brightness, contrast, saturation and hue are each affine in RGB, so their product is
//! applied in one pass, in fixed point, with one clamp at the end.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::random::between;

/// Rec. 601 luma.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Fraction bits of the fixed-point matrix.
const BITS: u32 = 14;

type Matrix = [[f32; 3]; 3];

/// The largest change of brightness, contrast, saturation and hue; 0 is off. Factors are drawn from `1 - x .. 1 + x`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColourJitter {
    /// Factor on all channels, 0 to 1.
    pub brightness: f32,
    /// Factor on the distance from the tile's mean luma, 0 to 1.
    pub contrast: f32,
    /// Factor on the distance from grey, 0 to 1.
    pub saturation: f32,
    /// Turn of the hue, as a part of the full circle, 0 to 0.5.
    pub hue: f32,
}

impl Default for ColourJitter {
    /// A tenth of brightness, contrast and saturation, and 2 % of the colour circle.
    fn default() -> Self {
        Self { brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.02 }
    }
}

impl ColourJitter {
    /// Changes the colours of `pixels` (RGB, interleaved) by factors drawn from `rng`.
    pub(super) fn apply(&self, pixels: &mut [u8], rng: &mut impl Rng) {
        let mut factor = |amount: f32| between(rng, 1.0 - amount, 1.0 + amount);
        let (brightness, contrast, saturation) =
            (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        let turn = between(rng, -self.hue, self.hue);
        if [self.brightness, self.contrast, self.saturation, self.hue] == [0.0; 4] {
            return;
        }
        let matrix =
            product(&hue(turn), &saturate(saturation)).map(|row| row.map(|weight| weight * brightness * contrast));
        // Saturation and hue do not change grey, so the offset of the contrast is the same in all channels.
        let offset = mean_luma(pixels) * brightness * (1.0 - contrast);
        transform(pixels, &matrix, offset);
    }
}

fn saturate(factor: f32) -> Matrix {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| LUMA[column] * (1.0 - factor) + if row == column { factor } else { 0.0 })
    })
}

/// Rotation about the grey axis (Rodrigues), `turn` in full circles.
fn hue(turn: f32) -> Matrix {
    let (sine, cosine) = (turn * std::f32::consts::TAU).sin_cos();
    let (even, skew) = ((1.0 - cosine) / 3.0, sine / 3.0_f32.sqrt());
    [
        [cosine + even, even - skew, even + skew],
        [even + skew, cosine + even, even - skew],
        [even - skew, even + skew, cosine + even],
    ]
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
}

fn mean_luma(pixels: &[u8]) -> f32 {
    let mut sums = [0_u64; 3];
    for pixel in pixels.chunks_exact(3) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
    }
    let n = (pixels.len() / 3).max(1) as f32;
    sums.iter().zip(LUMA).map(|(sum, weight)| *sum as f32 * weight / n).sum()
}

fn transform(pixels: &mut [u8], matrix: &Matrix, offset: f32) {
    let one = (1 << BITS) as f32;
    let matrix = matrix.map(|row| row.map(|weight| (weight * one).round() as i32));
    let offset = (offset * one).round() as i32 + (1 << (BITS - 1));
    for pixel in pixels.chunks_exact_mut(3) {
        let [r, g, b] = [i32::from(pixel[0]), i32::from(pixel[1]), i32::from(pixel[2])];
        for (value, row) in pixel.iter_mut().zip(matrix) {
            *value = ((row[0] * r + row[1] * g + row[2] * b + offset) >> BITS).clamp(0, 255) as u8;
        }
    }
}
