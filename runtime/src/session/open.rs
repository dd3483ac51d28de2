//! Opening a session strictly: a provider that was asked for gets the nodes, or opening fails with the whole reason.

use std::path::Path;
use std::time::Instant;

use ort::session::builder::SessionBuilder;

use super::binding::{Binding, Memory};
use super::context::Writing;
use super::placement::{RECORD, count, placement};
use super::{PlacedNode, Port, Session, SessionOptions};
use crate::error::{Error, Result, chain};
use crate::library::Runtime;
use crate::provider::registration::{self, Site};
use crate::provider::{Engines, ModelBytes, Provider, ProviderOptions, engines, register_plugin};

/// Where the graph is.
#[derive(Clone, Copy)]
enum Source<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
}

/// A loaded graph and where its nodes are.
struct Opened {
    session: ort::session::Session,
    placed: Vec<PlacedNode>,
    engines: Option<Engines>,
}

impl<'a> Source<'a> {
    fn bytes(self) -> ModelBytes<'a> {
        match self {
            Self::File(path) => ModelBytes::File(path),
            Self::Bytes(bytes) => ModelBytes::Bytes(bytes),
        }
    }
}

impl Session {
    /// Loads a graph file on the providers of `options`.
    ///
    /// With one provider, a node that it cannot run is an error. With several, the first that works is used, nodes that
    /// it cannot run go to those listed after it, and [`Session::skipped`] tells what did not work and why.
    ///
    /// # Errors
    /// [`Error::Model`] if the file is no graph that this ONNX Runtime can load; [`Error::ProviderNotBuilt`],
    /// [`Error::ProviderUnavailable`], [`Error::ProviderPassedOver`] for a single provider, [`Error::NoProvider`] for a
    /// list; [`Error::DamagedPackage`].
    pub fn open(runtime: &'static Runtime, model: &Path, options: &SessionOptions) -> Result<Self> {
        std::fs::metadata(model).map_err(|source| Error::Read { path: model.to_owned(), source })?;
        open(runtime, model.display().to_string(), Source::File(model), options)
    }

    /// Loads a graph from memory, as [`Session::open`] does from a file. `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_bytes(runtime: &'static Runtime, name: &str, bytes: &[u8], options: &SessionOptions) -> Result<Self> {
        open(runtime, name.to_owned(), Source::Bytes(bytes), options)
    }
}

fn open(runtime: &'static Runtime, model: String, source: Source<'_>, options: &SessionOptions) -> Result<Session> {
    let started = Instant::now();
    let mut skipped: Vec<(String, String)> = Vec::new();
    let providers = options.providers.list();
    for (i, provider) in providers.iter().enumerate() {
        let attempt = Attempt { runtime, model: &model, source, options, providers: &providers[i..] };
        match attempt.run(&mut skipped) {
            Ok(opened) => {
                let load_ms = started.elapsed().as_secs_f64() * 1_000.0;
                return Ok(session(runtime, model, provider, opened, skipped, load_ms));
            }
            Err(error) if providers.len() == 1 || !concerns_provider(&error) => return Err(error),
            Err(error) => skip(&mut skipped, provider, chain(&error)),
        }
    }
    let reasons = skipped.into_iter().map(|(provider, reason)| format!("{provider}: {reason}")).collect();
    Err(Error::NoProvider { reasons })
}

/// Loading the graph with the first of `providers` in front, and the others for what it cannot run.
struct Attempt<'a> {
    runtime: &'static Runtime,
    model: &'a str,
    source: Source<'a>,
    options: &'a SessionOptions,
    providers: &'a [Provider],
}

