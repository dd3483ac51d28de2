//! A method with its fitted target.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pair::StainPair;
use super::reinhard::ColourStatistics;
use super::{macenko, optical, vahadane};
use crate::tile::Tile;

/// How tiles are brought to one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StainMethod {
    /// Mean and spread of colour (Reinhard and others, 2001). Stands in the exported graph.
    Reinhard,
    /// Two dyes as the outermost directions in optical density (Macenko and others, 2009).
    Macenko,
    /// Two dyes by sparse non-negative factors of optical density (Vahadane and others, 2016).
    Vahadane,
}

impl StainMethod {
    /// Where tiles are normalised once a model is deployed. Macenko's and Vahadane's methods need percentiles and loops
    /// that run until they have found something, for which ONNX has no operators that every provider runs.
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

/// Who normalises the tiles of a deployed model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StainPlace {
    /// The graph: it takes tiles as decoded.
    Graph,
    /// Whoever calls the graph, before.
    Runtime,
}

/// A method and the look that it brings tiles to.
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

/// Why there is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StainError {
    /// No tile has statistics of its own.
    #[error("none of the {tiles} tiles that {method} was to be fitted on holds enough tissue in two dyes")]
    NoTissue {
        /// The method.
        method: StainMethod,
        /// Tiles looked at.
        tiles: usize,
    },
}

impl StainNormaliser {
    /// The look of `tiles`: each tile's own statistics, and of each figure the median over the tiles, so that a few odd ones
    /// do not count. Tiles with too little tissue are passed over.
    ///
    /// # Errors
    /// If there is no other.
    pub fn fit(method: StainMethod, tiles: &[Tile]) -> Result<Self, StainError> {
        let none = StainError::NoTissue { method, tiles: tiles.len() };
        let pairs = |of: fn(&[u8]) -> Option<StainPair>| {
            let pairs: Vec<StainPair> = tiles.iter().filter_map(|tile| of(tile.pixels())).collect();
            if pairs.is_empty() { None } else { StainPair::median(&pairs) }.ok_or(none)
        };
        Ok(match method {
            StainMethod::Reinhard => {
                let all: Vec<_> = tiles.iter().filter_map(|tile| ColourStatistics::of(tile.pixels())).collect();
                if all.is_empty() {
                    return Err(none);
                }
                Self::Reinhard(ColourStatistics::median(&all))
            }
            StainMethod::Macenko => Self::Macenko(pairs(macenko::dyes)?),
            StainMethod::Vahadane => Self::Vahadane(pairs(vahadane::dyes)?),
        })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> StainMethod {
        match self {
            Self::Reinhard(_) => StainMethod::Reinhard,
            Self::Macenko(_) => StainMethod::Macenko,
            Self::Vahadane(_) => StainMethod::Vahadane,
        }
    }

    /// Where it is applied once the model is deployed.
    #[must_use]
    pub fn place(&self) -> StainPlace {
        self.method().place()
    }

    /// The same, if it is the runtime that applies it: a graph that normalises takes tiles as they are.
    #[must_use]
    pub fn before_graph(self) -> Option<Self> {
        (self.place() == StainPlace::Runtime).then_some(self)
    }

    /// A tile brought to the target's look. One with too little tissue, or whose dyes cannot be told apart, stays as it
    /// is.
    #[must_use]
    pub fn apply(&self, tile: Tile) -> Tile {
        tile.changed(|pixels| match self {
            Self::Reinhard(target) => target.apply(pixels),
            Self::Macenko(target) => {
                if let Some(own) = macenko::dyes(pixels) {
                    optical::transform(pixels, &own.towards(target), [0.0; 3]);
                }
            }
            Self::Vahadane(target) => {
                if let Some(own) = vahadane::dyes(pixels) {
                    vahadane::transform(pixels, &own, target);
                }
            }
        })
    }
}
