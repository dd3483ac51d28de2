//! The finished files as a tile source. Content that has a row is not decoded, and after a request to stop nothing is read.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use kiln_files::FileDigest;
use kiln_tile::{Decoder, TileError, TileRead, TileSource};

use super::known::Known;
use crate::score::{Listed, file_digest};

/// The status of a tile that was not read, because the process is to stop. It gets no row.
pub(super) const STOPPED: &str = "stopped";
/// The status of a tile whose content has a row, which has its score.
pub(super) const HAS_A_ROW: &str = "has a row";

/// Finished files.
pub(super) struct Finished<'a> {
    pub(super) files: &'a [Listed],
    pub(super) decoder: Decoder,
    pub(super) known: &'a Known,
    pub(super) stop: &'a AtomicBool,
}

impl TileSource for Finished<'_> {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.files[index].path.to_string_lossy()
    }

    fn digest(&self, index: usize) -> Result<FileDigest, TileError> {
        file_digest(&self.files[index].path)
    }

    fn read(&self, index: usize) -> TileRead {
        if self.stop.load(Ordering::Relaxed) {
            return TileRead::refused(STOPPED.to_owned());
        }
        let Listed { path, refused } = &self.files[index];
        if let Some(reason) = refused {
            return TileRead::refused(reason.clone());
        }
        match self.decoder.read_file(path) {
            Ok(bytes) => {
                let digest = FileDigest::new(&bytes);
                if self.known.has(digest) {
                    return TileRead { digest: Some(digest), tile: Err(HAS_A_ROW.to_owned()) };
                }
                TileRead::decode(&self.decoder, &bytes)
            }
            Err(error) => TileRead::unreadable(&error),
        }
    }
}
