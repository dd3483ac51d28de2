//! `kiln doctor`: what would work on this machine, and why not what does not. A process can load one ONNX Runtime and a
//! broken provider may end the process that tries it, so every trial is a child: this program again, with a hidden flag.

mod machine;
mod trial;

use std::path::PathBuf;

use anyhow::Context as _;
use kiln_runtime::library::{self, Candidate};
use kiln_runtime::{Bundle, Package};
use serde::Serialize;

use self::machine::Machine;
use self::trial::{Ask, Loaded, Timed};
use super::runtime::origin;
use crate::exit::Exit;
use crate::output::Output;

/// Say what would work on this machine and why not; with a bundle, the fastest line to use here.
///
/// Every library that is found is loaded in a process of its own and every provider in it runs a small graph; a provider
/// that does not run is shown with its whole reason. Exits with 3 if nothing can run at all.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiln doctor\n  kiln doctor bundle/")]
pub(crate) struct Args {
    /// A bundle to time on every provider that runs here.
    bundle: Option<PathBuf>,

    /// What a child process is to try. Not for people.
    #[arg(long, hide = true)]
    trial: Option<String>,
}

/// The whole report, as `--json` shows it.
#[derive(Serialize)]
struct Report {
    kiln: &'static str,
    machine: Machine,
    cache: Option<String>,
    libraries: Vec<LibraryReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<BundleReport>,
}

#[derive(Serialize)]
struct LibraryReport {
    path: String,
    version: Option<String>,
    origin: &'static str,
    package: Option<Package>,
    usable: bool,
    reason: Option<String>,
    providers: Vec<ProviderReport>,
}

#[derive(Serialize)]
struct ProviderReport {
    provider: String,
    runs: bool,
    reason: Option<String>,
}

#[derive(Serialize)]
struct BundleReport {
    path: String,
    model: String,
    precision: String,
    timings: Vec<Timing>,
    fastest: Option<String>,
}

#[derive(Serialize)]
struct Timing {
    provider: String,
    library: String,
    /// Median latency of one tile in milliseconds: a hint, not a benchmark.
    p50_ms: Option<f64>,
    nodes: Option<std::collections::BTreeMap<String, usize>>,
    reason: Option<String>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    if let Some(ask) = args.trial {
        return trial::answer(&ask, out);
    }
    let bundle = args.bundle.as_deref().map(Bundle::open).transpose()?;
    let found = library::candidates(out.onnxruntime.as_deref());
    let libraries: Vec<_> = found.iter().map(examine).collect::<anyhow::Result<_>>()?;
    let bundle = bundle.map(|bundle| time_bundle(&bundle, &libraries)).transpose()?;
    let cache = library::cache_dir().ok().map(|folder| folder.display().to_string());
    let report = Report { kiln: env!("CARGO_PKG_VERSION"), machine: Machine::look(), cache, libraries, bundle };
    if out.json {
        out.document(&report)?;
    } else {
        print(&report, out);
    }
    let works = report.libraries.iter().any(|library| library.providers.iter().any(|provider| provider.runs));
    Ok(if works { Exit::Done } else { Exit::Environment })
}

/// Loads a library in one child, and tries each of its providers in another.
fn examine(found: &Candidate) -> anyhow::Result<LibraryReport> {
    let (origin, package) = origin(found.library.origin);
    let mut report = LibraryReport {
        path: found.library.path.display().to_string(),
        version: found.library.version.clone(),
        origin,
        package,
        usable: false,
        reason: found.status.clone().err(),
        providers: Vec::new(),
    };
    if report.reason.is_some() {
        return Ok(report);
    }
    match trial::ask::<Loaded>(&found.library.path, &Ask::Load)? {
        Ok(loaded) => {
            report.usable = true;
            report.version = Some(loaded.version);
            for provider in loaded.providers {
                let answer = trial::ask::<()>(&found.library.path, &Ask::Provider { provider: provider.clone() })?;
                report.providers.push(ProviderReport { provider, runs: answer.is_ok(), reason: answer.err() });
            }
        }
        Err(reason) => report.reason = Some(reason),
    }
    Ok(report)
}

