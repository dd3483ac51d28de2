//! `--shard` of `kiln score`: the part of the list that this process scores, and the record beside it.

use std::path::{Path, PathBuf};

use kiln_files::FileDigest;
use kiln_runtime::score::{self, Listed, PartRecord, ScoredBy, Shard};
use kiln_runtime::{Bundle, DecisionRule};

use crate::output::Output;

/// The argument.
#[derive(clap::Args)]
pub(super) struct ShardArgs {
    /// Score part I of N of the list, counted from 0 (0/4 to 3/4), into --out; `kiln merge` joins the parts. `auto` takes
    /// the part from a Slurm array, or from a Kubernetes Indexed Job whose count stands in KILN_SHARDS.
    #[arg(long, value_name = "I/N|auto", requires = "out")]
    shard: Option<String>,
}

/// The requested part.
pub(super) struct Part(Option<(Shard, Vec<Listed>)>);

impl ShardArgs {
    /// True if a part was requested.
    pub(super) fn is_named(&self) -> bool {
        self.shard.is_some()
    }

    /// Reduces `tiles` to those of this process.
    pub(super) fn take(&self, tiles: &mut Vec<Listed>, out: &Output) -> anyhow::Result<Part> {
        let Some(text) = &self.shard else { return Ok(Part(None)) };
        let shard = Shard::resolve(text, |name| std::env::var(name).ok())?;
        let whole = std::mem::take(tiles);
        let range = shard.range(whole.len());
        *tiles = whole[range.clone()].to_vec();
        out.note(format_args!("part {shard}: tiles {} to {} of {}", range.start, range.end, whole.len()));
        Ok(Part(Some((shard, whole))))
    }
}

impl Part {
    /// Leaves the record beside a part that is complete, with the digests of the tiles that were scored.
    pub(super) fn record(
        self,
        file: Option<&PathBuf>,
        bundle: &Bundle,
        rule: &DecisionRule,
        (precision, policy): (&str, &str),
        digests: Vec<Option<FileDigest>>,
    ) -> kiln_runtime::Result<()> {
        let (Some((shard, whole)), Some(file)) = (self.0, file) else { return Ok(()) };
        let manifest = &bundle.manifest;
        let by = ScoredBy {
            model: format!("{} {precision}", manifest.provenance.weights_sha256),
            // Parts may be scored on machines of different kinds: the provider is no part of it.
            settings: score::run_key(manifest, &[precision, policy], &[]),
        };
        PartRecord::new(shard, &whole, rule.classes(), by, digests).write(Path::new(file)).map(drop)
    }
}
