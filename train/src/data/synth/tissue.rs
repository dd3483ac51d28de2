//! Tissue as amounts of haematoxylin and eosin at each pixel. Stroma is the background of everything else.

use kiln_tile::SIDE;
use rand::Rng;

use super::field::{Field, mix, step};
use crate::data::random::{below, between};

/// Pixels of a side.
pub(super) const N: usize = SIDE as usize;

/// The part of the plane that is drawn, in pixels. Everything is at its place in the plane, so that what two windows share
/// is the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Window {
    /// A tile alone in its plane.
    pub(super) const TILE: Self = Self { left: 0, top: 0, width: N, height: N };

    pub(super) fn len(self) -> usize {
        self.width * self.height
    }

    /// The pixels, rows from the top: index, x and y.
    pub(super) fn pixels(self) -> impl Iterator<Item = (usize, f32, f32)> {
        let place = move |row: usize, column: usize| {
            (row * self.width + column, (self.left + column as i32) as f32, (self.top + row as i32) as f32)
        };
        (0..self.height).flat_map(move |row| (0..self.width).map(move |column| place(row, column)))
    }

    /// The pixels of the bounding box of a circle, clipped to the window: index, and distance from the centre along x and y.
    pub(super) fn near(self, x: f32, y: f32, radius: f32) -> impl Iterator<Item = (usize, f32, f32)> {
        let range = |centre: f32, first: i32, length: usize| {
            let end = first + length as i32;
            let from = (centre - radius).floor().clamp(first as f32, end as f32) as i32;
            let to = (centre + radius).ceil().clamp(first as f32 - 1.0, end as f32 - 1.0) as i32 + 1;
            from..to.max(from)
        };
        let columns = range(x, self.left, self.width);
        range(y, self.top, self.height).flat_map(move |row| {
            let start = (row - self.top) as usize * self.width;
            let place = move |column: i32| (start + (column - self.left) as usize, column as f32 - x, row as f32 - y);
            columns.clone().map(place)
        })
    }
}

/// Amounts of stain at each pixel of a window, `[height, width]`, 1 being a strong nucleus or dense cytoplasm.
pub(super) struct Tissue {
    pub(super) window: Window,
    pub(super) haematoxylin: Vec<f32>,
    pub(super) eosin: Vec<f32>,
    /// Pixels of glands and spaces, without stromal cells.
    pub(super) taken: Vec<bool>,
    /// The direction of the fibres and of stromal nuclei.
    grain: Grain,
}

#[derive(Debug, Clone, Copy)]
struct Grain {
    angle: f32,
    bend: Field,
}

/// Fibrous stroma over the whole plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroma {
    grain: Grain,
    fibres: Field,
    clefts: Field,
    haze: Field,
}

impl Grain {
    fn at(&self, x: f32, y: f32) -> f32 {
        self.angle + 2.4 * (self.bend.at(x / 110.0, y / 110.0) - 0.5)
    }
}

impl Stroma {
    pub(super) fn draw_from(rng: &mut impl Rng) -> Self {
        let grain = Grain { angle: between(rng, 0.0, std::f32::consts::PI), bend: Field(rng.next_u32()) };
        Self { grain, fibres: Field(rng.next_u32()), clefts: Field(rng.next_u32()), haze: Field(rng.next_u32()) }
    }

    /// The direction of the fibres at a point.
    pub(super) fn grain_at(&self, x: f32, y: f32) -> f32 {
        self.grain.at(x, y)
    }

    /// The stroma of a window.
    pub(super) fn within(&self, window: Window) -> Tissue {
        let mut tissue = Tissue {
            window,
            haematoxylin: vec![0.0; window.len()],
            eosin: vec![0.0; window.len()],
            taken: vec![false; window.len()],
            grain: self.grain,
        };
        let (sine, cosine) = self.grain.angle.sin_cos();
        for (at, x, y) in window.pixels() {
            // Fibres are noise that is stretched along the grain; bent coordinates make them wave.
            let wave = 26.0 * (self.grain.bend.at(x / 60.0 + 7.0, y / 60.0) - 0.5);
            let (along, across) = (x * cosine + y * sine, y * cosine - x * sine + wave);
            let fibre = self.fibres.rough(along / 46.0, across / 6.5);
            let cleft = step(0.66, 0.86, self.clefts.rough(along / 70.0, across / 13.0));
            let dense = mix(0.55, 1.0, self.haze.at(x / 80.0, y / 80.0));
            tissue.eosin[at] = (0.32 + 0.38 * fibre) * dense * (1.0 - 0.85 * cleft);
            tissue.haematoxylin[at] = 0.05 + 0.05 * fibre;
        }
        tissue
    }
}

impl Tissue {
    /// A tile of fibrous stroma.
    pub(super) fn stroma(rng: &mut impl Rng) -> Self {
        Stroma::draw_from(rng).within(Window::TILE)
    }

    /// The direction of the fibres at a point.
    pub(super) fn grain_at(&self, x: f32, y: f32) -> f32 {
        self.grain.at(x, y)
    }

    /// A random free point of a tile's stroma, with free surroundings of `margin` pixels.
    pub(super) fn free_place(&self, margin: usize, rng: &mut impl Rng) -> Option<(f32, f32)> {
        (0..12).find_map(|_| {
            let (x, y) = (below(rng, N), below(rng, N));
            let free = |x: usize, y: usize| !self.taken[y.min(N - 1) * N + x.min(N - 1)];
            let clear = free(x, y)
                && free(x.saturating_sub(margin), y)
                && free(x + margin, y)
                && free(x, y.saturating_sub(margin))
                && free(x, y + margin);
            clear.then_some((x as f32, y as f32))
        })
    }

    /// Blends new amounts into a pixel; `cover` in `0..1` is their fraction.
    pub(super) fn lay(&mut self, at: usize, cover: f32, haematoxylin: f32, eosin: f32) {
        self.haematoxylin[at] = mix(self.haematoxylin[at], haematoxylin, cover);
        self.eosin[at] = mix(self.eosin[at], eosin, cover);
    }
}
