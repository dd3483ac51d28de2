//! `kiln score`: files to scores.

mod endpoint;
mod sink;

use std::fmt;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context as _, bail};
use kiln_files::FileDigest;
use kiln_files::text::escaped;
use kiln_runtime::score::{
    self, Format, Layout, Listed, PartRecord, PipelineOptions, ResumableFile, ScoreRow, Separator, Summary,
};
use kiln_runtime::{Bundle, DecisionRule, Error, Providers, Scorer, Session, library};
use kiln_tile::{Decoder, SizePolicy, TILE_BYTES, Tile};
use serde::Serialize;

use self::sink::Sink;
use super::destination::Destination;
use super::endpoint::EndpointArgs;
use super::provider::ProviderArgs;
use super::shard::{Part, ShardArgs};
use crate::exit::Exit;
use crate::output::Output;

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
    bundle: PathBuf,

    /// Files, folders (searched through), patterns, @FILE for a list of files, or - for a list on stdin.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,

    /// Names in lists (@FILE and -) end with NUL, as `find -print0` writes them, and not with a line break.
    #[arg(long)]
    null: bool,

    #[command(flatten)]
    provider: ProviderArgs,

    /// Which of the bundle's graphs to run: fp32, fp16, int8. Without it, the fastest one that the bundle offers for the
    /// provider; what is offered beside fp32 has held its gate.
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,

    /// File to write; replaces what is there, but never an input. Without it, or with -, rows go to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// csv, jsonl or parquet. Without it: by the name of --out, and on stdout csv, or jsonl under --json.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Tiles in a batch, where the graph does not fix it: a number, or `auto` for what a short trial finds fastest.
    #[arg(long, value_name = "N|auto", default_value_t = BatchSize::Tiles(PipelineOptions::DEFAULT_BATCH))]
    batch: BatchSize,

    /// Threads in all. Without it, one for each core.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<usize>,

    /// What to do with images that are not 256x256: resize, center_crop, error. Without it, what the bundle says.
    #[arg(long, value_name = "POLICY")]
    size_policy: Option<SizePolicy>,

    /// Score every tile again, even if an earlier run of the same was stopped and left its progress beside --out.
    #[arg(long, requires = "out")]
    restart: bool,

    #[command(flatten)]
    endpoint: EndpointArgs,

    #[command(flatten)]
    shard: ShardArgs,
}

/// `--batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BatchSize {
    /// So many tiles.
    Tiles(usize),
    /// What a short trial finds.
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

/// The `--out` that means standard output.
pub(super) const STDOUT: &str = "-";

/// How long each batch size is tried.
const PROBE: Duration = Duration::from_millis(300);

/// Tiles that a trial runs on.
const PROBED_TILES: usize = 8;

/// How many bad tiles are named on stderr; all of them are in the rows.
const MAX_NAMED: usize = 20;

/// What `--json` shows beside a result file.
#[derive(Serialize)]
struct Report<'a> {
    out: &'a PathBuf,
    format: String,
    #[serde(flatten)]
    summary: &'a Summary,
    provider: &'a str,
    precision: &'a str,
    batch: usize,
    skipped: Vec<Skipped<'a>>,
    nodes: &'a std::collections::BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    provider: &'a str,
    reason: &'a str,
}

