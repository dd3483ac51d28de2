//! The target of a run's stain normalisation. It is fitted before training, on training tiles only, from the run's seed, so
//! that a resumed training gets the same target.

use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, Tile};

use crate::config::value::config_error;
use crate::data::{Dataset, random};
use crate::{Config, Result, parallel};

/// Largest number of tiles that a target is fitted on: more do not change the medians.
const TILES: usize = 100;

/// The configured normalisation with a target from some of `tiles`, drawn by `seed`.
pub(super) fn fitted(
    config: &Config,
    dataset: &Dataset,
    mut tiles: Vec<usize>,
    seed: u64,
) -> Result<Option<StainNormaliser>> {
    let Some(method) = config.data.stain_normalisation else { return Ok(None) };
    random::shuffle(&mut tiles, &mut random::stream(seed, b"stain   ", 0, 0));
    tiles.truncate(TILES);
    let decoder = Decoder::new(config.data.size_policy);
    let tiles: Vec<Tile> = parallel::try_map(tiles.len(), |at| dataset.tile(tiles[at], &decoder))?;
    let without_target =
        |error| config_error("data.stain_normalisation", format!("{error}; set it to null, or check the tiles"));
    StainNormaliser::fit(method, &tiles).map(Some).map_err(without_target)
}
