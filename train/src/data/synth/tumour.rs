//! Anomalous tissue: nests and sheets of crowded cells that invade the stroma, nuclei that are large, uneven, ragged and
//! randomly oriented, slits and holes instead of lumina, and figures that look like mitoses.

use rand::Rng;

use super::field::{Field, step};
use super::gland::{scatter_lymphocytes, scatter_spindles};
use super::nucleus::Nucleus;
use super::tissue::{N, Tissue};
use crate::data::random::{below, between, chance, normal};

const TAU: f32 = std::f32::consts::TAU;

/// Anomalous tissue.
pub(super) fn anomalous(rng: &mut impl Rng) -> Tissue {
    let mut tissue = Tissue::stroma(rng);
    let nests = Nests::draw_from(rng);
    nests.lay(&mut tissue, |_, _| f32::INFINITY, rng);
    let nuclei = nests.nuclei(rng);
    for nucleus in &nuclei {
        nucleus.draw(&mut tissue, rng);
    }
    for _ in 0..1 + below(rng, 3) {
        if let Some(near) = nuclei.get(below(rng, nuclei.len())) {
            mitosis(&mut tissue, near.x, near.y, rng);
        }
    }
    let spindles = 14 + below(rng, 12);
    scatter_spindles(&mut tissue, spindles, rng);
    let lymphocytes = 6 + below(rng, 16);
    scatter_lymphocytes(&mut tissue, lymphocytes, rng);
    tissue
}

/// The tumour as level sets of noise: an outline that no gland has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nests {
    shape: Field,
    fine: Field,
    holes: Field,
    /// The level above which there is tumour; a lower level gives more.
    extent: f32,
    /// The level above which there is a hole; a lower level gives more.
    open: f32,
}

impl Nests {
    pub(super) fn draw_from(rng: &mut impl Rng) -> Self {
        Self {
            shape: Field(rng.next_u32()),
            fine: Field(rng.next_u32()),
            holes: Field(rng.next_u32()),
            extent: between(rng, 0.27, 0.42),
            open: between(rng, 0.545, 0.6),
        }
    }

    /// The same nests, with less stroma between them.
    pub(super) fn dense(self) -> Self {
        Self { extent: 0.27 + 0.4 * (self.extent - 0.27), ..self }
    }

    /// Above 0 inside; 0.01 is about a pixel's distance from the outline.
    pub(super) fn inside(&self, x: f32, y: f32) -> f32 {
        self.shape.rough(x / 85.0, y / 85.0) + 0.12 * (self.fine.at(x / 14.0, y / 14.0) - 0.5) - self.extent
    }

    /// Above 0 in a hole: slit-like lumina and necrosis.
    fn hole(&self, x: f32, y: f32) -> f32 {
        self.holes.rough(x / 17.0 + 3.1, y / 17.0) - self.open
    }

    /// Draws the nests where `bound` is above 0; it has the units of [`Self::inside`].
    pub(super) fn lay(&self, tissue: &mut Tissue, bound: impl Fn(f32, f32) -> f32, rng: &mut impl Rng) {
        let grain = Field(rng.next_u32());
        for (at, x, y) in tissue.window.pixels() {
            let bound = bound(x, y);
            if bound < -0.03 {
                continue;
            }
            let inside = self.inside(x, y).min(bound);
            if inside < -0.03 {
                continue;
            }
            tissue.taken[at] |= inside > -0.015;
            let texture = grain.rough(x / 5.0, y / 5.0);
            let seam = 1.0 - step(0.006, 0.022, inside.abs());
            tissue.lay(at, step(-0.01, 0.01, inside), 0.08 + 0.12 * (texture - 0.5), 0.4 + 0.4 * (texture - 0.5));
            tissue.lay(at, 0.75 * seam, 0.03, 0.08);
            let hole = step(0.0, 0.025, self.hole(x, y)) * step(0.02, 0.05, inside);
            tissue.lay(at, hole, 0.02, 0.03 + 0.2 * step(0.55, 0.9, texture));
        }
    }

    /// Crowded nuclei of very different sizes: dart throwing with a distance that allows contact and overlap.
    fn nuclei(&self, rng: &mut impl Rng) -> Vec<Nucleus> {
        let mut nuclei: Vec<Nucleus> = Vec::new();
        for _ in 0..2600 {
            let (x, y) = (between(rng, -8.0, N as f32 + 8.0), between(rng, -8.0, N as f32 + 8.0));
            if !self.has_room_at(x, y) {
                continue;
            }
            let nucleus = malignant(x, y, rng);
            if !nuclei.iter().any(|other| crowd(&nucleus, other)) {
                nuclei.push(nucleus);
            }
        }
        nuclei
    }

    /// True if a nucleus may be there: in a nest and not in a hole.
    pub(super) fn has_room_at(&self, x: f32, y: f32) -> bool {
        self.inside(x, y) >= 0.012 && self.hole(x, y) <= -0.012
    }
}

/// True if two nuclei of a tumour overlap more than a little.
pub(super) fn crowd(one: &Nucleus, other: &Nucleus) -> bool {
    let (dx, dy) = (other.x - one.x, other.y - one.y);
    let room = 1.18 * ((other.length * other.width).sqrt() + (one.length * one.width).sqrt());
    dx * dx + dy * dy < room * room
}

/// The nucleus of a tumour cell.
pub(super) fn malignant(x: f32, y: f32, rng: &mut impl Rng) -> Nucleus {
    // Sizes are skewed: most are one and a half times a benign nucleus, a few are giants.
    let size = between(rng, 6.5, 10.0) + if chance(rng, 0.12) { between(rng, 2.0, 6.0) } else { 0.0 };
    let width = size * between(rng, 0.58, 0.92);
    let nucleolus = if chance(rng, 0.55) { between(rng, 1.4, 2.4) } else { 0.0 };
    Nucleus {
        x,
        y,
        length: size,
        width,
        angle: between(rng, 0.0, TAU),
        ragged: between(rng, 0.06, 0.16),
        dark: between(rng, 0.75, 1.3),
        vesicular: between(rng, 0.0, 0.8),
        nucleolus,
    }
}

/// Draws a clump of chromosomes without a membrane, in a clear cell: one plate, or two separated ones.
pub(super) fn mitosis(tissue: &mut Tissue, x: f32, y: f32, rng: &mut impl Rng) {
    let angle = between(rng, 0.0, TAU);
    for (at, dx, dy) in tissue.window.near(x, y, 14.0) {
        let away = (dx * dx + dy * dy).sqrt();
        tissue.lay(at, 0.9 * (1.0 - step(9.5, 12.5, away)), 0.1, 0.36);
    }
    let parted = if chance(rng, 0.5) { between(rng, 3.0, 5.0) } else { 0.0 };
    for side in [-1.0, 1.0] {
        let (x, y) = (x - side * parted * angle.sin(), y + side * parted * angle.cos());
        let (length, width) = (between(rng, 5.5, 7.5), between(rng, 1.8, 2.8));
        Nucleus {
            x,
            y,
            length,
            width,
            angle: angle + 0.1 * normal(rng),
            ragged: 0.22,
            dark: 1.5,
            vesicular: 0.0,
            nucleolus: 0.0,
        }
        .draw(tissue, rng);
    }
}
