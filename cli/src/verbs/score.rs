//! `kiln score`: files to scores.

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context as _;
use kiln_runtime::score::{self, Format, Listed, PipelineOptions, RowWriter, ScoreRow, Summary};
use kiln_runtime::{Bundle, DecisionRule, Error, ProviderKind, Providers, Session, SessionOptions, library};
use kiln_tile::{Decoder, SizePolicy};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Output;

/// Score tiles: files, folders, patterns and lists.
///
/// Rows come in the order of the inputs (natural order inside a folder), with the columns path, score, label, status and
/// one p_CLASS for each class. A higher score is more anomalous. A tile that cannot be scored keeps its row: `status`
/// says why, and the exit status is 2 once the rest is scored.
///
/// With --out the file appears whole at the end or not at all; without it rows go to stdout as they come.
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

    /// Where to run: cpu, cuda, tensorrt, openvino. A list such as `cuda,cpu` allows a fallback.
    #[arg(long, value_name = "LIST", default_value = "cpu")]
    provider: Providers,

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

    /// Tiles in a batch, where the graph does not fix it.
    #[arg(long, value_name = "N", default_value_t = PipelineOptions::DEFAULT_BATCH, value_parser = at_least_one)]
    batch: usize,

    /// Threads in all. Without it, one for each core.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<usize>,

    /// What to do with images that are not 256x256: resize, center_crop, error. Without it, what the bundle says.
    #[arg(long, value_name = "POLICY")]
    size_policy: Option<SizePolicy>,
}

/// Sessions side by side on a CPU, at most.
const MAX_STREAMS: usize = 4;

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
    skipped: Vec<Skipped<'a>>,
    nodes: &'a std::collections::BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    provider: &'a str,
    reason: &'a str,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let tiles = score::list(&args.inputs, &mut BufReader::new(io::stdin()))?;
    let bundle = Bundle::open(&args.bundle)?;
    let rule = DecisionRule::of(&bundle.manifest);
    let format = args.format.unwrap_or_else(|| default_format(&args, out));
    let mut sessions = open(&args, &bundle, tiles.len(), out)?;
    // After the session: where nothing can be scored, stdout gets no header that promises rows.
    let writer = match &args.out {
        Some(file) => RowWriter::to_file(file, format, rule.classes())?,
        None => RowWriter::to_stream(Box::new(io::stdout()), format, rule.classes())?,
    };
    for (provider, reason) in sessions.first().into_iter().flat_map(Session::skipped) {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    match score_all(&mut sessions, &rule, &tiles, &args, &bundle, writer, out) {
        Ok(summary) => {
            if let Some(session) = sessions.first() {
                report(&args, format, (session, precision(&args, &bundle)), &summary, out)?;
            }
            Ok(if summary.failed == 0 { Exit::Done } else { Exit::Input })
        }
        // A reader that went away (`kiln score … | head`) has all that it wanted.
        Err(Error::Write { source, .. }) if args.out.is_none() && source.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Exit::Done)
        }
        Err(error) => Err(error.into()),
    }
}

fn score_all(
    sessions: &mut [Session],
    rule: &DecisionRule,
    tiles: &[Listed],
    args: &Args,
    bundle: &Bundle,
    mut writer: RowWriter,
    out: &Output,
) -> kiln_runtime::Result<Summary> {
    let policy = args.size_policy.unwrap_or(bundle.manifest.tile.size_policy);
    let options = PipelineOptions { batch: args.batch, workers: threads(args), decoder: Decoder::new(policy) };
    let bar = (tiles.len() > MAX_NAMED).then(|| out.progress(Some(tiles.len() as u64), "score"));
    let mut bad = 0;
    let summary = score::run_streams(sessions, rule, tiles, &options, &mut |row| {
        if !row.is_ok() {
            bad += 1;
            name_bad_tile(&row, bad, out);
        }
        if let Some(bar) = &bar {
            bar.inc(1);
        }
        writer.write(&row)
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let summary = summary?;
    writer.finish()?;
    Ok(summary)
}

fn name_bad_tile(row: &ScoreRow, bad: usize, out: &Output) {
    match bad {
        ..=MAX_NAMED => out.note(format_args!("{}: {}", row.path, row.status)),
        n if n == MAX_NAMED + 1 => out.note("more tiles have no score; every one is in the rows, with its status"),
        _ => {}
    }
}

/// Sessions that score side by side: on the CPU one for each thread, up to a few; elsewhere one, which has the device.
fn open(args: &Args, bundle: &Bundle, tiles: usize, out: &Output) -> anyhow::Result<Vec<Session>> {
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &args.provider)?)?;
    let needed: &[&str] = if bundle.manifest.classes.is_empty() { &["score"] } else { &["score", "probabilities"] };
    let model = bundle.model_path(precision(args, bundle))?;
    let streams = streams(args, tiles);
    let options = SessionOptions {
        providers: args.provider.clone(),
        threads: Some((threads(args) / streams).max(1)),
        // Threads that spin between operators take the cores from those that decode: a quarter slower on two cores.
        spinning: false,
        ..SessionOptions::default()
    };
    let session = || -> anyhow::Result<Session> {
        let mut session = Session::open(runtime, &model, &options)?;
        session.select_outputs(needed)?;
        Ok(session)
    };
    (0..streams).map(|_| session()).collect()
}

/// Sessions each hold the weights, so there are no more than pay; and none that would have nothing to do.
fn streams(args: &Args, tiles: usize) -> usize {
    let only_cpu = args.provider.kinds().iter().all(|kind| *kind == ProviderKind::Cpu);
    if only_cpu { threads(args).min(MAX_STREAMS).min(tiles.div_ceil(args.batch)).max(1) } else { 1 }
}

/// The graph to run: what the user said, or the fastest for the first provider.
fn precision<'a>(args: &'a Args, bundle: &'a Bundle) -> &'a str {
    let first = args.provider.kinds().first().copied().unwrap_or(ProviderKind::Cpu);
    args.precision.as_deref().unwrap_or_else(|| bundle.precision_for(first))
}

fn report(
    args: &Args,
    format: Format,
    (session, precision): (&Session, &str),
    summary: &Summary,
    out: &Output,
) -> anyhow::Result<()> {
    let seconds = Duration::from_secs_f64(summary.seconds);
    let nodes: Vec<_> =
        session.nodes().iter().map(|(provider, nodes)| format!("{nodes} nodes on {provider}")).collect();
    out.note(format_args!(
        "{} of {} tiles scored in {seconds:.2?}, {:.1} tiles/s, {precision}, {}",
        summary.scored,
        summary.tiles,
        summary.tiles_per_s,
        nodes.join(", ")
    ));
    let Some(file) = &args.out else { return Ok(()) };
    if out.json {
        let skipped = session.skipped().iter().map(|(provider, reason)| Skipped { provider, reason }).collect();
        let (provider, nodes) = (session.provider(), session.nodes());
        out.document(&Report { out: file, format: format.to_string(), summary, provider, precision, skipped, nodes })
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