impl Attempt<'_> {
    fn run(&self, skipped: &mut Vec<(String, String)>) -> Result<Opened> {
        let first = &self.providers[0];
        let (mut builder, engines) = self.register(builder(self.runtime, self.options, first)?, first)?;
        for other in &self.providers[1..] {
            match self.register(builder.clone(), other) {
                Ok((more, _)) => builder = more,
                Err(error) => skip(skipped, other, chain(&error)),
            }
        }
        let mut opened = match engines.as_ref().filter(|_| registration::wants_context(first)) {
            Some(engines) => self.compiled(builder, engines)?,
            None => self.commit(builder)?,
        };
        self.check_placement(&opened.placed)?;
        opened.engines = engines;
        Ok(opened)
    }

    /// Opens the EP-context model that was written before, or writes it.
    fn compiled(&self, builder: SessionBuilder, engines: &Engines) -> Result<Opened> {
        let file = engines.context();
        if file.is_file() {
            match commit(builder.clone(), Source::File(&file), self.cpu_allowed()) {
                Ok(opened) => return Ok(opened),
                Err(error) => tracing::warn!("{} is written anew: {}", file.display(), chain(&error)),
            }
            if let Some(folder) = file.parent() {
                std::fs::remove_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
            }
        }
        let (builder, writing) = Writing::begin(builder, engines)?;
        let opened = self.commit(builder)?;
        writing.finish();
        Ok(opened)
    }

    fn commit(&self, builder: SessionBuilder) -> Result<Opened> {
        commit(builder.clone(), self.source, self.cpu_allowed()).map_err(|error| self.explain(builder, error))
    }

    fn cpu_allowed(&self) -> bool {
        let allowed = if self.options.require_all { &self.providers[..1] } else { self.providers };
        allowed.iter().any(registration::is_cpu)
    }

    /// ONNX Runtime refuses a node on the CPU without naming it. Loaded again without that rule, the placement tells.
    fn explain(&self, builder: SessionBuilder, error: ort::Error) -> Error {
        if !self.cpu_allowed()
            && let Ok(opened) = commit(builder, self.source, true)
            && let Err(named) = self.check_placement(&opened.placed)
        {
            return named;
        }
        load_error(self.runtime, self.model, &self.providers[0], error)
    }

    fn register(&self, builder: SessionBuilder, provider: &Provider) -> Result<(SessionBuilder, Option<Engines>)> {
        if let ProviderOptions::Plugin(plugin) = provider.options() {
            return Ok((register_plugin(self.runtime, builder, plugin)?, None));
        }
        self.runtime.check_provider(provider.kind())?;
        let engines = engines(self.runtime, &self.source.bytes(), provider, self.options)?;
        let site = Site {
            threads: self.options.threads,
            profile: self.options.profile_shapes.as_ref(),
            engines: engines.as_ref(),
        };
        let Some(registration) = registration::registration(provider, &site) else { return Ok((builder, engines)) };
        let registered = builder.with_execution_providers([registration]);
        let registered = registered.map_err(|error| unavailable(self.runtime, provider, error.into()))?;
        Ok((registered, engines))
    }

    /// Every node is on a listed provider (on the first, where all are required there), and the first has at least one.
    fn check_placement(&self, placed: &[PlacedNode]) -> Result<()> {
        let first = self.providers[0].name();
        let nodes = count(placed);
        let passed_over = |found| Err(Error::ProviderPassedOver { provider: first.clone(), found });
        // A graph without nodes (all constants folded) runs nowhere; the CPU hands its outputs over.
        if !placed.is_empty() && !nodes.contains_key(&first) {
            let others: Vec<_> = nodes.iter().map(|(provider, n)| format!("{n} to {provider}")).collect();
            return passed_over(format!("ONNX Runtime gave it none of the nodes ({})", others.join(", ")));
        }
        let allowed = if self.options.require_all { &self.providers[..1] } else { self.providers };
        match placed.iter().find(|node| !allowed.iter().any(|provider| provider.name() == node.provider)) {
            Some(node) => {
                let n = nodes.get(&node.provider).copied().unwrap_or_default();
                let (all, operator, name) = (placed.len(), &node.operator, &node.name);
                passed_over(format!("{n} of {all} nodes went to {} (the first is {operator} `{name}`)", node.provider))
            }
            None => Ok(()),
        }
    }
}

