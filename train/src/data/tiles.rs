//! The only way from a data set to pixels. Image files and places on slides are read here and nowhere else, so that
//! training, evaluation and export see the same tiles.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;

use kiln_files::FileDigest;
use kiln_files::digest::{sha256_file, sha256_hex};
use kiln_tile::{Decoder, SIDE, SlideTile, Tile, TileError, TileRead, TileSource};

use super::content::ContentDigests;
use super::dataset::Source;
use super::{DataError, Dataset, Result};

/// The findings on one tile.
#[derive(Debug, Default)]
pub(super) struct TileFindings {
    /// Width and height as stored. A tile of a slide has the size of a tile.
    pub(super) size: Option<(u32, u32)>,
    /// SHA-256 of the file's bytes, or of the slide's digest with the place.
    pub(super) file: Option<String>,
    /// The tile.
    pub(super) tile: Option<Tile>,
    /// Contents of the file that decoding ignores.
    pub(super) notes: Option<kiln_tile::Notes>,
    /// The reason why there is no tile: a short stable code, and a sentence.
    pub(super) error: Option<(String, String)>,
}

impl Dataset {
    /// Reads tile `index`. Files are decoded by `decoder`; a place on a slide is read at the resolution of the data set,
    /// and of `decoder` only the stain normalisation is applied.
    ///
    /// # Errors
    /// [`DataError::Tile`] or [`DataError::SlideTile`], naming the tile.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::len`].
    pub fn tile(&self, index: usize, decoder: &Decoder) -> Result<Tile> {
        match &self.source {
            Source::Files => {
                let path = self.path_of(index);
                decoder.decode_file(&path).map_err(|reason| DataError::Tile { path, reason })
            }
            Source::Slides { set, numbers, .. } => {
                let read = set.read(numbers[index]).tile;
                let tile =
                    read.map_err(|reason| DataError::SlideTile { tile: self.entries[index].path.clone(), reason })?;
                Ok(normalised(tile, decoder))
            }
        }
    }

    /// Some of the tiles as the source of a scoring. A row is named by the path of the tile's file, or by the tile's
    /// identity.
    #[must_use]
    pub fn tiles<'a>(&'a self, indices: &'a [usize], decoder: Decoder) -> DatasetTiles<'a> {
        DatasetTiles { dataset: self, indices, decoder }
    }

    /// The file of tile `index`; `None` for a tile of a slide.
    ///
    /// # Panics
    /// If `index` is not below [`Dataset::len`].
    #[must_use]
    pub fn file(&self, index: usize) -> Option<PathBuf> {
        match &self.source {
            Source::Files => Some(self.path_of(index)),
            Source::Slides { .. } => None,
        }
    }

    /// Every file that the tiles are read from: their files, or the slides.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.source {
            Source::Files => (0..self.len()).map(|index| self.path_of(index)).collect(),
            Source::Slides { set, numbers, .. } => {
                let slides: BTreeSet<usize> = numbers.iter().map(|number| set.slide_of(*number)).collect();
                slides.into_iter().filter_map(|slide| set.slide_path(slide)).collect()
            }
        }
    }

    pub(super) fn path_of(&self, index: usize) -> PathBuf {
        self.root.join(&self.entries[index].path)
    }

    /// The digests of tile `index`, which must be read without stain normalisation. A tile that cannot be decoded has no
    /// digest of pixels; a file or slide that is missing or unreadable is an error.
    pub(super) fn digests(&self, index: usize, decoder: &Decoder) -> Result<ContentDigests> {
        match &self.source {
            Source::Files => {
                let path = self.path_of(index);
                let file =
                    file_digest(&path, decoder).map_err(|reason| DataError::Tile { path: path.clone(), reason })?;
                let pixels = decoder.decode_file(&path).ok().map(|tile| tile.sha256());
                Ok(ContentDigests { file, pixels, blank: false })
            }
            Source::Slides { set, numbers, .. } => {
                let read = set.read(numbers[index]);
                let Some(slide) = read.digest else {
                    let reason = read.tile.err().unwrap_or_default();
                    return Err(DataError::SlideTile { tile: self.entries[index].path.clone(), reason });
                };
                let file = place_digest(slide, &set.place(numbers[index]));
                let tile = read.tile.ok();
                let blank = tile.as_ref().is_some_and(is_blank);
                Ok(ContentDigests { file, pixels: tile.map(|tile| tile.sha256()), blank })
            }
        }
    }

    /// The digest of tile `index` that [`ContentDigests::file`] has. Nothing is decoded.
    pub(super) fn file_digest(&self, index: usize, decoder: &Decoder) -> Result<String> {
        match &self.source {
            Source::Files => {
                let path = self.path_of(index);
                file_digest(&path, decoder).map_err(|reason| DataError::Tile { path, reason })
            }
            Source::Slides { set, numbers, .. } => {
                let unreadable = |reason: TileError| {
                    let tile = self.entries[index].path.clone();
                    DataError::SlideTile { tile, reason: format!("{}: {reason}", reason.code()) }
                };
                let slide = set.digest(numbers[index]).map_err(unreadable)?;
                Ok(place_digest(slide, &set.place(numbers[index])))
            }
        }
    }

    /// Everything about tile `index`, without stopping at what is wrong.
    pub(super) fn findings(&self, index: usize, decoder: &Decoder) -> TileFindings {
        let Source::Slides { set, numbers, .. } = &self.source else {
            return file_findings(&self.path_of(index), decoder);
        };
        let TileRead { digest, tile } = set.read(numbers[index]);
        let file = digest.map(|slide| place_digest(slide, &set.place(numbers[index])));
        match tile {
            Ok(tile) => TileFindings { size: Some((SIDE, SIDE)), file, tile: Some(tile), ..TileFindings::default() },
            Err(status) => {
                let (code, reason) = status.split_once(": ").unwrap_or((&status, &status));
                let error = Some((code.to_owned(), reason.to_owned()));
                TileFindings { file, error, ..TileFindings::default() }
            }
        }
    }
}

