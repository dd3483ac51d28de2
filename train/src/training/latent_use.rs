//! The diagnosis of a run's latent space, from its scored test tiles.

use super::evaluation::ScoredTile;
use crate::metrics::{LatentTile, LatentUse, RebuiltTile};
use crate::model::Classes;

/// The latent space over the normal ones of these tiles; none if the model has none.
pub(super) fn latent_use(scored: &[ScoredTile], classes: &Classes) -> Option<LatentUse> {
    let normal = scored.iter().filter(|tile| !classes.is_anomalous(tile.class));
    let tile = |tile: &'_ ScoredTile| -> Option<RebuiltTile> {
        let colour = tile.colour?;
        Some(RebuiltTile { mean: colour.mean, mean_square: colour.mean_square, squared_error: tile.squared_error? })
    };
    let latents = normal.filter_map(|scored| {
        let log_variance = scored.latent_log_variance.as_deref();
        Some(LatentTile { mean: scored.latent.as_deref()?, log_variance, rebuilt: tile(scored) })
    });
    LatentUse::new(&latents.collect::<Vec<_>>())
}
