//! The colour of a score. The map is diverging with the threshold in its middle: blue below, yellow to dark red at or
//! above. It depends on the score alone, never on ranks, so that slides can be compared. It is safe for colour-blind
//! readers: the two halves stay apart under simulated protanopia, deuteranopia and tritanopia, and lightness falls
//! towards both ends. The step at the threshold is on purpose.

use super::error::HeatmapError;

/// Colours below the threshold, at equal distances from the lower end of the range to just below the threshold.
pub(super) const BELOW: [[u8; 3]; 3] = [[24, 72, 150], [106, 157, 208], [214, 229, 242]];
/// Colours at and above the threshold, at equal distances from the threshold to the upper end.
pub(super) const ABOVE: [[u8; 3]; 3] = [[254, 221, 128], [236, 112, 52], [142, 10, 40]];
/// The colour of tiles that failed. No score has it.
pub const FAILED: [u8; 3] = [138, 138, 138];
/// The lines of the hatching over tiles that failed.
pub(super) const FAILED_LINE: [u8; 3] = [92, 92, 92];

/// The range of scores and the threshold. Scores outside have the colour of the nearer end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreScale {
    /// Lower end.
    pub low: f32,
    /// Scores at or above this are positive.
    pub threshold: f32,
    /// Upper end.
    pub high: f32,
}

impl ScoreScale {
    /// The scale of probabilities, 0 to 1.
    #[must_use]
    pub fn probability(threshold: f32) -> Self {
        Self { low: 0.0, threshold, high: 1.0 }
    }

    /// The scale of scores without a fixed range: from the lowest to the highest of `scores`, widened to contain the
    /// threshold. Such scales differ between slides; pass one scale to all slides that are compared.
    #[must_use]
    pub fn around(threshold: f32, scores: impl IntoIterator<Item = f32>) -> Self {
        let (mut low, mut high) = (threshold, threshold);
        for score in scores.into_iter().filter(|score| score.is_finite()) {
            (low, high) = (low.min(score), high.max(score));
        }
        if low == high {
            high = low + low.abs().max(1.0);
        }
        Self { low, threshold, high }
    }

    pub(super) fn check(&self) -> Result<(), HeatmapError> {
        let Self { low, threshold, high } = *self;
        let finite = low.is_finite() && threshold.is_finite() && high.is_finite() && (high - low).is_finite();
        if finite && low <= threshold && threshold <= high && low < high {
            return Ok(());
        }
        Err(HeatmapError::Scale { low, threshold, high })
    }

    /// Returns the place of a score on the colour bar: 0 at the lower end, 0.5 at the threshold, 1 at the upper end.
    #[must_use]
    pub fn position(&self, score: f32) -> f64 {
        let (low, threshold, high) = (f64::from(self.low), f64::from(self.threshold), f64::from(self.high));
        let score = f64::from(score);
        if score < threshold {
            let share = if threshold > low { (score - low) / (threshold - low) } else { 0.0 };
            // Below 0.5 even where the division rounds up: a score below the threshold is never drawn as above.
            (0.5 * share).clamp(0.0, 0.5 - f64::EPSILON)
        } else {
            let share = if high > threshold { (score - threshold) / (high - threshold) } else { 1.0 };
            (0.5 + 0.5 * share).clamp(0.5, 1.0)
        }
    }

    /// Returns the sRGB colour of a score.
    #[must_use]
    pub fn colour(&self, score: f32) -> [u8; 3] {
        colour_at(self.position(score))
    }
}

/// Returns the colour at a position on the colour bar, from 0 to 1.
pub(super) fn colour_at(position: f64) -> [u8; 3] {
    if position < 0.5 { mix(&BELOW, position * 2.0) } else { mix(&ABOVE, position * 2.0 - 1.0) }
}

