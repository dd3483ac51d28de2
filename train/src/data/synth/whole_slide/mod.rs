//! A synthetic whole slide: tissue on glass, with lesions at known places. Its texture is that of the tiles: glands, stroma
//! and lymphocytes in normal tissue, nests of crowded nuclei in lesions.
//!
//! The slide is not kept in memory: any region is drawn when it is asked for, and its pixels do not depend on the regions
//! that were drawn before, so that neighbouring regions join without a seam. The same options give the same pixels.
//!
//! With [`WholeSlideOptions::colour_blind`] the colours of lesions are equally frequent in normal tissue, over the slide as a
//! whole: a model has to use structure. Those of one tile may differ, as normal tissue has large lumina.

mod asap;
mod buckets;
mod colour;
mod depth;
mod layout;
mod outline;
mod plan;
#[cfg(test)]
mod tests;

use rand::Rng;
use rayon::prelude::*;

use self::colour::{Amounts, Transport};
use self::depth::DepthMap;
use self::layout::Layout;
use self::plan::Plan;
use super::field::{Field, mix, step};
use super::slide::{Slide, quick_normal};
use super::tissue::Window;
use crate::data::random::{between, stream};
use crate::data::{DataError, Result};

/// Pixel size of a synthetic slide in µm.
const MPP: f64 = 0.5;
/// Side of the blocks that are drawn at once in pixels.
const BLOCK: u32 = 512;
/// Side of the windows that the colours are fitted to in pixels, and their number for each class.
const SAMPLE: (usize, usize) = (32, 400);
/// Roughness of the edge of the tissue in pixels.
const RAGGED: f32 = 12.0;

/// Options of [`WholeSlide::new`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WholeSlideOptions {
    /// Seed of the slide; another seed gives another slide.
    pub seed: u64,
    /// Width and height in pixels, 2,048 to 65,536.
    pub side: u32,
    /// Number of lesions, 0 to 20: a large one with an exclusion, one in two parts, isolated tumour cells, then small ones.
    pub lesions: usize,
    /// Fraction of the slide that is tissue, 0.1 to 0.4, or 0 for bare glass.
    pub tissue: f32,
    /// If true, lesions and normal tissue have equal colours. If false, lesions have more haematoxylin and less eosin.
    pub colour_blind: bool,
}

impl Default for WholeSlideOptions {
    /// 8,192 pixels, which are 4.1 mm, a third of them tissue, with four lesions.
    fn default() -> Self {
        Self { seed: 7, side: 8192, lesions: 4, tissue: 0.33, colour_blind: true }
    }
}

/// The kind of a lesion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LesionKind {
    /// The largest one, with a part that is excluded from it.
    Large,
    /// Two polygons less than 75 µm apart: one lesion by CAMELYON16's rule.
    TwoParts,
    /// Isolated tumour cells: below 275 µm, also after CAMELYON16's growth by 75 µm.
    IsolatedCells,
    /// Any other.
    Small,
}

impl LesionKind {
    fn of(number: usize) -> Self {
        [Self::Large, Self::TwoParts, Self::IsolatedCells].get(number).copied().unwrap_or(Self::Small)
    }
}

/// A lesion of a synthetic slide. Its polygons are x and y in level-0 pixels; the last point joins the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesion {
    /// Its kind.
    pub kind: LesionKind,
    /// Outlines of its parts, which do not overlap.
    pub parts: Vec<Vec<[f64; 2]>>,
    /// Outlines of normal tissue within its parts.
    pub exclusions: Vec<Vec<[f64; 2]>>,
}

/// A synthetic slide, of which any region can be drawn.
#[derive(Debug)]
pub struct WholeSlide {
    options: WholeSlideOptions,
    layout: Layout,
    plan: Plan,
    scanner: Slide,
    transport: Transport,
    /// Roughness of the edge of the tissue.
    edge: Field,
    thickness: Field,
    noise: u32,
}

impl WholeSlide {
    /// Width and height of a pixel in µm.
    pub const MPP: f64 = MPP;

