//! The arguments of `kiln score`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use kiln_runtime::score::PipelineOptions;
use kiln_tile::SizePolicy;

use crate::verbs::endpoint::EndpointArgs;
use crate::verbs::format::FormatArgs;
#[cfg(feature = "slide")]
use crate::verbs::given::Given;
use crate::verbs::number::{batch_size, cores, thread_count, time_span};
use crate::verbs::provider::{EXECUTION, ProviderArgs};
use crate::verbs::shard::ShardArgs;
use crate::verbs::signature::RequiredSignature;
#[cfg(feature = "slide")]
use crate::verbs::slide::{GridArgs, LibraryArgs, Pictures};

/// Score tiles, and write one row per tile.
///
/// The rows are in the order of the inputs (natural order inside a folder), with the columns path, score, label,
/// status, and p_CLASS for each class. A higher score is more anomalous. A tile that cannot be scored still gets a row,
/// with the reason in `status`; the exit status is then 2, after all others are scored.
///
/// Folders and patterns leave out hidden files and folders and those of the operating system.
///
/// With --out the file appears complete at the end or not at all. Until then its rows are in FILE.progress, and the
/// same command resumes a run that was stopped; it keeps the rows of tiles whose files still have the same bytes.
/// Without --out rows go to stdout as they are computed.
///
/// With --watch FOLDER, tiles are scored as they arrive there, until SIGTERM or SIGINT: each content once, whatever its
/// name; --out is then a file that grows.
///
/// Inputs may be whole slides instead, folders of slides, or a list of tiles from `kiln slide tile`. Their tissue tiles are
/// scored, and --out is then a folder for the rows, slides.csv, and heat maps of each slide.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln score bundle/ tiles/ --out scores.parquet\n  \
    kiln score bundle/ a.png 'slides/*/tile_*.jpg' @list.txt\n  \
    find tiles -name '*.png' -print0 | kiln --json score bundle/ - --null | jq .score\n  kiln score bundle/ slide.svs --out report/\n  \
    kiln score bundle/ --watch incoming/ --out scores.jsonl")]
pub(crate) struct Args {
    /// Bundle to score with.
    pub(super) bundle: PathBuf,

    /// Tiles to score: files, folders (searched recursively), patterns, @FILE for a list of files, or - for a list on
    /// stdin.
    #[arg(required_unless_present = "watch")]
    pub(super) inputs: Vec<PathBuf>,

    /// Names in lists (@FILE and -) end with NUL instead of a line break, as from `find -print0`.
    #[arg(long)]
    pub(super) null: bool,

    /// File to write, or - for stdout; an existing file is replaced, but never an input [default: -].
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,

    #[command(flatten)]
    pub(super) format: FormatArgs,

    /// Treatment of images that are not 256x256: resize, center_crop, error [default: the bundle's].
    #[arg(long, value_name = "POLICY")]
    pub(super) size_policy: Option<SizePolicy>,

    /// Score every tile again, even if an interrupted run left its progress beside --out.
    #[arg(long, requires = "out")]
    pub(super) restart: bool,

    #[command(flatten)]
    pub(super) shard: ShardArgs,

    #[command(flatten, next_help_heading = EXECUTION)]
    pub(super) provider: ProviderArgs,

    /// Precision to run: fp32, fp16, int8 [default: the fastest variant in the bundle for the provider; fp32 with
    /// --endpoint].
    #[arg(long, value_name = "NAME", help_heading = EXECUTION)]
    pub(super) precision: Option<String>,

    /// Tiles per batch, unless the graph has a fixed batch: a number up to 4096, or `auto` to try several and take the
    /// fastest.
    #[arg(long, value_name = "N|auto", default_value_t = BatchSize::Tiles(PipelineOptions::DEFAULT_BATCH),
          help_heading = EXECUTION)]
    pub(super) batch: BatchSize,

    /// Total number of threads, up to 1024 [default: one per core].
    #[arg(long, value_name = "N", value_parser = thread_count, help_heading = EXECUTION)]
    threads: Option<usize>,

    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,

    #[command(flatten, next_help_heading = "Signature")]
    pub(super) signature: RequiredSignature,

    #[command(flatten, next_help_heading = "Watching a folder")]
    pub(super) watch: WatchArgs,

    #[cfg(feature = "slide")]
    #[command(flatten)]
    pub(super) slide: Given<SlideArgs>,
}

/// The flags of a watched folder.
#[derive(clap::Args)]
pub(super) struct WatchArgs {
    /// Folder to watch for tiles, with the folders in it. Needs --out with a name that ends with .csv or .jsonl.
    #[arg(long, value_name = "FOLDER", requires = "out", conflicts_with_all = ["inputs", "null", "restart", "shard"])]
    pub(super) watch: Option<PathBuf>,

    /// Time between two searches of the folder.
    #[arg(long, value_name = "TIME", requires = "watch", value_parser = time_span, default_value = "5s")]
    pub(super) interval: Duration,

    /// Time that a file must not have changed for before it is scored.
    #[arg(long, value_name = "TIME", requires = "watch", value_parser = time_span, default_value = "10s")]
    pub(super) settle: Duration,

    /// Time that an unreadable file must not have changed for before it gets a row without a score.
    #[arg(long, value_name = "TIME", requires = "watch", value_parser = time_span, default_value = "60s")]
    pub(super) patience: Duration,

    /// Status file for `kiln status`; it replaces only an earlier one [default: the name of --out and .status.json].
    #[arg(long, value_name = "FILE", requires = "watch")]
    pub(super) status: Option<PathBuf>,
}

/// The flags for whole slides.
#[cfg(feature = "slide")]
#[derive(clap::Args)]
#[command(next_help_heading = "Slides")]
pub(super) struct SlideArgs {
    /// Take the inputs for slides, whatever their names [default: by ending; large tiled TIFF files are slides].
    #[arg(long)]
    pub(super) slides: bool,

    /// Resolution of the tiles in µm/px, for a bundle that does not state it.
    #[arg(long, value_name = "UM", value_parser = crate::verbs::slide::resolution)]
    pub(super) mpp: Option<f64>,

    #[command(flatten)]
    pub(super) grid: GridArgs,

    #[command(flatten)]
    pub(super) library: LibraryArgs,

    #[command(flatten)]
    pub(super) pictures: Given<Pictures>,
}

impl Args {
    /// The files that are read beside tiles and bundle, each with its kind for errors.
    pub(super) fn more_inputs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let provider = self.provider.file().map(|file| ("the provider list", file));
        let signature = self.signature.files().map(|file| ("the key or signature", file));
        provider.into_iter().chain(signature).chain(self.endpoint.ca().map(|file| ("the certificates", file)))
    }

    /// Threads in all.
    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(cores)
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
        if text == "auto" {
            return Ok(Self::Auto);
        }
        batch_size(text).map(Self::Tiles).map_err(|reason| format!("{reason}, or `auto`"))
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
