//! Stain normalisation: tiles of other laboratories and scanners get the colours of the training tiles. A target is fitted
//! once, on training tiles. Every tile is then changed by its own statistics and the target alone, so the result depends
//! on neither the batch nor the thread nor, thanks to [`libm`], the machine. Stain augmentation shares this module's
//! optical densities and stain colours.
//!
//! A tile with too little tissue has no statistics and is not changed.

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
