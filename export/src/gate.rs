//! The gate: ONNX Runtime against burn on real tiles, at several batch sizes. Burn computes each tile once; ONNX Runtime must
//! agree at every batch size.

use std::path::Path;

use kiln_runtime::decision::DecisionRule;
use kiln_runtime::parity::{Accumulator, ParityReport};
use kiln_runtime::scorer::{Scorer, rows, run_padded};
use kiln_runtime::{Bundle, Session};
use kiln_tile::TILE_BYTES;
use kiln_train::data::{Loader, Split};
use kiln_train::training::Run;

use super::{BundleError, BurnModel, Result};

/// Tiles per batch of burn: a multiple of every gate batch.
pub(crate) const CHUNK: usize = 24;

/// Batch sizes at which a graph with a symbolic batch is compared: one, an odd one, a power of two.
pub const GATE_BATCHES: [usize; 3] = [1, 3, 8];

/// Compares `scorer` with `burn` over all tiles of `loader`; `on_tiles` is called with the number of tiles
/// done.
///
/// # Errors
/// If a tile cannot be decoded, or either side fails.
pub fn verify(
    scorer: &mut impl Scorer,
    burn: &BurnModel,
    rule: &DecisionRule,
    loader: &Loader,
    mut on_tiles: impl FnMut(usize),
) -> Result<ParityReport> {
    let mut accumulator = Accumulator::new(rule.clone());
    let fixed = scorer.fixed_batch();
    let batches = fixed.as_ref().map_or(&GATE_BATCHES[..], std::slice::from_ref);
    let mut done = 0;
    for part in loader.epoch(0, 0) {
        let part = part.map_err(kiln_train::Error::from)?;
        let tiles = part.len();
        let expected = burn.run(part.pixels.clone(), tiles)?;
        for batch in batches {
            for first in (0..tiles).step_by(*batch) {
                let last = (first + batch).min(tiles);
                let mut pixels = part.pixels[first * TILE_BYTES..last * TILE_BYTES].to_vec();
                let found = run_padded(scorer, &mut pixels, last - first)?;
                accumulator.add(done + first, &rows(&expected, first, last), &found);
            }
        }
        done += tiles;
        on_tiles(done);
    }
    Ok(accumulator.finish(&scorer.provider(), scorer.nodes()))
}

/// Compares a bundle's graph, opened as `session`, with the run that it was exported from, over the run's test split.
/// `moved` is the new path of the run's data set, if it has moved.
///
/// # Errors
/// [`BundleError::Mismatch`] if the weights differ; [`kiln_train::Error::TilesChanged`]; else as [`verify`].
pub fn verify_run(
    session: &mut Session,
    bundle: &Bundle,
    run: &Run,
    moved: Option<&Path>,
    mut on_tiles: impl FnMut(usize, usize),
) -> Result<ParityReport> {
    let (of_bundle, of_run) = (&bundle.manifest.provenance.weights_sha256, &run.facts.weights_sha256);
    if of_bundle != of_run {
        let reason = format!(
            "was exported from weights {of_bundle}, but the run {} has {of_run}; give the run that it was exported from",
            run.layout.root().display()
        );
        return Err(BundleError::Mismatch { path: bundle.path.clone(), reason });
    }
    let dataset = run.dataset(moved)?;
    let test = run.indices(&dataset, Split::Test)?;
    run.check_unchanged(&dataset)?;
    let tiles = test.len();
    let loader = run.loader(&dataset, test, CHUNK)?;
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    verify(session, &BurnModel::load(run)?, &rule, &loader, |done| on_tiles(done, tiles))
}
