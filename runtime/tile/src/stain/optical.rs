//! Optical density: the natural logarithm of how much less light comes out than went in (Beer and Lambert). Amounts of
//! dye are proportional to it, so dyes add up there and not in pixels. A pixel of 255 has none.

use std::sync::LazyLock;

use super::matrix::Matrix;

/// Values of a channel.
const LEVELS: usize = 256;
/// Steps of the table back, fine enough that the value nearest to a density is the right one or beside it.
const STEPS: usize = 16_384;
/// The largest density of the table: that of the darkest value.
const MOST: f32 = 5.6;
/// Density over all channels from which a pixel counts as tissue.
const TISSUE: f32 = 0.45;

static TABLES: LazyLock<Densities> = LazyLock::new(Densities::new);

/// Tables in both directions.
pub struct Densities {
    of_value: Vec<f32>,
    of_density: Vec<u8>,
}

impl Densities {
    /// The tables, made once a process.
    #[must_use]
    pub fn get() -> &'static Self {
        &TABLES
    }

    fn new() -> Self {
        // One is added on both sides, so that black has a density and white has none.
        let density = |value: usize| -libm::logf((value as f32 + 1.0) / LEVELS as f32);
        let value = |step: usize| {
            let density = step as f32 * MOST / (STEPS - 1) as f32;
            (LEVELS as f32 * libm::expf(-density) - 1.0).round().clamp(0.0, 255.0) as u8
        };
        Self { of_value: (0..LEVELS).map(density).collect(), of_density: (0..STEPS).map(value).collect() }
    }

    /// Density of a channel's value.
    #[must_use]
    pub fn of(&self, value: u8) -> f32 {
        self.of_value[usize::from(value)]
    }

    /// Densities of a pixel.
    pub(super) fn of_pixel(&self, pixel: &[u8]) -> [f32; 3] {
        [self.of(pixel[0]), self.of(pixel[1]), self.of(pixel[2])]
    }

    /// The value nearest to a density; what is below 0 is glass.
    #[must_use]
    pub fn value(&self, density: f32) -> u8 {
        let step = (density.max(0.0) * ((STEPS - 1) as f32 / MOST) + 0.5) as usize;
        self.of_density[step.min(STEPS - 1)]
    }
}

/// Changes the density of every pixel (RGB, interleaved) to `density x matrix + shift`. The shift is of dye that is
/// there: it fades out towards glass, which stays glass.
pub fn transform(pixels: &mut [u8], matrix: &Matrix, shift: [f64; 3]) {
    let densities = Densities::get();
    let (matrix, shift) = (matrix.map(|row| row.map(|value| value as f32)), shift.map(|value| value as f32));
    for pixel in pixels.chunks_exact_mut(3) {
        let before = densities.of_pixel(pixel);
        let dyed = (before.iter().sum::<f32>() / TISSUE).min(1.0);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let density: f32 = (0..3).map(|from| before[from] * matrix[from][channel]).sum();
            *value = densities.value(density + dyed * shift[channel]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_of_everything_is_darker_and_glass_stays_glass() {
        let thicker = [[1.3, 0.0, 0.0], [0.0, 1.3, 0.0], [0.0, 0.0, 1.3]];
        for shift in [[0.0; 3], [0.1; 3]] {
            let mut pixels = [120, 70, 160, 255, 255, 255];
            transform(&mut pixels, &thicker, shift);
            assert!(pixels[0] < 120 && pixels[1] < 70 && pixels[2] < 160, "{pixels:?}");
            assert_eq!(pixels[3..], [255; 3]);
        }
    }

    #[test]
    fn a_value_comes_back_within_one() {
        let densities = Densities::get();
        for value in 0..=255 {
            assert!(densities.value(densities.of(value)).abs_diff(value) <= 1, "{value}");
        }
        assert_eq!((densities.of(255), densities.value(-1.0), densities.value(f32::INFINITY)), (0.0, 255, 0));
    }
}
