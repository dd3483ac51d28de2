//! Digests of tiles, to find tiles that are the same image: their files have the same bytes, or decode to the same
//! pixels. Blank tiles of slides are alike without being the same image.

use std::collections::HashMap;

use kiln_files::digest::sha256_hex;
use kiln_tile::Decoder;

use super::{DataError, Dataset, Result};
use crate::parallel;

/// Identifies a tile by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentDigests {
    /// SHA-256 of the file's bytes; for a tile of a slide, of the slide's digest and the place.
    pub file: String,
    /// SHA-256 of the decoded pixels; `None` if the tile cannot be decoded.
    pub pixels: Option<String>,
    /// The tile is of a slide, and all its pixels are equal: glass, or missing data. Equal pixels of blank tiles do not
    /// mean the same image.
    pub blank: bool,
}

/// The digests of all tiles, in the order of the data set. Decodes with `decoder`, on all cores, without its stain
/// normalisation.
///
/// # Errors
/// A tile that is missing, over the size limit or not a file, or a slide that cannot be opened. A damaged tile is no error:
/// it has no pixel digest.
pub fn tile_digests(dataset: &Dataset, decoder: &Decoder) -> Result<Vec<ContentDigests>> {
    let decoder = decoder.with_stain(None);
    parallel::try_map(dataset.len(), |index| dataset.digests(index, &decoder))
}

/// The digest of the data set (`data_sha256`): SHA-256 over path, label, group and file digest of every tile, sorted by
/// path, so that it depends on neither the order of the list nor the location of the folder or of the slides.
#[must_use]
pub fn dataset_digest(dataset: &Dataset, digests: &[ContentDigests]) -> String {
    let mut rows: Vec<String> = dataset
        .entries
        .iter()
        .zip(digests)
        .map(|(entry, digest)| {
            let group = entry.group.as_deref().unwrap_or_default();
            // No field has a control character, so two different rows never read the same.
            format!("{}\t{}\t{group}\t{}\n", entry.path.display(), entry.label, digest.file)
        })
        .collect();
    rows.sort_unstable();
    sha256_hex(rows.concat().as_bytes())
}

/// As [`dataset_digest`], of the files as they are now. Nothing is decoded, so that it takes as long as reading the files.
///
/// # Errors
/// A tile or slide that is missing or cannot be read.
pub(crate) fn current_digest(dataset: &Dataset, decoder: &Decoder) -> Result<String> {
    let files = parallel::try_map(dataset.len(), |index| dataset.file_digest(index, decoder))?;
    let digests: Vec<ContentDigests> =
        files.into_iter().map(|file| ContentDigests { file, pixels: None, blank: false }).collect();
    Ok(dataset_digest(dataset, &digests))
}

/// Refuses one image with two labels: a model cannot learn both.
pub(super) fn check_labels(dataset: &Dataset, digests: &[ContentDigests]) -> Result<()> {
    check_lengths(dataset, digests)?;
    for (same, (a, b)) in same_image_pairs(digests) {
        let (a, b) = (&dataset.entries[a], &dataset.entries[b]);
        if a.label != b.label {
            return Err(DataError::ConflictingLabels {
                same,
                tiles: [a, b].map(|entry| entry.path.clone()),
                labels: [a, b].map(|entry| entry.label.clone()),
            });
        }
    }
    Ok(())
}

/// The tiles that must be in one split, as lists of indices: groups, joined where they share an image. Sorted by path,
/// so that the order of the list does not matter.
pub(crate) fn joined_groups(dataset: &Dataset, digests: &[ContentDigests]) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..dataset.len()).collect();
    let images = same_image_pairs(digests).into_iter().map(|(_, pair)| pair);
    for (a, b) in images.chain(same_group_pairs(dataset)) {
        let (a, b) = (find(&mut parents, a), find(&mut parents, b));
        parents[a.max(b)] = a.min(b);
    }
    let mut by_path: Vec<usize> = (0..dataset.len()).collect();
    by_path.sort_by_key(|index| &dataset.entries[*index].path);
    let mut place = HashMap::new();
    let mut units: Vec<Vec<usize>> = Vec::new();
    for index in by_path {
        let root = find(&mut parents, index);
        let at = *place.entry(root).or_insert_with(|| {
            units.push(Vec::new());
            units.len() - 1
        });
        units[at].push(index);
    }
    units
}

fn find(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

/// Each tile paired with the first tile of the same image, and the part that is equal: `file content` or `pixels`.
pub(super) fn same_image_pairs(digests: &[ContentDigests]) -> Vec<(&'static str, (usize, usize))> {
    let files = pairs(digests.iter().map(|digest| Some(digest.file.as_str())));
    let pixels = pairs(digests.iter().map(|digest| digest.pixels.as_deref().filter(|_| !digest.blank)));
    let files = files.into_iter().map(|pair| ("file content", pair));
    files.chain(pixels.into_iter().map(|pair| ("pixels", pair))).collect()
}

/// Each tile paired with the first tile of its group.
pub(super) fn same_group_pairs(dataset: &Dataset) -> Vec<(usize, usize)> {
    pairs(dataset.entries.iter().map(|entry| entry.group.as_deref()))
}

fn pairs<'a>(keys: impl Iterator<Item = Option<&'a str>>) -> Vec<(usize, usize)> {
    let mut first = HashMap::new();
    let mut found = Vec::new();
    for (index, key) in keys.enumerate() {
        let Some(key) = key else { continue };
        let at = *first.entry(key).or_insert(index);
        if at != index {
            found.push((at, index));
        }
    }
    found
}

/// One digest for each tile.
pub(super) fn check_lengths(dataset: &Dataset, digests: &[ContentDigests]) -> Result<()> {
    if digests.len() == dataset.len() {
        return Ok(());
    }
    Err(DataError::Length { found: digests.len(), of: "digests", tiles: dataset.len() })
}
