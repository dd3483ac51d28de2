//! Reading the tile of a place: from a footprint in level-0 pixels to 256 x 256 pixels of the target resolution. A missing
//! pixel shows the background, which is glass. Whole pixels of one level are read, so that no reader interpolates.

use kiln_tile::{SIDE, Tile, TileError};

use crate::Place;
use crate::level::Level;
use crate::plan::{RESOLUTION_TOLERANCE, ReadPlan, Resampling};
use crate::region::{ReadError, Region};
use crate::resample::{Range, Resampler};
use crate::slide::Slide;

/// Pixels that are read at once for a reduction: 12 MiB.
const PIXELS_AT_ONCE: u32 = 1 << 22;

/// A slide whose levels can be read. Threads share it.
pub trait LevelReader: Sync {
    /// The levels, the largest first.
    fn levels(&self) -> &[Level];

    /// Reads `width` x `height` whole pixels of a level, `x`, `y` at the top left, in pixels of that level. Pixels that are
    /// missing or outside the level show the background.
    ///
    /// # Errors
    /// If the pixels cannot be read. Other regions may be readable.
    fn read_level(&self, level: u32, x: i64, y: i64, width: u32, height: u32) -> Result<Region, ReadError>;
}

impl LevelReader for Slide {
    fn levels(&self) -> &[Level] {
        Slide::levels(self)
    }

    fn read_level(&self, level: u32, x: i64, y: i64, width: u32, height: u32) -> Result<Region, ReadError> {
        Slide::read_level(self, level, x, y, width, height)
    }
}

/// Treatment of a footprint that is partly outside the slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outside {
    /// The tile is refused.
    #[default]
    Refused,
    /// Pixels outside the slide show the background.
    Padded,
}

/// The reason why a place has no tile. Other places of the slide may have one.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The slide stores no pixel of the tile.
    #[error("the slide stores no pixels here")]
    NoData,
    /// The footprint is partly or wholly outside the slide.
    #[error("the footprint is outside the slide, which has {width} x {height} pixels")]
    Outside {
        /// Width of level 0 in pixels.
        width: u64,
        /// Height of level 0 in pixels.
        height: u64,
    },
    /// The footprint has another size than the resolution needs.
    #[error(
        "the footprint is {width} x {height} level-0 pixels, but 256 pixels of {target_mpp:.4} µm are {expected}; list the \
         tiles again for this resolution"
    )]
    Footprint {
        /// Width in level-0 pixels.
        width: u32,
        /// Height in level-0 pixels.
        height: u32,
        /// Expected side in level-0 pixels.
        expected: u32,
        /// Resolution of the tiles in µm/px.
        target_mpp: f64,
    },
    /// The pixels cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The pixels do not make a tile.
    #[error(transparent)]
    Tile(#[from] TileError),
}

impl PlaceError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoData => "no_data",
            Self::Outside { .. } => "outside",
            Self::Footprint { .. } => "footprint",
            Self::Read(error) => error.code(),
            Self::Tile(error) => error.code(),
        }
    }

    /// Returns the status of the tile in results: the code, a colon and the reason.
    #[must_use]
    pub fn status(&self) -> String {
        format!("{}: {self}", self.code())
    }
}