    /// Places tissue, lesions and cells, which takes about a second. They need 2 MB per 10 million pixels of tissue, or less.
    ///
    /// # Errors
    /// [`DataError::Option`]: an option out of range, or lesions that do not fit into the tissue.
    pub fn new(options: &WholeSlideOptions) -> Result<Self> {
        options.check()?;
        let layout = Layout::new(options)?;
        let plan = Plan::new(options.seed, options.side, &layout);
        let mut rng = stream(options.seed, b"whole   ", 0, 0);
        let mut slide = Self {
            options: *options,
            layout,
            plan,
            scanner: Slide::new(options.seed, 0).with_neutral_glass(),
            transport: Transport::default(),
            edge: Field(rng.next_u32()),
            thickness: Field(rng.next_u32()),
            noise: rng.next_u32(),
        };
        if options.colour_blind {
            slide.transport = slide.equal_colours();
        }
        Ok(slide)
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.options.side
    }

    /// The lesions, in the order of [`WholeSlideOptions::lesions`].
    #[must_use]
    pub fn lesions(&self) -> Vec<Lesion> {
        let polygons = |outlines: &[outline::Outline]| outlines.iter().map(outline::Outline::polygon).collect();
        let lesion = |placed: &layout::Placed| Lesion {
            kind: placed.kind,
            parts: polygons(&placed.parts),
            exclusions: polygons(&placed.exclusions),
        };
        self.layout.lesions.iter().map(lesion).collect()
    }

    /// The lesions as ASAP XML, in the groups of CAMELYON16: `_0` is tumour, `_2` an exclusion within it.
    #[must_use]
    pub fn asap_xml(&self) -> String {
        asap::xml(&self.lesions())
    }

    /// The pixels of a rectangle, `[height, width, 3]` in RGB, drawn by all threads. Beyond the slide there is glass.
    #[must_use]
    pub fn region(&self, left: u32, top: u32, width: u32, height: u32) -> Vec<u8> {
        let spans = |first: u32, length: u32| {
            let end = first.saturating_add(length);
            let span = move |block: u32| (first.max(block * BLOCK), end.min((block + 1).saturating_mul(BLOCK)));
            (first / BLOCK..end.div_ceil(BLOCK)).map(span)
        };
        let windows: Vec<Window> = spans(top, height)
            .flat_map(|(y, y_end)| spans(left, width).map(move |(x, x_end)| (x, y, x_end, y_end)))
            .map(|(x, y, x_end, y_end)| Window {
                left: x as i32,
                top: y as i32,
                width: (x_end - x) as usize,
                height: (y_end - y) as usize,
            })
            .collect();
        let mut rgb = vec![0; 3 * width as usize * height as usize];
        let blocks: Vec<Vec<u8>> = windows.par_iter().map(|window| self.scan(*window)).collect();
        for (window, block) in windows.iter().zip(blocks) {
            let (x, y) = (window.left as usize - left as usize, window.top as usize - top as usize);
            for (row, pixels) in block.chunks_exact(3 * window.width).enumerate() {
                let at = 3 * ((y + row) * width as usize + x);
                rgb[at..at + pixels.len()].copy_from_slice(pixels);
            }
        }
        rgb
    }

