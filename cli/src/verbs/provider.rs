//! The flags for the execution providers, which every verb that runs a graph has.

use std::path::Path;

use kiln_runtime::provider::ShapeProfile;
use kiln_runtime::{Bundle, Providers, SessionOptions};

/// Heading of the flags that select the graph, its provider and its threads, in verbs with many flags.
pub(crate) const EXECUTION: &str = "Execution";

/// The provider list and its options.
#[derive(clap::Args, Clone)]
pub(crate) struct ProviderArgs {
    /// Execution provider to run on: cpu, cuda, tensorrt, openvino, or another that ONNX Runtime has. A single name
    /// never falls back; a list such as `tensorrt,cuda` allows it; @FILE is a YAML list with options.
    #[arg(long, value_name = "LIST|@FILE", default_value = "cpu")]
    provider: String,

    #[command(flatten)]
    more: ProviderOptionArgs,
}

/// Options of every provider list.
#[derive(clap::Args, Clone)]
pub(crate) struct ProviderOptionArgs {
    /// Option of a provider, such as cuda.device_id=1; may be repeated. `kiln doctor --options` lists all.
    #[arg(long, value_name = "PROVIDER.OPTION=VALUE")]
    provider_option: Vec<String>,

    /// Skip a provider that does not run every node of the graph, and fail if it is the last one.
    #[arg(long)]
    require_all: bool,
}

impl ProviderArgs {
    /// The file of the list, if it is `@FILE`.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.provider.strip_prefix('@').map(Path::new)
    }

    /// The list with its options.
    pub(crate) fn providers(&self) -> kiln_runtime::Result<Providers> {
        self.more.providers(&self.provider)
    }

    /// Options of a session on these providers.
    pub(crate) fn session(
        &self,
        bundle: &Bundle,
        precision: &str,
        batches: &[usize],
    ) -> anyhow::Result<SessionOptions> {
        Ok(self.more.session(self.providers()?, bundle, precision, batches)?)
    }
}

impl ProviderOptionArgs {
    /// A provider list with its options.
    pub(crate) fn providers(&self, list: &str) -> kiln_runtime::Result<Providers> {
        Providers::from_arguments(list, &self.provider_option)
    }

    /// Options of a session for one of a bundle's graphs, to be run at these batch sizes.
    pub(crate) fn session(
        &self,
        providers: Providers,
        bundle: &Bundle,
        precision: &str,
        batches: &[usize],
    ) -> kiln_runtime::Result<SessionOptions> {
        Ok(SessionOptions {
            providers: providers.for_precision(precision),
            require_all: self.require_all,
            shape_profile: shape_profile(bundle, precision, batches)?,
            ..SessionOptions::default()
        })
    }
}

impl ProviderOptionArgs {
    /// The options, each `PROVIDER.OPTION=VALUE`.
    #[cfg(any(feature = "compare", feature = "debug"))]
    pub(crate) fn settings(&self) -> &[String] {
        &self.provider_option
    }

    /// `--require-all`.
    #[cfg(any(feature = "compare", feature = "debug"))]
    pub(crate) fn require_all(&self) -> bool {
        self.require_all
    }

    /// The same flags, for another process.
    #[cfg(any(feature = "bench", feature = "compare"))]
    pub(crate) fn flags(&self) -> Vec<String> {
        let options = self.provider_option.iter().flat_map(|option| ["--provider-option".to_owned(), option.clone()]);
        options.chain(self.require_all.then(|| "--require-all".to_owned())).collect()
    }
}

/// The batches that a compiled graph must accept; none if the graph's batch is fixed.
fn shape_profile(bundle: &Bundle, precision: &str, batches: &[usize]) -> kiln_runtime::Result<Option<ShapeProfile>> {
    let most = batches.iter().copied().max().unwrap_or(1);
    // The last part of the tiles may be of any size below.
    bundle.profile(precision, 1, most)
}
