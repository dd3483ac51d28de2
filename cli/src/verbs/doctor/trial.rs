//! Trials in child processes: the request goes in as a hidden flag, the answer comes back as one JSON document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kiln_runtime::score::{self, Layout};
use kiln_runtime::session::probe;
use kiln_runtime::{
    Bundle, DecisionRule, ProviderKind, Providers, Runtime, Session, SessionOptions, chain, golden, library,
};
use kiln_tile::TILE_BYTES;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{child, opening};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::again::again;
use crate::verbs::number::cores;

/// Longest trial: enough for a provider that compiles its kernels on first use.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The request to a child.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// Loads the library and lists its providers.
    Load,
    /// Runs a small graph on a provider.
    Provider { provider: String },
    /// Measures the scoring of a bundle with every precision and number of threads.
    Tune { provider: String, bundle: PathBuf, seconds: f64 },
    /// Runs a small graph on a provider, and lists the provider's devices.
    Devices { provider: String },
    /// Opens a graph of a bundle on a provider alone; each setting is `PROVIDER.OPTION=VALUE`.
    Open { provider: String, settings: Vec<String>, bundle: PathBuf, precision: String },
}

/// A library that loads.
#[derive(Serialize, Deserialize)]
pub(super) struct Loaded {
    pub(super) version: String,
    pub(super) providers: Vec<String>,
}

/// One way of scoring, with its speed.
#[derive(Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) precision: String,
    pub(super) threads: usize,
    /// The batch at which it is fastest, and the tiles a second there.
    pub(super) batch: usize,
    pub(super) tiles_per_s: f64,
    /// Median latency of one tile (of one batch, where the graph fixes it) with all threads, in milliseconds.
    pub(super) p50_ms: f64,
    pub(super) nodes: BTreeMap<String, usize>,
}

/// The result, or the whole reason of the failure.
type Answer<T> = Result<T, String>;

/// Sends a request to a child that loads `library`.
pub(super) fn ask<T: DeserializeOwned>(library: &Path, request: &Ask) -> anyhow::Result<Answer<T>> {
    ask_within(library, request, PATIENCE)
}

/// As [`ask`], with another time limit.
pub(super) fn ask_within<T: DeserializeOwned>(
    library: &Path,
    request: &Ask,
    patience: Duration,
) -> anyhow::Result<Answer<T>> {
    let mut command = again(Some(library), "off")?;
    command.args(["doctor", "--trial", &serde_json::to_string(request)?]);
    let child::Ended { status, stdout, stderr } =
        child::run(&mut command, patience).context("cannot run this program again")?;
    Ok(match (status, serde_json::from_str::<Answer<T>>(&stdout)) {
        (None, _) => Err(format!("it did not answer within {} seconds", patience.as_secs())),
        (Some(status), Ok(answer)) if status.success() => answer,
        (Some(status), _) => Err(format!("the process that tried it ended with {status} {}", stderr.trim())),
    })
}

/// In the child: answers, and prints the answer.
pub(super) fn answer(ask: &str, out: &Output) -> anyhow::Result<Exit> {
    let ask: Ask = serde_json::from_str(ask).context("--trial is for this program's own use")?;
    let runtime = library::find(out.onnxruntime.as_deref()).and_then(|library| library::load(&library));
    match (runtime, ask) {
        (Err(error), _) => out.document(&Answer::<()>::Err(chain(&error)))?,
        (Ok(runtime), Ask::Load) => {
            let loaded = Loaded { version: runtime.version().to_owned(), providers: runtime.providers().to_vec() };
            out.document(&Answer::Ok(loaded))?;
        }
        (Ok(runtime), Ask::Provider { provider }) => out.document(&try_provider(runtime, &provider))?,
        (Ok(runtime), Ask::Tune { provider, bundle, seconds }) => {
            out.document(&tune(runtime, &provider, &bundle, seconds).map_err(|error| chain(&error)))?;
        }
        (Ok(runtime), Ask::Devices { provider }) => {
            out.document(&opening::devices(runtime, &provider).map_err(|error| chain(&error)))?;
        }
        (Ok(runtime), Ask::Open { provider, settings, bundle, precision }) => {
            let opened = opening::open(runtime, &provider, &settings, &bundle, &precision);
            out.document(&opened.map_err(|error| chain(&error)))?;
        }
    }
    Ok(Exit::Done)
}

