//! The batch to score with, from a short measurement on the scorers that will score: a larger batch amortises what a run
//! costs, until it falls out of the caches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kiln_tile::{TILE_BYTES, Tile};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::scorer::{Scorer, on_threads};

/// Batches that are tried.
pub const PROBED_BATCHES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// A larger batch must be faster by so much to be worth its memory.
const WORTH: f64 = 1.03;

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The batch to use.
    pub batch: usize,
    /// Tiles a second at that batch, without decoding: a hint, no benchmark.
    pub tiles_per_s: f64,
    /// Every batch that was tried, with its tiles a second.
    pub tried: Vec<(usize, f64)>,
}

/// Runs `scorers` side by side at each of `batches` for about `slice`, on `tiles` repeated as needed (at least one).
/// A scorer with a fixed batch is tried at that alone.
///
/// # Errors
/// If a scorer fails.
pub fn probe<S: Scorer + Send>(scorers: &mut [S], tiles: &[Tile], batches: &[usize], slice: Duration) -> Result<Probe> {
    let fixed = scorers.iter().find_map(|scorer| scorer.fixed_batch());
    let batches = fixed.as_ref().map_or(batches, std::slice::from_ref);
    let mut tried: Vec<(usize, f64)> = Vec::new();
    for batch in batches {
        let mut pixels = Vec::with_capacity(batch * TILE_BYTES);
        tiles.iter().cycle().take(*batch).for_each(|tile| pixels.extend_from_slice(tile.pixels()));
        tried.push((*batch, speed(scorers, &pixels, *batch, slice)?));
    }
    let (batch, tiles_per_s) = best(&tried);
    Ok(Probe { batch, tiles_per_s, tried })
}

/// The smallest batch that no larger one beats by enough.
fn best(tried: &[(usize, f64)]) -> (usize, f64) {
    let fastest = tried.iter().map(|(_, speed)| *speed).fold(0.0, f64::max);
    let good = tried.iter().find(|(_, speed)| speed * WORTH >= fastest);
    good.copied().unwrap_or((1, 0.0))
}

/// Tiles a second of all scorers together, after one run of each.
fn speed<S: Scorer + Send>(scorers: &mut [S], pixels: &[u8], batch: usize, slice: Duration) -> Result<f64> {
    for scorer in scorers.iter_mut() {
        scorer.run(pixels, batch)?;
    }
    let runs = AtomicUsize::new(0);
    let started = Instant::now();
    let work = |scorer: &mut S| -> Result<()> {
        while started.elapsed() < slice {
            scorer.run(pixels, batch)?;
            runs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    on_threads(scorers, work)?;
    Ok((runs.load(Ordering::Relaxed) * batch) as f64 / started.elapsed().as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::session::Outputs;

    /// Takes a millisecond a run whatever the batch, up to eight tiles; then one for every eight.
    struct Costs(Option<usize>);

    impl Scorer for Costs {
        fn run(&mut self, _: &[u8], batch: usize) -> Result<Outputs> {
            std::thread::sleep(Duration::from_millis(5 * batch.div_ceil(8) as u64));
            Ok(Outputs { batch, arrays: BTreeMap::new() })
        }
        fn fixed_batch(&self) -> Option<usize> {
            self.0
        }
        fn provider(&self) -> String {
            "test".to_owned()
        }
        fn nodes(&self) -> BTreeMap<String, usize> {
            BTreeMap::new()
        }
    }

    fn tiles() -> Vec<Tile> {
        vec![Tile::from_pixels(vec![1; TILE_BYTES]).unwrap()]
    }

    #[test]
    fn a_fixed_batch_is_tried_alone() {
        let mut scorers = [Costs(Some(3)), Costs(Some(3))];
        let probe = probe(&mut scorers, &tiles(), &PROBED_BATCHES, Duration::from_millis(20)).unwrap();
        assert_eq!((probe.batch, probe.tried.len()), (3, 1));
    }

    #[test]
    fn the_smallest_batch_that_is_as_fast_wins() {
        assert_eq!(best(&[(1, 10.0), (2, 19.0), (4, 30.0), (8, 30.5), (16, 30.9)]).0, 4);
        assert_eq!(best(&[(1, 10.0), (2, 5.0)]).0, 1);
        assert_eq!(best(&[]).0, 1);
    }

    #[test]
    fn a_batch_that_saves_runs_is_found() {
        let probe = probe(&mut [Costs(None)], &tiles(), &[1, 8], Duration::from_millis(40)).unwrap();
        assert_eq!(probe.batch, 8, "{probe:?}");
    }
}
