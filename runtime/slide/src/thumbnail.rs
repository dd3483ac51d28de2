//! A small picture of the whole slide.

use crate::level::Level;
use crate::region::{ReadError, Region};
use crate::slide::Slide;

/// Pixels of a level that are read at once: 48 MB decoded.
const PIECE: u64 = 1 << 24;
/// Side in pixels of the thumbnail below which an unreadable piece is not halved.
const LEAST: usize = 32;
/// Side in pixels of the level below which an unreadable piece is not halved: that of a usual stored tile. Smaller pieces of a
/// damaged tile would be as unreadable, and their number would soon reach [`MAX_UNREADABLE`].
const STORED_TILE: u32 = 256;
/// Unreadable pieces after which none is halved: a slide that is damaged all over would take for ever.
const MAX_UNREADABLE: usize = 64;
/// Largest side of a thumbnail.
const MAX_SIDE: u32 = 8_192;

/// A picture of the whole of level 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The picture. `data_pixels` is the share of the level's pixels that have data, times the pixels of the picture.
    pub region: Region,
    /// The level that it was made from.
    pub level: u32,
    /// Parts of that level that could not be read and show the background, each with its reason.
    pub unreadable: Vec<String>,
}

impl Slide {
    /// Makes a picture of the whole slide, at most `max_side` pixels a side and not larger than level 0. It is the mean over
    /// the pixels of the smallest level that is large enough, so it takes long for a large slide of one level. Parts with
    /// damaged tiles show the background and are named in the result.
    ///
    /// # Errors
    /// [`ReadError::Size`] if `max_side` is 0 or over 8192; [`ReadError`] of the file if no part can be read.
    pub fn thumbnail(&self, max_side: u32) -> Result<Thumbnail, ReadError> {
        if !(1..=MAX_SIDE).contains(&max_side) {
            return Err(ReadError::Size { width: max_side, height: max_side });
        }
        let (width, height) = fit(self.size(), max_side);
        let large_enough = |level: &Level| level.width >= u64::from(width) && level.height >= u64::from(height);
        let at = self.levels().iter().rposition(large_enough).unwrap_or(0);
        let (Some(found), Ok(level)) = (self.levels().get(at), u32::try_from(at)) else {
            return Err(ReadError::NoLevel { level: 0, levels: 0 });
        };
        let thumbnail =
            Thumbnail { region: Region::blank(width, height, self.background())?, level, unreadable: Vec::new() };
        let (columns, rows) = (cuts(found.width, width), cuts(found.height, height));
        let mut filling = Filling {
            slide: self,
            level,
            columns: &columns,
            rows: &rows,
            thumbnail,
            read: 0,
            with_data: 0,
            last: None,
        };
        for row_band in bands(&rows, PIECE / 4_096) {
            for column_band in bands(&columns, 4_096) {
                filling.fill(column_band, row_band);
            }
        }
        let Filling { mut thumbnail, read, with_data, last, .. } = filling;
        let share = u128::from(with_data) * u128::from(thumbnail.region.pixels());
        let pixels = u128::from(found.width) * u128::from(found.height);
        thumbnail.region.data_pixels = u64::try_from(share.div_ceil(pixels.max(1))).unwrap_or(u64::MAX);
        match last {
            Some(error) if read == 0 => Err(error),
            _ => Ok(thumbnail),
        }
    }
}

/// A thumbnail that is being made.
struct Filling<'a> {
    slide: &'a Slide,
    level: u32,
    columns: &'a [u64],
    rows: &'a [u64],
    thumbnail: Thumbnail,
    /// Pieces that were read.
    read: u64,
    /// Pixels of the level with data.
    with_data: u64,
    /// The last error.
    last: Option<ReadError>,
}

impl Filling<'_> {
    /// Reads output columns and rows. A piece that cannot be read is halved again and again, so that a damaged tile costs its
    /// surroundings and not the picture.
    fn fill(&mut self, columns: (usize, usize), rows: (usize, usize)) {
        let piece = Piece { columns: &self.columns[columns.0..=columns.1], rows: &self.rows[rows.0..=rows.1] };
        let error = match piece.read(self.slide, self.level) {
            Ok(region) => {
                piece.average(&region, (columns.0, rows.0), &mut self.thumbnail.region);
                self.read += 1;
                self.with_data += region.data_pixels;
                return;
            }
            Err(error) => error,
        };
        let (wide, high) = (columns.1 - columns.0, rows.1 - rows.0);
        let is_one_tile = span(piece.columns).1.max(span(piece.rows).1) <= STORED_TILE;
        if is_one_tile || wide.max(high) <= LEAST || self.thumbnail.unreadable.len() >= MAX_UNREADABLE {
            self.thumbnail.unreadable.push(format!("{}: {error}", error.code()));
            self.last = Some(error);
        } else if wide >= high {
            let middle = columns.0 + wide / 2;
            self.fill((columns.0, middle), rows);
            self.fill((middle, columns.1), rows);
        } else {
            let middle = rows.0 + high / 2;
            self.fill(columns, (rows.0, middle));
            self.fill(columns, (middle, rows.1));
        }
    }
}

