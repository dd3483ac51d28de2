//! Stain normalisation: tiles of other laboratories and scanners are brought to the colours of the tiles that a model
//! learnt from. A target is fitted once, on training tiles; every tile is then changed by its own statistics and the
//! target alone, so that the result depends on neither the batch nor the thread, and, with [`libm`], not on the machine.
//! Also here, because stain augmentation needs them too: optical density and the dyes' own colours.
//!
//! A tile that holds too little tissue has no statistics to go by, and stays as it is.

mod dyes;
mod eigen;
mod macenko;
pub mod matrix;
mod median;
mod normaliser;
pub mod optical;
pub mod reinhard;
mod vahadane;

pub use dyes::{DyePair, RUIFROK};
pub use normaliser::{StainError, StainMethod, StainNormaliser, StainPlace};
pub use reinhard::ColourStatistics;

use crate::TILE_BYTES;

/// Pixels of a tile.
const PIXELS: usize = TILE_BYTES / 3;

/// Pixels of tissue below which a tile has no statistics of its own: one in a hundred.
pub const LEAST_TISSUE: usize = PIXELS / 100;

/// How far an amount or a spread is stretched or squeezed at most. Without a limit, the noise of a tile that holds next to
/// none of a dye would be blown up to the target's amount of it.
pub const MOST_GAIN: f64 = 3.0;

/// The factor that brings `found` to `wanted`, within [`MOST_GAIN`].
fn gain(wanted: f64, found: f64) -> f64 {
    if found > 0.0 { (wanted / found).clamp(1.0 / MOST_GAIN, MOST_GAIN) } else { 1.0 }
}
