//! Optical density: the natural logarithm of how much less light comes out than went in (Beer and Lambert). A pixel of
//! 255 has none.

/// Values of a channel.
pub(super) const LEVELS: usize = 256;
/// Steps of the table back, and the largest density in it: that of the darkest value.
const STEPS: usize = 4096;
const MOST: f32 = 5.6;

/// Tables in both directions.
pub(super) struct Densities {
    of_value: [f32; LEVELS],
    of_density: Vec<u8>,
}

impl Densities {
    pub(super) fn new() -> Self {
        // One is added on both sides, so that black has a density and white has none.
        let density = |value: usize| -((value as f32 + 1.0) / LEVELS as f32).ln();
        let value = |step: usize| {
            let density = step as f32 * MOST / (STEPS - 1) as f32;
            (LEVELS as f32 * (-density).exp() - 1.0).round().clamp(0.0, 255.0) as u8
        };
        Self { of_value: std::array::from_fn(density), of_density: (0..STEPS).map(value).collect() }
    }

    /// Density of a channel's value.
    pub(super) fn of(&self, value: u8) -> f32 {
        self.of_value[usize::from(value)]
    }

    /// The value nearest to a density; what is below 0 is glass.
    pub(super) fn value(&self, density: f32) -> u8 {
        let step = (density.max(0.0) * (STEPS - 1) as f32 / MOST + 0.5) as usize;
        self.of_density[step.min(STEPS - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_within_one() {
        let densities = Densities::new();
        for value in 0..=255 {
            assert!(densities.value(densities.of(value)).abs_diff(value) <= 1, "{value}");
        }
    }
}
