//! Options of opening sides.

use std::path::PathBuf;
#[cfg(feature = "endpoint")]
use std::time::Duration;

#[cfg(feature = "endpoint")]
use kiln_runtime::endpoint::{EndpointOptions, Token};

/// Options of opening sides.
#[derive(Debug, Clone)]
pub struct SideOptions {
    /// The ONNX Runtime library to load; `None` for an installed one that has all providers of the sides.
    pub library: Option<PathBuf>,
    /// Options of providers, each `PROVIDER.OPTION=VALUE`, for the sides that name the provider.
    pub provider_options: Vec<String>,
    /// Refuses a provider that does not run every node.
    pub require_all: bool,
    /// Threads in all.
    pub threads: usize,
    /// Tiles in a batch.
    pub batch: usize,
    /// The outputs to compute; `None` for all.
    pub outputs: Option<Vec<String>>,
    /// The bundle of a model server; `None` for that of another side.
    pub bundle: Option<PathBuf>,
    /// The OpenSlide library for tiles of slides of a run.
    pub openslide: Option<PathBuf>,
    /// Options of model servers.
    #[cfg(feature = "endpoint")]
    pub servers: ServerOptions,
}

impl SideOptions {
    /// Tiles in a batch by default.
    pub const BATCH: usize = 8;
}

impl Default for SideOptions {
    fn default() -> Self {
        Self {
            library: None,
            provider_options: Vec::new(),
            require_all: false,
            threads: kiln_files::limits::threads(),
            batch: Self::BATCH,
            outputs: None,
            bundle: None,
            openslide: None,
            #[cfg(feature = "endpoint")]
            servers: ServerOptions::default(),
        }
    }
}

/// Options of model servers.
#[cfg(feature = "endpoint")]
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Time limit of one request.
    pub timeout: Duration,
    /// Time during which a batch is sent again after a lost connection, a timeout or overload.
    pub retry_for: Duration,
    /// PEM file of certificates that are trusted beside the system's.
    pub ca: Option<PathBuf>,
    /// Bearer token.
    pub token: Option<Token>,
}

#[cfg(feature = "endpoint")]
impl Default for ServerOptions {
    fn default() -> Self {
        let EndpointOptions { timeout, retry_for, ca, token, .. } = EndpointOptions::new(Vec::new(), "");
        Self { timeout, retry_for, ca, token }
    }
}
