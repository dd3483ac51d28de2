//! One nucleus: outline, rim, chromatin. Benign and malignant nuclei differ only in their parameters.

use rand::Rng;

use super::field::{Field, mix, step};
use super::tissue::Tissue;
use crate::data::random::{between, normal};

/// Samples of the outline.
const OUTLINE: usize = 48;

/// Position, shape and chromatin of a nucleus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nucleus {
    pub(super) x: f32,
    pub(super) y: f32,
    /// Half the length in pixels.
    pub(super) length: f32,
    /// Half the width in pixels.
    pub(super) width: f32,
    /// Direction of the long axis.
    pub(super) angle: f32,
    /// Roughness of the outline: 0 smooth, 0.3 ragged.
    pub(super) ragged: f32,
    /// Amount of haematoxylin; 1 is usual.
    pub(super) dark: f32,
    /// 0 even chromatin, 1 clumped at the rim with a clear middle.
    pub(super) vesicular: f32,
    /// Radius of the nucleolus in pixels; 0 for none.
    pub(super) nucleolus: f32,
}

impl Nucleus {
    /// Draws the nucleus on the tissue.
    pub(super) fn draw(&self, tissue: &mut Tissue, rng: &mut impl Rng) {
        let waves = self.waves(rng);
        let chromatin = Field(rng.next_u32());
        let spot = (0.3 * self.width * normal(rng), 0.3 * self.width * normal(rng));
        let reach = 1.5 * self.length + 1.0;
        if tissue.window.near(self.x, self.y, reach).next().is_none() {
            return;
        }
        let outline = outline(&waves);
        let (sine, cosine) = self.angle.sin_cos();
        let edge = 1.0 / self.width.max(1.0);
        for (at, dx, dy) in tissue.window.near(self.x, self.y, reach) {
            let (u, v) = ((dx * cosine + dy * sine) / self.length, (dy * cosine - dx * sine) / self.width);
            let radius = (u * u + v * v).sqrt();
            if radius > 1.5 {
                continue;
            }
            let radius = radius / along(&outline, v.atan2(u));
            let cover = 1.0 - step(1.0 - edge, 1.0 + edge, radius);
            if cover <= 0.0 {
                continue;
            }
            let rim = step(0.6, 0.9, radius);
            let clumps = chromatin.rough((self.x + dx) / 5.5, (self.y + dy) / 5.5) - 0.5;
            let even = 0.85 + 0.5 * clumps;
            let clear = 0.45 + 0.55 * rim + 0.9 * clumps;
            let mut amount = self.dark * mix(even, clear, self.vesicular).max(0.15);
            if self.nucleolus > 0.0 {
                let away = ((dx - spot.0) * (dx - spot.0) + (dy - spot.1) * (dy - spot.1)).sqrt();
                amount = mix(amount, 1.35 * self.dark, 1.0 - step(self.nucleolus - 0.8, self.nucleolus + 0.8, away));
            }
            // Overlaps are darker.
            let under = tissue.haematoxylin[at];
            let eosin = 0.45 * tissue.eosin[at];
            tissue.lay(at, cover, amount + 0.25 * (under - 0.2).max(0.0), eosin);
        }
    }

    /// The waves of the outline: size and phase.
    fn waves(&self, rng: &mut impl Rng) -> [(f32, f32); 4] {
        std::array::from_fn(|wave| {
            (self.ragged * normal(rng) / (wave + 1) as f32, between(rng, 0.0, std::f32::consts::TAU))
        })
    }
}

/// The radius of the outline in each direction, around 1.
fn outline(waves: &[(f32, f32); 4]) -> [f32; OUTLINE] {
    std::array::from_fn(|at| {
        let angle = at as f32 / OUTLINE as f32 * std::f32::consts::TAU;
        let radius =
            waves.iter().zip(2..).fold(1.0, |sum, ((size, phase), k)| sum + size * (k as f32 * angle + phase).cos());
        radius.clamp(0.55, 1.45)
    })
}

fn along(outline: &[f32; OUTLINE], angle: f32) -> f32 {
    let place = (angle / std::f32::consts::TAU).rem_euclid(1.0) * OUTLINE as f32;
    let first = (place as usize).min(OUTLINE - 1);
    mix(outline[first], outline[(first + 1) % OUTLINE], place - first as f32)
}
