//! Tiles that are the same image, and what they do to a split. Two tiles are the same if their files hold the same
//! bytes or decode to the same pixels; a test tile that was also trained on proves nothing.

use std::collections::HashMap;

use kiln_files::digest::{sha256_file, sha256_hex};
use kiln_tile::{Decoder, TileError};
use rayon::prelude::*;

use super::split::SplitPlan;
use super::{DataError, Dataset, Result};

/// What a tile is, apart from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentDigests {
    /// SHA-256 of the file's bytes.
    pub file: String,
    /// SHA-256 of the decoded pixels; `None` if the file cannot be decoded.
    pub pixels: Option<String>,
}

/// The digests of all tiles, in the order of the data set. Decoded with `decoder`, on all cores, but for its stain
/// normalisation: a tile is itself whatever is made of it.
///
/// # Errors
/// A tile that is missing, over the size limit or not a file. One that is merely damaged has no pixel digest.
pub fn digests(dataset: &Dataset, decoder: &Decoder) -> Result<Vec<ContentDigests>> {
    let decoder = decoder.with_stain(None);
    (0..dataset.len()).into_par_iter().map(|index| tile_digest(dataset, &decoder, index)).collect()
}

fn tile_digest(dataset: &Dataset, decoder: &Decoder, index: usize) -> Result<ContentDigests> {
    let path = dataset.full_path(index);
    let refuse = |reason| DataError::Tile { path: path.clone(), reason };
    // Asked before opening: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(&path).map_err(|error| refuse(error.into()))?;
    if !metadata.is_file() {
        return Err(refuse(TileError::NotAFile));
    }
    let limit = decoder.limits.max_file_bytes;
    if metadata.len() > limit {
        return Err(refuse(TileError::TooLarge { what: "file in bytes", found: metadata.len(), limit }));
    }
    let file = sha256_file(&path).map_err(|error| refuse(error.into()))?;
    let pixels = decoder.decode_file(&path).ok().map(|tile| tile.sha256());
    Ok(ContentDigests { file, pixels })
}

/// The data set's own digest (`data_sha256`): SHA-256 over path, label, group and file digest of every tile, sorted by
/// path, so that it depends on neither the order of the list nor the place of the folder.
#[must_use]
pub fn digest(dataset: &Dataset, digests: &[ContentDigests]) -> String {
    let mut rows: Vec<String> = dataset
        .entries
        .iter()
        .zip(digests)
        .map(|(entry, digest)| {
            let group = entry.group.as_deref().unwrap_or_default();
            // No field holds a control character, so a row cannot pass for another.
            format!("{}\t{}\t{group}\t{}\n", entry.path.display(), entry.label, digest.file)
        })
        .collect();
    rows.sort_unstable();
    sha256_hex(rows.concat().as_bytes())
}

/// Refuses a split in which one group, or one image, stands on two sides.
///
/// # Errors
/// [`DataError::Leak`], naming both tiles; [`DataError::Split`] if the plan or the digests are of another data set.
pub fn check_leaks(dataset: &Dataset, plan: &SplitPlan, digests: &[ContentDigests]) -> Result<()> {
    check_lengths(dataset, digests)?;
    if plan.assignments.len() != dataset.len() {
        let (splits, tiles) = (plan.assignments.len(), dataset.len());
        return Err(DataError::Split(format!("the plan has {splits} tiles and the data set {tiles}")));
    }
    let split = |index: usize| plan.assignments[index];
    let sides = |a: usize, b: usize| {
        let name = |index: usize| dataset.entries[index].path.display();
        format!("`{}` ({}) and `{}` ({})", name(a), split(a), name(b), split(b))
    };
    for (kind, (a, b)) in same_image_pairs(digests) {
        if split(a) != split(b) {
            return Err(DataError::Leak(format!(
                "{} have the same {kind}; remove one of the two, or give them one group",
                sides(a, b)
            )));
        }
    }
    for (a, b) in same_group_pairs(dataset) {
        if split(a) != split(b) {
            let group = dataset.entries[a].group.as_deref().unwrap_or_default();
            return Err(DataError::Leak(format!(
                "{} are both of group `{group}`; a group belongs to one split",
                sides(a, b)
            )));
        }
    }
    Ok(())
}

/// Refuses one image under two labels: whichever is wrong, a model cannot learn both.
pub(super) fn check_labels(dataset: &Dataset, digests: &[ContentDigests]) -> Result<()> {
    check_lengths(dataset, digests)?;
    for (kind, (a, b)) in same_image_pairs(digests) {
        let (a, b) = (&dataset.entries[a], &dataset.entries[b]);
        if a.label != b.label {
            return Err(DataError::Split(format!(
                "`{}` (label `{}`) and `{}` (label `{}`) have the same {kind}; correct the label, or remove one of the two",
                a.path.display(),
                a.label,
                b.path.display(),
                b.label
            )));
        }
    }
    Ok(())
}

/// The tiles that must stay together, as lists of indices: groups, joined where they share an image. Ordered by name,
/// so that they are the same for any order of the list.
pub(super) fn joined_groups(dataset: &Dataset, digests: &[ContentDigests]) -> Vec<Vec<usize>> {
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

/// Each tile paired with the first one of the same image, by the kind of sameness.
pub(super) fn same_image_pairs(digests: &[ContentDigests]) -> Vec<(&'static str, (usize, usize))> {
    let files = pairs(digests.iter().map(|digest| Some(digest.file.as_str())));
    let pixels = pairs(digests.iter().map(|digest| digest.pixels.as_deref()));
    let files = files.into_iter().map(|pair| ("file content", pair));
    files.chain(pixels.into_iter().map(|pair| ("pixels", pair))).collect()
}

/// Each tile paired with the first one of its group.
fn same_group_pairs(dataset: &Dataset) -> Vec<(usize, usize)> {
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

fn check_lengths(dataset: &Dataset, digests: &[ContentDigests]) -> Result<()> {
    if digests.len() == dataset.len() {
        return Ok(());
    }
    Err(DataError::Split(format!("{} digests for {} tiles", digests.len(), dataset.len())))
}
