//! The steps of one provider. Each is taken in a child process, because a process can load only one ONNX Runtime and a
//! broken provider may end it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_files::Fault;
use kiln_runtime::library::ProviderDevice;
use kiln_runtime::{Bundle, ProviderKind};

use super::super::opening::Opening;
use super::super::trial::{self, Ask};
use super::candidates::Candidate;
use super::check::Check;
use super::clock::Clock;
use super::step::{Figures, Name, ProviderProof, Status, Step};
use crate::output::Output;

/// The batches of the latency step. The largest is that of `kiln verify` too, so that one TensorRT engine serves both.
const BATCHES: &str = "1,8";

/// The window of each batch in seconds: enough for the verdict of `kiln bench`, and short enough for many providers.
const WINDOW: &str = "3";

/// The longest step without an engine to build: `kiln bench` may take two minutes and a half on a slow machine.
const LONGEST: Duration = Duration::from_secs(240);

/// The end of an EP-context model's path in the folder of engines.
const CONTEXT: &str = "context/model.onnx";

/// Takes the steps and keeps the commands that were run.
pub(super) struct Prover<'a> {
    bundle: &'a Bundle,
    clock: &'a Clock,
    /// Folder for engines.
    scratch: &'a Path,
    out: &'a Output,
    checks: Vec<Check>,
}

/// A step to take on a provider, with the library to load.
struct Task<'a> {
    name: Name,
    precision: Option<&'a str>,
    kind: ProviderKind,
    library: &'a Path,
}

impl<'a> Prover<'a> {
    pub(super) fn new(bundle: &'a Bundle, clock: &'a Clock, scratch: &'a Path, out: &'a Output) -> Self {
        Self { bundle, clock, scratch, out, checks: Vec::new() }
    }

    pub(super) fn into_checks(self) -> Vec<Check> {
        self.checks
    }

    /// Takes every step with a provider. A failed one leaves out those that depend on it.
    pub(super) fn prove(&mut self, candidate: &Candidate<'_>) -> anyhow::Result<ProviderProof> {
        let mut steps = candidate.steps();
        let stopped = steps.iter().find(|step| step.status != Status::Ok).map(|step| step.step);
        let library = candidate.library.map_or(Path::new(""), |library| Path::new(&library.path));
        let bundle = self.bundle;
        for (name, precision) in planned(candidate.kind, bundle) {
            let step = match stopped.or_else(|| failed_before(name, precision, &steps)) {
                Some(earlier) => Step::blocked(name, earlier),
                None if self.clock.is_over() => Step::out_of_time(name),
                None => {
                    let task = Task { name, precision, kind: candidate.kind, library };
                    self.take(&task, &steps)?
                }
            };
            steps.push(step.of(precision));
        }
        Ok(ProviderProof::new(candidate.kind.name(), candidate.named, steps))
    }

    /// Takes a step after `steps`.
    fn take(&mut self, task: &Task<'_>, steps: &[Step]) -> anyhow::Result<Step> {
        let precision = task.precision.map(|precision| format!(" of {precision}")).unwrap_or_default();
        self.out.note(format_args!("trying {}: {}{precision}", task.kind, task.name));
        match task.name {
            Name::Devices => self.devices(task),
            Name::SecondStart => self.second_start(task, session(task.precision, steps)),
            Name::Context => self.context(task),
            Name::Parity => Ok(self.check("verify", task, &[])?.parity()),
            Name::Latency if !cfg!(feature = "bench") => {
                Ok(Step::skipped(Name::Latency, "this kiln was built without the cargo feature `bench`".to_owned()))
            }
            Name::Latency => Ok(self.check("bench", task, &["--batch", BATCHES, "--seconds", WINDOW])?.latency()),
            Name::Session | Name::Installed | Name::Loads | Name::Runs => Ok(match self.open(task, &[])? {
                Ok(opening) => Step::ok(task.name, Some(Figures::Opening(opening))),
                Err(reason) => Step::failed(task.name, Fault::Environment, reason),
            }),
        }
    }

    fn devices(&self, task: &Task<'_>) -> anyhow::Result<Step> {
        let ask = Ask::Devices { provider: task.kind.name().to_owned() };
        let answer = trial::ask::<Vec<ProviderDevice>>(task.library, &ask)?;
        Ok(match answer {
            Ok(devices) if devices.is_empty() => {
                Step::skipped(task.name, "ONNX Runtime lists no devices for this provider".to_owned())
            }
            Ok(devices) => Step::ok(task.name, Some(Figures::Devices { devices })),
            Err(reason) => Step::failed(task.name, Fault::Environment, reason),
        })
    }

    /// Opens the graph again. Only an engine that the session wrote can be read from the cache.
    fn second_start(&self, task: &Task<'_>, session: Option<&Step>) -> anyhow::Result<Step> {
        let opening = match self.open(task, &[])? {
            Ok(opening) => opening,
            Err(reason) => return Ok(Step::failed(task.name, Fault::Environment, reason)),
        };
        let was_built = session.is_some_and(|step| step.engines_built() > 0);
        let wrong = match opening.engines_built {
            0 if was_built => None,
            0 => Some("`session` left no engine in the cache, so none was read from it"),
            _ => Some("the engine was built again instead of read from the cache"),
        };
        let figures = Some(Figures::Opening(opening));
        Ok(match wrong {
            None => Step::ok(task.name, figures),
            Some(wrong) => Step::failed(task.name, Fault::Check, wrong.to_owned()).with_figures(figures),
        })
    }

