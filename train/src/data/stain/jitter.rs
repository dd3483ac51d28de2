//! Stain augmentation (Tellez and others, 2018): the strength of stains differs between laboratories, so the amounts of
//! haematoxylin and eosin in a tile are changed, each by a random factor and shift. Light is absorbed exponentially, so
//! amounts are computed in optical density, where stains add up.

use kiln_tile::stain::RUIFROK;
use kiln_tile::stain::matrix::{Matrix, inverse, product};
use kiln_tile::stain::optical::transform;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::random::between;

/// The largest changes to the amounts of both stains; 0 is off.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StainJitter {
    /// Factor on the amount of each stain, drawn from `1 - x .. 1 + x`, 0 to 0.9.
    pub factor: f32,
    /// Shift of the amount of each stain, drawn from `-x .. x` in optical density, 0 to 0.5.
    pub shift: f32,
}

impl StainJitter {
    /// True if it changes nothing.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.factor == 0.0 && self.shift == 0.0
    }

    /// Changes the stains of `pixels` (RGB, interleaved) by amounts drawn from `rng`.
    pub(crate) fn apply(&self, pixels: &mut [u8], rng: &mut impl Rng) {
        let mut factors = [1.0; 2];
        let mut shifts = [0.0; 2];
        for (factor, shift) in factors.iter_mut().zip(&mut shifts) {
            *factor = between(rng, 1.0 - self.factor, 1.0 + self.factor).into();
            *shift = between(rng, -self.shift, self.shift).into();
        }
        change(pixels, factors, shifts);
    }
}

/// Multiplies the amounts of haematoxylin and eosin in `pixels` (RGB, interleaved).
pub(crate) fn restain(pixels: &mut [u8], factors: [f32; 2]) {
    change(pixels, factors.map(f64::from), [0.0; 2]);
}

fn change(pixels: &mut [u8], factors: [f64; 2], shifts: [f64; 2]) {
    let Some(apart) = inverse(&RUIFROK) else { return };
    let factors = [factors[0], factors[1], 1.0];
    let changed: Matrix = std::array::from_fn(|stain| RUIFROK[stain].map(|density| density * factors[stain]));
    let shift = std::array::from_fn(|channel| (0..2).map(|stain| shifts[stain] * RUIFROK[stain][channel]).sum());
    transform(pixels, &product(&apart, &changed), shift);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::stream;

    const PURPLE: [u8; 3] = [120, 70, 160];

    #[test]
    fn glass_stays_glass_and_tissue_changes() {
        let jitter = StainJitter { factor: 0.3, shift: 0.1 };
        let mut pixels = [[255, 255, 255], PURPLE].concat();
        jitter.apply(&mut pixels, &mut stream(3, b"test    ", 0, 0));
        assert_eq!(pixels[..3], [255, 255, 255]);
        assert_ne!(pixels[3..], PURPLE);
    }

    #[test]
    fn no_amount_is_no_change() {
        let mut pixels: Vec<u8> = (0..=255).flat_map(|value| [value, 255 - value, value / 2]).collect();
        let before = pixels.clone();
        StainJitter::default().apply(&mut pixels, &mut stream(3, b"test    ", 0, 0));
        let worst = pixels.iter().zip(&before).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "{worst:?}");
    }
}
