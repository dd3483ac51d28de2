//! Tile grids: the places of equal tiles at a target resolution. Places are computed one by one, so a grid of any size
//! takes no memory. Those on tissue are kept ([`Grid::on_tissue`]); pixels are read elsewhere.

use kiln_files::Fault;

use crate::{Place, TissueMask};

/// Share of a place that must be tissue for its tile to be kept, by default.
///
/// Tools differ: TRIDENT keeps every tile that touches tissue (0), CLAM tests four points near the centre, and 0.5 is usual
/// in CAMELYON16 work. A quarter keeps the edges of lymph nodes and thin biopsies, where metastases begin, and leaves out
/// tiles that are mostly glass.
pub const DEFAULT_TISSUE: f64 = 0.25;

/// Longest side of a slide in pixels: 50 m at 0.25 µm/px. Larger numbers come from damaged files.
const MAX_SIDE: u64 = 200_000_000;

/// Part of a tile that the next tile repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Overlap {
    /// Share of the tile's side, 0 to 0.9.
    Fraction(f64),
    /// Level-0 pixels, at most 0.9 of the tile's side.
    Pixels(u32),
}

impl Default for Overlap {
    fn default() -> Self {
        Self::Pixels(0)
    }
}

/// Treatment of tiles that exceed the right or lower edge of the slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edge {
    /// Only whole tiles.
    #[default]
    Skip,
    /// Every tile that begins on the slide; the part beyond the edge is read as glass.
    Pad,
}

/// Parameters of a grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridOptions {
    /// Side of a tile in pixels at the target resolution.
    pub side: u32,
    /// Target resolution in µm/px.
    pub target_mpp: f64,
    /// Part of a tile that the next tile repeats.
    pub overlap: Overlap,
    /// Treatment of tiles that exceed the slide.
    pub edge: Edge,
}

impl GridOptions {
    /// Tiles of 256 pixels at `target_mpp`, without overlap, whole tiles only.
    #[must_use]
    pub fn new(target_mpp: f64) -> Self {
        Self { side: 256, target_mpp, overlap: Overlap::default(), edge: Edge::default() }
    }

    /// Side of a tile in level-0 pixels of `mpp` µm, at least 1.
    #[must_use]
    pub fn footprint(&self, mpp: f64) -> u32 {
        self.rounded_footprint(mpp).clamp(1.0, f64::from(u32::MAX)) as u32
    }

    /// The footprint before its range is checked.
    fn rounded_footprint(&self, mpp: f64) -> f64 {
        (f64::from(self.side) * self.target_mpp / mpp).round()
    }
}

/// The reason why there is no grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GridError {
    /// A resolution that is not a positive number.
    #[error("the resolution is {0} µm/px, expected a positive number")]
    Resolution(f64),
    /// An overlap outside 0 to 0.9.
    #[error("the overlap is {0} of a tile's side, expected 0 to 0.9")]
    Overlap(f64),
    /// A tile smaller than a pixel of level 0, or with more than 2^31 - 1 pixels on a side.
    #[error(
        "a tile of {side} px at {target_mpp} µm/px is {footprint} px wide at {mpp} µm/px; check the two resolutions"
    )]
    Footprint {
        /// Side of a tile in pixels at the target resolution.
        side: u32,
        /// Target resolution in µm/px.
        target_mpp: f64,
        /// Resolution of level 0 in µm/px.
        mpp: f64,
        /// Side of a tile in level-0 pixels.
        footprint: f64,
    },
    /// A slide without pixels, or larger than any scanner makes.
    #[error("the slide is {0} x {1} px, expected 1 to {MAX_SIDE} on each side")]
    Slide(u64, u64),
}

impl GridError {
    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// A grid of square places that begins at (0, 0) of level 0. Places are ordered by rows from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    footprint: u32,
    stride: u32,
    columns: u64,
    rows: u64,
}

impl Grid {
    /// The grid over a slide of `slide` = (width, height) level-0 pixels with `mpp` µm/px. The side of a place is
    /// round(side x target / mpp) level-0 pixels.
    ///
    /// # Errors
    /// A resolution, overlap, tile or slide out of range.
    pub fn new(slide: (u64, u64), mpp: f64, options: &GridOptions) -> Result<Self, GridError> {
        for resolution in [mpp, options.target_mpp] {
            if !(resolution.is_finite() && resolution > 0.0) {
                return Err(GridError::Resolution(resolution));
            }
        }
        let (width, height) = slide;
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(GridError::Slide(width, height));
        }
        let footprint = options.rounded_footprint(mpp);
        if !(1.0..=f64::from(i32::MAX)).contains(&footprint) {
            let GridOptions { side, target_mpp, .. } = *options;
            return Err(GridError::Footprint { side, target_mpp, mpp, footprint });
        }
        let footprint = footprint as u32;
        let stride = footprint - repeated(footprint, options.overlap)?;
        let count = |side: u64| match options.edge {
            Edge::Pad => side.div_ceil(u64::from(stride)),
            Edge::Skip => side.checked_sub(u64::from(footprint)).map_or(0, |rest| rest / u64::from(stride) + 1),
        };
        Ok(Self { footprint, stride, columns: count(width), rows: count(height) })
    }

    /// Side of a place in level-0 pixels.
    #[must_use]
    pub fn footprint(&self) -> u32 {
        self.footprint
    }

    /// Distance between the left edges of neighbours in level-0 pixels.
    #[must_use]
    pub fn stride(&self) -> u32 {
        self.stride
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> u64 {
        self.columns
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Number of places.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.columns.saturating_mul(self.rows)
    }

    /// True if no tile fits on the slide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place in `column` and `row`.
    #[must_use]
    pub fn place(&self, column: u64, row: u64) -> Place {
        let at = |index: u64| i64::try_from(index.saturating_mul(u64::from(self.stride))).unwrap_or(i64::MAX);
        Place { minx: at(column), miny: at(row), width: self.footprint, height: self.footprint }
    }

    /// All places, by rows from the top.
    pub fn places(self) -> impl Iterator<Item = Place> {
        (0..self.rows).flat_map(move |row| (0..self.columns).map(move |column| self.place(column, row)))
    }

    /// The places of which at least `threshold` is tissue, with their tissue fractions. The fraction is that of the whole
    /// place: the part of a padded tile beyond the slide is not tissue. A place without any tissue is never kept, so that a
    /// threshold of 0 keeps every place that touches tissue.
    pub fn on_tissue(self, mask: &TissueMask, threshold: f64) -> impl Iterator<Item = (Place, f64)> {
        self.places().filter_map(move |place| {
            let fraction = mask.fraction(place);
            (fraction > 0.0 && fraction >= threshold).then_some((place, fraction))
        })
    }
}

/// Level-0 pixels that a tile shares with its neighbour.
fn repeated(footprint: u32, overlap: Overlap) -> Result<u32, GridError> {
    let share = match overlap {
        Overlap::Fraction(share) => share,
        Overlap::Pixels(pixels) => f64::from(pixels) / f64::from(footprint),
    };
    if !(0.0..=0.9).contains(&share) {
        return Err(GridError::Overlap(share));
    }
    // At least one pixel of progress, also for tiles of a few pixels.
    Ok(((share * f64::from(footprint)).round() as u32).min(footprint - 1))
}