/// Consecutive output columns and rows, by the level pixels at which they begin and end.
struct Piece<'a> {
    columns: &'a [u64],
    rows: &'a [u64],
}

impl Piece<'_> {
    fn read(&self, slide: &Slide, level: u32) -> Result<Region, ReadError> {
        let (x, width) = span(self.columns);
        let (y, height) = span(self.rows);
        slide.read_level_on_threads(level, x, y, width, height)
    }

    /// Writes the means of the piece's cells into `out` from the column and row `at`.
    #[allow(clippy::cast_possible_truncation)]
    fn average(&self, region: &Region, at: (usize, usize), out: &mut Region) {
        let (left, top) = (self.columns[0], self.rows[0]);
        for (row, rows) in self.rows.windows(2).enumerate() {
            for (column, columns) in self.columns.windows(2).enumerate() {
                let mut sum = [0_u64; 3];
                for y in rows[0]..rows[1] {
                    let from = ((y - top) * u64::from(region.width) + columns[0] - left) as usize * 3;
                    let to = from + (columns[1] - columns[0]) as usize * 3;
                    for pixel in region.rgb[from..to].chunks_exact(3) {
                        for (sum, sample) in sum.iter_mut().zip(pixel) {
                            *sum += u64::from(*sample);
                        }
                    }
                }
                let count = ((rows[1] - rows[0]) * (columns[1] - columns[0])).max(1);
                let to = ((at.1 + row) * out.width as usize + at.0 + column) * 3;
                for (out, sum) in out.rgb[to..to + 3].iter_mut().zip(sum) {
                    *out = ((sum + count / 2) / count) as u8;
                }
            }
        }
    }
}

/// Start and length of a run of cuts.
fn span(cuts: &[u64]) -> (i64, u32) {
    let (first, last) = (cuts.first().copied().unwrap_or(0), cuts.last().copied().unwrap_or(0));
    (i64::try_from(first).unwrap_or(i64::MAX), u32::try_from(last - first).unwrap_or(u32::MAX))
}

/// Width and height with the larger one at most `max_side`, and none below 1.
fn fit((width, height): (u64, u64), max_side: u32) -> (u32, u32) {
    let largest = width.max(height).max(1);
    let max = u64::from(max_side).min(largest);
    let side = |side: u64| u32::try_from(((side * max + largest / 2) / largest).max(1)).unwrap_or(max_side);
    (side(width), side(height))
}

/// The level pixels at which each of `count` output pixels begins, and the end.
fn cuts(side: u64, count: u32) -> Vec<u64> {
    (0..=u64::from(count)).map(|at| at * side / u64::from(count)).collect()
}

/// Runs of output pixels, each of at most `most` level pixels unless one output pixel takes more.
fn bands(cuts: &[u64], most: u64) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut first = 0;
    for at in 1..cuts.len() {
        if at + 1 == cuts.len() || cuts[at + 1] - cuts[first] > most {
            found.push((first, at));
            first = at;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_every_pixel_once() {
        for (side, count, most) in [(1000, 10, 250), (7, 7, 3), (5, 1, 2), (100, 3, 1)] {
            let cuts = cuts(side, count);
            let bands = bands(&cuts, most);
            assert_eq!((bands[0].0, bands[bands.len() - 1].1), (0, count as usize));
            assert!(bands.windows(2).all(|pair| pair[0].1 == pair[1].0), "{bands:?}");
        }
    }

    #[test]
    fn a_picture_keeps_its_shape_and_is_never_enlarged() {
        assert_eq!(fit((2000, 1000), 512), (512, 256));
        assert_eq!(fit((20, 10), 512), (20, 10));
        assert_eq!(fit((16_000_000, 1), 512), (512, 1));
    }
}
