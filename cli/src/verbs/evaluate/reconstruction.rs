//! Reconstruction errors of a bundle, in a separate pass: the scoring pipeline returns scores alone.

use anyhow::Context as _;
use kiln_runtime::Session;
use kiln_tile::{Decoder, TILE_BYTES};
use kiln_train::Error;
use kiln_train::data::Dataset;

use crate::output::Output;

/// Tiles in a batch, if the graph's batch is dynamic.
const BATCH: usize = 8;

/// The mean squared error of each tile's reconstruction over pixels and channels, intensities in 0 to 1: the mean of its
/// error map. `None` if the model reconstructs no tiles; an error map of features is not an error of pixels.
pub(super) fn squared_errors(
    session: &mut Session,
    decoder: &Decoder,
    dataset: &Dataset,
    tiles: &[usize],
    out: &Output,
) -> anyhow::Result<Option<Vec<f64>>> {
    let gives = |name: &str| session.outputs().iter().any(|port| port.name == name);
    if !(gives("reconstruction") && gives("error_map")) {
        return Ok(None);
    }
    session.select_outputs(&["error_map"])?;
    let fixed = session.fixed_batch();
    let bar = out.progress(Some(tiles.len() as u64), "errors");
    let mut errors = Vec::with_capacity(tiles.len());
    for chunk in tiles.chunks(fixed.unwrap_or(BATCH)) {
        let mut pixels = Vec::with_capacity(chunk.len() * TILE_BYTES);
        for &index in chunk {
            let tile = dataset.tile(index, decoder).map_err(Error::from)?;
            pixels.extend_from_slice(tile.pixels());
        }
        if let Some(batch) = fixed {
            // A fixed batch is filled up with black tiles.
            pixels.resize(batch * TILE_BYTES, 0);
        }
        let outputs = session.run(&pixels, pixels.len() / TILE_BYTES)?;
        let maps = outputs.arrays.get("error_map").context("the graph returned no error_map")?;
        let means = maps.outer_iter().take(chunk.len());
        errors.extend(means.map(|map| map.iter().map(|value| f64::from(*value)).sum::<f64>() / map.len() as f64));
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(Some(errors))
}
