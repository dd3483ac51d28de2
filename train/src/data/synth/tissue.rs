//! Tissue as amounts of haematoxylin and eosin at each pixel. Stroma is the background of everything else.

use kiln_tile::SIDE;
use rand::Rng;

use super::field::{Field, mix, step};
use crate::data::random::{below, between};

/// Pixels of a side.
pub(super) const N: usize = SIDE as usize;

/// Amounts of stain at each pixel, `[256, 256]`, 1 being a strong nucleus or dense cytoplasm.
pub(super) struct Tissue {
    pub(super) haematoxylin: Vec<f32>,
    pub(super) eosin: Vec<f32>,
    /// Pixels of glands and spaces, without stromal cells.
    pub(super) taken: Vec<bool>,
    /// The direction of the fibres and of stromal nuclei.
    grain: Grain,
}

struct Grain {
    angle: f32,
    bend: Field,
}

impl Grain {
    fn at(&self, x: f32, y: f32) -> f32 {
        self.angle + 2.4 * (self.bend.at(x / 110.0, y / 110.0) - 0.5)
    }
}

impl Tissue {
    /// A tile of fibrous stroma.
    pub(super) fn stroma(rng: &mut impl Rng) -> Self {
        let grain = Grain { angle: between(rng, 0.0, std::f32::consts::PI), bend: Field(rng.next_u32()) };
        let (fibres, clefts, haze) = (Field(rng.next_u32()), Field(rng.next_u32()), Field(rng.next_u32()));
        let mut tissue =
            Self { haematoxylin: vec![0.0; N * N], eosin: vec![0.0; N * N], taken: vec![false; N * N], grain };
        let (sine, cosine) = tissue.grain.angle.sin_cos();
        for at in 0..N * N {
            let (x, y) = ((at % N) as f32, (at / N) as f32);
            // Fibres are noise that is stretched along the grain; bent coordinates make them wave.
            let wave = 26.0 * (tissue.grain.bend.at(x / 60.0 + 7.0, y / 60.0) - 0.5);
            let (along, across) = (x * cosine + y * sine, y * cosine - x * sine + wave);
            let fibre = fibres.rough(along / 46.0, across / 6.5);
            let cleft = step(0.66, 0.86, clefts.rough(along / 70.0, across / 13.0));
            let dense = mix(0.55, 1.0, haze.at(x / 80.0, y / 80.0));
            tissue.eosin[at] = (0.32 + 0.38 * fibre) * dense * (1.0 - 0.85 * cleft);
            tissue.haematoxylin[at] = 0.05 + 0.05 * fibre;
        }
        tissue
    }

    /// The direction of the fibres at a point.
    pub(super) fn grain_at(&self, x: f32, y: f32) -> f32 {
        self.grain.at(x, y)
    }

    /// A random free point of the stroma, with free surroundings of `margin` pixels.
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

/// The pixels of the bounding box of a circle, clipped to the tile.
pub(super) fn pixels_near(x: f32, y: f32, radius: f32) -> impl Iterator<Item = (usize, f32, f32)> {
    let range = |centre: f32| {
        let from = (centre - radius).floor().clamp(0.0, N as f32) as usize;
        let to = (centre + radius).ceil().clamp(-1.0, (N - 1) as f32) + 1.0;
        from..(to as usize).max(from)
    };
    let columns = range(x);
    range(y)
        .flat_map(move |row| columns.clone().map(move |column| (row * N + column, column as f32 - x, row as f32 - y)))
}
