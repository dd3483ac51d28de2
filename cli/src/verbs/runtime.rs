//! `kiln runtime`: installs an official ONNX Runtime, and lists the libraries of the machine.

use std::str::FromStr;

use clap::Subcommand;
use kiln_runtime::library::{self, Candidate};
use kiln_runtime::{Origin, PluginWheel, RuntimeWheel, install};
use serde::Serialize;

use crate::exit::Exit;
use crate::hint::NAME_A_LIBRARY;
use crate::output::Output;

/// Install a pinned, hash-checked ONNX Runtime, or list the libraries on this machine.
///
/// The libraries come from the official Python wheels, downloaded by `python3 -m pip` with required hashes, and go into
/// $KILN_CACHE, else `kiln` in the user's cache folder. Python is not needed afterwards.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln runtime install openvino\n  kiln runtime list --json")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Install an ONNX Runtime: `cpu` (24 MB), `openvino` (84 MB, any x86-64 CPU), `cuda` (256 MB, with TensorRT); a
    /// provider that it loads as a plugin: `webgpu` (7 MB), `openvino-plugin` (53 MB), `tensorrt-rtx` (146 MB); or
    /// `openslide` (3 MB), which reads slides.
    ///
    /// `cpu` is pinned for Linux on x86-64 and aarch64, macOS on arm64 (with Core ML) and Windows on x64 and arm64;
    /// `openvino` for Linux on x86-64; `cuda`, `openvino-plugin` and `tensorrt-rtx` for Linux on x86-64 and Windows on x64;
    /// `webgpu` where `cpu` is; `openslide` too, except Windows on arm64. A plugin needs the `cpu` runtime wheel.
    ///
    /// The `cuda` runtime wheel needs an NVIDIA driver, CUDA 13, cuDNN 9 and, for TensorRT, TensorRT 10 on the machine;
    /// `kiln doctor` lists missing libraries. Installing again checks every file and repairs damaged ones.
    #[command(after_help = "Examples:\n  kiln runtime install cpu")]
    Install {
        #[arg(default_value = "cpu", value_name = "WHEEL", help = wheel_help())]
        wheel: Wheel,
    },
    /// List the ONNX Runtime libraries in search order, with the providers and the state of each.
    ///
    /// Verbs load the first usable one on the CPU; with `--provider openvino` or `cuda` they load the runtime wheel
    /// that has the provider.
    #[command(after_help = "Examples:\n  kiln runtime list")]
    List,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    match args.action {
        Action::Install { wheel: Wheel::Runtime(wheel) } => install_wheel(wheel, out),
        Action::Install { wheel: Wheel::Plugin(wheel) } => install_plugin(wheel, out),
        #[cfg(feature = "slide")]
        Action::Install { wheel: Wheel::OpenSlide } => install_openslide(out),
        Action::List => list(out),
    }
}

/// A wheel that can be installed.
#[derive(Debug, Clone, Copy)]
enum Wheel {
    Runtime(RuntimeWheel),
    Plugin(PluginWheel),
    #[cfg(feature = "slide")]
    OpenSlide,
}

impl FromStr for Wheel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        #[cfg(feature = "slide")]
        if name == OPENSLIDE {
            return Ok(Self::OpenSlide);
        }
        let wheel = name.parse().map(Self::Runtime).or_else(|_| name.parse().map(Self::Plugin));
        wheel.map_err(|_| format!("no runtime wheel has this name; known are: {}", wheel_names()))
    }
}

/// The name of the OpenSlide wheel.
#[cfg(feature = "slide")]
const OPENSLIDE: &str = "openslide";

fn wheel_names() -> String {
    let names = [RuntimeWheel::ALL.map(RuntimeWheel::name), PluginWheel::ALL.map(PluginWheel::name)].concat();
    #[cfg(feature = "slide")]
    let names = [names, vec![OPENSLIDE]].concat();
    names.join(", ")
}

fn wheel_help() -> String {
    format!("Runtime wheel to install: {}", wheel_names())
}

#[cfg(feature = "slide")]
fn install_openslide(out: &Output) -> anyhow::Result<Exit> {
    let library = kiln_slide::openslide::install(&mut |step| out.note(step))?;
    if out.json {
        out.document(&library)?;
    } else {
        out.line(library.path.display());
    }
    Ok(Exit::Done)
}

fn install_wheel(wheel: RuntimeWheel, out: &Output) -> anyhow::Result<Exit> {
    let library = install::install(wheel, &mut |step| out.note(step))?;
    let row = Row::new(&Candidate { library, status: Ok(()) });
    if out.json {
        out.document(&row)?;
    } else {
        out.line(&row.path);
    }
    Ok(Exit::Done)
}

