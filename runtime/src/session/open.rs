//! Opening a session strictly: a provider that was asked for gets the nodes, or opening fails with the whole reason.

use std::path::Path;
use std::time::Instant;

use kiln_files::limits::Limits;
use ort::session::builder::SessionBuilder;

use super::binding::Binding;
use super::context::ContextWriter;
use super::kept::compiled_graphs;
use super::placement::{RECORD, count, placement};
use super::source::Source;
use super::{PlacedNode, Port, Session, SessionOptions};
use crate::error::{Error, Result, chain};
use crate::library::Runtime;
use crate::provider::{CompiledGraphs, Provider, SessionSetup, with_cpu};

/// A loaded graph and the placement of its nodes.
struct Opened {
    session: ort::session::Session,
    placed: Vec<PlacedNode>,
    compiled: Option<CompiledGraphs>,
}

impl Session {
    /// Loads a graph file on the providers of `options`.
    ///
    /// With one provider, a node that it cannot run is an error. With several, the first that works is used, nodes that
    /// it cannot run go to those listed after it, and [`Session::skipped`] lists the others with the reasons.
    ///
    /// ```no_run
    /// use kiln_runtime::{Providers, Session, SessionOptions, library};
    ///
    /// let providers: Providers = "cuda,cpu".parse()?;
    /// let runtime = library::load(&library::find_for(None, &providers)?)?;
    /// let options = SessionOptions { providers, ..SessionOptions::default() };
    /// let session = Session::open(runtime, "model.onnx".as_ref(), &options)?;
    /// println!("{:?} on {}, skipped {:?}", session.nodes(), session.provider(), session.skipped());
    /// # Ok::<(), kiln_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Model`] if this ONNX Runtime cannot load the file as a graph; [`Error::ProviderNotBuilt`],
    /// [`Error::ProviderUnavailable`], [`Error::ProviderPassedOver`] for a single provider, [`Error::NoProvider`] for a
    /// list; [`Error::DamagedWheel`], [`Error::PluginWheel`].
    pub fn open(runtime: &'static Runtime, model: &Path, options: &SessionOptions) -> Result<Self> {
        std::fs::metadata(model).map_err(|source| Error::Read { path: model.to_owned(), source })?;
        open(runtime, model.display().to_string(), Source::File(model), options)
    }

    /// Loads a graph from memory, as [`Session::open`] does from a file. Messages contain `name` in place of the file.
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
        let (builder, compiled) = self.builder(skipped)?;
        let mut opened = match compiled.as_ref().filter(|_| self.providers[0].writes_context()) {
            Some(compiled) => self.open_context(builder, compiled)?,
            None => self.commit(builder)?,
        };
        self.check_placement(&opened.placed)?;
        opened.compiled = compiled;
        Ok(opened)
    }

    /// A builder with all providers.
    fn builder(&self, skipped: &mut Vec<(String, String)>) -> Result<(SessionBuilder, Option<CompiledGraphs>)> {
        let first = &self.providers[0];
        let (mut builder, compiled) = self.register(builder(self.runtime, self.options, first)?, first)?;
        for other in &self.providers[1..] {
            match self.register(builder.clone(), other) {
                Ok((more, _)) => builder = more,
                Err(error) => skip(skipped, other, chain(&error)),
            }
        }
        Ok((builder, compiled))
    }

    /// Opens the EP-context model that was written before, or writes it.
    fn open_context(&self, mut builder: SessionBuilder, compiled: &CompiledGraphs) -> Result<Opened> {
        let file = compiled.context();
        if file.is_file() {
            match commit(builder, Source::File(&file), self.cpu_allowed()) {
                Ok(opened) => return Ok(opened),
                Err(error) => tracing::warn!("{} is written anew: {}", file.display(), chain(&error)),
            }
            if let Some(folder) = file.parent() {
                std::fs::remove_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
            }
            (builder, _) = self.builder(&mut Vec::new())?;
        }
        let (builder, writer) = ContextWriter::begin(builder, compiled)?;
        let opened = self.commit(builder)?;
        writer.finish();
        Ok(opened)
    }

    fn commit(&self, builder: SessionBuilder) -> Result<Opened> {
        commit(builder, self.source, self.cpu_allowed()).map_err(|error| self.explain(error))
    }

    fn cpu_allowed(&self) -> bool {
        let allowed = if self.options.require_all { &self.providers[..1] } else { self.providers };
        allowed.iter().any(Provider::is_cpu)
    }

    /// ONNX Runtime refuses a node on the CPU without naming it. Loading again without that rule gives its placement. The
    /// builder is a new one: a copy would share its providers with the session that failed.
    fn explain(&self, error: ort::Error) -> Error {
        if !self.cpu_allowed()
            && let Ok((builder, _)) = self.builder(&mut Vec::new())
            && let Ok(opened) = commit(builder, self.source, true)
            && let Err(named) = self.check_placement(&opened.placed)
        {
            return named;
        }
        load_error(self.runtime, self.model, &self.providers[0], error)
    }

    fn register(
        &self,
        builder: SessionBuilder,
        provider: &Provider,
    ) -> Result<(SessionBuilder, Option<CompiledGraphs>)> {
        if let Some(library) = provider.own_library() {
            return Ok((library.register(self.runtime.environment(), builder)?, None));
        }
        if let Some(plugin) = provider.plugin(self.runtime)? {
            return Ok((plugin.register(self.runtime.environment(), builder)?, None));
        }
        self.runtime.check_provider(provider.kind())?;
        let compiled = compiled_graphs(self.runtime, &self.source, provider, self.options)?;
        let setup = SessionSetup {
            threads: self.options.threads,
            shape_profile: self.options.shape_profile.as_ref(),
            compiled: compiled.as_ref(),
        };
        let Some(registration) = provider.registration(&setup) else {
            // ONNX Runtime refuses the CPU in a session that may not use it.
            let adds = provider.is_cpu() && self.cpu_allowed();
            let builder = if adds { with_cpu(self.runtime.environment(), builder)? } else { builder };
            return Ok((builder, compiled));
        };
        let registered = builder.with_execution_providers([registration]);
        let registered = registered.map_err(|error| unavailable(self.runtime, provider, error.into()))?;
        Ok((registered, compiled))
    }

    /// Checks that every node is on a listed provider (on the first, if it must run all), and that the first has at least one.
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
        if let Some(threads) = options.threads.or_else(threads_of_quota) {
            builder = builder.with_intra_threads(threads)?;
        }
        if let Some(prefix) = &options.profiling {
            builder = builder.with_profiling(prefix)?;
        }
        if first.flushes_to_zero() {
            builder = builder.with_flush_to_zero()?;
        }
        Ok(builder)
    };
    build().map_err(|source| Error::Runtime { action: "preparing a session", source })
}

