//! Variation between slides, equal for both classes: the stains' colours and strengths, the section's thickness, the
//! scanner's light, sharpness and noise.

use rand::Rng;

use super::tissue::{N, Tissue};
use crate::data::random::{between, normal, stream};

/// Optical density of one unit of stain in R, G, B (Ruifrok and Johnston, Anal. Quant. Cytol. Histol. 2001).
const HAEMATOXYLIN: [f32; 3] = [0.650, 0.704, 0.286];
const EOSIN: [f32; 3] = [0.072, 0.990, 0.105];

/// Stain and scanner of one slide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slide {
    haematoxylin: [f32; 3],
    eosin: [f32; 3],
    /// Intensity without tissue, 0 to 255.
    light: [f32; 3],
    /// Fraction of each pixel that comes from its neighbours.
    pub(super) blur: f32,
    /// Standard deviation of the sensor's noise, in pixel values.
    pub(super) noise: f32,
}

impl Slide {
    /// Slide `number` of the sequence of `seed`.
    pub(super) fn new(seed: u64, number: usize) -> Self {
        let mut rng = stream(seed, b"slide   ", number as u64, 0);
        let light = between(&mut rng, 234.0, 250.0);
        Self {
            haematoxylin: stain(HAEMATOXYLIN, between(&mut rng, 1.0, 1.3), &mut rng),
            eosin: stain(EOSIN, between(&mut rng, 0.65, 0.92), &mut rng),
            light: [light, light - between(&mut rng, 0.0, 6.0), light + between(&mut rng, -4.0, 4.0)],
            blur: between(&mut rng, 0.15, 0.5),
            noise: between(&mut rng, 1.0, 2.6),
        }
    }

    /// The same slide in a scanner whose glass is nearly neutral, with little noise. Tissue detection goes by the saturation
    /// of the glass.
    pub(super) fn with_neutral_glass(self) -> Self {
        let [red, green, blue] = self.light;
        let light = [red, red + 0.25 * (green - red), red + 0.25 * (blue - red)];
        Self { light, noise: self.noise.min(1.6), ..self }
    }

    /// The scanned image: light absorbed by the stains (Beer-Lambert). f32 `[256, 256, 3]`, 0 to 255.
    pub(super) fn scan(&self, tissue: &Tissue, thickness: f32, rng: &mut impl Rng) -> Vec<f32> {
        let mut image = Vec::with_capacity(3 * N * N);
        for (h, e) in tissue.haematoxylin.iter().zip(&tissue.eosin) {
            image.extend(self.light_through(*h, *e, thickness));
        }
        let mut image = blurred(&image, self.blur);
        for value in &mut image {
            *value += self.noise * quick_normal(rng.next_u32());
        }
        image
    }

    /// The light that is left by two amounts of stain (Beer-Lambert), 0 to 255.
    pub(super) fn light_through(&self, haematoxylin: f32, eosin: f32, thickness: f32) -> [f32; 3] {
        std::array::from_fn(|channel| {
            let density = thickness * (haematoxylin * self.haematoxylin[channel] + eosin * self.eosin[channel]);
            self.light[channel] * (-density).exp()
        })
    }
}

fn stain(density: [f32; 3], strength: f32, rng: &mut impl Rng) -> [f32; 3] {
    density.map(|value| (strength * (value + 0.03 * normal(rng))).max(0.02))
}

/// Spreads a fraction of each pixel's light over its four neighbours.
fn blurred(image: &[f32], part: f32) -> Vec<f32> {
    let width = 3 * N;
    let row = |y: usize| &image[y * width..(y + 1) * width];
    let mut target = Vec::with_capacity(image.len());
    for y in 0..N {
        let (up, here, down) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(N - 1)));
        for x in 0..width {
            // At the border a pixel replaces its missing neighbour.
            let left = here[if x >= 3 { x - 3 } else { x }];
            let right = here[if x + 3 < width { x + 3 } else { x }];
            target.push(here[x] * (1.0 - part) + (left + right + up[x] + down[x]) * part / 4.0);
        }
    }
    target
}

/// Nearly normal, mean 0 and variance 1: the sum of the four bytes of one random word.
pub(super) fn quick_normal(word: u32) -> f32 {
    let sum: u32 = word.to_le_bytes().iter().map(|byte| u32::from(*byte)).sum();
    // Four uniforms over 0..=255: mean 510, variance 4 (256^2 - 1) / 12.
    (sum as f32 - 510.0) / 147.8
}