fn try_provider(runtime: &'static Runtime, name: &str) -> Answer<()> {
    // The library may have providers that are not in the table.
    let kind: ProviderKind = name.parse().map_err(|_| "Kiln does not know this provider".to_owned())?;
    probe(runtime, kind).map_err(|error| match error {
        // The report names the provider and the library already.
        kiln_runtime::Error::ProviderUnavailable { source, .. } => {
            format!("it needs {}: {}", kind.needs(), chain(&source))
        }
        error => chain(&error),
    })
}

/// The batches of a trial: fewer than those of `kiln score --batch auto`, since a trial also varies the rest.
const BATCHES: [usize; 5] = [1, 4, 8, 16, 32];

/// Every precision at every number of threads, as `kiln score` would run it.
fn tune(runtime: &'static Runtime, provider: &str, bundle: &Path, seconds: f64) -> kiln_runtime::Result<Vec<Way>> {
    let providers = Providers::only(provider.parse()?);
    let bundle = Bundle::open(bundle)?;
    let (rule, tiles) = (DecisionRule::from_manifest(&bundle.manifest), golden::read(&bundle.golden_path()?)?.tiles);
    let cores = cores();
    // Half of the cores too: two threads of one physical core can be slower than one.
    let threads = if cores >= 4 { vec![cores, cores / 2] } else { vec![cores] };
    let variants = &bundle.manifest.variants;
    let slice = seconds / (variants.len() * threads.len() * (BATCHES.len() + 1)) as f64;
    let slice = Duration::from_secs_f64(slice.clamp(0.1, 1.0));
    let mut ways = Vec::new();
    for variant in variants {
        let model = bundle.model_path(&variant.precision)?;
        let shape_profile = bundle.profile(&variant.precision, 1, BATCHES[BATCHES.len() - 1])?;
        let providers = providers.clone().for_precision(&variant.precision);
        let options = SessionOptions { providers, shape_profile, ..SessionOptions::default() };
        for threads in &threads {
            let p50_ms = one_at_a_time(runtime, &model, &options, *threads, slice)?;
            let layout = Layout::new(&options.providers, *threads, usize::MAX);
            let mut sessions = score::open_sessions(runtime, &model, &options, layout, &rule)?;
            let probe = score::probe(&mut sessions, &tiles, &BATCHES, slice)?;
            let nodes = sessions.first().map(|session| session.nodes().clone()).unwrap_or_default();
            let (precision, threads) = (variant.precision.clone(), *threads);
            ways.push(Way { precision, threads, batch: probe.batch, tiles_per_s: probe.tiles_per_s, p50_ms, nodes });
        }
    }
    Ok(ways)
}

/// Median latency of one tile after another, with all threads in one session.
fn one_at_a_time(
    runtime: &'static Runtime,
    model: &Path,
    options: &SessionOptions,
    threads: usize,
    slice: Duration,
) -> kiln_runtime::Result<f64> {
    let mut session = Session::open(runtime, model, &SessionOptions { threads: Some(threads), ..options.clone() })?;
    let batch = session.fixed_batch().unwrap_or(1);
    let pixels = vec![127; batch.saturating_mul(TILE_BYTES)];
    for _ in 0..3 {
        session.run(&pixels, batch)?;
    }
    let (started, mut times) = (Instant::now(), Vec::new());
    while started.elapsed() < slice || times.len() < 5 {
        let before = Instant::now();
        session.run(&pixels, batch)?;
        times.push(before.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
