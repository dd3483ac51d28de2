//! `seen.txt`: the training and validation tiles of a run, each as the SHA-256 of its pixels, sorted, one per line.
//! Promises that a listed tile is recognised under any name and in any lossless file format.

use std::collections::HashSet;
use std::fs;

use kiln_files::digest::sha256_hex;
use kiln_files::publish;

use super::layout::{Layout, same_file};
use super::prepared::Prepared;
use super::run::Run;
use crate::data::{ContentDigests, Split};
use crate::{Error, Result};

/// Writes the list of a training; returns the SHA-256 of the file.
pub(super) fn write(prepared: &Prepared, layout: &Layout) -> Result<String> {
    let path = layout.seen();
    let seen = [Split::Train, Split::Val].into_iter().flat_map(|split| prepared.plan.indices(split));
    let mut lines: Vec<&str> = seen.filter_map(|index| prepared.digests[index].pixels.as_deref()).collect();
    lines.sort_unstable();
    lines.dedup();
    let text = lines.join("\n") + "\n";
    publish::write_file(&path, text.as_bytes()).map_err(Error::io(&path))?;
    Ok(sha256_hex(text.as_bytes()))
}

impl Run {
    /// Indices in `digests` of tiles whose pixels the run was trained or validated on. The digests must be of a decoder
    /// with the run's size policy. Empty for a run of an older Kiln.
    ///
    /// # Errors
    /// If the run's list is missing or was changed.
    pub fn seen(&self, digests: &[ContentDigests]) -> Result<Vec<usize>> {
        let Some(known) = self.facts.seen_sha256.as_deref() else { return Ok(Vec::new()) };
        let path = self.layout.seen();
        same_file(&self.layout, &path, Some(known), "run.json")?;
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        let seen: HashSet<&str> = text.lines().collect();
        let is_seen = |index: &usize| digests[*index].pixels.as_deref().is_some_and(|pixels| seen.contains(pixels));
        Ok((0..digests.len()).filter(is_seen).collect())
    }
}
