//! The mask of the annotated tumour on a slide.

use super::LesionError;
use super::spans::Spans;

/// The largest side of a mask in pixels. Sums over lesions are exact up to this size.
const MOST: u32 = 1 << 20;

/// The annotated tumour of a slide, on a pixel grid that starts at the top left of level 0. Any value but 0 is tumour, so
/// masks with 1 and masks with 255 are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LesionMask {
    spans: Spans,
}

impl LesionMask {
    /// A mask from pixels, by rows from the top.
    ///
    /// # Errors
    /// A number of pixels other than `width * height`, or a side of 0 or more than 1,048,576 pixels.
    pub fn from_pixels(width: u32, height: u32, pixels: &[u8]) -> Result<Self, LesionError> {
        check_size(width, height)?;
        let expected = u64::from(width) * u64::from(height);
        if pixels.len() as u64 != expected {
            return Err(LesionError::MaskLength { width, height, found: pixels.len(), expected });
        }
        let mut spans = Spans::new(width);
        let mut row = Vec::new();
        for line in pixels.chunks_exact(width as usize) {
            row.clear();
            let mut from = 0_u32;
            for run in line.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
                let to = from + run.len() as u32;
                if run[0] != 0 {
                    row.push((from, to));
                }
                from = to;
            }
            spans.push_row(&mut row);
        }
        Ok(Self { spans })
    }

    /// A mask from spans of pixels: row, first pixel, one past the last pixel. They may be in any order and overlap.
    ///
    /// # Errors
    /// A span that is empty or outside the mask, or a side of 0 or more than 1,048,576 pixels.
    pub fn from_spans(
        width: u32,
        height: u32,
        spans: impl IntoIterator<Item = (u32, u32, u32)>,
    ) -> Result<Self, LesionError> {
        check_size(width, height)?;
        let mut rows = vec![Vec::new(); height as usize];
        for (row, start, end) in spans {
            if row >= height || start >= end || end > width {
                return Err(LesionError::Span { row, start, end, width, height });
            }
            rows[row as usize].push((start, end));
        }
        let mut spans = Spans::new(width);
        rows.iter_mut().for_each(|row| spans.push_row(row));
        Ok(Self { spans })
    }

    /// True if no pixel is tumour.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.len() == 0
    }

    pub(super) fn spans(&self) -> &Spans {
        &self.spans
    }
}

fn check_size(width: u32, height: u32) -> Result<(), LesionError> {
    let fits = |side: u32| (1..=MOST).contains(&side);
    if fits(width) && fits(height) { Ok(()) } else { Err(LesionError::MaskSize { width, height, most: MOST }) }
}