    /// The scanned pixels of a window.
    fn scan(&self, window: Window) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(3 * window.len());
        let amounts = self.amounts(window);
        let tumour = DepthMap::new(window, |x, y| self.layout.tumour_depth(x, y));
        let glass = self.scanner.light_through(0.0, 0.0, 1.0);
        for (at, x, y) in window.pixels() {
            let light = amounts.as_ref().map_or(glass, |amounts| {
                let [h, e] = self.coloured(amounts[at], tumour.at(x, y));
                let thickness = mix(0.92, 1.08, self.thickness.at(x / 2500.0, y / 2500.0));
                self.scanner.light_through(h, e, thickness)
            });
            let words = self.noise_at(x as u32, y as u32);
            let value = |channel: usize| light[channel] + self.scanner.noise * quick_normal(words[channel]);
            rgb.extend([0, 1, 2].map(|channel| (value(channel) + 0.5) as u8));
        }
        rgb
    }

    /// Amounts of stain at each pixel of a window, before the colours of a lesion are changed; `None` on glass.
    fn amounts(&self, window: Window) -> Option<Vec<Amounts>> {
        // The scanner's blur needs the neighbours.
        let wide =
            Window { left: window.left - 1, top: window.top - 1, width: window.width + 2, height: window.height + 2 };
        let depth = DepthMap::new(wide, |x, y| self.layout.tissue_depth(x, y));
        if depth.highest() < -RAGGED {
            return None;
        }
        let tumour = DepthMap::new(wide, |x, y| self.layout.tumour_depth(x, y));
        let mut tissue = self.plan.draw(wide, |x, y| tumour.at(x, y));
        if depth.lowest() < RAGGED {
            for (at, x, y) in wide.pixels() {
                let ragged = RAGGED * (self.edge.rough(x / 40.0, y / 40.0) - 0.5);
                let cover = step(-1.5, 1.5, depth.at(x, y) + ragged);
                tissue.haematoxylin[at] *= cover;
                tissue.eosin[at] *= cover;
            }
        }
        let blurred = |amounts: &[f32], at: usize| {
            let around = amounts[at - 1] + amounts[at + 1] + amounts[at - wide.width] + amounts[at + wide.width];
            mix(amounts[at], around / 4.0, self.scanner.blur)
        };
        let place = |row: usize, column: usize| (row + 1) * wide.width + column + 1;
        let places = (0..window.height).flat_map(|row| (0..window.width).map(move |column| place(row, column)));
        Some(places.map(|at| [blurred(&tissue.haematoxylin, at), blurred(&tissue.eosin, at)]).collect())
    }

    /// Amounts in the colours of their class; `depth` is the depth of the tumour.
    fn coloured(&self, amounts: Amounts, depth: f32) -> Amounts {
        let tumour = step(-2.0, 2.0, depth);
        if tumour <= 0.0 {
            return amounts;
        }
        let [h, e] = amounts;
        let changed = if self.options.colour_blind { self.transport.apply(amounts) } else { [1.25 * h, 0.88 * e] };
        [mix(h, changed[0], tumour), mix(e, changed[1], tumour)]
    }

    /// Fits the map of colours to windows of both classes, evenly spread.
    fn equal_colours(&self) -> Transport {
        let (side, count) = SAMPLE;
        let margin = 0.75 * side as f32;
        let lesions = &self.layout.lesions;
        let mut rng = stream(self.options.seed, b"colours ", 0, 0);
        let mut sample = |class: fn(f32) -> f32, centre: &mut dyn FnMut(&mut rand_chacha::ChaCha8Rng) -> (f32, f32)| {
            let mut found = Vec::new();
            for _ in 0..100 * count {
                let (x, y) = centre(&mut rng);
                let inside = self.layout.tissue_depth(x, y) > margin && class(self.layout.tumour_depth(x, y)) > margin;
                if inside && found.len() < count {
                    let half = side as f32 / 2.0;
                    found.push(Window { left: (x - half) as i32, top: (y - half) as i32, width: side, height: side });
                }
            }
            let amounts: Vec<Vec<Amounts>> = found.par_iter().filter_map(|window| self.amounts(*window)).collect();
            amounts.concat()
        };
        let around = |outline: &outline::Outline, rng: &mut rand_chacha::ChaCha8Rng| {
            let ((x, y), reach) = (outline.centre(), outline.reach());
            (x + between(rng, -reach, reach), y + between(rng, -reach, reach))
        };
        let Some(large) = lesions.first().and_then(|lesion| lesion.parts.first()) else { return Transport::default() };
        let tumour = sample(|depth| depth, &mut |rng| around(large, rng));
        let extent = self.options.side as f32;
        let normal = sample(|depth| -depth, &mut |rng| (between(rng, 0.0, extent), between(rng, 0.0, extent)));
        Transport::fit(tumour, &normal)
    }

    /// Random words for the three channels of a pixel.
    fn noise_at(&self, x: u32, y: u32) -> [u32; 3] {
        let mut word = self.noise ^ x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
        [0x2C1B_3C6D, 0x297A_2D39, 0x7FEB_352D].map(|factor: u32| {
            word = (word ^ (word >> 15)).wrapping_mul(factor);
            word ^= word >> 12;
            word
        })
    }
}

impl WholeSlideOptions {
    fn check(&self) -> Result<()> {
        let refused = |key, found: String, expected| Err(DataError::Option { key, found, expected });
        if !(2048..=65_536).contains(&self.side) {
            return refused("side", self.side.to_string(), "2048 to 65536 pixels");
        }
        if self.lesions > 20 {
            return refused("lesions", self.lesions.to_string(), "0 to 20 lesions");
        }
        if self.tissue != 0.0 && !(0.1..=0.4).contains(&self.tissue) {
            return refused("tissue", self.tissue.to_string(), "0.1 to 0.4 of the slide, or 0 for glass");
        }
        Ok(())
    }
}
