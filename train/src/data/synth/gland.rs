//! Benign tissue: round glands with an open lumen, one row of small, even nuclei at the base of the cells, and
//! stroma with spindle cells and a few lymphocytes.

use rand::Rng;

use super::field::{Field, mix, step};
use super::nucleus::Nucleus;
use super::tissue::{N, Tissue};
use crate::data::random::{below, between, chance, normal};

const TAU: f32 = std::f32::consts::TAU;

/// Benign tissue.
pub(super) fn benign(rng: &mut impl Rng) -> Tissue {
    let mut tissue = Tissue::stroma(rng);
    let mut glands: Vec<Gland> = Vec::new();
    // Glands have similar sizes within a tile, and different sizes between tiles; more small ones fit.
    let size = between(rng, 0.7, 1.0);
    let most = (4.0 / (size * size)).round() as usize;
    for _ in 0..160 {
        let (x, y) = (between(rng, -20.0, N as f32 + 20.0), between(rng, -20.0, N as f32 + 20.0));
        let gland = Gland::draw_from(x, y, size, rng);
        if glands.len() < most && glands.iter().all(|other| gland.apart_from(other)) {
            glands.push(gland);
        }
    }
    for gland in &glands {
        gland.draw(&mut tissue, rng);
    }
    let spindles = 18 + below(rng, 12);
    scatter_spindles(&mut tissue, spindles, rng);
    let lymphocytes = 25 + below(rng, 55);
    scatter_lymphocytes(&mut tissue, lymphocytes, rng);
    tissue
}

/// Adds fibroblasts: thin, dark, along the fibres.
pub(super) fn scatter_spindles(tissue: &mut Tissue, count: usize, rng: &mut impl Rng) {
    for _ in 0..count {
        let Some((x, y)) = tissue.free_place(6, rng) else { continue };
        spindle(x, y, tissue.grain_at(x, y), rng).draw(tissue, rng);
    }
}

/// The nucleus of a fibroblast among fibres of the direction `grain`.
pub(super) fn spindle(x: f32, y: f32, grain: f32, rng: &mut impl Rng) -> Nucleus {
    let angle = grain + 0.15 * normal(rng);
    let (length, width) = (between(rng, 6.5, 10.0), between(rng, 1.9, 3.0));
    let dark = between(rng, 0.75, 1.05);
    Nucleus { x, y, length, width, angle, ragged: 0.05, dark, vesicular: 0.2, nucleolus: 0.0 }
}

/// Adds lymphocytes: small, round, very dark.
pub(super) fn scatter_lymphocytes(tissue: &mut Tissue, count: usize, rng: &mut impl Rng) {
    for _ in 0..count {
        let Some((x, y)) = tissue.free_place(5, rng) else { continue };
        lymphocyte(x, y, rng).draw(tissue, rng);
    }
}