fn install_plugin(wheel: PluginWheel, out: &Output) -> anyhow::Result<Exit> {
    let path = wheel.install(&mut |step| out.note(step))?;
    if out.json {
        out.document(&serde_json::json!({
            "path": path.to_string_lossy(), "version": wheel.version(), "package": wheel,
        }))?;
    } else {
        out.line(path.display());
    }
    Ok(Exit::Done)
}

fn list(out: &Output) -> anyhow::Result<Exit> {
    let rows: Vec<Row> = library::candidates(out.onnxruntime.as_deref()).iter().map(Row::new).collect();
    if out.json {
        out.document(&rows)?;
    } else {
        rows.iter().for_each(|row| out.line(row.text()));
        for wheel in rows.iter().filter(|row| !row.usable).filter_map(|row| row.package) {
            out.note(format_args!("hint: `kiln runtime install {wheel}` repairs the {wheel} runtime wheel"));
        }
        list_plugins(out);
        #[cfg(feature = "slide")]
        list_openslide(out);
        if rows.is_empty() {
            out.note(none_found());
        }
    }
    Ok(Exit::Done)
}

/// Lists the installed plugins, after the libraries that load them.
fn list_plugins(out: &Output) {
    for (wheel, path) in PluginWheel::ALL.into_iter().filter_map(|wheel| Some((wheel, wheel.installed()?))) {
        let state = wheel.check().map_or_else(|error| format!("UNUSABLE: {error}"), |()| "whole".to_owned());
        let version = wheel.version().unwrap_or_default();
        out.line(format_args!("{:<9} {version:<8} {}  [{state}]", wheel.name(), path.display()));
    }
}

/// The advice where no library was found.
pub(super) fn none_found() -> String {
    let advice = if RuntimeWheel::Cpu.is_pinned_here() { "type `kiln runtime install cpu`" } else { NAME_A_LIBRARY };
    format!("no ONNX Runtime library was found; {advice}")
}

/// The names of the wheels that can be installed on this platform.
pub(super) fn pinned_here() -> Vec<&'static str> {
    let wheels = RuntimeWheel::ALL.into_iter().filter(|wheel| wheel.is_pinned_here()).map(RuntimeWheel::name);
    let plugins = PluginWheel::ALL.into_iter().filter(|wheel| wheel.is_pinned_here()).map(PluginWheel::name);
    let wheels = wheels.chain(plugins);
    #[cfg(feature = "slide")]
    let wheels = wheels.chain(kiln_slide::openslide::is_pinned_here().then_some(OPENSLIDE));
    wheels.collect()
}

/// Lists the OpenSlide libraries, after those of ONNX Runtime.
#[cfg(feature = "slide")]
fn list_openslide(out: &Output) {
    for found in kiln_slide::openslide::candidates(crate::environment::variable("KILN_OPENSLIDE").as_deref()) {
        let state = found.status.map_or_else(|error| format!("UNUSABLE: {error}"), |()| "whole".to_owned());
        out.line(format_args!("{OPENSLIDE:<9} {:<8} {}  [{state}]", "", found.library.path.display()));
    }
}

/// A library as `--json` shows it.
#[derive(Serialize)]
struct Row {
    path: String,
    version: Option<String>,
    origin: &'static str,
    package: Option<RuntimeWheel>,
    /// The providers of a runtime wheel; those of other libraries are unknown until they are loaded, as `kiln doctor` does.
    providers: Option<&'static [&'static str]>,
    usable: bool,
    reason: Option<String>,
}

impl Row {
    fn new(found: &Candidate) -> Self {
        let (origin, package) = origin(found.library.origin);
        Self {
            path: found.library.path.display().to_string(),
            version: found.library.version.clone(),
            origin,
            package,
            providers: package.map(RuntimeWheel::providers),
            usable: found.status.is_ok(),
            reason: found.status.clone().err(),
        }
    }

    fn text(&self) -> String {
        let version = self.version.as_deref().unwrap_or("version unknown");
        let what = self.package.map_or(self.origin, RuntimeWheel::name);
        let providers =
            self.providers.as_ref().map_or_else(String::new, |names| format!("  with {}", names.join(", ")));
        let state = self.reason.as_deref().map_or_else(|| "whole".to_owned(), |reason| format!("UNUSABLE: {reason}"));
        format!("{what:<9} {version:<8} {}{providers}  [{state}]", self.path)
    }
}

/// The name of an origin in JSON, and the runtime wheel if it is one.
pub(super) fn origin(origin: Origin) -> (&'static str, Option<RuntimeWheel>) {
    match origin {
        Origin::Explicit => ("explicit", None),
        Origin::Cache(wheel) => ("cache", Some(wheel)),
        Origin::System => ("system", None),
    }
}