pub(crate) fn run(mut args: Args, out: &Output) -> anyhow::Result<Exit> {
    if args.out.as_deref().is_some_and(|file| file.as_os_str() == STDOUT) {
        if args.shard.is_named() || args.restart {
            bail!("--out - is standard output; --shard and --restart need a file");
        }
        args.out = None;
    }
    let format = format(&args, out)?;
    let separator = if args.null { Separator::Null } else { Separator::Line };
    let listing = score::search(&args.inputs, &mut BufReader::new(io::stdin()), separator)?;
    let mut tiles = listing.tiles;
    refuse_inputs(&args, &tiles)?;
    if listing.left_out > 0 {
        out.note(format_args!(
            "{} hidden or system files and folders are left out; name a file to score it",
            listing.left_out
        ));
    }
    let part = args.shard.take(&mut tiles, out)?;
    let bundle = Bundle::open(&args.bundle)?;
    let rule = DecisionRule::of(&bundle.manifest);
    let work = |precision| Work { args: &args, bundle: &bundle, rule: &rule, tiles: &tiles, precision, format };
    if args.endpoint.is_named() {
        return endpoint::run(&work(args.precision.as_deref().unwrap_or("fp32")), part, out);
    }
    let providers = args.provider.providers()?;
    let work = work(args.precision.as_deref().unwrap_or_else(|| bundle.precision_for(providers.first())));
    let mut sessions = work.open(&providers, out)?;
    let batch = work.batch(&mut sessions, out)?;
    // After the session: where nothing can be scored, stdout gets no header that promises rows.
    let engine = engine(&sessions, &providers);
    let sink = Sink::open(&work, &engine.each_ref().map(String::as_str), out)?;
    for (provider, reason) in sessions.first().into_iter().flat_map(Session::skipped) {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    let scored = work.score(&mut sessions, batch, sink, out)?;
    let exit = scored.exit();
    if let Scored::All(summary, digests) = scored {
        work.record(part, digests)?;
        if let Some(session) = sessions.first() {
            report(&work, session, batch, &summary, out)?;
        }
    }
    Ok(exit)
}

/// How far scoring came.
enum Scored {
    /// Every tile has its row; where rows go to a file, with the digest of each tile's bytes.
    All(Summary, Vec<Option<FileDigest>>),
    /// The reader of stdout went away (`kiln score … | head`): it has all that it wanted, and scoring ends there.
    ReaderLeft {
        /// Tiles without a score before that.
        failed: usize,
    },
}

impl Scored {
    /// Tiles without a score are an error of the input, whoever reads the rows.
    fn exit(&self) -> Exit {
        let (Self::All(Summary { failed, .. }, _) | Self::ReaderLeft { failed }) = self;
        if *failed == 0 { Exit::Done } else { Exit::Input }
    }

    fn reader_left(error: &Error, to_stdout: bool) -> bool {
        to_stdout && matches!(error, Error::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// All of a session that rows depend on: what was asked for with its options, the provider that runs, the library.
fn engine(sessions: &[Session], providers: &Providers) -> [String; 3] {
    let session = sessions.first();
    [
        format!("{providers:?}"),
        session.map(|session| session.provider().to_owned()).unwrap_or_default(),
        session.map(Scorer::version).unwrap_or_default(),
    ]
}

/// The format of the rows, before any work: what cannot be written is refused at once.
fn format(args: &Args, out: &Output) -> kiln_runtime::Result<Format> {
    match (&args.out, args.format) {
        (Some(file), asked) => Format::for_file(file, asked),
        (None, Some(format)) => Ok(format),
        (None, None) => Ok(if out.json { Format::Jsonl } else { Format::Csv }),
    }
}

/// Refuses to write over a tile, a list or the bundle. The files beside the result count too.
fn refuse_inputs(args: &Args, tiles: &[Listed]) -> kiln_runtime::Result<()> {
    let Some(file) = &args.out else { return Ok(()) };
    let mut files = vec![file.clone(), ResumableFile::progress_of(file)];
    if args.shard.is_named() {
        files.push(PartRecord::path_of(file));
    }
    for file in &files {
        let target = Destination::new("--out", file);
        target.is_not_in("the bundle", &args.bundle)?;
        for list in args.inputs.iter().filter_map(|input| score::list_file(input)) {
            target.is_not("the list", &list)?;
        }
        // Where nothing is there, nothing is overwritten: a long list is not gone through.
        if target.exists() {
            tiles.iter().try_for_each(|tile| target.is_not("the tile", &tile.path))?;
        }
    }
    Ok(())
}

/// What is to be scored, with what.
struct Work<'a> {
    args: &'a Args,
    bundle: &'a Bundle,
    rule: &'a DecisionRule,
    tiles: &'a [Listed],
    precision: &'a str,
    format: Format,
}

impl Work<'_> {
    fn open(&self, providers: &Providers, out: &Output) -> anyhow::Result<Vec<Session>> {
        let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), providers)?)?;
        let model = self.bundle.model_path(self.precision)?;
        let batches = match self.args.batch {
            BatchSize::Tiles(batch) => vec![batch],
            BatchSize::Auto => score::PROBED_BATCHES.to_vec(),
        };
        let options = self.args.provider.session(self.bundle, self.precision, &batches)?;
        let smallest = batches.iter().copied().min().unwrap_or(1);
        let layout = Layout::of(providers, threads(self.args), self.tiles.len().div_ceil(smallest));
        Ok(score::open_sessions(runtime, &model, &options, layout, self.rule)?)
    }

    /// The batch size to score with.
    fn batch<S: Scorer + Send>(&self, scorers: &mut [S], out: &Output) -> anyhow::Result<usize> {
        if let BatchSize::Tiles(batch) = self.args.batch {
            return Ok(batch);
        }
        let decoder = self.decoder();
        let decoded = self.tiles.iter().filter_map(|tile| decoder.decode_file(&tile.path).ok());
        let mut some: Vec<Tile> = decoded.take(PROBED_TILES).collect();
        if some.is_empty() {
            some.push(Tile::from_pixels(vec![127; TILE_BYTES]).context("a grey tile")?);
        }
        // No batch is larger than what there is to score.
        let sizes: Vec<_> =
            score::PROBED_BATCHES.into_iter().filter(|size| *size == 1 || *size <= self.tiles.len()).collect();
        let probe = score::probe(scorers, &some, &sizes, PROBE)?;
        let tried: Vec<_> = probe.tried.iter().map(|(size, speed)| format!("{size}: {speed:.0}")).collect();
        out.note(format_args!("--batch auto: {} (tiles/s tried: {})", probe.batch, tried.join(", ")));
        Ok(probe.batch)
    }

    fn decoder(&self) -> Decoder {
        let spec = &self.bundle.manifest.tile;
        Decoder { policy: self.args.size_policy.unwrap_or(spec.size_policy), ..spec.decoder() }
    }

    /// The size policy by name.
    fn policy(&self) -> String {
        self.decoder().policy.to_string()
    }

    /// Leaves the record of a part beside it.
    fn record(&self, part: Part, digests: Vec<Option<FileDigest>>) -> kiln_runtime::Result<()> {
        part.record(self.args.out.as_ref(), self.bundle, self.rule, (self.precision, &self.policy()), digests)
    }

    /// Scores what has no row yet; the summary is of all.
    fn score<S: Scorer + Send>(
        &self,
        scorers: &mut [S],
        batch: usize,
        mut sink: Sink,
        out: &Output,
    ) -> kiln_runtime::Result<Scored> {
        let options = PipelineOptions { batch, workers: threads(self.args), decoder: self.decoder() };
        let left = sink.todo(self.tiles);
        let kept = self.tiles.len() - left.len();
        let bar = (left.len() > MAX_NAMED).then(|| out.progress(Some(left.len() as u64), "score"));
        let mut bad = 0;
        let summary = score::run_streams(scorers, self.rule, &left, &options, &mut |row| {
            if !row.is_ok() {
                bad += 1;
                name_bad_tile(&row, bad, out);
            }
            if let Some(bar) = &bar {
                bar.inc(1);
            }
            sink.write(&row)
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let (mut summary, digests) = match summary.and_then(|summary| sink.finish().map(|digests| (summary, digests))) {
            Err(error) if Scored::reader_left(&error, self.args.out.is_none()) => {
                return Ok(Scored::ReaderLeft { failed: bad });
            }
            scored => scored?,
        };
        // Rows that were kept have a score.
        summary.tiles += kept;
        summary.scored += kept;
        Ok(Scored::All(summary, digests))
    }
}

fn name_bad_tile(row: &ScoreRow, bad: usize, out: &Output) {
    match bad {
        ..=MAX_NAMED => out.note(format_args!("{}: {}", escaped(&row.path), row.status)),
        n if n == MAX_NAMED + 1 => out.note("more tiles have no score; every one is in the rows, with its status"),
        _ => {}
    }
}

fn report(work: &Work<'_>, session: &Session, batch: usize, summary: &Summary, out: &Output) -> anyhow::Result<()> {
    let seconds = Duration::from_secs_f64(summary.seconds);
    let nodes: Vec<_> =
        session.nodes().iter().map(|(provider, nodes)| format!("{nodes} nodes on {provider}")).collect();
    out.note(format_args!(
        "{} of {} tiles scored in {seconds:.2?}, {:.1} tiles/s, {}, {}",
        summary.scored,
        summary.tiles,
        summary.tiles_per_s,
        work.precision,
        nodes.join(", ")
    ));
    let Some(file) = &work.args.out else { return Ok(()) };
    if out.json {
        let skipped = session.skipped().iter().map(|(provider, reason)| Skipped { provider, reason }).collect();
        let format = work.format.to_string();
        let (provider, nodes, precision) = (session.provider(), session.nodes(), work.precision);
        out.document(&Report { out: file, format, summary, provider, precision, batch, skipped, nodes })
            .context("printing the summary")?;
    } else {
        out.line(file.display());
    }
    Ok(())
}

fn threads(args: &Args) -> usize {
    args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}

/// A count in an argument.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number of at least 1 is expected".to_owned()),
        Ok(number) => Ok(number),
    }
}
