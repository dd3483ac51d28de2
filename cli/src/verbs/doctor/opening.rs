//! In a child: a graph of a bundle on one provider alone, without a fallback, and the provider's devices.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use kiln_runtime::library::ProviderDevice;
use kiln_runtime::parity::GOLDEN_BATCHES;
use kiln_runtime::session::probe;
use kiln_runtime::{Bundle, ProviderKind, Providers, Result, Runtime, Session, SessionOptions};
use serde::{Deserialize, Serialize};

/// A session that opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Opening {
    /// Milliseconds to load, optimise and place the graph, and to build its engines if any were built.
    pub(super) load_ms: f64,
    /// Engines that were built to open it.
    pub(super) engines_built: usize,
    /// Nodes that each provider runs.
    pub(super) nodes: BTreeMap<String, usize>,
    /// Share of the nodes on the provider, 0 to 1.
    pub(super) share: f64,
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.nodes.iter().map(|(provider, nodes)| format!("{nodes} nodes on {provider}")).collect();
        let built = match self.engines_built {
            0 => String::new(),
            engines => format!(", {engines} engines built"),
        };
        let percent = 100.0 * self.share;
        write!(f, "opened in {:.0} ms{built}; {} ({percent:.0} %)", self.load_ms, nodes.join(", "))
    }
}

/// Opens a graph for the batches of `kiln verify`.
pub(super) fn open(
    runtime: &'static Runtime,
    provider: &str,
    settings: &[String],
    bundle: &Path,
    precision: &str,
) -> Result<Opening> {
    let bundle = Bundle::open_to_verify(bundle)?;
    let providers = Providers::from_arguments(provider, settings)?.for_precision(precision);
    let most = GOLDEN_BATCHES.into_iter().max().unwrap_or(1);
    let shape_profile = bundle.profile(precision, 1, most)?;
    let options = SessionOptions { providers, shape_profile, ..SessionOptions::default() };
    let session = Session::open(runtime, &bundle.model_path(precision)?, &options)?;
    let nodes = session.nodes().clone();
    let (on_it, all) = (nodes.get(session.provider()).copied().unwrap_or_default(), nodes.values().sum::<usize>());
    let share = if all == 0 { 0.0 } else { on_it as f64 / all as f64 };
    Ok(Opening { load_ms: session.load_ms(), engines_built: session.engines_built(), nodes, share })
}

/// Runs the probe graph, which loads the provider's library if it has its own, and lists the provider's devices.
pub(super) fn devices(runtime: &'static Runtime, provider: &str) -> Result<Vec<ProviderDevice>> {
    let kind: ProviderKind = provider.parse()?;
    probe(runtime, kind)?;
    Ok(runtime.devices(kind))
}