fn normalised(tile: Tile, decoder: &Decoder) -> Tile {
    match &decoder.stain {
        Some(stain) => stain.apply(tile),
        None => tile,
    }
}

/// The digest that stands for a file: of the slide's content and the place on it.
fn place_digest(slide: FileDigest, place: &impl std::fmt::Display) -> String {
    sha256_hex(format!("{slide}#{place}").as_bytes())
}

/// True if all pixels are equal: glass, or missing data. Such tiles are equal without being the same image.
pub(super) fn is_blank(tile: &Tile) -> bool {
    let mut pixels = tile.pixels().chunks_exact(3);
    pixels.next().is_none_or(|first| pixels.all(|pixel| pixel == first))
}

fn file_digest(path: &std::path::Path, decoder: &Decoder) -> Result<String, TileError> {
    // Checked before opening: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(TileError::NotAFile);
    }
    let limit = decoder.limits.max_file_bytes;
    if metadata.len() > limit {
        return Err(TileError::TooLarge { what: "file in bytes", found: metadata.len(), limit });
    }
    Ok(sha256_file(path)?)
}

fn file_findings(path: &std::path::Path, decoder: &Decoder) -> TileFindings {
    let described = |error: TileError| Some((error.code().to_owned(), error.to_string()));
    let bytes = match decoder.read_file(path) {
        Ok(bytes) => bytes,
        Err(error) => return TileFindings { error: described(error), ..TileFindings::default() },
    };
    let size = match decoder.size(&bytes) {
        Err(error @ TileError::TooLarge { .. }) => {
            return TileFindings { error: described(error), ..TileFindings::default() };
        }
        size => size.ok(),
    };
    let found = TileFindings { size, file: Some(sha256_hex(&bytes)), ..TileFindings::default() };
    match decoder.decode_with_notes(&bytes) {
        Ok((tile, notes)) => TileFindings { tile: Some(tile), notes: Some(notes), ..found },
        Err(error) => TileFindings { error: described(error), ..found },
    }
}

/// Tiles of a data set as the source of a scoring.
#[derive(Debug, Clone, Copy)]
pub struct DatasetTiles<'a> {
    dataset: &'a Dataset,
    indices: &'a [usize],
    decoder: Decoder,
}

impl TileSource for DatasetTiles<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        let index = self.indices[index];
        match self.dataset.file(index) {
            Some(file) => Cow::Owned(file.to_string_lossy().into_owned()),
            None => self.dataset.entries[index].path.to_string_lossy(),
        }
    }

    fn slide_tile(&self, index: usize) -> Option<SlideTile> {
        match &self.dataset.source {
            Source::Files => None,
            Source::Slides { set, numbers, .. } => set.slide_tile(numbers[self.indices[index]]),
        }
    }

    fn digest(&self, index: usize) -> Result<FileDigest, TileError> {
        let index = self.indices[index];
        match &self.dataset.source {
            Source::Files => self.decoder.read_file(&self.dataset.path_of(index)).map(|bytes| FileDigest::new(&bytes)),
            Source::Slides { set, numbers, .. } => set.digest(numbers[index]),
        }
    }

    fn read(&self, index: usize) -> TileRead {
        let index = self.indices[index];
        match &self.dataset.source {
            Source::Files => match self.decoder.read_file(&self.dataset.path_of(index)) {
                Ok(bytes) => TileRead::decode(&self.decoder, &bytes),
                Err(error) => TileRead::unreadable(&error),
            },
            Source::Slides { set, numbers, .. } => {
                let TileRead { digest, tile } = set.read(numbers[index]);
                TileRead { digest, tile: tile.map(|tile| normalised(tile, &self.decoder)) }
            }
        }
    }
}
