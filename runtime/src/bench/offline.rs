//! The offline scenario: encoded tiles are decoded and run by several scorers in parallel at full speed. A latency is
//! that of one batch in one scorer, from its first byte to its last output.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, SIDE, Tile};

use super::scenario::{Recording, Scenario, Window};
use crate::scorer::{Scorer, on_threads, run_padded};
use crate::{Error, Result};

/// JPEG quality of the encoded tiles: common for slide scanners and tile sets.
const JPEG_QUALITY: u8 = 90;

/// Tiles as JPEG files in memory.
///
/// # Errors
/// If one cannot be encoded.
pub fn encoded(tiles: &[Tile]) -> Result<Vec<Vec<u8>>> {
    let encode = |tile: &Tile| {
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        encoder.write_image(tile.pixels(), SIDE, SIDE, ExtendedColorType::Rgb8).map_err(|error| failed(&error))?;
        Ok(bytes)
    };
    tiles.iter().map(encode).collect()
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::BenchTile { reason: error.to_string() }
}

/// Runs batches of `files`, repeated as needed and with their stains normalised by `stain`, on all of `scorers` until
/// `window` is full.
///
/// # Errors
/// The first error of a scorer.
pub(super) fn offline<S: Scorer + Send>(
    scorers: &mut [S],
    files: &[Vec<u8>],
    stain: Option<StainNormaliser>,
    batch: usize,
    window: &Window,
    on_start: &mut dyn FnMut(),
) -> Result<Recording> {
    let decoder = Decoder::default().with_stain(stain);
    for scorer in scorers.iter_mut() {
        let started = Instant::now();
        let mut made = 0;
        while made < Window::MIN_WARM_UP || started.elapsed() < window.warm_up {
            one_batch(scorer, files, &decoder, batch, made)?;
            made += 1;
        }
    }
    on_start();
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    // Order of time: a batch is noted when it ends.
    let done: Mutex<Vec<(Duration, f64)>> = Mutex::new(Vec::with_capacity(1 << 14));
    let work = |scorer: &mut S| -> Result<()> {
        while window.goes_on(started.elapsed(), next.load(Ordering::Relaxed), Scenario::Offline) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            one_batch(scorer, files, &decoder, batch, number)?;
            let latency = begun.elapsed().as_secs_f64() * 1_000.0;
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((started.elapsed(), latency));
        }
        Ok(())
    };
    on_threads(scorers, work)?;
    let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let window = done.iter().map(|(end, _)| *end).max().unwrap_or_default();
    Ok(Recording { latencies_ms: done.into_iter().map(|(_, latency)| latency).collect(), window })
}

fn one_batch<S: Scorer>(
    scorer: &mut S,
    files: &[Vec<u8>],
    decoder: &Decoder,
    batch: usize,
    number: usize,
) -> Result<()> {
    let mut pixels = Vec::with_capacity(batch * kiln_tile::TILE_BYTES);
    for file in files.iter().cycle().skip(number * batch % files.len().max(1)).take(batch) {
        pixels.extend_from_slice(decoder.decode_bytes(file).map_err(|error| failed(&error))?.pixels());
    }
    run_padded(scorer, &mut pixels, batch).map(drop)
}
