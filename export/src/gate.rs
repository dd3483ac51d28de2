//! The gate: ONNX Runtime against burn over real tiles, at several batch sizes. Burn answers once for each tile;
//! ONNX Runtime answers at every batch size and must give the same each time.

use std::path::Path;

use kiln_runtime::decision::DecisionRule;
use kiln_runtime::parity::{Accumulator, ParityReport};
use kiln_runtime::scorer::{Scorer, rows, run_padded};
use kiln_runtime::{Bundle, Session};
use kiln_tile::TILE_BYTES;
use kiln_train::data::{Loader, Split};
use kiln_train::training::Run;

use super::{BundleError, BurnModel, Result};

/// Tiles that burn answers at a time: a multiple of every gate batch.
pub(crate) const CHUNK: usize = 24;

/// Batch sizes at which the graph is compared where its batch is symbolic: one, an odd one, a power of two.
pub const GATE_BATCHES: [usize; 3] = [1, 3, 8];

/// Compares `scorer` with `burn` over all tiles of `loader`; `on_tiles` hears how many are done.
///
/// # Errors
/// If a tile cannot be decoded, or a side cannot answer.
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

/// Compares a bundle's graph, opened as `session`, with the run that it was made of, over the run's test split.
/// `moved` is where the run's data set lies now, if it has moved.
///
/// # Errors
/// [`BundleError::Mismatch`] if the bundle was made of other weights; else as [`verify`].
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
            "was made of weights {of_bundle}, and the run {} has {of_run}; give the run that it was exported from",
            run.layout.root().display()
        );
        return Err(BundleError::Mismatch { path: bundle.path.clone(), reason });
    }
    let dataset = run.dataset(moved)?;
    let test = run.indices(&dataset, Split::Test)?;
    let tiles = test.len();
    let loader = run.loader(&dataset, test, CHUNK)?;
    let rule = DecisionRule::of(&bundle.manifest);
    verify(session, &BurnModel::load(run)?, &rule, &loader, |done| on_tiles(done, tiles))
}
