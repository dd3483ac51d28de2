//! `kiln bench`: latency and throughput of a bundle.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use kiln_runtime::bench::{self, Measurement, Opened, Plan, Report, Scenario, Verdict, Window};
use kiln_runtime::{Bundle, Providers, Runtime, Session, SessionOptions, golden, library};

use super::score::at_least_one;
use crate::exit::Exit;
use crate::output::Output;

/// Measure latency and throughput of a bundle.
///
/// The input is the bundle's own golden tiles. Every batch size is measured at every number of threads, after a warm-up,
/// over a window of minimum length and count. The verdict is INVALID, and the exit status 1, if a provider fell back, the
/// run was too short or not steady, or other processes shared the cores; the reasons are printed with it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln bench bundle/\n  \
    kiln --json bench bundle/ --provider openvino --batch 1,8 --threads 1,2 --seconds 10")]
pub(crate) struct Args {
    /// The bundle to measure.
    bundle: PathBuf,

    /// Where to run: cpu, cuda, tensorrt, openvino. A list such as `cuda,cpu` allows a fallback, which is not VALID.
    #[arg(long, value_name = "LIST", default_value = "cpu")]
    provider: Providers,

    /// Which of the bundle's graphs to run, one after the other: fp32, fp16, int8.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<String>,

    /// Batch sizes, where the graph does not fix it.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 8], value_parser = at_least_one)]
    batch: Vec<usize>,

    /// Numbers of threads within an operator. Without it, one for each core.
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = at_least_one)]
    threads: Vec<usize>,

    /// Shortest window of a measurement, in seconds.
    #[arg(long, value_name = "S", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,

    /// Warm-up before each measurement, in seconds.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    warm_up: f64,

    /// Fewest queries of a measurement.
    #[arg(long, value_name = "N", default_value_t = Window::default().min_count, value_parser = at_least_one)]
    queries: usize,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let bundle = Bundle::open(&args.bundle)?;
    let tiles = golden::read(&bundle.golden_path()?)?.tiles;
    let named = args.precision.iter().map(|precision| Ok((precision.as_str(), bundle.model_path(precision)?)));
    let graphs: Vec<_> = named.collect::<kiln_runtime::Result<_>>()?;
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &args.provider)?)?;
    let measure = |(precision, model): &(&str, PathBuf)| {
        let mut open = |threads| open(runtime, model, &args.provider, threads);
        let mut say = |step: &str| out.note(format_args!("measuring {precision}, {step}"));
        bench::measure(&mut open, &tiles, &plan(&args, precision), &mut say)
    };
    let reports: Vec<Report> = graphs.iter().map(measure).collect::<Result<_, _>>()?;
    let Some(report) = reports.into_iter().reduce(Report::and) else { return Ok(Exit::Input) };
    if out.json {
        out.document(&report)?;
    } else {
        print(&report, out);
    }
    Ok(match report.verdict {
        Verdict::Valid => Exit::Done,
        Verdict::Invalid => Exit::CheckFailed,
    })
}

fn plan(args: &Args, precision: &str) -> Plan {
    let default = Window::default();
    let min_duration = Duration::from_secs_f64(args.seconds);
    let window = Window {
        warm_up: Duration::from_secs_f64(args.warm_up),
        min_duration,
        min_count: args.queries,
        max_duration: default.max_duration.max(min_duration * 2),
    };
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = if args.threads.is_empty() { vec![cores] } else { args.threads.clone() };
    let (batches, precision) = (args.batch.clone(), precision.to_owned());
    Plan { batches, threads, scenario: Scenario::SingleStream, window, precision }
}

fn open(
    runtime: &'static Runtime,
    model: &std::path::Path,
    providers: &Providers,
    threads: usize,
) -> kiln_runtime::Result<Opened<Session>> {
    let options = SessionOptions { providers: providers.clone(), threads: Some(threads), ..SessionOptions::default() };
    let engine = Session::open(runtime, model, &options)?;
    Ok(Opened { load_ms: engine.load_ms(), skipped: engine.skipped().to_vec(), engine })
}

fn print(report: &Report, out: &Output) {
    out.line("provider  precision  batch  threads    p50 ms    p90 ms    p95 ms    p99 ms   tiles/s     cv  nodes");
    for result in &report.results {
        out.line(row(result));
    }
    out.line(format_args!("load {:.1} ms, first inference {:.1} ms", report.load_ms, report.first_ms));
    for warning in &report.warnings {
        out.note(format_args!("warning: {warning}"));
    }
    match report.verdict {
        Verdict::Valid => out.line("VALID"),
        Verdict::Invalid => out.line(format_args!("INVALID\n  {}", report.reasons.join("\n  "))),
    }
}

fn row(result: &Measurement) -> String {
    let latency = &result.latency;
    let nodes: Vec<_> = result.nodes.iter().map(|(provider, nodes)| format!("{provider}:{nodes}")).collect();
    format!(
        "{:<8}  {:<9}  {:>5}  {:>7}  {:>8.3}  {:>8.3}  {:>8.3}  {:>8.3}  {:>8.1}  {:>4.1}%  {}",
        result.provider,
        result.precision,
        result.batch,
        result.threads,
        latency.p50_ms,
        latency.p90_ms,
        latency.p95_ms,
        latency.p99_ms,
        result.tiles_per_s,
        100.0 * latency.cv,
        nodes.join(" ")
    )
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds between 0 and 3600 are expected".to_owned()),
    }
}
