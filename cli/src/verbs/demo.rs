//! `kiln demo`: every step from tiles to latency, on generated tiles, with nothing prepared.

#[cfg(feature = "slide")]
mod slide;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice::from_mut;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use kiln_export::{Batch, ExportRequest};
use kiln_files::publish;
use kiln_files::text::shell_word;
use kiln_runtime::bench::{self, Opened, Plan, Window};
use kiln_runtime::score::{self, Columns, Format, ListedTiles, PipelineOptions, RowWriter, Summary};
use kiln_runtime::{
    Bundle, DecisionRule, Error, Providers, Runtime, Session, SessionOptions, golden, install, library,
};
use kiln_train::data::synth::{self, SynthOptions};
use kiln_train::training::{self, Run, TrainRequest, train};
use kiln_train::{Config, report};
use serde::Serialize;
use serde_json::{Value, json};

use super::export::{export_with_progress, parity_lines};
use super::train::{Display, feature_backend, summarise};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::number::cores;

/// The configuration that the demo trains; the same file as `configs/demo.yaml`.
const CONFIG: &str = include_str!("../../../configs/demo.yaml");
/// File that marks a folder as the demo's, so that a later demo may replace it.
const MARKER: &str = ".kiln-demo";

/// Run every step on generated tiles in a few minutes: train, export, verify, score, measure latency.
///
/// Installs ONNX Runtime if it is missing, generates H&E-like tiles, trains a small hybrid model, exports it, compares
/// ONNX Runtime with burn, scores the tiles, measures latency, and prints the next commands to try. The tiles are
/// generated and the model is small: the demo shows the steps, not a result.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  kiln demo\n  kiln demo --out kiln-demo --set training.epochs=2\n  \
    kiln demo --slide --out kiln-slide-demo")]
pub(crate) struct Args {
    /// Folder for tiles, run, bundle, scores and report; the folder of an earlier demo is replaced.
    #[arg(long, value_name = "DIR", default_value = "kiln-demo")]
    out: PathBuf,

    /// Number of tiles to generate, 120 to 20000.
    #[arg(long, value_name = "N", default_value_t = 320, value_parser = clap::value_parser!(u64).range(120..=20_000))]
    tiles: u64,

    /// Draw whole slides with known lesions instead of tiles: list their tiles, train, export, score a slide that training has
    /// not seen, and write its heat map and page.
    #[cfg(feature = "slide")]
    #[arg(long, conflicts_with = "tiles")]
    slide: bool,

