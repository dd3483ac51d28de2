//! What a tile is, for the crates that train on tiles and the crates that score them: both decode a file to the very
//! same pixels, or parity would mean nothing. Also here because both need them: digests, files that appear whole or not
//! at all, the user's cache, files out of pinned wheels, stain
//! normalisation, and how a score is put together. Nothing in this crate knows burn or ONNX Runtime.

pub mod cache;
mod decode;
pub mod digest;
mod error;
mod fault;
mod identity;
mod policy;
pub mod publish;
mod resize;
mod score;
mod search;
pub mod stain;
pub mod text;
mod tile;
pub mod wheel;

pub use decode::{Decoder, ImageFormat, Limits, Notes, RgbImage, is_tile_path};
pub use digest::TileDigest;
pub use error::TileError;
pub use fault::Fault;
pub use identity::FileIdentity;
pub use policy::SizePolicy;
pub use score::{ScorePart, ScoreRule};
pub use search::is_left_out;
pub use tile::{SIDE, TILE_BYTES, Tile};
