//! Limits of decoding.

use crate::error::TileError;

/// Limit of the pixels of one image while it is decoded, in bytes.
pub(super) const MAX_DECODED_BYTES: usize = 512 << 20;

/// Limits above which a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file in bytes.
    pub max_file_bytes: u64,
    /// Length of the longer side in pixels, as announced by the header.
    pub max_side: u32,
}

impl Default for Limits {
    /// 64 MiB per file and 8192 pixels per side: 32 times the side of a tile, and 192 MiB decoded.
    fn default() -> Self {
        Self { max_file_bytes: 64 << 20, max_side: 8192 }
    }
}

impl Limits {
    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), TileError> {
        for (what, side) in [("width", width), ("height", height)] {
            if side > self.max_side {
                return Err(TileError::TooLarge { what, found: side.into(), limit: self.max_side.into() });
            }
            if side == 0 {
                return Err(TileError::Damaged(format!("its {what} is 0")));
            }
        }
        Ok(())
    }
}

pub(super) fn too_much_memory() -> TileError {
    TileError::Damaged("its pixels need more memory than the decoder's limit".to_owned())
}