    /// Set one key of configs/demo.yaml, such as training.epochs=2; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs a verb by the words of its command line, without the program's name.
type RunWords = dyn Fn(&[OsString], &Output) -> anyhow::Result<Exit>;

/// Runs the demo. `run_words` runs the verbs of its steps.
pub(crate) fn run(
    args: Args,
    out: &Output,
    #[cfg_attr(not(feature = "slide"), allow(unused_variables))] run_words: &RunWords,
) -> anyhow::Result<Exit> {
    #[cfg(feature = "slide")]
    if args.slide {
        return slide::run(&args.out, &args.set, run_words, out);
    }
    let started = Instant::now();
    let folder = Folder::fresh(&args.out)?;
    let runtime = onnx_runtime(out)?;
    step(
        out,
        started,
        &format!("generating {} tiles, half of them anomalous, in {}", args.tiles, folder.tiles().display()),
    );
    let seed = SynthOptions::default().seed;
    let tiles = usize::try_from(args.tiles)?;
    synth::write(&folder.tiles(), &SynthOptions { tiles, seed }, &|| {}).map_err(kiln_train::Error::from)?;
    step(out, started, "training a small model (configs/demo.yaml)");
    let request = TrainRequest {
        config: Config::parse(CONFIG, "configs/demo.yaml", &args.set)?,
        data: Some(folder.tiles()),
        out: folder.run(),
        resume: false,
        openslide: None,
        split: None,
        features: feature_backend(out),
    };
    let run = train(&request, &mut Display::new(out, false))?;
    step(out, started, "exporting the model to ONNX, and comparing ONNX Runtime with burn on every test tile");
    let request = ExportRequest {
        run: folder.run(),
        out: folder.bundle(),
        data: None,
        openslide: None,
        batch: Batch::Dynamic,
        opset: None,
        external_data: false,
        precisions: Vec::new(),
        calibration: kiln_export::Calibration::default(),
        slide_rule: None,
        replace: false,
    };
    let exported = export_with_progress(&request, out)?;
    let bundle = Bundle::open(&folder.bundle())?;
    step(out, started, "scoring every tile with ONNX Runtime");
    let scored = score_tiles(&folder, &bundle, runtime)?;
    step(out, started, "measuring latency on the CPU");
    let latency = measure(&bundle, runtime)?;
    write_json(&folder.bench(), &latency)?;
    write_report(&folder, &run, &exported.parity, &latency)?;
    let seconds = started.elapsed().as_secs_f64();
    if out.json {
        return finish_json(out, &folder, &run, &exported.parity, &scored, &latency, seconds);
    }
    summarise(&run, out)?;
    parity_lines(&exported.parity, out);
    out.line(format_args!(
        "scores     {} of {} tiles, {:.0} tiles/s  {}",
        scored.scored,
        scored.tiles,
        scored.tiles_per_s,
        folder.scores().display()
    ));
    latency_lines(&latency, out);
    out.line(format_args!("bundle     {}", folder.bundle().display()));
    out.line(format_args!(
        "took       {seconds:.0} s; the tiles are generated, so these figures do not hold for real tissue"
    ));
    next_lines(&folder, out);
    Ok(Exit::Done)
}

/// Prints the report to open and the commands to try next.
fn next_lines(folder: &Folder, out: &Output) {
    let (bundle, tiles) = (folder.bundle(), folder.tiles());
    let (bundle, tiles) = (bundle.to_string_lossy(), tiles.to_string_lossy());
    let (bundle, tiles) = (shell_word(&bundle), shell_word(&tiles));
    out.line(format_args!("report     {}", folder.report().display()));
    out.line(format_args!("next       kiln verify {bundle}"));
    out.line(format_args!("           kiln score {bundle} {tiles}"));
    out.line(format_args!("           kiln doctor {bundle}"));
}

/// The demo's folder and the paths in it.
struct Folder(PathBuf);

impl Folder {
    /// Creates the folder. It replaces the folder of an earlier demo and nothing else.
    fn fresh(path: &Path) -> anyhow::Result<Self> {
        let write = |source| Error::Write { path: path.to_owned(), source };
        if path.join(MARKER).is_file() {
            fs::remove_dir_all(path).map_err(write)?;
        } else if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            anyhow::bail!(
                "{} is not empty and not from an earlier demo\nhint: choose another folder with --out",
                path.display()
            );
        }
        fs::create_dir_all(path).map_err(write)?;
        fs::write(path.join(MARKER), "").map_err(write)?;
        Ok(Self(path.to_owned()))
    }

    fn tiles(&self) -> PathBuf {
        self.0.join("tiles")
    }

    fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    fn bundle(&self) -> PathBuf {
        self.0.join("bundle")
    }

    fn scores(&self) -> PathBuf {
        self.0.join("scores.csv")
    }

    fn bench(&self) -> PathBuf {
        self.0.join("bench.json")
    }

    fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }
}

/// The installed library, or the `cpu` runtime wheel, which is installed now.
fn onnx_runtime(out: &Output) -> anyhow::Result<&'static Runtime> {
    let explicit = out.onnxruntime.as_deref();
    let library = install::find_or_install(explicit, &Providers::default(), &mut |step| out.note(step))?;
    Ok(library::load(&library)?)
}

