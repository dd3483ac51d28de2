//! Glands and nuclei of a whole slide, each with its place and shape. Blocks draw those that they show.

use rand::Rng;

use super::buckets::Buckets;
use super::layout::Layout;
use crate::data::random::{below, between, chance, stream};
use crate::data::synth::field::{Field, mix};
use crate::data::synth::gland::{Gland, lymphocyte, spindle};
use crate::data::synth::nucleus::Nucleus;
use crate::data::synth::tissue::{N, Stroma, Tissue, Window};
use crate::data::synth::tumour::{Nests, crowd, malignant, mitosis};

/// Bound of the distance of a gland's pixels from its centre in pixels.
const GLAND_REACH: f32 = 160.0;
/// Bound of the distance of a nucleus's pixels from its centre in pixels.
const CELL_REACH: f32 = 40.0;
/// Units of [`Nests::inside`] per pixel of distance from a lesion's outline.
const PER_PIXEL: f32 = 0.01;

/// Everything on the slide that has a place.
#[derive(Debug)]
pub(super) struct Plan {
    seed: u64,
    stroma: Stroma,
    nests: Nests,
    glands: Vec<Gland>,
    cells: Vec<Cell>,
    glands_at: Buckets,
    cells_at: Buckets,
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    Nucleus(Nucleus),
    Mitosis(f32, f32),
}

impl Plan {
    pub(super) fn new(seed: u64, side: u32, layout: &Layout) -> Self {
        let mut rng = stream(seed, b"texture ", 0, 0);
        let (stroma, nests) = (Stroma::draw_from(&mut rng), Nests::draw_from(&mut rng).dense());
        let extent = side as f32;
        let (glands_at, cells_at) = (Buckets::new(extent, 256.0), Buckets::new(extent, 64.0));
        let (glands, cells) = (Vec::new(), Vec::new());
        let mut plan = Self { seed, stroma, nests, glands, cells, glands_at, cells_at };
        let tissue_parcels = parcels(side, |x, y| layout.tissue_depth(x, y));
        plan.place_glands(layout, &tissue_parcels, &mut rng);
        plan.place_tumour(layout, &parcels(side, |x, y| layout.tumour_depth(x, y)));
        for (column, row) in tissue_parcels {
            plan.scatter(layout, column, row);
        }
        plan
    }

    /// The tissue of a window, as if there were tissue everywhere. `tumour` is the depth of the tumour.
    pub(super) fn draw(&self, window: Window, tumour: impl Fn(f32, f32) -> f32) -> Tissue {
        let mut tissue = self.stroma.within(window);
        for number in self.shown(&self.glands_at, window, GLAND_REACH) {
            let gland = &self.glands[number];
            if window.near(gland.x, gland.y, 1.3 * gland.radius + 14.0).next().is_none() {
                continue;
            }
            gland.draw(&mut tissue, &mut stream(self.seed, b"gland   ", number as u64, 0));
        }
        self.nests.lay(&mut tissue, |x, y| PER_PIXEL * tumour(x, y), &mut stream(self.seed, b"nests   ", 0, 0));
        for number in self.shown(&self.cells_at, window, CELL_REACH) {
            let mut rng = stream(self.seed, b"cell    ", number as u64, 0);
            match self.cells[number] {
                Cell::Nucleus(nucleus) => nucleus.draw(&mut tissue, &mut rng),
                Cell::Mitosis(x, y) => mitosis(&mut tissue, x, y, &mut rng),
            }
        }
        tissue
    }

