//! Tile sources: numbered tiles that several threads read at once. A source may be a list of image files, or coordinates
//! in an open slide.

use std::borrow::Cow;

use kiln_files::FileDigest;

use crate::{Decoder, SlideTile, Tile, TileError};

/// Numbered tiles. Threads share a source: a handle that it keeps open must allow reads from several threads.
pub trait TileSource: Sync {
    /// Number of tiles, known before any is read.
    fn len(&self) -> usize;

    /// True if there is no tile.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The identity of tile `index` in results: the path of its file, for example. It does not depend on its content.
    fn name(&self, index: usize) -> Cow<'_, str>;

    /// The bytes of the identity of tile `index`. They differ from those of its name only if the name cannot be shown
    /// exactly: a path that is not UTF-8.
    fn identity(&self, index: usize) -> Cow<'_, [u8]> {
        match self.name(index) {
            Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
            Cow::Owned(name) => Cow::Owned(name.into_bytes()),
        }
    }

    /// The slide and the place of tile `index`; `None` for a tile that is an image file.
    fn slide_tile(&self, _index: usize) -> Option<SlideTile> {
        None
    }

    /// The digest that [`read`](Self::read) would return now, without decoding: it decides whether an earlier result is
    /// still valid.
    ///
    /// # Errors
    /// If the bytes cannot be read; [`TileError::NotFound`] if the file is gone.
    fn digest(&self, index: usize) -> Result<FileDigest, TileError>;

    /// Reads tile `index`. A failure is part of the result, so that one bad tile does not end a run.
    fn read(&self, index: usize) -> TileRead;
}

/// A tile that was read, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileRead {
    /// The digest of the bytes that the tile was decoded from: those of its file, or of its slide. `None` if they could
    /// not be read.
    pub digest: Option<FileDigest>,
    /// The tile, or a short stable code, a colon and the reason: `truncated: …`.
    pub tile: Result<Tile, String>,
}

impl TileRead {
    /// A tile decoded from `bytes`, with their digest. One read serves both: a file that is replaced meanwhile cannot give
    /// the tile of one version and the digest of the other.
    #[must_use]
    pub fn decode(decoder: &Decoder, bytes: &[u8]) -> Self {
        let tile = decoder.decode_bytes(bytes).map_err(|error| status(&error));
        Self { digest: Some(FileDigest::new(bytes)), tile }
    }

    /// A tile whose bytes could not be read.
    #[must_use]
    pub fn unreadable(error: &TileError) -> Self {
        Self::refused(status(error))
    }

    /// A tile that is not read, with its status.
    #[must_use]
    pub fn refused(status: String) -> Self {
        Self { digest: None, tile: Err(status) }
    }
}

fn status(error: &TileError) -> String {
    format!("{}: {error}", error.code())
}

/// Some tiles of another source, in the given order.
#[derive(Debug, Clone, Copy)]
pub struct TileSubset<'a, S: ?Sized> {
    source: &'a S,
    indices: &'a [usize],
}

impl<'a, S: TileSource + ?Sized> TileSubset<'a, S> {
    /// The tiles of `source` at `indices`, each of which must be below its length.
    pub fn new(source: &'a S, indices: &'a [usize]) -> Self {
        Self { source, indices }
    }
}

impl<S: TileSource + ?Sized> TileSource for TileSubset<'_, S> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.source.name(self.indices[index])
    }

    fn identity(&self, index: usize) -> Cow<'_, [u8]> {
        self.source.identity(self.indices[index])
    }

    fn slide_tile(&self, index: usize) -> Option<SlideTile> {
        self.source.slide_tile(self.indices[index])
    }

    fn digest(&self, index: usize) -> Result<FileDigest, TileError> {
        self.source.digest(self.indices[index])
    }

    fn read(&self, index: usize) -> TileRead {
        self.source.read(self.indices[index])
    }
}
