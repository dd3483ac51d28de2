//! The places of tissue and lesions on a slide.

use rand::Rng;

use super::outline::Outline;
use super::{LesionKind, MPP, WholeSlideOptions};
use crate::data::random::{below, between, chance, stream};
use crate::data::{DataError, Result};

const TAU: f32 = std::f32::consts::TAU;
/// Attempts at a place before lesions are made smaller.
const ATTEMPTS: usize = 300;
/// Normal tissue around a lesion in pixels.
const RIM: f32 = 40.0;
/// Distance between lesions in µm. CAMELYON16 joins annotations less than 75 µm apart into one lesion.
const APART: f32 = 85.0;
/// Gap between the parts of one lesion in µm: less than 75, so that they are one lesion.
const GAP: f32 = 36.0;

/// Pieces of tissue, and lesions in them.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) pieces: Vec<Outline>,
    pub(super) lesions: Vec<Placed>,
}

/// A lesion at its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) kind: LesionKind,
    pub(super) parts: Vec<Outline>,
    pub(super) exclusions: Vec<Outline>,
}

impl Layout {
    /// The layout of a slide.
    ///
    /// # Errors
    /// [`DataError::Option`] if the lesions do not fit into the tissue.
    pub(super) fn new(options: &WholeSlideOptions) -> Result<Self> {
        let mut rng = stream(options.seed, b"layout  ", 0, 0);
        let pieces = if options.tissue > 0.0 { pieces(options, &mut rng) } else { Vec::new() };
        let mut layout = Self { pieces, lesions: Vec::new() };
        // In little tissue the lesions are smaller.
        let scales = [1.0, 1.0, 0.8, 0.8, 0.64, 0.64, 0.5, 0.5, 0.4, 0.4];
        for (attempt, scale) in (0..).zip(scales) {
            layout.lesions.clear();
            for number in 0..options.lesions {
                let mut rng = stream(options.seed, b"lesion  ", number as u64, attempt);
                let Some(lesion) = layout.place(LesionKind::of(number), scale, &mut rng) else { break };
                layout.lesions.push(lesion);
            }
            if layout.lesions.len() == options.lesions {
                return Ok(layout);
            }
        }
        let (found, expected) = (options.lesions.to_string(), "fewer lesions, or a slide with more tissue");
        Err(DataError::Option { key: "lesions", found, expected })
    }

    /// The distance to the edge of the tissue in pixels, above 0 within.
    pub(super) fn tissue_depth(&self, x: f32, y: f32) -> f32 {
        deepest(&self.pieces, x, y)
    }

    /// The distance to the edge of the tumour in pixels, above 0 within a lesion and outside its exclusions.
    pub(super) fn tumour_depth(&self, x: f32, y: f32) -> f32 {
        let depth = |lesion: &Placed| deepest(&lesion.parts, x, y).min(-deepest(&lesion.exclusions, x, y));
        self.lesions.iter().map(depth).fold(f32::MIN, f32::max)
    }

    fn place(&self, kind: LesionKind, scale: f32, rng: &mut impl Rng) -> Option<Placed> {
        let largest = self.pieces.iter().map(Outline::radius).fold(0.0, f32::max);
        let radius = match kind {
            // Isolated tumour cells are below 275 µm after CAMELYON16's growth by 75 µm; a diameter of 80 to 105 µm is.
            LesionKind::IsolatedCells => between(rng, 80.0, 105.0),
            LesionKind::Large => (0.46 * scale * largest).max(140.0),
            LesionKind::TwoParts => (0.15 * scale * largest).max(90.0),
            LesionKind::Small => (between(rng, 0.1, 0.24) * scale * largest).max(110.0),
        };
        let mut lesion = Placed::draw_from(kind, radius, rng);
        let found = (0..ATTEMPTS).any(|_| {
            let piece = match kind {
                LesionKind::Large => self.pieces.iter().max_by(|a, b| a.reach().total_cmp(&b.reach())),
                _ => self.pieces.get(below(rng, self.pieces.len())),
            };
            let Some(piece) = piece else { return false };
            let ((x, y), reach) = (piece.centre(), piece.reach());
            lesion.move_to(x + between(rng, -reach, reach), y + between(rng, -reach, reach));
            self.fits(&lesion)
        });
        found.then_some(lesion)
    }

