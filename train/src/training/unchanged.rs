//! Checks that the tiles of a run are still those of its training. A bundle contains the digest of the training's data
//! set, and the split of a run was checked on its tiles alone: figures on other tiles under their names would be of
//! another data set.

use kiln_tile::Decoder;

use super::run::Run;
use crate::data::{self, Dataset, Split};
use crate::{Error, Result};

impl Run {
    /// Refuses tiles whose files, labels or groups have changed since the training. Every file is read, and none
    /// decoded.
    ///
    /// Without some of the files, such as training tiles that were not kept, the digest of the data set cannot be computed.
    /// Then no test tile may be one that the run has seen, and every validation tile must be one. A run of an older Kiln
    /// has no list of these and passes.
    ///
    /// # Errors
    /// [`Error::TilesChanged`]; as [`Run::indices`].
    pub fn check_unchanged(&self, dataset: &Dataset) -> Result<()> {
        let decoder = Decoder::new(self.config.data.size_policy);
        let unchanged = match data::current_digest(dataset, &decoder) {
            Ok(digest) => digest == self.facts.data_sha256,
            Err(_) => {
                self.seen_of(dataset, &decoder, Split::Test)?.is_none_or(|(seen, _)| seen == 0)
                    && self.seen_of(dataset, &decoder, Split::Val)?.is_none_or(|(seen, tiles)| seen == tiles)
            }
        };
        if unchanged {
            return Ok(());
        }
        let data = dataset.list.clone().unwrap_or_else(|| dataset.root.clone());
        Err(Error::TilesChanged { path: self.layout.root().to_owned(), data })
    }

    /// The number of tiles of a split that the run has seen, and the number of its tiles; `None` if one of them is
    /// missing, or the run has no list of the tiles that it has seen.
    fn seen_of(&self, dataset: &Dataset, decoder: &Decoder, split: Split) -> Result<Option<(usize, usize)>> {
        let tiles = dataset.select(&self.indices(dataset, split)?);
        let digests = data::tile_digests(&tiles, decoder).ok().filter(|_| self.facts.seen_sha256.is_some());
        digests.map(|digests| Ok((self.seen(&digests)?.len(), digests.len()))).transpose()
    }
}
