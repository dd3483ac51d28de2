//! Stain normalisation: tiles of other laboratories and scanners are brought to the colours of the tiles that a model
//! learnt from. A target is fitted once, on training tiles; every tile is then changed by its own statistics and the
//! target alone, so that the result depends on neither the batch nor the thread, and, with [`libm`], not on the machine.
//! Also here, because stain augmentation needs them too: optical density and the dyes' own colours.
//!
//! A tile that holds too little tissue has no statistics to go by, and stays as it is.

mod eigen;
mod gain;
mod macenko;
pub mod matrix;
mod normaliser;
pub mod optical;
mod pair;
mod quantile;
pub mod reinhard;
mod tissue;
mod vahadane;

pub use gain::MOST_GAIN;
pub use normaliser::{StainError, StainMethod, StainNormaliser, StainPlace};
pub use pair::{RUIFROK, StainPair};
pub use reinhard::ColourStatistics;
pub use tissue::LEAST_TISSUE;
