//! A request for a server package: the bundle, the server, and the options of the model there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kiln_runtime::ProviderKind;

use crate::error::{Error, Result};
use crate::target::Target;

/// The deployment of a model on Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The location of the server package's `repository` folder in the cluster: `pvc://CLAIM/PATH`, `s3://BUCKET/PATH`, ...
    pub storage_uri: String,
    /// The server's container image.
    pub image: String,
    /// The image that holds `kiln`, for the scoring job.
    pub kiln_image: String,
    /// GPUs of one replica; 0 for none.
    pub gpus: u32,
    /// CPU cores of one replica, as a Kubernetes quantity: `2`, `500m`.
    pub cpu: String,
    /// Memory of one replica: `4Gi`.
    pub memory: String,
    /// Fewest replicas.
    pub min_replicas: u32,
    /// Most replicas.
    pub max_replicas: u32,
    /// Parts of the scoring job, which run in parallel.
    pub shards: u32,
    /// The persistent volume claim with the scoring job's bundle, tile list, tiles and results.
    pub job_claim: String,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            storage_uri: String::new(),
            image: "nvcr.io/nvidia/tritonserver:25.08-py3".to_owned(),
            kiln_image: format!("kiln:{}", env!("CARGO_PKG_VERSION")),
            gpus: 0,
            cpu: "2".to_owned(),
            memory: "4Gi".to_owned(),
            min_replicas: 1,
            max_replicas: 4,
            shards: 4,
            job_claim: "kiln-data".to_owned(),
        }
    }
}

/// A request for a server package.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// The bundle's folder.
    pub bundle: PathBuf,
    /// The server package's folder: a model repository that may hold other models already.
    pub out: PathBuf,
    /// The server.
    pub target: Target,
    /// The model's name on the server; `None` for the bundle's. Precisions other than fp32 get `_<precision>`.
    pub name: Option<String>,
    /// Precisions of the bundle to package, each as a separate model; empty for `fp32`.
    pub precisions: Vec<String>,
    /// The execution provider in the server.
    pub provider: ProviderKind,
    /// The largest batch in tiles, if the graph's batch is symbolic.
    pub max_batch: u32,
    /// The longest time that the server's batcher delays a request to fill a batch, in microseconds; 0 batches only
    /// requests that are already queued.
    pub max_queue_delay_us: u64,
    /// Copies of the model on each device.
    pub instances: u32,
    /// Let the server run golden tiles before it reports that it is ready.
    pub warmup: bool,
    /// An existing, writable folder in the server's container. TensorRT's engine and timing caches go into a subfolder for
    /// each model.
    pub engine_cache: String,
    /// The version number; `None` for the next free one.
    pub version: Option<u64>,
    /// Number of versions to keep, including the new one; `None` for all.
    pub keep: Option<usize>,
    /// New names of the graph's ports on OpenVINO Model Server.
    pub rename: BTreeMap<String, String>,
    /// Every client normalises the stains of tiles as Kiln does. Required for bundles that leave stain normalisation to the
    /// caller of the graph, since a server runs the graph alone.
    pub client_normalises: bool,
    /// For [`Target::Kserve`].
    pub deployment: Deployment,
}

impl PackageRequest {
    /// The default largest batch: beyond it, throughput hardly grows on a CPU or a GPU.
    pub const MAX_BATCH: u32 = 32;
    /// The default queue delay in microseconds: a tenth of the time of one tile on one core.
    pub const MAX_QUEUE_DELAY_US: u64 = 500;
    /// The default folder for TensorRT engines: writable in every container.
    pub const ENGINE_CACHE: &'static str = "/tmp";

    /// A request with every option at its default.
    #[must_use]
    pub fn new(bundle: PathBuf, out: PathBuf, target: Target) -> Self {
        Self {
            bundle,
            out,
            target,
            name: None,
            precisions: Vec::new(),
            provider: ProviderKind::Cpu,
            max_batch: Self::MAX_BATCH,
            max_queue_delay_us: Self::MAX_QUEUE_DELAY_US,
            instances: 1,
            warmup: true,
            engine_cache: Self::ENGINE_CACHE.to_owned(),
            version: None,
            keep: None,
            rename: BTreeMap::new(),
            client_normalises: false,
            deployment: Deployment::default(),
        }
    }

    /// Refuses options that no server and no bundle can meet.
    pub(crate) fn validate(&self) -> Result<()> {
        let refuse = |option, reason: &str| Err(Error::option(option, reason));
        if self.max_batch == 0 || i32::try_from(self.max_batch).is_err() {
            return refuse("max_batch", "at least 1, and at most 2147483647");
        }
        if self.instances == 0 || i32::try_from(self.instances).is_err() {
            return refuse("instances", "at least 1");
        }
        if self.version == Some(0) {
            return refuse("version", "servers count versions from 1");
        }
        if self.keep == Some(0) {
            return refuse("keep", "at least 1: the new version itself is kept");
        }
        Ok(())
    }

    /// Returns true if the provider runs on a GPU.
    pub(crate) fn needs_gpu(&self) -> bool {
        matches!(self.provider, ProviderKind::Cuda | ProviderKind::TensorRt)
    }
}