/// Announces a step with the time since the start.
fn step(out: &Output, started: Instant, doing: &str) {
    out.note(format_args!("[{:>4.0} s] {doing}", started.elapsed().as_secs_f64()));
}

fn score_tiles(folder: &Folder, bundle: &Bundle, runtime: &'static Runtime) -> anyhow::Result<Summary> {
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let inputs = [folder.tiles()];
    let tiles = score::list(&inputs, &mut std::io::empty())?;
    let mut session = Session::open(runtime, &bundle.model_path("fp32")?, &SessionOptions::default())?;
    session.select_outputs(rule.outputs())?;
    let mut writer = RowWriter::to_file(&folder.scores(), Format::Csv, &Columns::for_files(rule.classes()))?;
    let workers = cores();
    let options = PipelineOptions { batch: 8, workers };
    let source = ListedTiles::new(&tiles, bundle.manifest.tile.decoder());
    let summary = score::run(from_mut(&mut session), &rule, &source, &options, &mut |row| writer.write(&row))?;
    writer.finish()?;
    Ok(summary)
}

fn measure(bundle: &Bundle, runtime: &'static Runtime) -> anyhow::Result<bench::Report> {
    let tiles = golden::read(&bundle.golden_path()?)?.tiles;
    let model = bundle.model_path("fp32")?;
    let cores = cores();
    let window =
        Window { warm_up: Duration::from_millis(500), min_duration: Duration::from_secs(3), ..Window::default() };
    let stain = bundle.manifest.tile.before_graph();
    let plan = Plan { batches: vec![1, 8], threads: vec![cores], window, stain, ..Plan::default() };
    let mut open = |threads| {
        let options = SessionOptions { threads: Some(threads), ..SessionOptions::default() };
        let scorer = Session::open(runtime, &model, &options)?;
        Ok(Opened { load_ms: scorer.load_ms(), engine_build_ms: None, skipped: Vec::new(), scorer })
    };
    Ok(bench::measure(&mut open, &tiles, &plan, &mut |_| {})?)
}

fn latency_lines(latency: &bench::Report, out: &Output) {
    for result in &latency.results {
        out.line(format_args!(
            "latency    batch {}: p50 {:.2} ms, p99 {:.2} ms, {:.0} tiles/s on {} with {} threads",
            result.batch,
            result.latency.p50_ms,
            result.latency.p99_ms,
            result.tiles_per_s,
            result.provider,
            result.threads
        ));
    }
    let verdict = serde_json::to_value(latency.verdict).ok().and_then(|value| value.as_str().map(str::to_owned));
    out.line(format_args!("           {} {}", verdict.unwrap_or_default().to_uppercase(), latency.reasons.join("; ")));
}

fn write_report(folder: &Folder, run: &Run, parity: &impl Serialize, latency: &bench::Report) -> anyhow::Result<()> {
    let parity = serde_json::from_value(serde_json::to_value(parity)?)?;
    let latency = serde_json::from_value(serde_json::to_value(latency)?)?;
    let report = training::report(run, None, Some(parity), Some(latency))?;
    Ok(report::write(&folder.report(), &report).map_err(kiln_train::Error::from)?)
}

fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(value)?;
    Ok(publish::write_file(path, &text).map_err(|source| Error::Write { path: path.to_owned(), source })?)
}

fn finish_json(
    out: &Output,
    folder: &Folder,
    run: &Run,
    parity: &impl Serialize,
    scored: &Summary,
    latency: &bench::Report,
    seconds: f64,
) -> anyhow::Result<Exit> {
    let metrics: Value = run.metrics()?;
    out.document(&json!({
        "run": folder.run().to_string_lossy(), "bundle": folder.bundle().to_string_lossy(),
        "report": folder.report().to_string_lossy(), "metrics": metrics,
        "parity": parity, "scores": scored, "latency": latency, "seconds": seconds,
    }))?;
    Ok(Exit::Done)
}
