//! Optical density: the natural logarithm of how much less light comes out than went in (Beer and Lambert). Amounts of
//! dye are proportional to it, so dyes add up there and not in pixels. A pixel of 255 has none.

use std::sync::LazyLock;

/// Values of a channel.
const LEVELS: usize = 256;
/// Steps of the table back, fine enough that the value nearest to a density is the right one or beside it.
const STEPS: usize = 16_384;
/// The largest density of the table: that of the darkest value.
const MOST: f32 = 5.6;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_within_one() {
        let densities = Densities::get();
        for value in 0..=255 {
            assert!(densities.value(densities.of(value)).abs_diff(value) <= 1, "{value}");
        }
        assert_eq!((densities.of(255), densities.value(-1.0), densities.value(f32::INFINITY)), (0.0, 255, 0));
    }
}