/// Interpolates between equally spaced colours. `share` is between 0 and 1.
fn mix(stops: &[[u8; 3]; 3], share: f64) -> [u8; 3] {
    let at = share.clamp(0.0, 1.0) * 2.0;
    let first = if at < 1.0 { 0 } else { 1 };
    let part = at - first as f64;
    std::array::from_fn(|channel| {
        let (from, to) = (f64::from(stops[first][channel]), f64::from(stops[first + 1][channel]));
        (from + (to - from) * part).round() as u8
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// sRGB to linear light.
    fn linear(colour: [u8; 3]) -> [f64; 3] {
        colour.map(|value| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn product(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    /// CIE L*a*b* of linear sRGB, white D65.
    fn lab(rgb: [f64; 3]) -> [f64; 3] {
        let xyz = product(
            [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
            rgb.map(|value| value.clamp(0.0, 1.0)),
        );
        let f = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let (x, y, z) = (f(xyz[0] / 0.9505), f(xyz[1]), f(xyz[2] / 1.089));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    }

    /// Severity 1.0 of Machado, Oliveira and Fernandes 2009, in linear sRGB.
    const VISIONS: [(&str, [[f64; 3]; 3]); 4] = [
        ("usual", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protanopia",
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        ),
        (
            "deuteranopia",
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        ),
        (
            "tritanopia",
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        ),
    ];

    #[test]
    fn the_halves_stay_apart_for_every_reader() {
        for (name, vision) in VISIONS {
            let seen = |position: f64| lab(product(vision, linear(colour_at(position))));
            for step in 0..=100 {
                let away = f64::from(step) / 200.0;
                let apart = distance(seen(0.5 - 1e-9 - away.min(0.499)), seen(0.5 + away));
                assert!(apart > 20.0, "{name}: {apart} at {away} from the threshold");
            }
        }
    }

    #[test]
    fn lightness_falls_towards_both_ends() {
        let lightness = |position: f64| lab(linear(colour_at(position)))[0];
        for step in 1..=50 {
            let (near, far) = (f64::from(step - 1) / 100.0, f64::from(step) / 100.0);
            assert!(lightness(0.5 + far) < lightness(0.5 + near) + 0.5, "above, at {far}");
            assert!(lightness(0.4999 - far.min(0.499)) < lightness(0.4999 - near) + 0.5, "below, at {far}");
        }
    }

    #[test]
    fn no_score_looks_like_a_failed_tile() {
        for (name, vision) in VISIONS {
            for step in 0..=1000 {
                let colour = colour_at(f64::from(step) / 1000.0);
                let apart = distance(lab(product(vision, linear(colour))), lab(product(vision, linear(FAILED))));
                assert!(apart > 12.0, "{name}: {colour:?} is {apart} from grey");
            }
        }
    }

    #[test]
    fn the_threshold_is_in_the_middle() {
        let scale = ScoreScale::probability(0.9);
        assert_eq!(scale.position(0.9), 0.5);
        assert!(scale.position(0.9_f32.next_down()) < 0.5);
        assert_eq!(
            [scale.position(0.0), scale.position(1.0), scale.position(-3.0), scale.position(7.0)],
            [0.0, 1.0, 0.0, 1.0]
        );
        assert_eq!(scale.colour(0.9), ABOVE[0]);
        assert_eq!(scale.colour(0.9_f32.next_down()), BELOW[2]);
        for scale in [ScoreScale::probability(0.0), ScoreScale::probability(1.0)] {
            scale.check().unwrap();
            assert!(scale.position(scale.threshold) >= 0.5);
            assert!(scale.position(scale.threshold.next_down()) < 0.5);
        }
    }

    #[test]
    fn unusable_scales_are_refused() {
        for (low, threshold, high) in [
            (0.0, 2.0, 1.0),
            (1.0, 1.0, 1.0),
            (0.0, f32::NAN, 1.0),
            (0.0, 0.5, f32::INFINITY),
            (f32::MIN, 0.0, f32::MAX),
        ] {
            assert!(ScoreScale { low, threshold, high }.check().is_err(), "{low} {threshold} {high}");
        }
        ScoreScale::around(0.5, [f32::NAN]).check().unwrap();
        assert_eq!(
            ScoreScale::around(2.0, [0.5, 9.0, f32::INFINITY]),
            ScoreScale { low: 0.5, threshold: 2.0, high: 9.0 }
        );
    }
}
