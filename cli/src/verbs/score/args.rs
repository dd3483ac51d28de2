//! The arguments of `kiln score`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;

use kiln_runtime::score::PipelineOptions;
use kiln_tile::SizePolicy;

use crate::verbs::endpoint::EndpointArgs;
use crate::verbs::format::FormatArgs;
use crate::verbs::number::at_least_one;
use crate::verbs::provider::ProviderArgs;
use crate::verbs::shard::ShardArgs;

/// Score tiles: files, folders, patterns and lists.
///
/// Rows come in the order of the inputs (natural order inside a folder), with the columns path, score, label, status and
/// one p_CLASS for each class. A higher score is more anomalous. A tile that cannot be scored keeps its row: `status`
/// says why, and the exit status is 2 once the rest is scored.
///
/// Folders and patterns leave out hidden files and folders and those of the operating system.
///
/// With --out the file appears whole at the end or not at all, and a run that was stopped goes on when it is started again:
/// until the end its rows are in FILE.progress. Rows are kept only for tiles whose files still have the bytes that were
/// scored. Without --out rows go to stdout as they come.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln score bundle/ tiles/ --out scores.parquet\n  \
    kiln score bundle/ a.png 'slides/*/tile_*.jpg' @list.txt\n  \
    find tiles -name '*.png' -print0 | kiln --json score bundle/ - --null | jq .score")]
pub(crate) struct Args {
    /// The bundle to score with.
    pub(super) bundle: PathBuf,

    /// Files, folders (searched through), patterns, @FILE for a list of files, or - for a list on stdin.
    #[arg(required = true)]
    pub(super) inputs: Vec<PathBuf>,

    /// Names in lists (@FILE and -) end with NUL, as `find -print0` writes them, and not with a line break.
    #[arg(long)]
    pub(super) null: bool,

    #[command(flatten)]
    pub(super) provider: ProviderArgs,

    /// Which of the bundle's graphs to run: fp32, fp16, int8. Without it, the fastest one that the bundle offers for the
    /// provider; what is offered beside fp32 has held its gate.
    #[arg(long, value_name = "NAME")]
    pub(super) precision: Option<String>,

    /// File to write; replaces what is there, but never an input. Without it, or with -, rows go to stdout.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,

    #[command(flatten)]
    pub(super) format: FormatArgs,

    /// Tiles in a batch, where the graph does not fix it: a number, or `auto` for what a short trial finds fastest.
    #[arg(long, value_name = "N|auto", default_value_t = BatchSize::Tiles(PipelineOptions::DEFAULT_BATCH))]
    pub(super) batch: BatchSize,

    /// Threads in all. Without it, one for each core.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<usize>,

    /// What to do with images that are not 256x256: resize, center_crop, error. Without it, what the bundle says.
    #[arg(long, value_name = "POLICY")]
    pub(super) size_policy: Option<SizePolicy>,

    /// Score every tile again, even if an earlier run of the same was stopped and left its progress beside --out.
    #[arg(long, requires = "out")]
    pub(super) restart: bool,

    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,

    #[command(flatten)]
    pub(super) shard: ShardArgs,
}

impl Args {
    /// Threads in all.
    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
    }
}

/// `--batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchSize {
    /// This many tiles.
    Tiles(usize),
    /// The size that a short trial finds fastest.
    Auto,
}

impl FromStr for BatchSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { at_least_one(text).map(Self::Tiles) }
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tiles(tiles) => write!(f, "{tiles}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}