fn builder(runtime: &Runtime, options: &SessionOptions, first: &Provider) -> Result<SessionBuilder> {
    let build = || -> ort::Result<SessionBuilder> {
        let mut builder = ort::session::Session::builder(runtime.environment())?
            .with_optimization_level(options.optimisation.level())?
            .with_config_entry(RECORD, "1")?
            .with_intra_op_spinning(options.spinning)?;
        if let Some(threads) = options.threads {
            builder = builder.with_intra_threads(threads)?;
        }
        if let Some(profile) = &options.profile {
            builder = builder.with_profiling(profile)?;
        }
        if registration::flushes_to_zero(first) {
            builder = builder.with_flush_to_zero()?;
        }
        Ok(builder)
    };
    build().map_err(|source| Error::Runtime { action: "preparing a session", source })
}

/// Where the CPU is not allowed, ONNX Runtime itself refuses to give it a node.
fn commit(mut builder: SessionBuilder, source: Source<'_>, cpu_allowed: bool) -> ort::Result<Opened> {
    if !cpu_allowed {
        builder = builder.with_disable_cpu_fallback()?;
    }
    let session = match source {
        Source::File(path) => builder.commit_from_file(path)?,
        Source::Bytes(bytes) => builder.commit_from_memory(bytes)?,
    };
    let placed = placement(&session)?;
    Ok(Opened { session, placed, engines: None })
}

fn session(
    runtime: &'static Runtime,
    model: String,
    provider: &Provider,
    opened: Opened,
    skipped: Vec<(String, String)>,
    load_ms: f64,
) -> Session {
    let Opened { session, placed, engines } = opened;
    for (name, reason) in &skipped {
        tracing::info!("provider {name} was skipped: {reason}");
    }
    Session {
        runtime,
        model,
        provider: provider.name(),
        binding: binding(provider),
        built: engines.as_ref().map_or(0, Engines::built),
        engines,
        skipped,
        nodes: count(&placed),
        placed,
        inputs: session.inputs().iter().map(Port::of).collect(),
        outputs: session.outputs().iter().map(Port::of).collect(),
        load_ms,
        selected: None,
        inner: session,
    }
}

/// Bound memory, where the provider's options ask for it.
fn binding(provider: &Provider) -> Option<Binding> {
    match provider.options() {
        ProviderOptions::Cpu(options) => options.io_binding.then(|| Binding::new(Memory::Host, false)),
        ProviderOptions::Cuda(options) => {
            let memory = Memory::Cuda { device: options.device_id };
            options.io_binding.then(|| Binding::new(memory, options.cuda_graph))
        }
        ProviderOptions::TensorRt(options) => {
            let memory = Memory::Cuda { device: options.device_id };
            options.io_binding.then(|| Binding::new(memory, options.cuda_graph))
        }
        _ => None,
    }
}

fn skip(skipped: &mut Vec<(String, String)>, provider: &Provider, reason: String) {
    let name = provider.name();
    if !skipped.iter().any(|(known, _)| *known == name) {
        skipped.push((name, reason));
    }
}

fn unavailable(runtime: &Runtime, provider: &Provider, source: ort::Error) -> Error {
    let library = runtime.library().path.clone();
    Error::ProviderUnavailable { provider: provider.name(), needs: provider.kind().needs(), library, source }
}

/// On the CPU, a graph that does not load is a bad graph. On another provider it may be the provider: the same graph is
/// loaded again on the CPU by whoever listed it, and its error says then what is wrong with it.
fn load_error(runtime: &Runtime, model: &str, provider: &Provider, source: ort::Error) -> Error {
    use ort::ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    let bad_graph = matches!(source.code(), InvalidGraph | InvalidProtobuf | NoModel | NoSuchFile);
    if bad_graph || registration::is_cpu(provider) {
        let version = runtime.version().to_owned();
        return Error::Model { model: model.to_owned(), version, source };
    }
    unavailable(runtime, provider, source)
}

fn concerns_provider(error: &Error) -> bool {
    !matches!(error, Error::Model { .. } | Error::Read { .. })
}
