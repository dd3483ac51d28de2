//! Scorers: anything that turns a batch of tiles into named outputs, such as a [`Session`](crate::Session) here or model
//! servers elsewhere.

use std::collections::BTreeMap;
use std::thread;

use kiln_tile::TILE_BYTES;
use ndarray::Axis;

use crate::session::{Outputs, Session, Stages};
use crate::{Error, Result};

/// Runs batches of tiles.
pub trait Scorer {
    /// Runs a batch: `pixels` is u8 RGB `[batch, 256, 256, 3]`, every output `[batch, ...]`.
    ///
    /// # Errors
    /// If the batch cannot be run.
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs>;

    /// The only batch size that the scorer accepts, if its batch is fixed.
    fn fixed_batch(&self) -> Option<usize>;

    /// The provider that was requested.
    fn provider(&self) -> String;

    /// Nodes that each provider runs; empty if unknown.
    fn nodes(&self) -> BTreeMap<String, usize>;

    /// Version of the runtime; empty if unknown.
    fn version(&self) -> String {
        String::new()
    }

    /// Time of the last run in copies and in computing, if measured.
    fn stages(&self) -> Option<Stages> {
        None
    }

    /// True if another process computes, so that its use of the cores is no foreign load.
    fn is_served(&self) -> bool {
        false
    }

    /// TensorRT engines and the like that the provider has compiled during runs.
    fn engines_built(&self) -> usize {
        0
    }
}

/// Runs `tiles` tiles. A fixed batch is filled up with black tiles, whose outputs are cut off; `pixels` is unchanged
/// afterwards.
///
/// # Errors
/// If the batch cannot be run.
pub fn run_padded(scorer: &mut (impl Scorer + ?Sized), pixels: &mut Vec<u8>, tiles: usize) -> Result<Outputs> {
    let Some(batch) = scorer.fixed_batch().filter(|batch| *batch > tiles) else {
        return scorer.run(pixels, tiles);
    };
    pixels.resize(batch * TILE_BYTES, 0);
    let outputs = scorer.run(pixels, batch);
    pixels.truncate(tiles * TILE_BYTES);
    outputs.map(|outputs| rows(&outputs, 0, tiles))
}

/// Tiles `first .. last` of every output. The range must be within the batch.
pub fn rows(outputs: &Outputs, first: usize, last: usize) -> Outputs {
    let cut = |array: &ndarray::ArrayD<f32>| {
        array.slice_axis(Axis(0), (first..last).into()).as_standard_layout().into_owned()
    };
    let arrays = outputs.arrays.iter().map(|(name, array)| (name.clone(), cut(array))).collect();
    Outputs { batch: last - first, arrays }
}

/// Runs `work` on every scorer at once, each on its own thread.
///
/// # Errors
/// The first error of a scorer.
pub(crate) fn on_threads<S: Scorer + Send>(
    scorers: &mut [S],
    work: impl Fn(&mut S) -> Result<()> + Sync,
) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = scorers.iter_mut().map(|scorer| scope.spawn(|| work(scorer))).collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(threads_ended())));
        // Every thread is joined before the first error is returned.
        ends.collect::<Vec<_>>().into_iter().collect()
    })
}

/// The error of a thread that panicked. No decoder or scorer is known to panic.
pub(crate) fn threads_ended() -> Error {
    Error::Ended { worker: "a thread of decoding or scoring" }
}

impl Scorer for Session {
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
        Session::run(self, pixels, batch)
    }

    fn fixed_batch(&self) -> Option<usize> {
        Session::fixed_batch(self)
    }

    fn provider(&self) -> String {
        Session::provider(self).to_owned()
    }

    fn nodes(&self) -> BTreeMap<String, usize> {
        Session::nodes(self).clone()
    }

    fn version(&self) -> String {
        self.runtime().version().to_owned()
    }

    fn stages(&self) -> Option<Stages> {
        Session::stages(self)
    }

    fn engines_built(&self) -> usize {
        self.engines_built_since()
    }
}
