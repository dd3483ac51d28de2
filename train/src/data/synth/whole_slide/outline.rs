//! Smooth closed outlines: a radius in each direction from a centre.

use rand::Rng;

use crate::data::random::{between, normal};
use crate::data::synth::field::mix;

const TAU: f32 = std::f32::consts::TAU;
/// Pixels between two points of an outline, about.
const SPACING: f32 = 6.0;

/// A smooth closed outline.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    x: f32,
    y: f32,
    /// The radius in directions that are evenly spaced, from the x axis towards the y axis.
    radii: Vec<f32>,
    /// The largest radius.
    reach: f32,
}

impl Outline {
    /// An outline around a point, of mean radius `radius` in pixels. `rough` is its deviation from a circle: 0.1 is a
    /// gentle one.
    pub(super) fn draw_from(x: f32, y: f32, radius: f32, rough: f32, rng: &mut impl Rng) -> Self {
        let waves: [(f32, f32); 7] = std::array::from_fn(|wave| {
            let size = rough * normal(rng).clamp(-1.8, 1.8) / (0.7 * wave as f32 + 1.0);
            (size, between(rng, 0.0, TAU))
        });
        let points = ((TAU * radius / SPACING) as usize).clamp(32, 2048);
        let radii: Vec<f32> = (0..points)
            .map(|at| {
                let angle = at as f32 / points as f32 * TAU;
                let wave =
                    |sum: f32, ((size, phase), k): (&(f32, f32), i32)| sum + size * (k as f32 * angle + phase).cos();
                radius * waves.iter().zip(2..).fold(1.0, wave).max(0.35)
            })
            .collect();
        let reach = radii.iter().copied().fold(0.0, f32::max);
        Self { x, y, radii, reach }
    }

    /// Enlarges the outline about its centre.
    pub(super) fn scale(&mut self, factor: f32) {
        self.radii.iter_mut().for_each(|radius| *radius *= factor);
        self.reach *= factor;
    }

    /// Moves the centre to a point.
    pub(super) fn move_to(&mut self, x: f32, y: f32) {
        (self.x, self.y) = (x, y);
    }

    pub(super) fn centre(&self) -> (f32, f32) {
        (self.x, self.y)
    }

    /// The largest distance of the outline from its centre in pixels.
    pub(super) fn reach(&self) -> f32 {
        self.reach
    }

    /// The radius of the circle of the same area in pixels.
    pub(super) fn radius(&self) -> f32 {
        (self.radii.iter().map(|radius| radius * radius).sum::<f32>() / self.radii.len() as f32).sqrt()
    }

    /// The area within in pixels.
    pub(super) fn area(&self) -> f64 {
        std::f64::consts::PI * f64::from(self.radius()).powi(2)
    }

    /// The distance to the outline in pixels along the direction from the centre: above 0 within.
    pub(super) fn depth(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        let away = (dx * dx + dy * dy).sqrt();
        // Far outside the direction does not matter.
        if away > 1.5 * self.reach + 64.0 {
            return self.reach - away;
        }
        self.radius_towards(dy.atan2(dx)) - away
    }

    /// The radius in a direction in pixels.
    pub(super) fn radius_towards(&self, angle: f32) -> f32 {
        let count = self.radii.len();
        let place = (angle / TAU).rem_euclid(1.0) * count as f32;
        let first = (place as usize).min(count - 1);
        mix(self.radii[first], self.radii[(first + 1) % count], place - first as f32)
    }

    /// The points of the outline in pixels, x and y.
    pub(super) fn points(&self) -> impl Iterator<Item = (f32, f32)> {
        let count = self.radii.len() as f32;
        self.radii.iter().enumerate().map(move |(at, radius)| {
            let (sine, cosine) = (at as f32 / count * TAU).sin_cos();
            (self.x + radius * cosine, self.y + radius * sine)
        })
    }

    /// The points in hundredths of a pixel, as they are written to annotations.
    pub(super) fn polygon(&self) -> Vec<[f64; 2]> {
        let rounded = |value: f32| (f64::from(value) * 100.0).round() / 100.0;
        self.points().map(|(x, y)| [rounded(x), rounded(y)]).collect()
    }
}
