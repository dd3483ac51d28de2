//! Opening a session strictly: a provider that was asked for gets the nodes, or opening fails with the whole reason.

use std::path::Path;
use std::time::Instant;

use ort::session::builder::SessionBuilder;

use super::placement::{RECORD, count, placement};
use super::{PlacedNode, Port, Session, SessionOptions};
use crate::error::{Error, Result, chain};
use crate::library::Runtime;
use crate::provider::ProviderKind;

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
    let kinds = options.providers.kinds();
    for (i, provider) in kinds.iter().enumerate() {
        match attempt(runtime, &model, source, options, &kinds[i..], &mut skipped) {
            Ok(opened) => {
                let load_ms = started.elapsed().as_secs_f64() * 1_000.0;
                return Ok(session(runtime, model, *provider, opened, skipped, load_ms));
            }
            Err(error) if kinds.len() == 1 || !concerns_provider(&error) => return Err(error),
            Err(error) => skip(&mut skipped, *provider, chain(&error)),
        }
    }
    let reasons = skipped.into_iter().map(|(provider, reason)| format!("{provider}: {reason}")).collect();
    Err(Error::NoProvider { reasons })
}

/// Loads the graph with the first of `kinds` in front, and the others for what it cannot run.
fn attempt(
    runtime: &Runtime,
    model: &str,
    source: Source<'_>,
    options: &SessionOptions,
    kinds: &[ProviderKind],
    skipped: &mut Vec<(String, String)>,
) -> Result<Opened> {
    let first = kinds[0];
    let mut builder = register(runtime, builder(runtime, options)?, first, options)?;
    for other in &kinds[1..] {
        match register(runtime, builder.clone(), *other, options) {
            Ok(more) => builder = more,
            Err(error) => skip(skipped, *other, chain(&error)),
        }
    }
    let opened = match commit(builder.clone(), source, kinds.contains(&ProviderKind::Cpu)) {
        Ok(opened) => opened,
        Err(error) => return Err(explain(runtime, model, builder, source, kinds, error)),
    };
    check_placement(kinds, &opened.placed)?;
    Ok(opened)
}

/// ONNX Runtime refuses a node on the CPU without naming it. Loaded again without that rule, the placement tells.
fn explain(
    runtime: &Runtime,
    model: &str,
    builder: SessionBuilder,
    source: Source<'_>,
    kinds: &[ProviderKind],
    error: ort::Error,
) -> Error {
    if !kinds.contains(&ProviderKind::Cpu)
        && let Ok(opened) = commit(builder, source, true)
        && let Err(named) = check_placement(kinds, &opened.placed)
    {
        return named;
    }
    load_error(runtime, model, kinds[0], error)
}

fn builder(runtime: &Runtime, options: &SessionOptions) -> Result<SessionBuilder> {
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
        Ok(builder)
    };
    build().map_err(|source| Error::Runtime { action: "preparing a session", source })
}

fn register(
    runtime: &Runtime,
    builder: SessionBuilder,
    provider: ProviderKind,
    options: &SessionOptions,
) -> Result<SessionBuilder> {
    runtime.check_provider(provider)?;
    let Some(registration) = provider.registration(options) else { return Ok(builder) };
    builder.with_execution_providers([registration]).map_err(|error| unavailable(runtime, provider, error.into()))
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
    Ok(Opened { session, placed })
}

/// Every node is on a listed provider, and the first one has at least one node.
fn check_placement(kinds: &[ProviderKind], placed: &[PlacedNode]) -> Result<()> {
    let first = kinds[0];
    let nodes = count(placed);
    let passed_over = |found| Err(Error::ProviderPassedOver { provider: first, found });
    // A graph without nodes (all constants folded) runs nowhere; the CPU hands its outputs over.
    if !placed.is_empty() && !nodes.contains_key(first.name()) {
        let others: Vec<_> = nodes.iter().map(|(provider, n)| format!("{n} to {provider}")).collect();
        return passed_over(format!("ONNX Runtime gave it none of the nodes ({})", others.join(", ")));
    }
    match placed.iter().find(|node| !kinds.iter().any(|kind| kind.name() == node.provider)) {
        Some(node) => {
            let n = nodes.get(&node.provider).copied().unwrap_or_default();
            let (all, operator, name) = (placed.len(), &node.operator, &node.name);
            passed_over(format!("{n} of {all} nodes went to {} (the first is {operator} `{name}`)", node.provider))
        }
        None => Ok(()),
    }
}

fn session(
    runtime: &'static Runtime,
    model: String,
    provider: ProviderKind,
    opened: Opened,
    skipped: Vec<(String, String)>,
    load_ms: f64,
) -> Session {
    let Opened { session, placed } = opened;
    for (name, reason) in &skipped {
        tracing::info!("provider {name} was skipped: {reason}");
    }
    Session {
        runtime,
        model,
        provider: provider.name().to_owned(),
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

fn skip(skipped: &mut Vec<(String, String)>, provider: ProviderKind, reason: String) {
    if !skipped.iter().any(|(name, _)| name == provider.name()) {
        skipped.push((provider.name().to_owned(), reason));
    }
}

fn unavailable(runtime: &Runtime, provider: ProviderKind, source: ort::Error) -> Error {
    Error::ProviderUnavailable { provider, library: runtime.library().path.clone(), source }
}

/// On the CPU, a graph that does not load is a bad graph. On another provider it may be the provider: the same graph is
/// loaded again on the CPU by whoever listed it, and its error says then what is wrong with it.
fn load_error(runtime: &Runtime, model: &str, provider: ProviderKind, source: ort::Error) -> Error {
    use ort::ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    let bad_graph = matches!(source.code(), InvalidGraph | InvalidProtobuf | NoModel | NoSuchFile);
    if bad_graph || provider == ProviderKind::Cpu {
        let version = runtime.version().to_owned();
        return Error::Model { model: model.to_owned(), version, source };
    }
    unavailable(runtime, provider, source)
}

fn concerns_provider(error: &Error) -> bool {
    !matches!(error, Error::Model { .. } | Error::Read { .. })
}
