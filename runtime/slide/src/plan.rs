//! The plan of reading tiles of one resolution from a slide: the level and the resampling, chosen once for the whole slide
//! and stated in outputs.

use serde::Serialize;

use crate::grid::GridOptions;
use crate::level::Level;

/// Share by which two resolutions may differ and still count as equal.
pub const RESOLUTION_TOLERANCE: f64 = 0.01;

/// The resampling from pixels of a level to pixels of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// The level has the resolution of the tile, within 1 %: whole pixels are copied.
    Copied,
    /// The level is finer: the exact mean of the area that a pixel of the tile covers.
    AreaAverage,
    /// The level is coarser: linear interpolation. Only if it is allowed.
    Bilinear,
}

/// `copied`, `area average` or `bilinear`.
impl std::fmt::Display for Resampling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Copied => "copied",
            Self::AreaAverage => "area average",
            Self::Bilinear => "bilinear",
        })
    }
}

/// The level that tiles are read from, and how.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReadPlan {
    /// Resolution of the tiles in µm/px.
    pub target_mpp: f64,
    /// Resolution of level 0 in µm/px.
    pub slide_mpp: f64,
    /// The level.
    pub level: u32,
    /// Resolution of the level in µm/px.
    pub level_mpp: f64,
    /// Pixels of level 0 along one pixel of the level.
    pub downsample: f64,
    /// The resampling from the level to the tile.
    pub resampling: Resampling,
}

/// The reason why no level can serve a resolution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The slide has no level, or a level that is larger than level 0.
    #[error("the slide has no usable levels")]
    NoLevels,
    /// A resolution that is not a positive number.
    #[error("a resolution of {0} µm/px, expected a positive number")]
    Resolution(f64),
    /// Level 0 is coarser than the tiles.
    #[error(
        "level 0 has {slide_mpp:.4} µm/px, which is coarser than {target_mpp:.4} µm/px: tiles would be enlarged; allow \
         it (`--upsample`, in a configuration `data.slides.upsample`), or use a model of a coarser resolution"
    )]
    TooCoarse {
        /// Resolution of level 0 in µm/px.
        slide_mpp: f64,
        /// Resolution of the tiles in µm/px.
        target_mpp: f64,
    },
}

impl PlanError {
    /// Returns a short stable name of the reason, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoLevels => "unreadable",
            Self::Resolution(_) => "absurd_mpp",
            Self::TooCoarse { .. } => "too_coarse",
        }
    }
}

impl ReadPlan {
    /// Chooses the level: of those that are not coarser than `target_mpp` by more than 1 %, the one of lowest resolution.
    /// `slide_mpp` is the resolution of level 0. Both are in µm/px.
    ///
    /// # Errors
    /// [`PlanError::TooCoarse`] if level 0 is coarser and `enlarge` is false.
    pub fn new(levels: &[Level], slide_mpp: f64, target_mpp: f64, enlarge: bool) -> Result<Self, PlanError> {
        for mpp in [slide_mpp, target_mpp] {
            if !(mpp.is_finite() && mpp > 0.0) {
                return Err(PlanError::Resolution(mpp));
            }
        }
        let first = levels.first().ok_or(PlanError::NoLevels)?;
        let plan = |(index, level): (usize, &Level)| {
            let downsample = exact_downsample(first, level);
            let level_mpp = slide_mpp * downsample;
            let ratio = level_mpp / target_mpp;
            let resampling = match ratio {
                _ if (ratio - 1.0).abs() <= RESOLUTION_TOLERANCE => Resampling::Copied,
                _ if ratio < 1.0 => Resampling::AreaAverage,
                _ => Resampling::Bilinear,
            };
            Some(Self { target_mpp, slide_mpp, level: u32::try_from(index).ok()?, level_mpp, downsample, resampling })
        };
        let plans: Vec<Self> = levels.iter().enumerate().filter_map(plan).collect();
        let fine = plans.iter().filter(|plan| plan.resampling != Resampling::Bilinear);
        let coarsest = fine.max_by(|a, b| a.downsample.total_cmp(&b.downsample));
        match (coarsest, plans.first()) {
            (Some(plan), _) => Ok(*plan),
            (None, Some(plan)) if enlarge => Ok(*plan),
            _ => Err(PlanError::TooCoarse { slide_mpp, target_mpp }),
        }
    }

    /// Side of a tile in pixels of level 0: the footprint that a grid of such tiles has.
    #[must_use]
    pub fn footprint(&self) -> u32 {
        GridOptions::new(self.target_mpp).footprint(self.slide_mpp)
    }
}

/// Pixels of level 0 along one pixel of `level`. Writers drop or add the last row of an odd size, and the ratio of the sizes
/// is not the factor: levels of 2967 and 1483 rows have the factor 2, not 2.0007. A whole factor that explains both sizes
/// is the factor.
pub(crate) fn exact_downsample(first: &Level, level: &Level) -> f64 {
    let whole = level.downsample.round();
    let explains = |first: u64, side: u64| {
        let exact = first as f64 / whole;
        side as f64 == exact.floor() || side as f64 == exact.ceil()
    };
    if whole >= 1.0 && explains(first.width, level.width) && explains(first.height, level.height) {
        whole
    } else {
        level.downsample.max(f64::MIN_POSITIVE)
    }
}
