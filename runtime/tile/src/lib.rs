//! What a tile is, for the crates that train on tiles and the crates that score them: both decode a file to the very
//! same pixels, or parity would mean nothing. Also here because both need them: digests, files that appear whole or not
//! at all, the user's cache, files out of pinned wheels, stain
//! normalisation, and how a score is put together. Nothing in this crate knows burn or ONNX Runtime.

pub mod cache;
mod decode;
pub mod digest;
mod error;
mod fault;
mod policy;
pub mod publish;
mod resize;
mod score;
pub mod stain;
mod tile;
pub mod wheel;

pub use decode::{Decoder, ImageFormat, Limits, Notes, RgbImage, is_tile_path};
pub use error::TileError;
pub use fault::Fault;
pub use policy::SizePolicy;
pub use score::{ScorePart, ScoreRule};
pub use tile::{SIDE, TILE_BYTES, Tile};
