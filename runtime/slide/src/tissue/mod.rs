//! Tissue masks: which part of a slide is tissue, found on a thumbnail ([`TissueMask::detect`]) or given as an image
//! ([`TissueMask::read`]). A mask holds one bit per pixel, and [`TissueMask::fraction`] is the exact share of the mask's
//! area in a place. Making the thumbnail is left to the reader of slides.

mod clean;
mod detect;
mod file;

use std::path::PathBuf;

use kiln_files::Fault;

use crate::Place;

pub use detect::{Thumbnail, TissueOptions};

/// The reason why there is no mask.
#[derive(Debug, thiserror::Error)]
pub enum TissueError {
    /// A thumbnail whose buffer or scale is wrong.
    #[error("the thumbnail of {width} x {height} px {reason}")]
    Thumbnail {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The fault.
        reason: String,
    },
    /// An option out of range.
    #[error("the tissue option `{name}` is {value}, expected {expected}")]
    Option {
        /// Name of the field.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The accepted range.
        expected: &'static str,
    },
    /// A mask file that cannot be read.
    #[error("{}: cannot be read as a mask: {reason}", path.display())]
    File {
        /// Path of the mask.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A mask of another shape than the slide.
    #[error(
        "{}: the mask is {} x {} px, the slide {} x {} px: their aspect ratios differ by {percent:.1} %, over the 1 % \
         allowed; a mask must cover the whole slide, and nothing else",
        path.display(), mask.0, mask.1, slide.0, slide.1
    )]
    Shape {
        /// Path of the mask.
        path: PathBuf,
        /// Width and height of the mask in pixels.
        mask: (u32, u32),
        /// Width and height of level 0 in pixels.
        slide: (u64, u64),
        /// Difference of the aspect ratios in percent.
        percent: f64,
    },
}

impl TissueError {
    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// A picture of a slide with one bit per pixel: tissue or not.
#[derive(Debug, Clone, PartialEq)]
pub struct TissueMask {
    width: u32,
    height: u32,
    /// Level-0 pixels per pixel of the mask, horizontally and vertically.
    scale: [f64; 2],
    words_per_row: usize,
    words: Vec<u64>,
    threshold: Option<u8>,
    doubts: Vec<String>,
}

impl TissueMask {
    /// A mask from one flag per pixel, by rows; `scale` is the number of level-0 pixels per pixel of the mask. Flags beyond
    /// `width` x `height` are ignored, missing ones are glass.
    #[must_use]
    pub fn from_flags(width: u32, height: u32, scale: [f64; 2], flags: &[bool]) -> Self {
        let words_per_row = width.div_ceil(64) as usize;
        let mut words = Vec::with_capacity(words_per_row * height as usize);
        let mut rows = flags.chunks(width.max(1) as usize);
        for _ in 0..height {
            let row = rows.next().unwrap_or_default();
            for word in 0..words_per_row {
                let pixels = row.get(word * 64..).unwrap_or_default();
                let bits = pixels.iter().take(64).enumerate().filter(|(_, tissue)| **tissue);
                words.push(bits.fold(0, |bits, (bit, _)| bits | 1 << bit));
            }
        }
        Self { width, height, scale, words_per_row, words, threshold: None, doubts: Vec::new() }
    }

    /// Width of the mask in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the mask in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Level-0 pixels per pixel of the mask, horizontally and vertically.
    #[must_use]
    pub fn scale(&self) -> [f64; 2] {
        self.scale
    }

    /// True if the pixel (x, y) of the mask is tissue; false outside the mask.
    #[must_use]
    pub fn is_tissue(&self, x: u32, y: u32) -> bool {
        let word = self.row(y).get((x / 64) as usize);
        x < self.width && word.is_some_and(|word| word >> (x % 64) & 1 == 1)
    }

    /// Share of the mask that is tissue, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let tissue: u64 = self.words.iter().map(|word| u64::from(word.count_ones())).sum();
        let all = u64::from(self.width) * u64::from(self.height);
        if all == 0 { 0.0 } else { tissue as f64 / all as f64 }
    }

    /// True if there is no tissue at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The saturation, 0 to 255, at or above which pixels were taken for tissue. `None` for a mask that was given.
    #[must_use]
    pub fn threshold(&self) -> Option<u8> {
        self.threshold
    }

    /// Remarks for the user: pen marks that were left out, for example.
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// Share of the place that is tissue, 0 to 1: the exact area of the mask's pixels within the place. Anything outside
    /// the mask is not tissue.
    #[must_use]
    pub fn fraction(&self, place: Place) -> f64 {
        let side = |min: i64, length: u32, scale: f64, limit: u32| {
            let (from, to) = (min as f64 / scale, (min as f64 + f64::from(length)) / scale);
            (from.clamp(0.0, f64::from(limit)), to.clamp(0.0, f64::from(limit)), to - from)
        };
        let (left, right, width) = side(place.minx, place.width, self.scale[0], self.width);
        let (top, bottom, height) = side(place.miny, place.height, self.scale[1], self.height);
        if !(right > left && bottom > top && width > 0.0 && height > 0.0) {
            return 0.0;
        }
        let mut area = 0.0;
        for row in top.floor() as u32..bottom.ceil() as u32 {
            let weight = bottom.min(f64::from(row) + 1.0) - top.max(f64::from(row));
            area += weight * self.length(row, left, right);
        }
        (area / (width * height)).clamp(0.0, 1.0)
    }

    /// Length of the tissue in a row between two abscissas.
    fn length(&self, row: u32, left: f64, right: f64) -> f64 {
        let (first, last) = (left.floor(), right.ceil() - 1.0);
        let whole = f64::from(self.count(row, first as u32, last as u32 + 1));
        let cut_left = if self.is_tissue(first as u32, row) { left - first } else { 0.0 };
        let cut_right = if self.is_tissue(last as u32, row) { last + 1.0 - right } else { 0.0 };
        (whole - cut_left - cut_right).max(0.0)
    }

    /// Number of tissue pixels of a row from column `from` to before column `to`.
    fn count(&self, row: u32, from: u32, to: u32) -> u32 {
        let words = self.row(row);
        let (first, last) = ((from / 64) as usize, (to / 64) as usize);
        let below = |bit: u32| (1_u64 << (bit % 64)) - 1;
        let word = |index: usize| words.get(index).copied().unwrap_or(0);
        if first == last {
            return (word(first) & below(to) & !below(from)).count_ones();
        }
        let middle: u32 = words.get(first + 1..last).unwrap_or_default().iter().map(|word| word.count_ones()).sum();
        (word(first) & !below(from)).count_ones() + middle + (word(last) & below(to)).count_ones()
    }

    fn row(&self, row: u32) -> &[u64] {
        let start = row as usize * self.words_per_row;
        self.words.get(start..start + self.words_per_row).unwrap_or_default()
    }
}