    /// Writes the EP-context model, and opens the graph by it.
    fn context(&self, task: &Task<'_>) -> anyhow::Result<Step> {
        let context = [format!("{}.context=true", task.kind)];
        let failed =
            |what: &str, reason: &str| Step::failed(task.name, Fault::Environment, format!("{what}: {reason}"));
        let before = context_models(self.scratch);
        let written = match self.open(task, &context)? {
            Ok(written) => written,
            Err(reason) => return Ok(failed("writing the EP-context model", &reason)),
        };
        let is_written = context_models(self.scratch) > before;
        let read = match self.open(task, &context)? {
            Ok(read) => read,
            Err(reason) => return Ok(failed("opening the EP-context model", &reason)),
        };
        let figures = Some(Figures::Context { write_ms: written.load_ms, read_ms: read.load_ms });
        let wrong = match read.engines_built {
            0 if is_written => return Ok(Step::ok(task.name, figures)),
            0 => "no EP-context model was written",
            _ => "the EP-context model was written again instead of read",
        };
        Ok(Step::failed(task.name, Fault::Check, wrong.to_owned()).with_figures(figures))
    }

    /// Opens the graph in a new process.
    fn open(&self, task: &Task<'_>, more: &[String]) -> anyhow::Result<Result<Opening, String>> {
        let ask = Ask::Open {
            provider: task.kind.name().to_owned(),
            settings: [self.settings(task.kind), more.to_vec()].concat(),
            bundle: self.bundle.path.clone(),
            precision: task.precision.unwrap_or_default().to_owned(),
        };
        trial::ask_within(task.library, &ask, self.patience(task.kind))
    }

    /// Runs a verb on the bundle with the provider alone.
    fn check(&mut self, verb: &str, task: &Task<'_>, more: &[&str]) -> anyhow::Result<&Check> {
        let path = self.bundle.path.display().to_string();
        let fixed = [verb, &path, "--provider", task.kind.name(), "--precision", task.precision.unwrap_or_default()];
        let settings = self.settings(task.kind).into_iter().flat_map(|one| ["--provider-option".to_owned(), one]);
        let arguments: Vec<String> = fixed.iter().chain(more).map(ToString::to_string).chain(settings).collect();
        self.checks.push(Check::run(task.library, &arguments, self.patience(task.kind))?);
        Ok(&self.checks[self.checks.len() - 1])
    }

    /// The longest that a step may take. Only building an engine may take all the time that is left: a driver that hangs in
    /// any other step must leave time to the other providers.
    fn patience(&self, kind: ProviderKind) -> Duration {
        let left = self.clock.patience();
        if builds_engines(kind) { left } else { left.min(LONGEST) }
    }

    /// Options of the provider: the folder of its engines.
    fn settings(&self, kind: ProviderKind) -> Vec<String> {
        let folder = || format!("{kind}.cache_dir={}", self.scratch.display());
        if builds_engines(kind) { vec![folder()] } else { Vec::new() }
    }
}

/// True for the provider with a cache of engines in a folder that Kiln chooses, and with EP-context models.
fn builds_engines(kind: ProviderKind) -> bool {
    kind == ProviderKind::TensorRt
}

/// The steps after those of the doctor, in order.
fn planned(kind: ProviderKind, bundle: &Bundle) -> Vec<(Name, Option<&str>)> {
    let of_graph: &[Name] = if builds_engines(kind) {
        &[Name::Session, Name::SecondStart, Name::Context, Name::Parity, Name::Latency]
    } else {
        &[Name::Session, Name::Parity, Name::Latency]
    };
    let precisions = bundle.manifest.variants.iter().map(|variant| variant.precision.as_str());
    let graphs = precisions.flat_map(|precision| of_graph.iter().map(move |name| (*name, Some(precision))));
    std::iter::once((Name::Devices, None)).chain(graphs).collect()
}

/// The failed step that another one depends on: no graph runs where it does not open.
fn failed_before(name: Name, precision: Option<&str>, steps: &[Step]) -> Option<Name> {
    if matches!(name, Name::Devices | Name::Session) {
        return None;
    }
    session(precision, steps).filter(|session| session.status == Status::Failed).map(|session| session.step)
}

/// The session of a graph.
fn session<'a>(precision: Option<&str>, steps: &'a [Step]) -> Option<&'a Step> {
    steps.iter().find(|step| step.step == Name::Session && step.precision.as_deref() == precision)
}

/// The number of EP-context models in a folder and its subfolders.
fn context_models(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count =
        |path: PathBuf| if path.is_dir() { context_models(&path) } else { usize::from(path.ends_with(CONTEXT)) };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_ep_context_model_counts_once_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let engines = folder.path().join("engines/tensorrt/0123");
        let model = |name: &str| {
            fs::create_dir_all(engines.join(name)).unwrap();
            fs::write(engines.join(name).join("model.onnx"), "x").unwrap();
        };
        model("context.17.partial");
        fs::write(engines.join("a.engine"), "x").unwrap();
        assert_eq!(context_models(folder.path()), 0);
        model("context");
        assert_eq!(context_models(folder.path()), 1);
        assert_eq!(context_models(&folder.path().join("absent")), 0);
    }
}
