//! `kiln doctor`: tries every library and provider on this machine. A process can load one ONNX Runtime and a broken
//! provider may end the process that tries it, so every trial is a child: this program again, with a hidden flag.

mod bundle;
mod child;
mod machine;
mod opening;
mod options;
mod proof;
mod trial;

use std::path::PathBuf;

use kiln_files::platform::Platform;
use kiln_files::shared_library::{loader, path_variable};
use kiln_runtime::library::{self, Candidate};
use kiln_runtime::{Bundle, PluginWheel, ProviderKind, RuntimeWheel};
use serde::Serialize;

use self::bundle::BundleReport;
use self::machine::Machine;
use self::proof::{Clock, Proof, Target, minutes};
use self::trial::{Ask, Loaded};
use super::number::above_zero;
use super::runtime::{none_found, origin, pinned_here};
use crate::exit::Exit;
use crate::hint::NAME_A_LIBRARY;
use crate::output::Output;

/// Check which execution providers run on this machine, and find the fastest settings for a bundle.
///
/// Every ONNX Runtime library is loaded in a separate process, and every provider in it runs a small graph; a provider
/// that does not run is listed with the full reason. The exit status is 3 if nothing can run at all.
///
/// With --report, each step of running the bundle on each provider is ok, failed or skipped, with its figures or its
/// reason: installed, loads, runs, devices, session, parity, latency, and for tensorrt the second start and the EP context.
/// The exit status is 1 if outputs are wrong, or if a provider of --providers fails a check; 3 if one cannot run.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln doctor\n  kiln doctor bundle/\n  kiln doctor --options\n  \
    kiln doctor bundle/ --report gpu/ --providers cuda,tensorrt")]
pub(crate) struct Args {
    /// Bundle to try on every provider that runs here, with every precision and several batches and numbers of threads.
    bundle: Option<PathBuf>,

    /// Time to spend on the bundle.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = above_zero, requires = "bundle")]
    seconds: f64,

    /// Folder to write report.json and report.md into, or one file that ends with .json: the steps of the bundle on every
    /// provider.
    #[arg(long, value_name = "DIR|FILE", requires = "bundle")]
    report: Option<PathBuf>,

    /// Providers of the report that must pass; cpu is tried too, as the reference [default: try every provider of this
    /// platform, and require none].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "report")]
    providers: Vec<ProviderKind>,

    /// Time limit of the report; steps that have not begun by then are skipped.
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0, value_parser = minutes, requires = "report")]
    minutes: f64,

    /// List the options of every provider, with unit, default and the ONNX Runtime option that each one sets.
    #[arg(long, conflicts_with = "bundle")]
    options: bool,

    /// The trial of a child process. Internal.
    #[arg(long, hide = true)]
    trial: Option<String>,
}

/// The whole report, as `--json` shows it.
#[derive(Serialize)]
struct Report {
    kiln: &'static str,
    machine: Machine,
    cache: Option<String>,
    /// The wheels that `kiln runtime install` has for this platform.
    wheels: Vec<&'static str>,
    libraries: Vec<LibraryReport>,
    #[cfg(feature = "slide")]
    openslide: OpenSlideReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<BundleReport>,
}

impl Report {
    /// Loads every library of this machine, and tries every provider.
    fn look(out: &Output) -> anyhow::Result<Self> {
        let found = library::candidates(out.onnxruntime.as_deref());
        let libraries = found.iter().map(examine).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            kiln: env!("CARGO_PKG_VERSION"),
            machine: Machine::look(),
            cache: library::cache_dir().ok().map(|folder| folder.display().to_string()),
            wheels: pinned_here(),
            libraries,
            #[cfg(feature = "slide")]
            openslide: OpenSlideReport::new(),
            bundle: None,
        })
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// The steps of `--report`.
    #[serde(skip_serializing_if = "Option::is_none")]
    providers: Option<serde_json::Value>,
}

/// The state of OpenSlide, which reads slides.
#[cfg(feature = "slide")]
#[derive(Serialize)]
struct OpenSlideReport {
    path: Option<String>,
    version: Option<String>,
    usable: bool,
    reason: Option<String>,
}

#[cfg(feature = "slide")]
impl OpenSlideReport {
    fn new() -> Self {
        use kiln_slide::openslide::{Library, find};

        let file = find(crate::environment::variable("KILN_OPENSLIDE").as_deref());
        let path = file.as_ref().ok().map(|file| file.path.display().to_string());
        match file.and_then(|file| Library::load(&file, 0)) {
            Ok(library) => Self { path, version: Some(library.version().to_owned()), usable: true, reason: None },
            Err(error) => Self { path, version: None, usable: false, reason: Some(error.to_string()) },
        }
    }
}