impl ReadPlan {
    /// Reads the tile of a place from `slide`, of whose levels this plan was made.
    ///
    /// # Errors
    /// The reason why there is no tile. Other places may have one.
    pub fn read<R: LevelReader + ?Sized>(&self, slide: &R, place: Place, outside: Outside) -> Result<Tile, PlaceError> {
        let (first, level) = match (slide.levels().first(), slide.levels().get(self.level as usize)) {
            (Some(first), Some(level)) => (first, level),
            _ => {
                let levels = u32::try_from(slide.levels().len()).unwrap_or(u32::MAX);
                return Err(ReadError::NoLevel { level: self.level, levels }.into());
            }
        };
        self.check_footprint(place)?;
        let inside =
            is_inside(place.minx, place.width, first.width) && is_inside(place.miny, place.height, first.height);
        if !inside && outside == Outside::Refused {
            return Err(PlaceError::Outside { width: first.width, height: first.height });
        }
        if !touches(place.minx, place.width, first.width) || !touches(place.miny, place.height, first.height) {
            return Err(PlaceError::NoData);
        }
        let x = self.axis(place.minx, place.width, level.width, inside);
        let y = self.axis(place.miny, place.height, level.height, inside);
        let pixels = match self.resampling {
            Resampling::Copied => {
                let region = slide.read_level(self.level, x.start as i64, y.start as i64, SIDE, SIDE)?;
                (region.data_pixels > 0).then_some(region.rgb)
            }
            Resampling::AreaAverage => self.area_average(slide, x, y)?,
            Resampling::Bilinear => self.bilinear(slide, level, x, y)?,
        };
        Ok(Tile::from_pixels(pixels.ok_or(PlaceError::NoData)?)?)
    }

    /// A footprint of another size shows another resolution than the tiles have.
    fn check_footprint(&self, place: Place) -> Result<(), PlaceError> {
        let expected = self.footprint();
        // The rounding of a footprint, and resolutions that count as equal.
        let most = 1.0 + RESOLUTION_TOLERANCE * f64::from(expected);
        if [place.width, place.height].iter().any(|side| (f64::from(*side) - f64::from(expected)).abs() > most) {
            let (width, height, target_mpp) = (place.width, place.height, self.target_mpp);
            return Err(PlaceError::Footprint { width, height, expected, target_mpp });
        }
        Ok(())
    }

    /// Returns the window of a footprint along one axis, in pixels of the level.
    fn axis(&self, start: i64, length: u32, size: u64, inside: bool) -> Range {
        let side = f64::from(SIDE);
        let mut range = Range { start: start as f64 / self.downsample, length: f64::from(length) / self.downsample };
        if self.resampling == Resampling::Copied {
            range = Range { start: (range.start + 0.5).floor(), length: side };
        }
        if inside {
            // A level may lack the last row of an odd size, and rounding may exceed it: the window is moved by that pixel.
            range.start = range.start.min(size as f64 - range.length).max(0.0);
        }
        range
    }

    fn area_average<R: LevelReader + ?Sized>(
        &self,
        slide: &R,
        x: Range,
        y: Range,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let ((left, width), (top, height)) = (x.pixels(), y.pixels());
        let mut resampler = Resampler::area(x, y);
        let rows_at_once = (PIXELS_AT_ONCE / width).max(1);
        let (mut row, mut data) = (0, 0);
        while row < height {
            let rows = rows_at_once.min(height - row);
            let region = slide.read_level(self.level, left, top + i64::from(row), width, rows)?;
            data += region.data_pixels;
            resampler.push(&region.rgb);
            row += rows;
        }
        Ok((data > 0).then(|| resampler.finish()))
    }

    fn bilinear<R: LevelReader + ?Sized>(
        &self,
        slide: &R,
        level: &Level,
        x: Range,
        y: Range,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        // One pixel more on each side, unless it is outside the level.
        let around = |range: Range, size: u64| {
            let (first, count) = range.pixels();
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            let before = i64::from(first != 0);
            let after = i64::from(first + i64::from(count) != size);
            (first - before, count + (before + after) as u32)
        };
        let ((left, width), (top, height)) = (around(x, level.width), around(y, level.height));
        let region = slide.read_level(self.level, left, top, width, height)?;
        let mut resampler = Resampler::bilinear(x, y, (left, width), (top, height));
        resampler.push(&region.rgb);
        Ok((region.data_pixels > 0).then(|| resampler.finish()))
    }
}

fn is_inside(start: i64, length: u32, size: u64) -> bool {
    let end = i128::from(start) + i128::from(length);
    start >= 0 && end <= i128::from(size)
}

fn touches(start: i64, length: u32, size: u64) -> bool {
    let end = i128::from(start) + i128::from(length);
    end > 0 && i128::from(start) < i128::from(size)
}