/// Times one tile on every provider that runs, each once: in the library of its own package where that is installed.
fn time_bundle(bundle: &Bundle, libraries: &[LibraryReport]) -> anyhow::Result<BundleReport> {
    let variant = bundle.manifest.variants.first().context("the bundle has no graph")?;
    let model = bundle.path.join(&variant.file);
    let mut timings: Vec<Timing> = Vec::new();
    for (library, provider) in libraries.iter().flat_map(|l| l.providers.iter().map(move |p| (l, p))) {
        if !provider.runs || timings.iter().any(|timing| timing.provider == provider.provider) {
            continue;
        }
        let ask = Ask::Time { provider: provider.provider.clone(), model: model.clone() };
        let (timed, reason) = match trial::ask::<Timed>(library.path.as_ref(), &ask)? {
            Ok(timed) => (Some(timed), None),
            Err(reason) => (None, Some(reason)),
        };
        let (p50_ms, nodes) = timed.map(|timed| (timed.p50_ms, timed.nodes)).unzip();
        let provider = provider.provider.clone();
        timings.push(Timing { provider, library: library.path.clone(), p50_ms, nodes, reason });
    }
    let best = timings.iter().filter(|timing| timing.p50_ms.is_some());
    let best = best.min_by(|a, b| a.p50_ms.unwrap_or(f64::MAX).total_cmp(&b.p50_ms.unwrap_or(f64::MAX)));
    let fastest = best.map(|best| line_to_use(bundle, best, libraries));
    let path = bundle.path.display().to_string();
    let model = format!("{} `{}`", bundle.manifest.model.kind, bundle.manifest.model.name);
    Ok(BundleReport { path, model, precision: variant.precision.clone(), timings, fastest })
}

/// A cached library is found by the provider's name; any other has to be named.
fn line_to_use(bundle: &Bundle, best: &Timing, libraries: &[LibraryReport]) -> String {
    let library = libraries.iter().find(|library| library.path == best.library);
    let cached = library.is_some_and(|library| library.package.is_some());
    let named = if cached { String::new() } else { format!("--onnxruntime {} ", best.library) };
    format!("kiln {named}score {} --provider {} TILES", bundle.path.display(), best.provider)
}

fn print(report: &Report, out: &Output) {
    out.line(format_args!("kiln {} on {}", report.kiln, report.machine.summary()));
    out.line(format_args!("cache: {}", report.cache.as_deref().unwrap_or("none: no home folder; set KILN_CACHE")));
    for library in &report.libraries {
        print_library(library, out);
    }
    if report.libraries.is_empty() {
        out.line("no ONNX Runtime library was found; type `kiln runtime install cpu`");
    }
    if let Some(bundle) = &report.bundle {
        print_bundle(bundle, out);
    }
}

fn print_library(library: &LibraryReport, out: &Output) {
    let what = library.package.map_or(library.origin, Package::name);
    let version = library.version.as_deref().unwrap_or("version unknown");
    out.line(format_args!("\nONNX Runtime {version} ({what}) {}", library.path));
    if let Some(reason) = &library.reason {
        out.line(format_args!("  cannot be loaded: {reason}"));
    }
    for provider in &library.providers {
        match &provider.reason {
            None => out.line(format_args!("  {:<9} runs here", provider.provider)),
            Some(reason) => out.line(format_args!("  {:<9} does not run here: {reason}", provider.provider)),
        }
    }
}

fn print_bundle(bundle: &BundleReport, out: &Output) {
    out.line(format_args!("\nbundle {}: {}, {}, one tile at a time", bundle.path, bundle.model, bundle.precision));
    for timing in &bundle.timings {
        match (timing.p50_ms, &timing.reason) {
            (Some(p50), _) => {
                let nodes = timing.nodes.iter().flatten().map(|(provider, n)| format!("{n} on {provider}"));
                let nodes = nodes.collect::<Vec<_>>().join(", ");
                out.line(format_args!("  {:<9} {p50:>8.2} ms (nodes: {nodes})", timing.provider));
            }
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("no reason was given");
                out.line(format_args!("  {:<9} does not run it: {reason}", timing.provider));
            }
        }
    }
    if let Some(fastest) = &bundle.fastest {
        out.line(format_args!("fastest here: {fastest}"));
    }
}
