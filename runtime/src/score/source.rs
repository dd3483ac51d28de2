//! Listed files as a tile source.

use std::borrow::Cow;

use kiln_tile::{Decoder, TileRead, TileSource};

use super::Listed;

/// Image files, one tile each. A row has the path of its file.
#[derive(Debug, Clone, Copy)]
pub struct ListedTiles<'a> {
    tiles: &'a [Listed],
    decoder: Decoder,
}

impl<'a> ListedTiles<'a> {
    /// The listed files, decoded by `decoder`.
    #[must_use]
    pub fn new(tiles: &'a [Listed], decoder: Decoder) -> Self {
        Self { tiles, decoder }
    }
}

impl TileSource for ListedTiles<'_> {
    fn len(&self) -> usize {
        self.tiles.len()
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.tiles[index].path.to_string_lossy()
    }

    fn read(&self, index: usize) -> TileRead {
        let Listed { path, refused } = &self.tiles[index];
        if let Some(reason) = refused {
            return TileRead::refused(reason.clone());
        }
        match self.decoder.read_file(path) {
            Ok(bytes) => TileRead::decode(&self.decoder, &bytes),
            Err(error) => TileRead::unreadable(&error),
        }
    }
}
