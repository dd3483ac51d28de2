//! The size of a tile.

/// Width and height of a tile in pixels.
pub const SIDE: u32 = 256;

/// Bytes of a tile: 256 x 256 x 3.
pub const TILE_BYTES: usize = 196_608;