/// The nucleus of a lymphocyte.
pub(super) fn lymphocyte(x: f32, y: f32, rng: &mut impl Rng) -> Nucleus {
    let length = between(rng, 3.8, 4.8);
    let (width, angle) = (length * between(rng, 0.88, 1.0), between(rng, 0.0, TAU));
    let dark = between(rng, 1.1, 1.3);
    Nucleus { x, y, length, width, angle, ragged: 0.03, dark, vesicular: 0.1, nucleolus: 0.0 }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Gland {
    pub(super) x: f32,
    pub(super) y: f32,
    /// To the base of the cells, in pixels.
    pub(super) radius: f32,
    /// Height of the cells in pixels.
    height: f32,
    /// Two gentle waves of the outline: size and phase.
    waves: [(f32, f32); 2],
}

impl Gland {
    /// A gland at a point; its `size` is 0.7 to 1.
    pub(super) fn draw_from(x: f32, y: f32, size: f32, rng: &mut impl Rng) -> Self {
        let radius = size * between(rng, 62.0, 102.0);
        let height = size.sqrt() * between(rng, 27.0, 34.0);
        let waves = std::array::from_fn(|_| (between(rng, 0.02, 0.11), between(rng, 0.0, TAU)));
        Self { x, y, radius, height, waves }
    }

    /// True if stroma fits between the two.
    pub(super) fn apart_from(&self, other: &Self) -> bool {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        (dx * dx + dy * dy).sqrt() > 1.02 * (self.radius + other.radius) + 8.0
    }

    /// The outline in direction `angle`, in pixels.
    fn outline(&self, angle: f32) -> f32 {
        let [(two, phase_two), (three, phase_three)] = self.waves;
        self.radius * (1.0 + two * (2.0 * angle + phase_two).cos() + 0.6 * three * (3.0 * angle + phase_three).cos())
    }

    /// True within the gland, or closer to it than `margin` pixels.
    pub(super) fn covers(&self, x: f32, y: f32, margin: f32) -> bool {
        let (dx, dy) = (x - self.x, y - self.y);
        (dx * dx + dy * dy).sqrt() < self.outline(dy.atan2(dx)) + margin
    }

    pub(super) fn draw(&self, tissue: &mut Tissue, rng: &mut impl Rng) {
        let (grain, edge) = (Field(rng.next_u32()), Field(rng.next_u32()));
        let mucin = between(rng, 0.25, 0.6);
        for (at, dx, dy) in tissue.window.near(self.x, self.y, 1.3 * self.radius) {
            let angle = dy.atan2(dx);
            // Below 0 in the lumen, 0 to 1 in the cells, above 1 in the stroma.
            let ragged = 2.5 * (edge.at((self.x + dx) / 7.0, (self.y + dy) / 7.0) - 0.5);
            let depth = 1.0 - (self.outline(angle) - (dx * dx + dy * dy).sqrt() + ragged * 0.3) / self.height;
            if depth > 1.25 {
                continue;
            }
            tissue.taken[at] |= depth < 1.2;
            let texture = grain.rough((self.x + dx) / 6.0, (self.y + dy) / 6.0);
            // A bright seam separates the gland from the stroma; mucin pales the inner half of the cells.
            let pale = mucin * (1.0 - step(0.15, 0.75, depth));
            let cell = mix(0.62, 0.24, pale) + 0.22 * (texture - 0.5);
            let seam = step(1.0, 1.08, depth) * (1.0 - step(1.1, 1.25, depth));
            tissue.lay(at, 1.0 - step(0.98, 1.04, depth), 0.16 + 0.1 * (texture - 0.5), cell);
            tissue.lay(at, 0.6 * seam, 0.03, 0.1);
            let lumen = 1.0 - step(-0.06, 0.04, depth + 0.06 * ragged);
            tissue.lay(at, lumen, 0.01, 0.02 + 0.1 * step(0.6, 0.9, texture));
        }
        self.nuclei(tissue, rng);
    }

    /// One row of nuclei at the base, evenly spaced, each pointing to the lumen.
    fn nuclei(&self, tissue: &mut Tissue, rng: &mut impl Rng) {
        let base = self.radius - 0.3 * self.height;
        let count = (TAU * base / between(rng, 8.4, 10.0)) as usize;
        for place in 0..count {
            let angle = (place as f32 + 0.14 * normal(rng)) * TAU / count as f32;
            let away = self.outline(angle) - self.height * (0.3 + 0.03 * normal(rng));
            let (x, y) = (self.x + away * angle.cos(), self.y + away * angle.sin());
            let (length, width) = (8.2 + 0.35 * normal(rng), 4.8 + 0.25 * normal(rng));
            let dark = 0.92 + 0.05 * normal(rng);
            let nucleolus = if chance(rng, 0.1) { 1.0 } else { 0.0 };
            let tilt = angle + 0.1 * normal(rng);
            Nucleus { x, y, length, width, angle: tilt, ragged: 0.02, dark, vesicular: 0.35, nucleolus }
                .draw(tissue, rng);
        }
    }
}
