//! Lines of a text by byte offset, for messages about rows of a table. The `csv` crate counts `\n` alone, and the blank lines
//! before a row as a part of it.

use std::io::{self, BufRead};

/// Counts lines up to ascending offsets. A line ends with `\n`, `\r\n` or `\r`.
///
/// ```
/// use kiln_files::LineCounter;
///
/// let mut counter = LineCounter::new("path\r\n\r\na.png\rb.png".as_bytes());
/// assert_eq!((counter.line_at(6)?, counter.line_at(14)?), (3, 4));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LineCounter<R> {
    text: R,
    offset: u64,
    line: u64,
    after_return: bool,
}

impl<R: BufRead> LineCounter<R> {
    /// Begins at line 1.
    pub fn new(text: R) -> Self {
        Self { text, offset: 0, line: 1, after_return: false }
    }

    /// The line, from 1, of the row that begins at `offset`, or behind the blank lines there. No offset may be below an earlier
    /// one.
    ///
    /// # Errors
    /// If the text cannot be read.
    pub fn line_at(&mut self, offset: u64) -> io::Result<u64> {
        loop {
            let bytes = self.text.fill_buf()?;
            let before = usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(bytes.len());
            let blank = || bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let length = if before > 0 { before } else { blank() };
            if length == 0 {
                return Ok(self.line);
            }
            for byte in &bytes[..length] {
                let ends = *byte == b'\r' || *byte == b'\n' && !self.after_return;
                self.line += u64::from(ends);
                self.after_return = *byte == b'\r';
            }
            self.text.consume(length);
            self.offset += length as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_is_counted_once_whatever_ends_it() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("a{end}b{end}{end}{end}c{end}");
            // With and without a line end that is divided by the buffer.
            for capacity in [1, 2, 64] {
                let mut counter = LineCounter::new(BufReader::with_capacity(capacity, text.as_bytes()));
                let length = end.len() as u64;
                let lines = [0, 1, 1 + length, 2 + length, 2 + 2 * length].map(|at| counter.line_at(at).unwrap());
                assert_eq!(lines, [1, 2, 2, 5, 5], "{end:?} {capacity}");
                // Behind the last line end, and behind the text.
                assert_eq!([10, 100].map(|at| counter.line_at(at).unwrap())[1], 6);
            }
        }
    }
}
