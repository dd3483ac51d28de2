//! Distance and area of the tiles of a slide, from the places of its rows. Rows may have been edited or joined, so places that
//! cannot be those of one grid are refused instead of counted.

use std::collections::{HashMap, HashSet};

use kiln_files::Fault;

use crate::{Place, RESOLUTION_TOLERANCE};

/// The reason why the places of a slide's tiles do not give an area.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpacingError {
    /// A place occurs twice, so its area would count twice.
    #[error("the place {minx},{miny} has two rows")]
    Repeated {
        /// Left edge in level-0 pixels.
        minx: i64,
        /// Top edge in level-0 pixels.
        miny: i64,
    },
    /// Places that are not equal squares, or have another size than the resolution needs.
    #[error("the tile at {minx},{miny} has {width} x {height} px, expected a square of {expected} px")]
    Size {
        /// Left edge in level-0 pixels.
        minx: i64,
        /// Top edge in level-0 pixels.
        miny: i64,
        /// Width in level-0 pixels.
        width: u32,
        /// Height in level-0 pixels.
        height: u32,
        /// The expected side in level-0 pixels.
        expected: u32,
    },
    /// A tile with a score that is not on its slide.
    #[error("the tile at {minx},{miny} has a score and is outside the slide, which has {width} x {height} pixels")]
    Outside {
        /// Left edge in level-0 pixels.
        minx: i64,
        /// Top edge in level-0 pixels.
        miny: i64,
        /// Width of level 0 in pixels.
        width: u64,
        /// Height of level 0 in pixels.
        height: u64,
    },
    /// Tiles overlap and have no common distance.
    #[error(
        "tiles of {side} px overlap, and their distances have the common divisor {step}: they are not of one grid, so their \
         area is unknown"
    )]
    NoGrid {
        /// Side of a tile in level-0 pixels.
        side: u32,
        /// Greatest common divisor of the distances in level-0 pixels.
        step: u32,
    },
}

impl SpacingError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated { .. } => "repeated",
            Self::Size { .. } => "footprint",
            Self::Outside { .. } => "outside",
            Self::NoGrid { .. } => "no_grid",
        }
    }

    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// Returns the level-0 pixels from one tile to the next: the side of a tile if no two tiles overlap, else the step of their
/// grid. Each tile counts for an area of this length squared. `places` are those of the tiles with a score; `side` is the
/// side that the resolution of the tiles needs, if it is known, and `slide` the size of level 0. Without a place it is 1.
///
/// # Errors
/// Places that cannot be those of one grid on this slide.
pub fn tile_spacing(places: &[Place], side: Option<u32>, slide: (u64, u64)) -> Result<u32, SpacingError> {
    let Some(first) = places.first() else { return Ok(side.unwrap_or(1).max(1)) };
    let mut seen = HashSet::with_capacity(places.len());
    for place in places {
        let Place { minx, miny, width, height } = *place;
        let is_expected = side.is_none_or(|side| is_footprint(width, side));
        if width == 0 || width != first.width || height != first.width || !is_expected {
            let expected = side.unwrap_or(first.width);
            return Err(SpacingError::Size { minx, miny, width, height, expected });
        }
        if !touches(minx, width, slide.0) || !touches(miny, height, slide.1) {
            return Err(SpacingError::Outside { minx, miny, width: slide.0, height: slide.1 });
        }
        if !seen.insert((minx, miny)) {
            return Err(SpacingError::Repeated { minx, miny });
        }
    }
    if !do_overlap(places, first.width) {
        return Ok(first.width);
    }
    let distances = places.iter().flat_map(|place| [place.minx.abs_diff(first.minx), place.miny.abs_diff(first.miny)]);
    let step = u32::try_from(distances.fold(0, gcd)).unwrap_or(u32::MAX).min(first.width);
    // Grids repeat at most nine tenths of a tile; the step of small tiles is rounded.
    if u64::from(step) * 10 + 10 < u64::from(first.width) {
        return Err(SpacingError::NoGrid { side: first.width, step });
    }
    Ok(step)
}

/// True for the side of a tile of this resolution, which is rounded; resolutions within the tolerance count as equal.
fn is_footprint(width: u32, expected: u32) -> bool {
    f64::from(width.abs_diff(expected)) <= 1.0 + RESOLUTION_TOLERANCE * f64::from(expected)
}

fn touches(start: i64, length: u32, limit: u64) -> bool {
    i64::try_from(limit).map_or(true, |limit| start < limit) && start.saturating_add(i64::from(length)) > 0
}

/// True if two of the squares overlap.
fn do_overlap(places: &[Place], side: u32) -> bool {
    let side = i64::from(side);
    // A cell as large as a tile holds the corner of one tile at most, unless two overlap.
    let mut corners = HashMap::with_capacity(places.len());
    let cell = |place: &Place| (place.minx.div_euclid(side), place.miny.div_euclid(side));
    if places.iter().any(|place| corners.insert(cell(place), (place.minx, place.miny)).is_some()) {
        return true;
    }
    places.iter().any(|place| {
        let (column, row) = cell(place);
        let near = (-1..=1).flat_map(|down| (-1..=1).map(move |across| (column + across, row + down)));
        near.filter(|at| *at != (column, row))
            .filter_map(|at| corners.get(&at))
            .any(|(x, y)| x.abs_diff(place.minx) < side.unsigned_abs() && y.abs_diff(place.miny) < side.unsigned_abs())
    })
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
