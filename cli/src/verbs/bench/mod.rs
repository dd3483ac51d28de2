//! `kiln bench`: latency and throughput of a bundle.

#[cfg(feature = "endpoint")]
mod endpoint;
mod matrix;
mod show;

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context as _;
use kiln_files::publish::Staged;
use kiln_runtime::bench::{self, Comparison, Opened, Plan, Report, Scenario, Verdict, Window};
use kiln_runtime::score::MAX_STREAMS;
use kiln_runtime::{Bundle, ProviderKind, Providers, Runtime, Session, SessionOptions, golden, library};

use super::destination::Destination;
use super::endpoint::EndpointArgs;
use super::number::at_least_one;
use super::provider::ProviderOptionArgs;
use crate::exit::Exit;
use crate::output::Output;

/// Measure latency and throughput of a bundle.
///
/// The input is the bundle's own golden tiles. Every scenario is measured at every batch size, number of threads,
/// precision and provider, after a warm-up, over a window of minimum length and count. The verdict is INVALID, and the
/// exit status 1, if a provider fell back, an engine was built inside the window, the run was too short or not steady, a
/// bound did not hold, or other processes shared the cores; the reasons are printed with it.
///
/// Scenarios are those of MLPerf Inference: single_stream (one query after another; p90), multi_stream (8 tiles a query;
/// p99), server (queries at random times; the most a second with p99 under --bound), offline (all tiles at once, decoding
/// included; tiles a second).
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln bench bundle/\n  \
    kiln bench bundle/ --provider cpu --provider openvino --precision fp32,int8 --batch 1,8 --out latency/\n  \
    kiln bench bundle/ --scenario single_stream,offline --baseline latency/bench.json\n  \
    kiln --json bench bundle/ --scenario server --bound 50 --threads 2")]
pub(crate) struct Args {
    /// The bundle to measure.
    bundle: PathBuf,

    /// Where to run: cpu, cuda, tensorrt, openvino, or any other that ONNX Runtime has; @FILE is a YAML list with options.
    /// Repeat it to measure several, each in a process and with a library of its own. A list such as `cuda,cpu` allows a
    /// fallback, which is not VALID.
    #[arg(long, value_name = "LIST|@FILE", default_value = "cpu")]
    provider: Vec<String>,

    #[command(flatten)]
    options: ProviderOptionArgs,

    /// Which of the bundle's graphs to run, one after the other: fp32, fp16, int8.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<String>,

    /// How queries arrive: single_stream, multi_stream, server, offline.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "single_stream")]
    scenario: Vec<Scenario>,

    /// Batch sizes, where the graph does not fix it.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 8], value_parser = at_least_one)]
    batch: Vec<usize>,

    /// Numbers of threads in all. Without it, one for each core.
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = at_least_one, conflicts_with = "endpoint")]
    threads: Vec<usize>,

    /// Queries a second of the server scenario. Without it, the most that hold --bound are searched for.
    #[arg(long, value_name = "N")]
    qps: Option<f64>,

    /// Bound of the server scenario's 99th percentile, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = Plan::DEFAULT_BOUND_MS)]
    bound: f64,

    /// Shortest window of a measurement, in seconds.
    #[arg(long, value_name = "S", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,

    /// Warm-up before each measurement, in seconds.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    warm_up: f64,

    /// Fewest queries of a measurement. Without it, what the scenario needs: 200, 662 for a 99th percentile, 20 offline.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    queries: Option<usize>,

    /// Folder to write bench.json, bench.md and bench.png into; replaces what is there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// An earlier bench.json of this machine to compare with; exits with 1 if something is slower beyond doubt.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Open the sessions and measure nothing. Not for people.
    #[arg(long, hide = true)]
    open_only: bool,

    /// How much slower than the baseline is allowed, in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, requires = "baseline")]
    allow: f64,

    #[command(flatten)]
    endpoint: EndpointArgs,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let bundle = Bundle::open(&args.bundle)?;
    if let Some(folder) = &args.out {
        may_replace(folder, &args)?;
    }
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let report = match args.provider.as_slice() {
        #[cfg(feature = "endpoint")]
        _ if args.endpoint.is_named() => endpoint::measure(&args, &bundle, out)?,
        [provider] if args.open_only => return open_only(&args, &bundle, provider, out),
        [provider] => measure(&args, &bundle, provider, out)?,
        several => match matrix::measure(&args, several, out)? {
            Ok(report) => report,
            Err(exit) => return Ok(exit),
        },
    };
    let comparisons = match &baseline {
        Some(before) => bench::compare(&report, before, args.allow / 100.0)?,
        None => Vec::new(),
    };
    show::show(&report, &comparisons, out)?;
    let slower = comparisons.iter().any(Comparison::is_regression);
    let exit = if report.verdict == Verdict::Invalid || slower { Exit::CheckFailed } else { Exit::Done };
    exit.after_report(args.out.iter().try_for_each(|folder| write(folder, &report, &comparisons)), out)
}