#[derive(Serialize)]
struct LibraryReport {
    path: String,
    version: Option<String>,
    origin: &'static str,
    package: Option<RuntimeWheel>,
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

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    if let Some(ask) = args.trial {
        return trial::answer(&ask, out);
    }
    if args.options {
        return options::show(out);
    }
    if let Some(path) = args.bundle.as_ref().filter(|path| path.to_str().is_none()) {
        // The processes of the trials get it as JSON.
        anyhow::bail!("{}: this path is not Unicode text\nhint: name the bundle by another path", path.display());
    }
    let clock = Clock::new(args.minutes);
    let target = args.report.as_deref().map(Target::new);
    if let (Some(target), Some(bundle)) = (&target, &args.bundle) {
        target.check(bundle)?;
    }
    let bundle = args.bundle.as_deref().map(Bundle::open).transpose()?;
    let mut report = Report::look(out)?;
    if !out.json {
        print(&report, out);
    }
    let proof = match (&target, &bundle) {
        (Some(_), Some(bundle)) => Some(proof::prove(bundle, &report, &args.providers, &clock, out)?),
        _ => None,
    };
    if let Some(proof) = &proof {
        proof.print(out);
    }
    let budget = if proof.is_some() { args.seconds.min(clock.left().as_secs_f64()) } else { args.seconds };
    if let Some(bundle) = bundle.as_ref().filter(|_| proof.is_none() || !clock.is_over()) {
        let examined = bundle::examine(bundle, &report.libraries, budget)?;
        bundle::print(&examined, out);
        report.bundle = Some(examined);
    }
    if out.json {
        let providers = proof.as_ref().map(Proof::providers).transpose()?;
        out.document(&Document { report: &report, providers })?;
    }
    let works = report.libraries.iter().any(|library| library.providers.iter().any(|provider| provider.runs));
    let exit = if works { Exit::Done } else { Exit::Environment };
    let (Some(target), Some(proof), Some(bundle)) = (&target, &proof, &bundle) else { return Ok(exit) };
    let exit = if works { proof.exit() } else { exit };
    exit.after_report(proof::write(target, proof, (&report, bundle), args.minutes, out), out)
}

/// The library and the name of each provider that runs on this machine, once: in the first library of the search that has it.
#[cfg(feature = "compare")]
pub(super) fn providers_here(explicit: Option<&std::path::Path>) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let libraries: Vec<_> = library::candidates(explicit).iter().map(examine).collect::<anyhow::Result<_>>()?;
    let places = places(&libraries);
    Ok(places.into_iter().map(|(library, provider)| (PathBuf::from(&library.path), provider.to_owned())).collect())
}

/// Each provider that runs, once: in the first library of the search that has it.
fn places(libraries: &[LibraryReport]) -> Vec<(&LibraryReport, &str)> {
    let mut places: Vec<(&LibraryReport, &str)> = Vec::new();
    for (library, provider) in libraries.iter().flat_map(|l| l.providers.iter().map(move |p| (l, p))) {
        if provider.runs && !places.iter().any(|(_, known)| *known == provider.provider) {
            places.push((library, &provider.provider));
        }
    }
    places
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
            // A plugin serves a library that was built without its provider.
            let plugins = PluginWheel::ALL.into_iter().filter(|wheel| wheel.installed().is_some());
            let plugins = plugins.map(|wheel| wheel.name().to_owned());
            let plugins: Vec<_> = plugins.filter(|name| !loaded.providers.contains(name)).collect();
            for provider in loaded.providers.into_iter().chain(plugins) {
                let answer = trial::ask::<()>(&found.library.path, &Ask::Provider { provider: provider.clone() })?;
                report.providers.push(ProviderReport { provider, runs: answer.is_ok(), reason: answer.err() });
            }
        }
        Err(reason) => report.reason = Some(reason),
    }
    Ok(report)
}

fn print(report: &Report, out: &Output) {
    out.line(format_args!("kiln {} on {}", report.kiln, report.machine.summary()));
    out.line(format_args!("limits: {}", report.machine.limits()));
    out.line(format_args!("cache: {}", report.cache.as_deref().unwrap_or("none: no home folder; set KILN_CACHE")));
    out.line(platform(&report.wheels));
    for library in &report.libraries {
        print_library(library, out);
    }
    if report.libraries.is_empty() {
        out.line(none_found());
    }
    #[cfg(feature = "slide")]
    match &report.openslide {
        slide if slide.usable => {
            let version = slide.version.as_deref().unwrap_or("version unknown");
            out.line(format_args!("\nOpenSlide {version} {}", slide.path.as_deref().unwrap_or_default()));
        }
        slide => out.line(format_args!(
            "\nOpenSlide: slides cannot be read: {}; type `kiln runtime install openslide`",
            slide.reason.as_deref().unwrap_or_default()
        )),
    }
}

/// The wheels for this platform, and the loader that opens libraries.
fn platform(wheels: &[&str]) -> String {
    let loader = format!("libraries are opened by {} and searched in {}", loader(), path_variable());
    match Platform::here() {
        Some(platform) => format!("wheels for {platform}: {}; {loader}", wheels.join(", ")),
        None => format!("no wheel is pinned for this platform: {NAME_A_LIBRARY}; {loader}"),
    }
}

fn print_library(library: &LibraryReport, out: &Output) {
    let what = library.package.map_or(library.origin, RuntimeWheel::name);
    let version = library.version.as_deref().unwrap_or("version unknown");
    out.line(format_args!("\nONNX Runtime {version} ({what}) {}", library.path));
    if let Some(reason) = &library.reason {
        out.line(format_args!("  cannot be loaded: {reason}"));
        if let Some(wheel) = library.package {
            out.line(format_args!("  `kiln runtime install {wheel}` checks and repairs it"));
        }
    }
    for provider in &library.providers {
        match &provider.reason {
            None => out.line(format_args!("  {:<9} runs here", provider.provider)),
            Some(reason) => out.line(format_args!("  {:<9} does not run here: {reason}", provider.provider)),
        }
    }
}
