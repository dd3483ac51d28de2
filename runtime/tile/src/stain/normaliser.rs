//! A stain normalisation method with its fitted target.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pair::StainPair;
use super::reinhard::ColourStatistics;
use super::{macenko, optical, vahadane};
use crate::tile::Tile;

/// The method of stain normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StainMethod {
    /// Mean and spread of colour (Reinhard and others, 2001). Part of the exported graph.
    Reinhard,
    /// Two stains as the outermost directions in optical density (Macenko and others, 2009).
    Macenko,
    /// Two stains by sparse non-negative factors of optical density (Vahadane and others, 2016).
    Vahadane,
}

impl StainMethod {
    /// Returns where tiles are normalised after deployment. Macenko's and Vahadane's methods need percentiles and loops, for
    /// which ONNX has no operators that every provider supports.
    #[must_use]
    pub fn place(self) -> StainPlace {
        match self {
            Self::Reinhard => StainPlace::Graph,
            Self::Macenko | Self::Vahadane => StainPlace::Runtime,
        }
    }
}

impl fmt::Display for StainMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reinhard => "reinhard",
            Self::Macenko => "macenko",
            Self::Vahadane => "vahadane",
        })
    }
}

/// The component that normalises the tiles of a deployed model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StainPlace {
    /// The graph: its input is tiles as decoded.
    Graph,
    /// The caller, before running the graph.
    Runtime,
}

/// A method and its fitted target.
///
/// ```
/// use kiln_tile::Tile;
/// use kiln_tile::stain::{StainMethod, StainNormaliser};
///
/// let tile = Tile::from_pixels([130, 80, 160].repeat(65_536))?;
/// let normaliser = StainNormaliser::fit(StainMethod::Reinhard, std::slice::from_ref(&tile))?;
/// let same = normaliser.apply(tile.clone());
/// assert!(same.pixels().iter().zip(tile.pixels()).all(|(after, before)| after.abs_diff(*before) <= 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "target", rename_all = "snake_case")]
pub enum StainNormaliser {
    /// [`StainMethod::Reinhard`].
    Reinhard(ColourStatistics),
    /// [`StainMethod::Macenko`].
    Macenko(StainPair),
    /// [`StainMethod::Vahadane`].
    Vahadane(StainPair),
}

/// The reason why no target could be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StainError {
    /// No tile has enough tissue.
    #[error("{method} cannot be fitted: none of the {tiles} tiles has enough tissue with two stains")]
    NoTissue {
        /// The method.
        method: StainMethod,
        /// Number of tiles.
        tiles: usize,
    },
}

impl StainNormaliser {
    /// Fits a target: the median over the tiles of each of their statistics, so that outliers do not count. Tiles with too
    /// little tissue are skipped.
    ///
    /// # Errors
    /// If no tile has enough tissue.
    pub fn fit(method: StainMethod, tiles: &[Tile]) -> Result<Self, StainError> {
        let none = StainError::NoTissue { method, tiles: tiles.len() };
        let pairs = |stains: fn(&[u8]) -> Option<StainPair>| {
            let pairs: Vec<StainPair> = tiles.iter().filter_map(|tile| stains(tile.pixels())).collect();
            if pairs.is_empty() { None } else { StainPair::median(&pairs) }.ok_or(none)
        };
        Ok(match method {
            StainMethod::Reinhard => {
                let all: Vec<_> =
                    tiles.iter().filter_map(|tile| ColourStatistics::from_pixels(tile.pixels())).collect();
                if all.is_empty() {
                    return Err(none);
                }
                Self::Reinhard(ColourStatistics::median(&all))
            }
            StainMethod::Macenko => Self::Macenko(pairs(macenko::stains)?),
            StainMethod::Vahadane => Self::Vahadane(pairs(vahadane::stains)?),
        })
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> StainMethod {
        match self {
            Self::Reinhard(_) => StainMethod::Reinhard,
            Self::Macenko(_) => StainMethod::Macenko,
            Self::Vahadane(_) => StainMethod::Vahadane,
        }
    }

    /// Returns where the normalisation is applied after deployment.
    #[must_use]
    pub fn place(&self) -> StainPlace {
        self.method().place()
    }

    /// Returns the normaliser if the runtime applies it, else `None`: a graph that normalises needs unchanged tiles.
    #[must_use]
    pub fn before_graph(self) -> Option<Self> {
        (self.place() == StainPlace::Runtime).then_some(self)
    }

    /// Normalises a tile to the target. A tile with too little tissue, or with stains that cannot be distinguished, is not
    /// changed.
    #[must_use]
    pub fn apply(&self, tile: Tile) -> Tile {
        tile.changed(|pixels| match self {
            Self::Reinhard(target) => target.apply(pixels),
            Self::Macenko(target) => {
                if let Some(own) = macenko::stains(pixels) {
                    optical::transform(pixels, &own.towards(target), [0.0; 3]);
                }
            }
            Self::Vahadane(target) => {
                if let Some(own) = vahadane::stains(pixels) {
                    vahadane::transform(pixels, &own, target);
                }
            }
        })
    }
}
