//! The pixel grid of a level. OpenSlide takes coordinates of level 0, divides them by the level's downsample, and interpolates
//! where the quotient is not whole. A read therefore begins at a pixel of the level whose quotient is whole, a little
//! before the requested one if need be. If there is none nearby, a larger region is read, and [`super::recover`] computes the
//! requested pixels from it.

/// Largest distance in level pixels between the start of a read and the requested pixel.
pub(super) const MARGIN: i64 = 64;

/// Pixels that are read before and after the requested ones where they must be recovered.
pub(super) const PADDING: i64 = 16;

/// Largest offset at which pixels can be recovered. Downsamples of 1.7 and more stay below it.
const RECOVERABLE: f64 = 0.3;

/// Distance of a quotient from a whole number at which OpenSlide does not interpolate yet.
/// Measured with OpenSlide 4.0.1 on noise: both axes together change no pixel below 1/512.
const EXACT: f64 = 1.0 / 540.0;

/// The start of a read along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start {
    /// The first pixel of the level, at or before the requested one.
    pub(super) level: i64,
    /// The coordinate of level 0 that OpenSlide gets.
    pub(super) slide: i64,
    /// Distance in level pixels by which OpenSlide's sampling is off the level's grid: 0 up to rounding, or at most half a
    /// level-0 pixel.
    pub(super) offset: f64,
}

impl Start {
    /// True if OpenSlide returns the stored pixels unchanged.
    pub(super) fn is_exact(&self) -> bool {
        self.offset.abs() <= EXACT
    }

    /// Pixels to read after the requested ones.
    pub(super) fn padding(&self) -> i64 {
        if self.blending() == 0.0 { 0 } else { PADDING }
    }

    /// The offset from which the stored pixels must be recovered; 0 if there is none, or they cannot be.
    pub(super) fn blending(&self) -> f64 {
        if self.is_exact() || self.offset.abs() > RECOVERABLE { 0.0 } else { self.offset }
    }
}

/// The best start for reading level pixels from `position`, which is not negative: the last exact one within the margin, else
/// one from which the pixels can be recovered, else the nearest one at `position` itself.
pub(super) fn start(position: i64, downsample: f64) -> Start {
    let first = nearest(position, downsample);
    let earlier = (1..=MARGIN.min(position)).map(|distance| nearest(position - distance, downsample));
    let exact = std::iter::once(first).chain(earlier).find(Start::is_exact);
    exact.unwrap_or_else(|| {
        let padded = nearest((position - PADDING).max(0), downsample);
        if padded.offset.abs() <= RECOVERABLE { padded } else { first }
    })
}

/// The start at exactly `level`.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn nearest(level: i64, downsample: f64) -> Start {
    // Both are below 2^53: sides of levels are checked when a slide is opened.
    let slide = (level as f64 * downsample).round();
    Start { level, slide: slide as i64, offset: slide / downsample - level as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_downsamples_start_at_the_pixel_itself() {
        for downsample in [1.0, 2.0, 4.0, 16.0, 1024.0, 3.0] {
            for position in [0, 1, 255, 256, 99_999] {
                let start = start(position, downsample);
                assert_eq!(start.level, position, "{downsample}");
                assert!(start.is_exact());
            }
        }
    }

    #[test]
    fn a_broken_downsample_starts_earlier_where_the_quotient_is_whole() {
        assert_eq!(start(7, 2.5), Start { level: 6, slide: 15, offset: 0.0 });
        assert_eq!(start(0, 2.0005), Start { level: 0, slide: 0, offset: 0.0 });
        let far = start(500, 2.0005);
        assert_eq!((far.level, far.slide, far.padding()), (484, 968, PADDING));
        assert!(!far.is_exact() && far.blending().abs() <= 0.5 / 2.0005);
    }
}
