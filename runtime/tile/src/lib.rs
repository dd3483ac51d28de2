//! Tiles: decoding under limits, the size policy and stain normalisation. Training and scoring share this crate, because
//! parity requires that both decode a file to the same pixels. It depends on neither burn nor ONNX Runtime.
//!
//! ```
//! use kiln_tile::{Decoder, SIDE, SizePolicy, TILE_BYTES};
//!
//! // A BMP of 256 x 256 grey pixels, 24 bits each.
//! let mut file = b"BM\x36\0\x03\0\0\0\0\0\x36\0\0\0\x28\0\0\0\0\x01\0\0\0\x01\0\0\x01\0\x18\0".to_vec();
//! file.resize(54, 0);
//! file.resize(54 + TILE_BYTES, 200);
//!
//! let tile = Decoder::new(SizePolicy::Error).decode_bytes(&file)?;
//! assert_eq!(tile.pixels().len(), 3 * (SIDE * SIDE) as usize);
//! assert_eq!(tile.pixels()[0], 200);
//! # Ok::<(), kiln_tile::TileError>(())
//! ```

mod decode;
mod error;
mod place;
mod policy;
mod resize;
mod score;
mod search;
mod size;
mod source;
pub mod stain;
mod tile;

pub use decode::{Decoder, ImageFormat, JpegStream, Limits, Notes, RgbImage, StreamColour, is_tile_path};
pub use error::TileError;
pub use place::{Place, SlideTile};
pub use policy::SizePolicy;
pub use score::{ScorePart, ScoreRule};
pub use search::is_left_out;
pub use size::{SIDE, TILE_BYTES};
pub use source::{TileRead, TileSource, TileSubset};
pub use tile::Tile;
