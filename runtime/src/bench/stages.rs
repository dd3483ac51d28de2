//! Time of a tile by stage: decoding, preprocessing, copies to and from the device, computing. Each stage is measured in a
//! separate short loop, so the sum explains a latency but need not equal it.

use std::time::{Duration, Instant};

use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, TILE_BYTES, Tile};
use serde::{Deserialize, Serialize};

use crate::scorer::Scorer;
use crate::{Error, Result};

/// Length of each loop.
const LOOP: Duration = Duration::from_millis(200);

/// Milliseconds for one tile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// JPEG to pixels on one thread, with stain normalisation if the runtime does it.
    pub decode_ms: f64,
    /// Pixels into the batch; scaling and layout are inside the graph.
    pub preprocess_ms: f64,
    /// To the device and back; 0 if the device reads host memory directly.
    pub transfer_ms: f64,
    /// Running the graph.
    pub compute_ms: f64,
}

/// Measures the stages for batches of `batch` tiles.
pub(super) fn breakdown(
    scorer: &mut impl Scorer,
    tiles: &[Tile],
    files: &[Vec<u8>],
    stain: Option<StainNormaliser>,
    batch: usize,
) -> Result<Breakdown> {
    let decoder = Decoder::default().with_stain(stain);
    let mut file = files.iter().cycle();
    let decode_ms = each(|| {
        let bytes = file.next().map(Vec::as_slice).unwrap_or_default();
        let decoded = decoder.decode_bytes(bytes);
        let wrong = |error: kiln_tile::TileError| Error::BenchTile { reason: error.to_string() };
        decoded.map(|tile| drop(std::hint::black_box(tile))).map_err(wrong)
    })?;
    let mut pixels = Vec::with_capacity(batch * TILE_BYTES);
    let fill = each(|| {
        pixels.clear();
        tiles.iter().cycle().take(batch).for_each(|tile| pixels.extend_from_slice(tile.pixels()));
        std::hint::black_box(&pixels);
        Ok(())
    })?;
    let (mut runs, mut transfer, mut compute) = (0.0, 0.0, 0.0);
    let started = Instant::now();
    while runs < 3.0 || started.elapsed() < LOOP {
        let begun = Instant::now();
        scorer.run(&pixels, batch)?;
        let whole = begun.elapsed().as_secs_f64();
        let copies = scorer.stages().map_or(0.0, |stages| (stages.to_device + stages.from_device).as_secs_f64());
        (runs, transfer, compute) = (runs + 1.0, transfer + copies, compute + whole - copies);
    }
    let a_tile = |seconds: f64| 1_000.0 * seconds / runs / batch as f64;
    Ok(Breakdown {
        decode_ms,
        preprocess_ms: fill / batch as f64,
        transfer_ms: a_tile(transfer),
        compute_ms: a_tile(compute),
    })
}

/// Mean time of a call in milliseconds.
fn each(mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    let started = Instant::now();
    let mut calls = 0.0;
    while calls < 3.0 || started.elapsed() < LOOP {
        call()?;
        calls += 1.0;
    }
    Ok(started.elapsed().as_secs_f64() * 1_000.0 / calls)
}
