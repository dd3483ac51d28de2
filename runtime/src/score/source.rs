//! Listed files as a tile source.

use std::borrow::Cow;
use std::path::Path;

use kiln_files::FileDigest;
use kiln_tile::{Decoder, TileError, TileRead, TileSource};

use super::Listed;

/// The digest of a file's bytes, read under the limits of tiles.
///
/// # Errors
/// [`TileError`] if it cannot be read.
pub fn file_digest(path: &Path) -> Result<FileDigest, TileError> {
    Decoder::default().read_file(path).map(|bytes| FileDigest::new(&bytes))
}

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

    fn identity(&self, index: usize) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.tiles[index].path.as_os_str().as_encoded_bytes())
    }

    fn digest(&self, index: usize) -> Result<FileDigest, TileError> {
        file_digest(&self.tiles[index].path)
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
