//! Stain normalisation that the graph's caller does: whether this machine makes of the golden tiles what the model was
//! tried on. Every step of it is exactly rounded or tabulated, so a single level is a difference.

use kiln_tile::Tile;
use kiln_tile::stain::{StainMethod, StainNormaliser};
use serde::{Deserialize, Serialize};

use crate::bundle::manifest::TileSpec;
use crate::golden::Golden;

/// What normalising the golden tiles came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StainParity {
    /// The method.
    pub method: StainMethod,
    /// Tiles compared; 0 where the bundle holds none to try it on, which is a miss.
    pub tiles: usize,
    /// Tiles that came out differently.
    pub different: usize,
    /// The largest difference of a channel's value, in levels of 0 to 255.
    pub max_abs: u8,
}

impl StainParity {
    /// Normalises the golden tiles as `spec` says; `None` where the graph's caller has nothing to normalise.
    #[must_use]
    pub fn of(spec: &TileSpec, golden: &Golden) -> Option<Self> {
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

    /// Whether there were tiles, and all of them came out as they should.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.tiles > 0 && self.different == 0
    }
}

fn difference(normaliser: &StainNormaliser, decoded: &Tile, expected: &Tile) -> u8 {
    let found = normaliser.apply(decoded.clone());
    found.pixels().iter().zip(expected.pixels()).map(|(found, expected)| found.abs_diff(*expected)).max().unwrap_or(0)
}
