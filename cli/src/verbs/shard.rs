//! `--shard` of `kiln score`: selects the shard of the list that this process scores, and writes the record beside the part.

use std::ops::Range;
use std::path::{Path, PathBuf};

use kiln_files::FileDigest;
use kiln_runtime::Bundle;
use kiln_runtime::score::{self, Columns, PartRecord, ScoredBy, Shard};
use kiln_tile::TileSource;

use crate::output::Output;

/// The flag `--shard`.
#[derive(clap::Args)]
pub(super) struct ShardArgs {
    /// Shard of the list to score: I of N, counted from 0 (0/4 to 3/4). `kiln merge` joins the parts. `auto` takes I and N
    /// from a Slurm array, or I from a Kubernetes Indexed Job and N from KILN_SHARDS.
    #[arg(long, value_name = "I/N|auto", requires = "out")]
    shard: Option<String>,
}

/// The selected shard with the whole list; `None` without `--shard`.
pub(super) struct Part<'a>(Option<(Shard, &'a dyn TileSource)>);

impl ShardArgs {
    /// True if `--shard` was given.
    pub(super) fn is_named(&self) -> bool {
        self.shard.is_some()
    }

    /// The places of this shard's tiles in the list, and the record to be written.
    pub(super) fn select<'a>(
        &self,
        whole: &'a dyn TileSource,
        out: &Output,
    ) -> anyhow::Result<(Range<usize>, Part<'a>)> {
        let Some(text) = &self.shard else { return Ok((0..whole.len(), Part(None))) };
        let shard = Shard::resolve(text, |name| std::env::var(name).ok())?;
        let range = shard.range(whole.len());
        out.note(format_args!(
            "shard {shard}: {} of {} tiles, after the first {}",
            range.len(),
            whole.len(),
            range.start
        ));
        Ok((range, Part(Some((shard, whole)))))
    }
}

impl Part<'_> {
    /// Writes the record beside a complete part, with the digests of the scored tiles.
    pub(super) fn record(
        self,
        file: Option<&PathBuf>,
        bundle: &Bundle,
        columns: &Columns,
        (precision, settings): (&str, &[&str]),
        digests: Vec<Option<FileDigest>>,
    ) -> kiln_runtime::Result<()> {
        let (Some((shard, whole)), Some(file)) = (self.0, file) else { return Ok(()) };
        let manifest = &bundle.manifest;
        let by = ScoredBy {
            model: format!("{} {precision}", manifest.provenance.weights_sha256),
            // Parts may be scored on different kinds of machines, so the provider does not count.
            settings: score::run_key(manifest, &[&[precision], settings].concat(), None),
        };
        PartRecord::new(shard, whole, columns, by, digests).write(Path::new(file)).map(drop)
    }
}