/// The whole cores of the process's quota, if it has one. ONNX Runtime counts the cores of the machine, so it would start a
/// thread for each of them in a container that may use one.
fn threads_of_quota() -> Option<usize> {
    let limits = Limits::here();
    limits.cpu_quota.map(|_| limits.cores)
}

/// Loads the graph; unless the CPU is allowed, ONNX Runtime itself refuses to give it a node.
fn commit(mut builder: SessionBuilder, source: Source<'_>, cpu_allowed: bool) -> ort::Result<Opened> {
    if !cpu_allowed {
        builder = builder.with_disable_cpu_fallback()?;
    }
    let session = source.commit(builder)?;
    let placed = placement(&session)?;
    Ok(Opened { session, placed, compiled: None })
}

fn session(
    runtime: &'static Runtime,
    model: String,
    provider: &Provider,
    opened: Opened,
    skipped: Vec<(String, String)>,
    load_ms: f64,
) -> Session {
    let Opened { session, placed, compiled } = opened;
    for (name, reason) in &skipped {
        tracing::info!("provider {name} was skipped: {reason}");
    }
    Session {
        runtime,
        model,
        provider: provider.name(),
        binding: provider.io_binding().map(Binding::new),
        built: compiled.as_ref().map_or(0, CompiledGraphs::built),
        compiled,
        skipped,
        nodes: count(&placed),
        placed,
        inputs: session.inputs().iter().map(Port::from_outlet).collect(),
        outputs: session.outputs().iter().map(Port::from_outlet).collect(),
        load_ms,
        selected: None,
        inner: session,
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

/// On the CPU, a graph that does not load is a bad graph. On another provider the provider may be the cause: if the CPU is
/// listed too, the graph is loaded there next, and that error names the fault of the graph.
fn load_error(runtime: &Runtime, model: &str, provider: &Provider, source: ort::Error) -> Error {
    use ort::ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    let bad_graph = matches!(source.code(), InvalidGraph | InvalidProtobuf | NoModel | NoSuchFile);
    if bad_graph || provider.is_cpu() {
        let version = runtime.version().to_owned();
        return Error::Model { model: model.to_owned(), version, source };
    }
    unavailable(runtime, provider, source)
}

fn concerns_provider(error: &Error) -> bool {
    !matches!(error, Error::Model { .. } | Error::Read { .. })
}