    fn fits(&self, lesion: &Placed) -> bool {
        let apart = APART / MPP as f32;
        let free = |part: &Outline| {
            let far = |other: &Outline| {
                let ((x, y), (other_x, other_y)) = (part.centre(), other.centre());
                let away = ((x - other_x).powi(2) + (y - other_y).powi(2)).sqrt();
                let closest = || {
                    let distances = part.points().flat_map(|(x, y)| {
                        other.points().map(move |(other_x, other_y)| (x - other_x).powi(2) + (y - other_y).powi(2))
                    });
                    distances.fold(f32::MAX, f32::min).sqrt()
                };
                // Circles decide most cases quickly.
                away > part.reach() + other.reach() + apart
                    || (away > part.radius() + other.radius() && closest() > apart)
            };
            self.lesions.iter().flat_map(|lesion| &lesion.parts).all(far)
        };
        let within = |part: &Outline| {
            let (x, y) = part.centre();
            // The centre refuses most places quickly.
            self.tissue_depth(x, y) > RIM && part.points().all(|(x, y)| self.tissue_depth(x, y) > RIM)
        };
        lesion.parts.iter().all(within) && lesion.parts.iter().all(free)
    }
}

impl Placed {
    /// A lesion around the origin. `radius` is that of the larger part in pixels.
    fn draw_from(kind: LesionKind, radius: f32, rng: &mut impl Rng) -> Self {
        let mut lesion = Self { kind, parts: Vec::new(), exclusions: Vec::new() };
        let rough = if kind == LesionKind::IsolatedCells { 0.06 } else { 0.11 };
        let first = Outline::draw_from(0.0, 0.0, radius, rough, rng);
        match kind {
            LesionKind::Large => lesion.exclusions.extend(hole(&first, rng)),
            LesionKind::TwoParts => {
                let angle = between(rng, 0.0, TAU);
                let mut second = Outline::draw_from(0.0, 0.0, radius * between(rng, 0.6, 0.9), rough, rng);
                let gap = (GAP / MPP as f32).min(0.5 * radius);
                let away = first.radius_towards(angle) + gap + second.radius_towards(angle + 0.5 * TAU);
                second.move_to(away * angle.cos(), away * angle.sin());
                lesion.parts.push(second);
            }
            LesionKind::IsolatedCells | LesionKind::Small => {}
        }
        lesion.parts.insert(0, first);
        lesion
    }

    /// Moves the lesion, the first part to a point.
    fn move_to(&mut self, x: f32, y: f32) {
        let from = self.parts.first().map_or((0.0, 0.0), Outline::centre);
        let (dx, dy) = (x - from.0, y - from.1);
        for outline in self.parts.iter_mut().chain(&mut self.exclusions) {
            let (x, y) = outline.centre();
            outline.move_to(x + dx, y + dy);
        }
    }
}

/// An outline within another one.
fn hole(around: &Outline, rng: &mut impl Rng) -> Option<Outline> {
    (0..ATTEMPTS).find_map(|_| {
        let (angle, away) = (between(rng, 0.0, TAU), between(rng, 0.15, 0.45) * around.radius());
        let radius = between(rng, 0.28, 0.36) * around.radius();
        let hole = Outline::draw_from(away * angle.cos(), away * angle.sin(), radius, 0.08, rng);
        let within = hole.points().all(|(x, y)| around.depth(x, y) > 0.12 * around.radius());
        within.then_some(hole)
    })
}

fn deepest(outlines: &[Outline], x: f32, y: f32) -> f32 {
    outlines.iter().map(|outline| outline.depth(x, y)).fold(f32::MIN, f32::max)
}

/// One to three pieces that cover the wanted fraction of the slide and do not touch.
fn pieces(options: &WholeSlideOptions, rng: &mut impl Rng) -> Vec<Outline> {
    let side = options.side as f32;
    let most = if options.side < 4096 { 1 } else { 3 };
    let count = 1 + usize::from(most > 1) + usize::from(most > 1 && chance(rng, 0.35));
    for count in (1..=count).rev() {
        for _ in 0..ATTEMPTS {
            let mut pieces: Vec<Outline> = (0..count)
                .map(|_| Outline::draw_from(0.0, 0.0, between(rng, 0.75, 1.15) * 0.2 * side, 0.12, rng))
                .collect();
            let area: f64 = pieces.iter().map(Outline::area).sum();
            let factor = (f64::from(options.tissue) * f64::from(side).powi(2) / area).sqrt() as f32;
            let mut placed: Vec<Outline> = Vec::new();
            for mut piece in pieces.drain(..) {
                piece.scale(factor);
                let room = piece.reach() + 0.02 * side;
                piece.move_to(between(rng, room, side - room), between(rng, room, side - room));
                let apart = |other: &Outline| {
                    let ((x, y), (other_x, other_y)) = (piece.centre(), other.centre());
                    let away = ((x - other_x).powi(2) + (y - other_y).powi(2)).sqrt();
                    away > piece.reach() + other.reach() + 0.02 * side
                };
                if room > 0.5 * side || !placed.iter().all(apart) {
                    break;
                }
                placed.push(piece);
            }
            if placed.len() == count {
                return placed;
            }
        }
    }
    // The largest accepted fraction fits as a circle.
    let radius = (options.tissue / std::f32::consts::PI).sqrt() * side;
    vec![Outline::draw_from(0.5 * side, 0.5 * side, radius, 0.0, rng)]
}
