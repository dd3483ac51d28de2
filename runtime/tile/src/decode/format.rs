//! File formats of tiles, by content and by name.

use std::path::Path;

use crate::error::TileError;

/// File formats of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// JPEG, ITU-T T.81.
    Jpeg,
    /// PNG, third edition.
    Png,
    /// TIFF 6.0 and BigTIFF.
    Tiff,
    /// Windows and OS/2 bitmap.
    Bmp,
    /// WebP.
    WebP,
}

impl ImageFormat {
    /// The format that a file's first bytes announce, whatever its name; `None` for any other file.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        format(head).ok()
    }
}

/// Returns true if the file name has the extension of a supported format: `png`, `jpg`, `jpeg`, `tif`, `tiff`, `bmp`,
/// `webp`.
#[must_use]
pub fn is_tile_path(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.iter().any(|name| extension.eq_ignore_ascii_case(name)))
}

const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// Detects the format by the first bytes.
pub(super) fn format(bytes: &[u8]) -> Result<ImageFormat, TileError> {
    match bytes {
        [] => Err(TileError::Truncated),
        [0xff, 0xd8, 0xff, 0xf7, ..] => Err(TileError::Refused("a JPEG-LS image".to_owned())),
        [0xff, 0xd8, 0xff, ..] => Ok(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Ok(ImageFormat::Png),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(ImageFormat::Tiff),
        [b'B', b'M', ..] => Ok(ImageFormat::Bmp),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(ImageFormat::WebP),
        _ => Err(TileError::Unsupported),
    }
}
