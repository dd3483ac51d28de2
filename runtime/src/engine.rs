//! The seam between what is scored and what scores it: anything that turns a batch of tiles into named outputs. A
//! [`Session`](crate::Session) is one; a model server can be another.

use std::collections::BTreeMap;

use kiln_tile::TILE_BYTES;
use ndarray::Axis;

use crate::Result;
use crate::session::{Outputs, Session, Stages};

/// Something that runs batches of tiles.
pub trait Engine {
    /// Runs a batch: `pixels` is u8 RGB `[batch, 256, 256, 3]`, every output `[batch, ...]`.
    ///
    /// # Errors
    /// Why the batch could not be run.
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs>;

    /// The only batch size that it takes, if its batch is fixed.
    fn fixed_batch(&self) -> Option<usize>;

    /// The provider that was asked for.
    fn provider(&self) -> String;

    /// Nodes that each provider really runs; empty where that is not known.
    fn nodes(&self) -> BTreeMap<String, usize>;

    /// Version of what runs the graph; empty where that is not known.
    fn version(&self) -> String {
        String::new()
    }

    /// How the last run's time went to copies and to computing, where it can tell.
    fn stages(&self) -> Option<Stages> {
        None
    }

    /// Whether another process computes, so that its use of the cores is no foreign load.
    fn is_served(&self) -> bool {
        false
    }

    /// Engines that its provider has compiled within runs.
    fn engines_built(&self) -> usize {
        0
    }
}

/// Runs `tiles` tiles on an engine, filling up with black ones where its batch is fixed; their outputs are cut off
/// again, and `pixels` is left as it was.
///
/// # Errors
/// Why the batch could not be run.
pub fn run_padded(engine: &mut impl Engine, pixels: &mut Vec<u8>, tiles: usize) -> Result<Outputs> {
    let Some(batch) = engine.fixed_batch().filter(|batch| *batch > tiles) else {
        return engine.run(pixels, tiles);
    };
    pixels.resize(batch * TILE_BYTES, 0);
    let outputs = engine.run(pixels, batch);
    pixels.truncate(tiles * TILE_BYTES);
    outputs.map(|outputs| rows(&outputs, 0, tiles))
}

/// Tiles `first .. last` of every output. The range must lie within the batch.
pub fn rows(outputs: &Outputs, first: usize, last: usize) -> Outputs {
    let cut = |array: &ndarray::ArrayD<f32>| {
        array.slice_axis(Axis(0), (first..last).into()).as_standard_layout().into_owned()
    };
    let arrays = outputs.arrays.iter().map(|(name, array)| (name.clone(), cut(array))).collect();
    Outputs { batch: last - first, arrays }
}

impl Engine for Session {
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
