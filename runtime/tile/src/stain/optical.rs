//! Optical density: the natural logarithm of the ratio of incoming to outgoing light (Beer and Lambert). It is
//! proportional to the amount of stain, so stains add up in densities, not in pixels. A pixel of 255 has density 0.

use std::sync::LazyLock;

use super::matrix::Matrix;

/// Number of values of a channel.
const LEVELS: usize = 256;
/// Steps of the inverse table, fine enough for an error of at most one value.
const STEPS: usize = 16_384;
/// The largest density of the table, that of the darkest value.
const MOST: f32 = 5.6;
/// Sum of the densities of all channels at which a pixel counts fully as tissue.
const TISSUE: f32 = 0.45;

static TABLES: LazyLock<Densities> = LazyLock::new(Densities::new);

/// Tables from values of a channel to densities and back.
pub struct Densities {
    density_of_value: Vec<f32>,
    value_of_density: Vec<u8>,
}

impl Densities {
    /// Returns the tables, which are computed once per process.
    #[must_use]
    pub fn get() -> &'static Self {
        &TABLES
    }

    fn new() -> Self {
        // One is added to both values, so that black has a finite density and white has 0.
        let density = |value: usize| -libm::logf((value as f32 + 1.0) / LEVELS as f32);
        let value = |step: usize| {
            let density = step as f32 * MOST / (STEPS - 1) as f32;
            (LEVELS as f32 * libm::expf(-density) - 1.0).round().clamp(0.0, 255.0) as u8
        };
        Self { density_of_value: (0..LEVELS).map(density).collect(), value_of_density: (0..STEPS).map(value).collect() }
    }

    /// Returns the density of a channel's value.
    #[must_use]
    pub fn density(&self, value: u8) -> f32 {
        self.density_of_value[usize::from(value)]
    }

    /// Returns the densities of a pixel.
    pub(super) fn pixel_densities(&self, pixel: &[u8]) -> [f32; 3] {
        [self.density(pixel[0]), self.density(pixel[1]), self.density(pixel[2])]
    }

    /// Returns the value nearest to a density; densities below 0 become 255.
    #[must_use]
    pub fn value(&self, density: f32) -> u8 {
        let last = (STEPS - 1) as f32;
        // In range as a number already, because a conversion that has to saturate is slow.
        let step = (density * (last / MOST) + 0.5).clamp(0.0, last) as i32;
        self.value_of_density[step as usize]
    }
}

/// Changes the density of every pixel (RGB, interleaved) to `density x matrix + shift`. The shift fades out towards glass,
/// which is not changed.
pub fn transform(pixels: &mut [u8], matrix: &Matrix, shift: [f64; 3]) {
    let densities = Densities::get();
    let (matrix, shift) = (matrix.map(|row| row.map(|value| value as f32)), shift.map(|value| value as f32));
    for pixel in pixels.chunks_exact_mut(3) {
        let before = densities.pixel_densities(pixel);
        let share = (before.iter().sum::<f32>() * (1.0 / TISSUE)).min(1.0);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let [red, green, blue] = [0, 1, 2].map(|from| before[from] * matrix[from][channel]);
            *value = densities.value(red + green + blue + share * shift[channel]);
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
            assert!(densities.value(densities.density(value)).abs_diff(value) <= 1, "{value}");
        }
        assert_eq!((densities.density(255), densities.value(-1.0), densities.value(f32::INFINITY)), (0.0, 255, 0));
    }
}
