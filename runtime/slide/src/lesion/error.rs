//! Errors of lesions and of the figures over them.

use kiln_files::Fault;

/// An error in a mask, in detections, or in the options of a figure over lesions.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LesionError {
    /// The pixels of a mask do not fit its size.
    #[error("a mask of {width} x {height} pixels has {found} values, expected {expected}")]
    MaskLength {
        /// Width of the mask in pixels.
        width: u32,
        /// Height of the mask in pixels.
        height: u32,
        /// Number of values.
        found: usize,
        /// Width times height.
        expected: u64,
    },
    /// A mask without pixels, or too large.
    #[error("a mask of {width} x {height} pixels cannot be evaluated; each side must have 1 to {most} pixels")]
    MaskSize {
        /// Width of the mask in pixels.
        width: u32,
        /// Height of the mask in pixels.
        height: u32,
        /// The largest accepted side.
        most: u32,
    },
    /// A span is outside its mask.
    #[error("the span {start}..{end} of row {row} is empty or outside a mask of {width} x {height} pixels")]
    Span {
        /// Row of the span.
        row: u32,
        /// First pixel.
        start: u32,
        /// One past the last pixel.
        end: u32,
        /// Width of the mask in pixels.
        width: u32,
        /// Height of the mask in pixels.
        height: u32,
    },
    /// A resolution that no slide has.
    #[error("slide `{slide}`: {mpp} µm/px is no plausible resolution; it must be {least} to {most} µm/px at level 0")]
    Resolution {
        /// The slide.
        slide: String,
        /// The resolution in micrometres per pixel.
        mpp: f64,
        /// The lowest accepted value.
        least: f64,
        /// The highest accepted value.
        most: f64,
    },
    /// An option is out of range.
    #[error("`{key}` is {found}; it must be {expected}")]
    Option {
        /// Name of the option.
        key: &'static str,
        /// Its value.
        found: String,
        /// The accepted values.
        expected: &'static str,
    },
    /// A score that FROC cannot count.
    #[error(
        "slide `{slide}`: the score {score} at ({x}, {y}) is not a finite number of 0 or more; FROC counts a missed \
         lesion as 0"
    )]
    Score {
        /// The slide.
        slide: String,
        /// Column of the detection in level-0 pixels.
        x: i64,
        /// Row of the detection in level-0 pixels.
        y: i64,
        /// The score.
        score: f64,
    },
    /// There are no slides.
    #[error("there are no slides to evaluate{}", if *.left_out == 0 { String::new() } else { format!(" ({} left out)", .left_out) })]
    NoSlides {
        /// Number of slides that were left out.
        left_out: usize,
    },
    /// A slide occurs twice.
    #[error("slide `{slide}` occurs twice; give all its detections at once")]
    Twice {
        /// The slide.
        slide: String,
    },
}

impl LesionError {
    /// Error category: always [`Fault::Input`].
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}
