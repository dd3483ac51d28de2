//! What a tile is, for the crates that train on tiles and the crates that score them: both decode a file to the very
//! same pixels, or parity would mean nothing. Also here: stain normalisation, and how a score is put together. Nothing in
//! this crate knows burn or ONNX Runtime.

mod decode;
mod error;
mod policy;
mod resize;
mod score;
mod search;
mod source;
pub mod stain;
mod tile;

pub use decode::{Decoder, ImageFormat, Limits, Notes, RgbImage, is_tile_path};
pub use error::TileError;
pub use policy::SizePolicy;
pub use score::{ScorePart, ScoreRule};
pub use search::is_left_out;
pub use source::{TileRead, TileSource, TileSubset};
pub use tile::{SIDE, TILE_BYTES, Tile};