/// One provider list, in this process.
fn measure(args: &Args, bundle: &Bundle, provider: &str, out: &Output) -> anyhow::Result<Report> {
    let providers = args.options.providers(provider)?;
    let tiles = golden::read(&bundle.golden_path()?)?.tiles;
    let named = args.precision.iter().map(|precision| Ok((precision.as_str(), bundle.model_path(precision)?)));
    let graphs: Vec<_> = named.collect::<kiln_runtime::Result<_>>()?;
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &providers)?)?;
    let mut whole: Option<Report> = None;
    for (precision, model) in &graphs {
        let options = args.options.session(providers.clone(), bundle, precision, &args.batch)?;
        let mut open = |threads| open(runtime, model, &options, threads);
        let mut say = |step: &str| out.note(format_args!("measuring {step}"));
        let report = bench::measure(&mut open, &tiles, &plan(args, bundle, &providers, precision), &mut say)?;
        whole = Some(match whole {
            Some(before) => before.and(report),
            None => report,
        });
    }
    whole.context("--precision names no graph")
}

/// Opens what would be measured, so that a provider that cannot run is known before minutes are spent on others.
fn open_only(args: &Args, bundle: &Bundle, provider: &str, out: &Output) -> anyhow::Result<Exit> {
    let providers = args.options.providers(provider)?;
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &providers)?)?;
    for precision in &args.precision {
        let options = args.options.session(providers.clone(), bundle, precision, &args.batch)?;
        Session::open(runtime, &bundle.model_path(precision)?, &options)?;
    }
    Ok(Exit::Done)
}

fn plan(args: &Args, bundle: &Bundle, providers: &Providers, precision: &str) -> Plan {
    let on_cpu = providers.kinds().all(|kind| kind == ProviderKind::Cpu);
    let plan = plan_of(args, precision, if on_cpu { MAX_STREAMS } else { 1 });
    Plan { stain: bundle.manifest.tile.before_graph(), ..plan }
}

fn plan_of(args: &Args, precision: &str, offline_scorers: usize) -> Plan {
    let default = Window::default();
    let min_duration = Duration::from_secs_f64(args.seconds);
    let window = Window {
        warm_up: Duration::from_secs_f64(args.warm_up),
        min_duration,
        min_count: args.queries.unwrap_or(default.min_count),
        max_duration: default.max_duration.max(min_duration * 2),
    };
    let cores = available_parallelism().map_or(1, usize::from);
    Plan {
        batches: args.batch.clone(),
        threads: if args.threads.is_empty() { vec![cores] } else { args.threads.clone() },
        scenarios: args.scenario.clone(),
        window,
        precision: precision.to_owned(),
        qps: args.qps,
        bound_ms: args.bound,
        offline_scorers,
        stain: None,
    }
}

/// Opens a session. One that had to build engines is opened again, so that building and loading are told apart.
fn open(
    runtime: &'static Runtime,
    model: &Path,
    options: &SessionOptions,
    threads: usize,
) -> kiln_runtime::Result<Opened<Session>> {
    let options = SessionOptions { threads: Some(threads), ..options.clone() };
    let mut scorer = Session::open(runtime, model, &options)?;
    let mut engine_build_ms = None;
    if scorer.engines_built() > 0 {
        engine_build_ms = Some(scorer.load_ms());
        drop(scorer);
        scorer = Session::open(runtime, model, &options)?;
    }
    Ok(Opened { load_ms: scorer.load_ms(), engine_build_ms, skipped: scorer.skipped().to_vec(), scorer })
}

fn read_baseline(file: &Path) -> anyhow::Result<Report> {
    let text =
        std::fs::read_to_string(file).map_err(|source| kiln_runtime::Error::Read { path: file.to_owned(), source })?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report of kiln bench --json", file.display()))
}

/// The files of a report.
const FILES: [&str; 3] = ["bench.json", "bench.md", "bench.png"];

/// Refuses, before minutes of measuring, a folder that is no earlier report and nothing else: it is replaced whole.
fn may_replace(folder: &Path, args: &Args) -> anyhow::Result<()> {
    let target = Destination::new("--out", folder);
    target.is_not_in("the bundle", &args.bundle)?;
    target.does_not_hold("the bundle", &args.bundle)?;
    if let Some(baseline) = &args.baseline {
        target.does_not_hold("the baseline", baseline)?;
    }
    if !target.exists() {
        return Ok(());
    }
    let cannot = || format!("cannot replace {}", folder.display());
    let mut is_report = false;
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let name = entry.with_context(cannot)?.file_name();
        let is_ours = FILES.iter().any(|file| name == *file);
        anyhow::ensure!(
            is_ours,
            "--out {}: it holds {}, which is no file of a report, so it is not replaced; name another folder",
            folder.display(),
            name.display()
        );
        is_report = true;
    }
    anyhow::ensure!(
        is_report,
        "--out {}: it is there and holds no bench.json, so it is not replaced; name another folder",
        folder.display()
    );
    Ok(())
}

fn write(folder: &Path, report: &Report, comparisons: &[Comparison]) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(report)?;
    let (text, image) = (bench::markdown(report, comparisons), bench::picture(report)?);
    let publish = || -> std::io::Result<()> {
        let staged = Staged::beside(folder)?;
        let [json_file, markdown, picture] = FILES.map(|name| staged.path().join(name));
        std::fs::write(json_file, json)?;
        std::fs::write(markdown, text)?;
        std::fs::write(picture, image)?;
        staged.publish(true)
    };
    Ok(publish().map_err(|source| kiln_runtime::Error::Write { path: folder.to_owned(), source })?)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds between 0 and 3600 are expected".to_owned()),
    }
}
