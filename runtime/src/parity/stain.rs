//! Check of stain normalisation that the graph's caller does: on golden tiles this machine must give the pixels that the
//! model was tested on. Every step is exactly rounded or tabulated, so a difference of one level is a miss.

use kiln_tile::Tile;
use kiln_tile::stain::{StainMethod, StainNormaliser};
use serde::{Deserialize, Serialize};

use crate::bundle::manifest::TileSpec;
use crate::golden::Golden;

/// Result of normalising the golden tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StainParity {
    /// The method.
    pub method: StainMethod,
    /// Tiles compared; 0 if the bundle has none for this check, which is a miss.
    pub tiles: usize,
    /// Tiles that came out differently.
    pub different: usize,
    /// The largest difference of a channel's value (0 to 255).
    pub max_abs: u8,
}

impl StainParity {
    /// Normalises the golden tiles by `spec`; `None` if the graph's caller has nothing to normalise.
    #[must_use]
    pub fn measure(spec: &TileSpec, golden: &Golden) -> Option<Self> {
        let normaliser = spec.before_graph()?;
        let pairs = golden.decoded.iter().flatten().zip(&golden.tiles);
        let differences = pairs.map(|(decoded, expected)| difference(&normaliser, decoded, expected));
        let none = Self { method: normaliser.method(), tiles: 0, different: 0, max_abs: 0 };
        Some(differences.fold(none, |all, found| Self {
            tiles: all.tiles + 1,
            different: all.different + usize::from(found > 0),
            max_abs: all.max_abs.max(found),
            ..all
        }))
    }

    /// Returns true if there were tiles and none of them differs.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.tiles > 0 && self.different == 0
    }
}

fn difference(normaliser: &StainNormaliser, decoded: &Tile, expected: &Tile) -> u8 {
    let found = normaliser.apply(decoded.clone());
    found.pixels().iter().zip(expected.pixels()).map(|(found, expected)| found.abs_diff(*expected)).max().unwrap_or(0)
}
