//! Equal colours of normal tissue and tumour: amounts of stain in a tumour are moved to those of normal tissue, so that both
//! have every pair of amounts equally often. Only the places of the colours differ.
//!
//! The map is a chain of monotone maps along directions of the plane of the two stains, each of which equals the
//! distribution along it (iterative distribution transfer, Pitié and others, ICCV 2005).

use std::f32::consts::PI;

/// Directions of the chain, in eighths of a half turn: each next one is far from those before.
const DIRECTIONS: [f32; 12] = [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0, 0.0, 4.0, 2.0, 6.0];
/// Points of a map.
const POINTS: usize = 192;

/// Amounts of haematoxylin and eosin.
pub(super) type Amounts = [f32; 2];

/// The map from the colours of a tumour to those of normal tissue. Empty, it changes nothing.
#[derive(Debug, Default)]
pub(super) struct Transport(Vec<Step>);

/// A monotone map along a direction.
#[derive(Debug)]
struct Step {
    cosine: f32,
    sine: f32,
    low: f32,
    /// Points per unit.
    scale: f32,
    /// The shift at each point.
    shifts: Vec<f32>,
}

impl Transport {
    /// Fits the map to amounts of both classes.
    pub(super) fn fit(mut tumour: Vec<Amounts>, normal: &[Amounts]) -> Self {
        if tumour.is_empty() || normal.is_empty() {
            return Self::default();
        }
        let steps = DIRECTIONS.map(|eighths| {
            let step = Step::fit(eighths / 8.0 * PI, &tumour, normal);
            tumour.iter_mut().for_each(|amounts| *amounts = step.apply(*amounts));
            step
        });
        Self(steps.into())
    }

    /// The amounts in the colours of normal tissue.
    pub(super) fn apply(&self, amounts: Amounts) -> Amounts {
        self.0.iter().fold(amounts, |amounts, step| step.apply(amounts)).map(|amount| amount.max(0.0))
    }
}

impl Step {
    fn fit(angle: f32, tumour: &[Amounts], normal: &[Amounts]) -> Self {
        let (sine, cosine) = angle.sin_cos();
        let along = |amounts: &[Amounts]| {
            let mut values: Vec<f32> = amounts.iter().map(|[h, e]| h * cosine + e * sine).collect();
            values.sort_unstable_by(f32::total_cmp);
            values
        };
        let (from, to) = (along(tumour), along(normal));
        let (low, high) = (from[0], from[from.len() - 1]);
        let scale = (POINTS - 1) as f32 / (high - low).max(1e-6);
        let shift = |point: usize| {
            let value = low + point as f32 / scale;
            let rank = 0.5
                * (from.partition_point(|other| *other < value) + from.partition_point(|other| *other <= value)) as f32;
            let place = (rank / from.len() as f32 * to.len() as f32) as usize;
            to[place.min(to.len() - 1)] - value
        };
        Self { cosine, sine, low, scale, shifts: (0..POINTS).map(shift).collect() }
    }

    fn apply(&self, [h, e]: Amounts) -> Amounts {
        let place = ((h * self.cosine + e * self.sine - self.low) * self.scale).clamp(0.0, (POINTS - 1) as f32);
        let first = (place as usize).min(POINTS - 2);
        let shift = self.shifts[first] + (self.shifts[first + 1] - self.shifts[first]) * (place - first as f32);
        [h + shift * self.cosine, e + shift * self.sine]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{normal, stream, unit};

    #[test]
    fn the_moved_amounts_have_the_other_distribution() {
        let mut rng = stream(3, b"test    ", 0, 0);
        let tumour: Vec<Amounts> =
            (0..40_000).map(|_| [0.5 + 0.2 * normal(&mut rng), 0.4 + 0.1 * normal(&mut rng)]).collect();
        // Two clouds, one of them correlated.
        let normal: Vec<Amounts> = (0..40_000)
            .map(|_| {
                let (a, b) = (normal(&mut rng), normal(&mut rng));
                if unit(&mut rng) < 0.3 {
                    [0.1 + 0.02 * a, 0.1 + 0.02 * b]
                } else {
                    [0.7 + 0.1 * a, 0.5 + 0.1 * a + 0.03 * b]
                }
            })
            .collect();
        let transport = Transport::fit(tumour.clone(), &normal);
        let moved: Vec<Amounts> = tumour.iter().map(|amounts| transport.apply(*amounts)).collect();
        let fraction = |amounts: &[Amounts], inside: &dyn Fn(&Amounts) -> bool| {
            amounts.iter().filter(|amounts| inside(amounts)).count() as f32 / amounts.len() as f32
        };
        for (h, e) in [(0.15, 0.15), (0.3, 0.3), (0.6, 0.45), (0.7, 0.5), (0.8, 0.6)] {
            let inside = |amounts: &Amounts| amounts[0] < h && amounts[1] < e;
            let (found, wanted) = (fraction(&moved, &inside), fraction(&normal, &inside));
            assert!((found - wanted).abs() < 0.03, "{h} {e}: {found} instead of {wanted}");
        }
    }

    #[test]
    fn without_samples_nothing_changes() {
        assert_eq!(Transport::fit(Vec::new(), &[[1.0, 1.0]]).apply([0.3, 0.7]), [0.3, 0.7]);
    }
}