    /// Numbers in the order of drawing, which is the same in each window.
    fn shown(&self, places: &Buckets, window: Window, reach: f32) -> Vec<usize> {
        let (left, top) = (window.left as f32, window.top as f32);
        let (right, bottom) = (left + window.width as f32, top + window.height as f32);
        let mut numbers: Vec<usize> = places.within(left - reach, top - reach, right + reach, bottom + reach).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Glands in normal tissue, as in a benign tile.
    fn place_glands(&mut self, layout: &Layout, parcels: &[(u32, u32)], rng: &mut impl Rng) {
        let sizes = Field(rng.next_u32());
        for (column, row) in parcels {
            let mut rng = stream(self.seed, b"glands  ", u64::from(*column), u64::from(*row));
            let mut room = 14;
            for _ in 0..60 {
                let (x, y) = point(*column, *row, &mut rng);
                let size = mix(0.7, 1.0, sizes.rough(x / 900.0, y / 900.0));
                let gland = Gland::draw_from(x, y, size, &mut rng);
                let near = |margin: f32| 1.15 * gland.radius + margin;
                let free = room > 0
                    && layout.tissue_depth(x, y) > near(14.0)
                    && layout.tumour_depth(x, y) < -near(6.0)
                    && self.glands_at.near(x, y, 260.0).all(|other| gland.apart_from(&self.glands[other]));
                if free {
                    self.glands_at.insert(x, y, self.glands.len());
                    self.glands.push(gland);
                    room -= 1;
                }
            }
        }
    }

    /// Crowded nuclei and mitoses in the nests of the lesions, as in an anomalous tile.
    fn place_tumour(&mut self, layout: &Layout, parcels: &[(u32, u32)]) {
        let mut mitoses = Vec::new();
        let mut nuclei: Vec<Nucleus> = Vec::new();
        for (column, row) in parcels {
            let mut rng = stream(self.seed, b"malign  ", u64::from(*column), u64::from(*row));
            for _ in 0..2400 {
                let (x, y) = point(*column, *row, &mut rng);
                let nucleus = malignant(x, y, &mut rng);
                let free = layout.tumour_depth(x, y) > 5.0
                    && self.nests.has_room_at(x, y)
                    && self.cells_at.near(x, y, CELL_REACH).all(|other| !crowd(&nucleus, &nuclei[other]));
                if free {
                    self.cells_at.insert(x, y, nuclei.len());
                    nuclei.push(nucleus);
                    if chance(&mut rng, 0.01) {
                        mitoses.push((x, y));
                    }
                }
            }
        }
        self.cells.extend(nuclei.into_iter().map(Cell::Nucleus));
        for (x, y) in mitoses {
            self.add(x, y, Cell::Mitosis(x, y));
        }
    }

    /// Fibroblasts and lymphocytes of a parcel, as many as in a tile of its class.
    fn scatter(&mut self, layout: &Layout, column: u32, row: u32) {
        let mut rng = stream(self.seed, b"stromal ", u64::from(column), u64::from(row));
        let (x, y) = ((column as f32 + 0.5) * N as f32, (row as f32 + 0.5) * N as f32);
        let (spindles, lymphocytes) = if layout.tumour_depth(x, y) > 0.0 {
            (14 + below(&mut rng, 12), 6 + below(&mut rng, 16))
        } else {
            (18 + below(&mut rng, 12), 25 + below(&mut rng, 55))
        };
        for number in 0..spindles + lymphocytes {
            let margin = if number < spindles { 6.0 } else { 5.0 };
            let place =
                (0..12).map(|_| point(column, row, &mut rng)).find(|(x, y)| self.is_stroma(*x, *y, margin, layout));
            let Some((x, y)) = place else { continue };
            // Beyond the edge there is none, so that the edge is no denser than the middle.
            if layout.tissue_depth(x, y) < 6.0 {
                continue;
            }
            let nucleus = if number < spindles {
                spindle(x, y, self.stroma.grain_at(x, y), &mut rng)
            } else {
                lymphocyte(x, y, &mut rng)
            };
            self.add(x, y, Cell::Nucleus(nucleus));
        }
    }

    /// True outside glands and nests, by `margin` pixels.
    fn is_stroma(&self, x: f32, y: f32, margin: f32, layout: &Layout) -> bool {
        let nest = || self.nests.inside(x, y).min(PER_PIXEL * layout.tumour_depth(x, y)) > -0.02 - 0.002 * margin;
        !self.glands_at.near(x, y, GLAND_REACH).any(|gland| self.glands[gland].covers(x, y, margin)) && !nest()
    }

    fn add(&mut self, x: f32, y: f32, cell: Cell) {
        self.cells_at.insert(x, y, self.cells.len());
        self.cells.push(cell);
    }
}

/// Squares of the size of a tile that may reach into a shape: column and row, rows from the top.
fn parcels(side: u32, depth: impl Fn(f32, f32) -> f32) -> Vec<(u32, u32)> {
    let count = side.div_ceil(N as u32);
    let reaches = |column: u32, row: u32| {
        let centre = |at: u32| (at as f32 + 0.5) * N as f32;
        // The distance along the direction from a centre may exceed the distance itself on a slanted outline.
        depth(centre(column), centre(row)) > -1.6 * N as f32
    };
    (0..count).flat_map(|row| (0..count).map(move |column| (column, row))).filter(|(x, y)| reaches(*x, *y)).collect()
}

/// A random point of a parcel.
fn point(column: u32, row: u32, rng: &mut impl Rng) -> (f32, f32) {
    let side = N as f32;
    let mut along = |at: u32| at as f32 * side + between(rng, 0.0, side);
    (along(column), along(row))
}
