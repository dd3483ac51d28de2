//! From a file to a tile. Files are hostile: the file's length and the size in its header are checked before anything of
//! that size is allocated, and the format is detected by content, not by name. Each format is read strictly and either
//! decoded exactly or refused with a reason; the table in `docs/data.md` lists which.

mod bmp;
mod decoder;
mod exif;
mod format;
mod image;
mod jpeg;
mod limits;
mod png;
mod stream;
mod tiff;
mod webp;

pub use decoder::{Decoder, RgbImage};
pub use format::{ImageFormat, is_tile_path};
pub use image::Notes;
pub use limits::Limits;
pub use stream::{JpegStream, StreamColour};
