//! `kiln score`: files to scores.

mod endpoint;
mod sink;

use std::fmt;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context as _;
use kiln_runtime::score::{self, Format, Layout, Listed, PipelineOptions, ScoreRow, Summary};
use kiln_runtime::{Bundle, DecisionRule, Engine, Error, Providers, Session, library};
use kiln_tile::{Decoder, SizePolicy, TILE_BYTES, Tile};
use serde::Serialize;

use self::sink::Sink;
use super::endpoint::EndpointArgs;
use super::provider::ProviderArgs;
use super::shard::ShardArgs;
use crate::exit::Exit;
use crate::output::Output;

/// Score tiles: files, folders, patterns and lists.
///
/// Rows come in the order of the inputs (natural order inside a folder), with the columns path, score, label, status and
/// one p_CLASS for each class. A higher score is more anomalous. A tile that cannot be scored keeps its row: `status`
/// says why, and the exit status is 2 once the rest is scored.
///
/// With --out the file appears whole at the end or not at all, and a run that was stopped goes on where it was when it is
/// started again: until the end its rows are in FILE.progress. Without --out rows go to stdout as they come.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln score bundle/ tiles/ --out scores.parquet\n  \
    kiln score bundle/ a.png 'slides/*/tile_*.jpg' @list.txt\n  \
    find tiles -name '*.png' | kiln --json score bundle/ - | jq .score")]
pub(crate) struct Args {
    /// The bundle to score with.
    bundle: PathBuf,

    /// Files, folders (searched through), patterns, @FILE for a list of files, or - for a list on stdin.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    provider: ProviderArgs,

    /// Which of the bundle's graphs to run: fp32, fp16, int8. Without it, the fastest one that the bundle offers for the
    /// provider; what is offered beside fp32 has held its gate.
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,

    /// File to write; replaces what is there. Without it, rows go to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// csv, jsonl or parquet. Without it: by the name of --out, else csv, or jsonl under --json.
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

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let mut tiles = score::list(&args.inputs, &mut BufReader::new(io::stdin()))?;
    let part = args.shard.take(&mut tiles, out)?;
    let bundle = Bundle::open(&args.bundle)?;
    let rule = DecisionRule::of(&bundle.manifest);
    if args.endpoint.is_named() {
        let exit = endpoint::run(&args, &bundle, &rule, &tiles, out)?;
        part.record(args.out.as_ref(), &bundle, &rule, args.precision.as_deref().unwrap_or("fp32"))?;
        return Ok(exit);
    }
    let providers = args.provider.providers()?;
    let precision = args.precision.as_deref().unwrap_or_else(|| bundle.precision_for(providers.first()));
    let work = Work { args: &args, bundle: &bundle, rule: &rule, tiles: &tiles, precision };
    let mut sessions = work.open(&providers, out)?;
    let batch = work.batch(&mut sessions, out)?;
    // After the session: where nothing can be scored, stdout gets no header that promises rows.
    let sink = Sink::open(&work, &providers.to_string(), out)?;
    for (provider, reason) in sessions.first().into_iter().flat_map(Session::skipped) {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    let scored = work.score(&mut sessions, batch, sink, out)?;
    if let Scored::All(summary) = &scored {
        part.record(args.out.as_ref(), &bundle, &rule, precision)?;
        if let Some(session) = sessions.first() {
            report(&work, session, batch, summary, out)?;
        }
    }
    Ok(scored.exit())
}

/// How far scoring came.
enum Scored {
    /// Every tile has its row.
    All(Summary),
    /// The reader of stdout went away (`kiln score … | head`): it has all that it wanted, and scoring ends there.
    ReaderLeft {
        /// Tiles without a score before that.
        failed: usize,
    },
}

impl Scored {
    /// Tiles without a score are an error of the input, whoever reads the rows.
    fn exit(&self) -> Exit {
        let (Self::All(Summary { failed, .. }) | Self::ReaderLeft { failed }) = self;
        if *failed == 0 { Exit::Done } else { Exit::Input }
    }

    fn reader_left(error: &Error, to_stdout: bool) -> bool {
        to_stdout && matches!(error, Error::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// What is to be scored, with what.
struct Work<'a> {
    args: &'a Args,
    bundle: &'a Bundle,
    rule: &'a DecisionRule,
    tiles: &'a [Listed],
    precision: &'a str,
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
    fn batch<E: Engine + Send>(&self, engines: &mut [E], out: &Output) -> anyhow::Result<usize> {
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
        let probe = score::probe(engines, &some, &sizes, PROBE)?;
        let tried: Vec<_> = probe.tried.iter().map(|(size, speed)| format!("{size}: {speed:.0}")).collect();
        out.note(format_args!("--batch auto: {} (tiles/s tried: {})", probe.batch, tried.join(", ")));
        Ok(probe.batch)
    }

    fn decoder(&self) -> Decoder {
        let spec = &self.bundle.manifest.tile;
        Decoder { policy: self.args.size_policy.unwrap_or(spec.size_policy), ..spec.decoder() }
    }

    /// Scores what has no row yet; the summary is of all.
    fn score<E: Engine + Send>(
        &self,
        engines: &mut [E],
        batch: usize,
        mut sink: Sink,
        out: &Output,
    ) -> kiln_runtime::Result<Scored> {
        let options = PipelineOptions { batch, workers: threads(self.args), decoder: self.decoder() };
        let (rows, scored) = sink.before();
        let left = &self.tiles[rows..];
        let bar = (left.len() > MAX_NAMED).then(|| out.progress(Some(left.len() as u64), "score"));
        let mut bad = 0;
        let summary = score::run_streams(engines, self.rule, left, &options, &mut |row| {
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
        let mut summary = match summary.and_then(|summary| sink.finish().map(|()| summary)) {
            Err(error) if Scored::reader_left(&error, self.args.out.is_none()) => {
                return Ok(Scored::ReaderLeft { failed: bad });
            }
            summary => summary?,
        };
        summary.tiles += rows;
        summary.scored += scored;
        summary.failed += rows - scored;
        Ok(Scored::All(summary))
    }
}

fn name_bad_tile(row: &ScoreRow, bad: usize, out: &Output) {
    match bad {
        ..=MAX_NAMED => out.note(format_args!("{}: {}", row.path, row.status)),
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
        let format = work.args.format.unwrap_or_else(|| default_format(work.args, out)).to_string();
        let (provider, nodes, precision) = (session.provider(), session.nodes(), work.precision);
        out.document(&Report { out: file, format, summary, provider, precision, batch, skipped, nodes })
            .context("printing the summary")?;
    } else {
        out.line(file.display());
    }
    Ok(())
}

fn default_format(args: &Args, out: &Output) -> Format {
    let by_name = args.out.as_deref().and_then(Format::of_path);
    by_name.unwrap_or(if out.json && args.out.is_none() { Format::Jsonl } else { Format::Csv })
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
