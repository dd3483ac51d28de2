//! `seen.txt`: the training and validation tiles of a run, each as the SHA-256 of its pixels, sorted, one per line. If the
//! backbone's weights come from another run or a pre-training, the list has its tiles too. Promises that a listed tile is recognised
//! under any name and in any lossless file format.

use std::collections::HashSet;
use std::fs;

use kiln_files::digest::sha256_file;
use kiln_files::publish;
use kiln_tile::Decoder;

use super::layout::{Layout, same_file};
use super::prepared::Prepared;
use super::run::Run;
use crate::data::{ContentDigests, Dataset, Split, SplitPlan};
use crate::{Config, Error, Result, parallel, weights};

/// Writes the list of a training that begins: what the weights of its backbone have seen is known now.
pub(super) fn write(prepared: &Prepared, layout: &Layout) -> Result<()> {
    let path = layout.seen();
    let seen = [Split::Train, Split::Val].into_iter().flat_map(|split| prepared.plan.indices(split));
    let own: Vec<&str> = seen.filter_map(|index| prepared.digests[index].pixels.as_deref()).collect();
    let text = weights::with_seen(prepared.config.model.settings().backbone(), &own)?;
    publish::write_file(&path, text.as_bytes()).map_err(Error::io(&path))
}

/// The SHA-256 of the list when the training ends. A training that an older Kiln began has none yet.
pub(super) fn digest(prepared: &Prepared, layout: &Layout) -> Result<String> {
    let path = layout.seen();
    if !path.is_file() {
        write(prepared, layout)?;
    }
    sha256_file(&path).map_err(Error::io(&path))
}

/// Refuses a split whose test tiles the weights of the configured backbone have learnt from.
pub(crate) fn refuse_tested(
    config: &Config,
    dataset: &Dataset,
    plans: &[SplitPlan],
    digests: &[ContentDigests],
) -> Result<()> {
    let Some(backbone) = config.model.settings().backbone() else { return Ok(()) };
    let Some(list) = weights::seen(backbone)? else { return Ok(()) };
    let seen: HashSet<&str> = list.lines().collect();
    let is_seen = |index: &usize| digests[*index].pixels.as_deref().is_some_and(|pixels| seen.contains(pixels));
    for plan in plans {
        let learnt: Vec<usize> = plan.indices(Split::Test).into_iter().filter(is_seen).collect();
        if let Some(first) = learnt.first() {
            return Err(Error::SeenByWeights {
                weights: backbone.weights.clone().into(),
                tiles: learnt.len(),
                first: dataset.entries[*first].path.clone(),
            });
        }
    }
    Ok(())
}

impl Run {
    /// Indices in `digests` of tiles whose pixels the run was trained or validated on. The digests must be of a decoder
    /// with the run's size policy. Empty for a run of an older Kiln.
    ///
    /// # Errors
    /// If the run's list is missing or was changed.
    pub fn seen(&self, digests: &[ContentDigests]) -> Result<Vec<usize>> {
        let seen = self.seen_set()?;
        let is_seen = |index: &usize| digests[*index].pixels.as_ref().is_some_and(|pixels| seen.contains(pixels));
        Ok((0..digests.len()).filter(is_seen).collect())
    }

    /// Those of the tiles `indices` of a data set whose pixels the run was trained or validated on. `decoder` has the run's size
    /// policy. A tile that cannot be read is none of them.
    ///
    /// # Errors
    /// As [`Run::seen`].
    pub fn seen_among(&self, dataset: &Dataset, decoder: &Decoder, indices: &[usize]) -> Result<Vec<usize>> {
        let seen = self.seen_set()?;
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let decoder = decoder.with_stain(None);
        let is_seen = |at: usize| {
            let tile = dataset.tile(indices[at], &decoder).ok();
            Ok::<_, Error>(tile.is_some_and(|tile| seen.contains(&tile.sha256())))
        };
        let found = parallel::try_map(indices.len(), is_seen)?;
        Ok(indices.iter().copied().zip(found).filter_map(|(index, is_seen)| is_seen.then_some(index)).collect())
    }

    /// The digests of the list; none for a run of an older Kiln.
    fn seen_set(&self) -> Result<HashSet<String>> {
        Ok(self.seen_list()?.unwrap_or_default().lines().map(str::to_owned).collect())
    }

    /// The lines of the list; `None` for a run of an older Kiln.
    pub(super) fn seen_list(&self) -> Result<Option<String>> {
        let Some(known) = self.facts.seen_sha256.as_deref() else { return Ok(None) };
        let path = self.layout.seen();
        same_file(&self.layout, &path, Some(known), "run.json")?;
        fs::read_to_string(&path).map(Some).map_err(Error::io(&path))
    }
}
