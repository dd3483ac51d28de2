//! A tile: 256x256 RGB pixels of 8 bits.

use kiln_files::digest::sha256_hex;

use crate::error::TileError;
use crate::size::TILE_BYTES;

/// RGB pixels as decoded: u8, `[256, 256, 3]`, rows from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct Tile {
    pixels: Vec<u8>,
}

impl Tile {
    /// Makes a tile of `[256, 256, 3]` pixels.
    ///
    /// # Errors
    /// [`TileError::WrongLength`] unless there are exactly [`TILE_BYTES`] bytes.
    pub fn from_pixels(pixels: Vec<u8>) -> Result<Self, TileError> {
        if pixels.len() == TILE_BYTES { Ok(Self { pixels }) } else { Err(TileError::WrongLength(pixels.len())) }
    }

    /// The pixels, `[256, 256, 3]`.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Returns the pixels, `[256, 256, 3]`, without a copy.
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Returns the tile with its pixels changed in place.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut [u8])) -> Self {
        change(&mut self.pixels);
        self
    }

    /// Returns the SHA-256 of the pixels. It is equal for two files with the same tile in different formats.
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
