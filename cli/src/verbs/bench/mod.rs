//! `kiln bench`: measures latency and throughput of a bundle.

#[cfg(feature = "endpoint")]
mod endpoint;
mod matrix;
mod show;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use kiln_files::publish::{Staged, can_be_replaced};
use kiln_runtime::bench::{self, Comparison, Machine, MeasuredModel, Opened, Plan, Report, Scenario, Verdict, Window};
use kiln_runtime::score::MAX_STREAMS;
use kiln_runtime::{Bundle, ProviderKind, Providers, Runtime, Session, SessionOptions, golden, library};

use super::endpoint::EndpointArgs;
use super::number::{above_zero, at_least_one, batch_size, cores, not_negative, thread_count};
use super::provider::{EXECUTION, ProviderOptionArgs};
use crate::destination::{Destination, first_other};
use crate::exit::Exit;
use crate::output::Output;

/// Heading of the flags that define a measurement.
const MEASUREMENT: &str = "Measurement";

/// Measure latency and throughput of a bundle, with a verdict on the measurement.
///
/// The input is the bundle's golden tiles. Every scenario is measured for every batch size, number of threads, precision and
/// provider: a warm-up, then a window of a minimum duration and number of queries. The verdict is VALID, or INVALID with
/// the reasons and exit status 1: a provider fell back, a TensorRT engine was built inside the window, the window was too
/// short or not steady, a bound was exceeded, or other processes shared the cores.
///
/// The scenarios are those of MLPerf Inference: single_stream (one query after another; p90 latency), multi_stream (8 tiles
/// per query; p99 latency), server (queries at random times; the most queries per second with p99 within --bound), offline
/// (all tiles at once, decoding included; tiles per second).
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln bench bundle/\n  \
    kiln bench bundle/ --provider cpu --provider openvino --precision fp32,int8 --out latency/\n  \
    kiln bench bundle/ --scenario single_stream,offline --baseline latency/bench.json\n  \
    kiln --json bench bundle/ --scenario server --bound 50 --threads 2")]
pub(crate) struct Args {
    /// Bundle to measure.
    bundle: PathBuf,

    /// Folder to write bench.json, bench.md and bench.png into; an earlier report in it is replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Earlier bench.json of this model and machine to compare with; the exit status is 1 if one is significantly slower.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Slowdown against the baseline that is allowed, in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = not_negative, requires = "baseline")]
    allow: f64,

    /// Execution provider to run on: cpu, cuda, tensorrt, openvino, or another that ONNX Runtime has. Repeat the flag to
    /// measure several, each in a separate process with its own library. A list such as `cuda,cpu` allows a fallback, which
    /// makes the verdict INVALID; @FILE is a YAML list with options.
    #[arg(long, value_name = "LIST|@FILE", default_value = "cpu", help_heading = EXECUTION)]
    provider: Vec<String>,

    #[command(flatten, next_help_heading = EXECUTION)]
    options: ProviderOptionArgs,

    /// Precisions to run, one after the other: fp32, fp16, int8.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32", help_heading = EXECUTION)]
    precision: Vec<String>,

    /// Batch sizes, unless the graph has a fixed one.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 8], value_parser = batch_size,
          help_heading = EXECUTION)]
    batch: Vec<usize>,

    /// Total numbers of threads, up to 1024 each [default: one per core].
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = thread_count, conflicts_with = "endpoint",
          help_heading = EXECUTION)]
    threads: Vec<usize>,

    /// Arrival of the queries: single_stream, multi_stream, server, offline.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "single_stream", help_heading = MEASUREMENT)]
    scenario: Vec<Scenario>,

    /// Queries per second in the server scenario [default: the most that keep p99 within --bound].
    #[arg(long, value_name = "N", value_parser = rate, help_heading = MEASUREMENT)]
    qps: Option<f64>,

    /// Bound on the p99 latency in the server scenario, in milliseconds.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = Plan::DEFAULT_BOUND_MS, value_parser = above_zero,
          help_heading = MEASUREMENT)]
    bound: f64,

    /// Minimum duration of a measurement.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds, help_heading = MEASUREMENT)]
    seconds: f64,

    /// Warm-up before each measurement.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds, help_heading = MEASUREMENT)]
    warm_up: f64,

    /// Minimum number of queries of a measurement [default: 200; 662 for a 99th percentile; 20 offline].
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = MEASUREMENT)]
    queries: Option<usize>,

    /// Open the sessions and measure nothing; for the child processes.
    #[arg(long, hide = true)]
    open_only: bool,

    #[command(flatten)]
    endpoint: EndpointArgs,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    // A comparison finds a measurement by its name, so none is made twice.
    let args = Args { precision: distinct(args.precision), provider: distinct(args.provider), ..args };
    let bundle = Bundle::open(&args.bundle)?;
    if let Some(folder) = &args.out {
        may_replace(folder, &args)?;
    }
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let model = MeasuredModel::from_bundle(&bundle, &args.precision)?;
    if let Some(before) = &baseline {
        bench::may_compare(before, &Machine::here(), Some(&model))?;
        bench::differences(before, &model).iter().for_each(|difference| out.note(difference));
    }
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
    let report = Report { model: Some(model), ..report };
    let comparisons = match &baseline {
        Some(before) => bench::compare(&report, before, args.allow / 100.0)?,
        None => Vec::new(),
    };
    show::show(&report, &comparisons, out)?;
    let slower = comparisons.iter().any(Comparison::is_regression);
    let exit = if report.verdict == Verdict::Invalid || slower { Exit::CheckFailed } else { Exit::Done };
    exit.after_report(args.out.iter().try_for_each(|folder| write(folder, &report, &comparisons)), out)
}

/// Measures one provider list in this process.
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
    whole.context("--precision is empty")
}

/// Opens every session without measuring, so that a provider that cannot run is found before minutes are spent on others.
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
    let cores = cores();
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

/// Opens a session. If it built TensorRT engines, it is opened again, so that building and loading are timed separately.
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
    serde_json::from_str(&text).with_context(|| format!("{} is not a report of `kiln bench`", file.display()))
}

/// The files of a report.
const FILES: [&str; 3] = ["bench.json", "bench.md", "bench.png"];

/// Refuses, before minutes of measuring, a folder that contains anything but an earlier report: it is replaced as a whole.
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
    can_be_replaced(folder).with_context(cannot)?;
    if let Some(name) = first_other(folder, &FILES).with_context(cannot)? {
        anyhow::bail!(
            "--out {}: not replaced, because it contains {}, which is not part of a report\nhint: name another folder",
            folder.display(),
            name.display()
        );
    }
    let is_report = FILES.iter().any(|file| folder.join(file).symlink_metadata().is_ok());
    anyhow::ensure!(
        is_report,
        "--out {}: not replaced, because it exists and contains no report\nhint: name another folder",
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

/// Each name once, in the order of its first place.
fn distinct(names: Vec<String>) -> Vec<String> {
    let is_first = |(at, name): &(usize, &String)| !names[..*at].contains(name);
    names.iter().enumerate().filter(is_first).map(|(_, name)| name.clone()).collect()
}

/// A rate at which queries come within the shortest window that ends by itself, a minute.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.02..=1e6).contains(&rate) => Ok(rate),
        _ => Err("queries per second between 0.02 and 1000000 are expected".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds between 0 and 3600 are expected".to_owned()),
    }
}
