//! The tile itself: 256x256 RGB pixels of 8 bits.

use crate::TileError;
use kiln_files::digest::sha256_hex;

/// Width and height of a tile in pixels.
pub const SIDE: u32 = 256;

/// Bytes of a tile: 256 x 256 x 3.
pub const TILE_BYTES: usize = 196_608;

/// RGB pixels, u8, `[256, 256, 3]`, rows from the top, as decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Tile {
    pixels: Vec<u8>,
}

impl Tile {
    /// Takes `[256, 256, 3]` pixels.
    ///
    /// # Errors
    /// [`TileError::WrongLength`] if there are not exactly [`TILE_BYTES`] of them.
    pub fn from_pixels(pixels: Vec<u8>) -> Result<Self, TileError> {
        if pixels.len() == TILE_BYTES { Ok(Self { pixels }) } else { Err(TileError::WrongLength(pixels.len())) }
    }

    /// The pixels, `[256, 256, 3]`.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Gives the pixels away, `[256, 256, 3]`.
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The same tile with its pixels changed in place.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut [u8])) -> Self {
        change(&mut self.pixels);
        self
    }

    /// SHA-256 over the pixels: two files with one digest show the same tile, whatever their format.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(&self.pixels)
    }
}

impl std::fmt::Debug for Tile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tile").field("sha256", &self.sha256()).finish()
    }
}
