//! What to package, for which server, and how it shall run there.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use kiln_runtime::ProviderKind;

use crate::error::{Error, Result};

/// A server that Kiln packages for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// NVIDIA Triton Inference Server: a model repository.
    Triton,
    /// KServe on Kubernetes: a Triton model repository and the manifests that serve it.
    Kserve,
    /// OpenVINO Model Server: version folders and `config.json`.
    Ovms,
}

impl Target {
    /// Every target with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("triton", Self::Triton), ("kserve", Self::Kserve), ("ovms", Self::Ovms)];

    /// The folder of the package that holds the models' folders; empty if it is the package itself.
    #[must_use]
    pub fn models_folder(self) -> &'static str {
        match self {
            Self::Triton => "",
            Self::Kserve => "repository",
            Self::Ovms => "models",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, target)| target == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known
            .map(|(_, target)| *target)
            .ok_or_else(|| Error::argument(text, "unknown target; known are: triton, kserve, ovms"))
    }
}

/// How a model is deployed on Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Where the cluster finds the package's `repository` folder: `pvc://CLAIM/PATH`, `s3://BUCKET/PATH`, ...
    pub storage_uri: String,
    /// The server's container image.
    pub image: String,
    /// The image that holds `kiln`, for the scoring job.
    pub kiln_image: String,
    /// GPUs of one replica; 0 for none.
    pub gpus: u32,
    /// CPU cores of one replica, as Kubernetes writes quantities: `2`, `500m`.
    pub cpu: String,
    /// Memory of one replica: `4Gi`.
    pub memory: String,
    /// Fewest replicas.
    pub min_replicas: u32,
    /// Most replicas.
    pub max_replicas: u32,
    /// Parts of the scoring job, which run side by side.
    pub shards: u32,
    /// The persistent volume claim that holds bundle, tile list, tiles and results of the scoring job.
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

/// What to package, and how.
#[derive(Debug, Clone)]
pub struct PackageRequest {
    /// The bundle's folder.
    pub bundle: PathBuf,
    /// The package's folder: a model repository that may hold other models already.
    pub out: PathBuf,
    /// The server.
    pub target: Target,
    /// The model's name on the server; `None` for the bundle's own. Precisions other than fp32 get `_<precision>`.
    pub name: Option<String>,
    /// Precisions of the bundle to package, each as a model of its own; empty for `fp32`.
    pub precisions: Vec<String>,
    /// The execution provider inside the server.
    pub provider: ProviderKind,
    /// Most tiles in a batch, where the graph's batch is symbolic.
    pub max_batch: u32,
    /// How long the server's batcher may hold a request back to fill a batch, in microseconds; 0 batches only what is
    /// waiting anyway.
    pub max_queue_delay_us: u64,
    /// Copies of the model on each device.
    pub instances: u32,
    /// Whether the server runs golden tiles before it calls itself ready.
    pub warmup: bool,
    /// A folder that is there and writable inside the server's container: TensorRT's engine and timing caches go into a
    /// folder of their own in it.
    pub engine_cache: String,
    /// The version number; `None` for the next free one.
    pub version: Option<u64>,
    /// Versions to keep, the new one among them; `None` for all.
    pub keep: Option<usize>,
    /// Tensor names under which OpenVINO Model Server shows the graph's ports.
    pub rename: BTreeMap<String, String>,
    /// Whether clients normalise the stains of tiles themselves, as `kiln` does: a server runs the graph alone. Without
    /// it, a bundle whose graph does not normalise is refused.
    pub client_normalises: bool,
    /// For [`Target::Kserve`].
    pub deployment: Deployment,
}

impl PackageRequest {
    /// Most tiles in a batch unless told otherwise: beyond it, throughput hardly grows on a CPU or a GPU.
    pub const MAX_BATCH: u32 = 32;
    /// Microseconds that a request may wait for others unless told otherwise: a tenth of what one tile takes on a core.
    pub const MAX_QUEUE_DELAY_US: u64 = 500;
    /// Where TensorRT keeps its engines unless told otherwise: writable in every container.
    pub const ENGINE_CACHE: &'static str = "/tmp";

    /// With every option at its default.
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

    /// Refuses what cannot be met whatever the bundle.
    pub(crate) fn validate(&self) -> Result<()> {
        let refuse = |argument: &str, reason: &str| Err(Error::argument(argument, reason));
        if self.max_batch == 0 || i32::try_from(self.max_batch).is_err() {
            return refuse("--max-batch", "at least 1, and at most 2147483647");
        }
        if self.instances == 0 || i32::try_from(self.instances).is_err() {
            return refuse("--instances", "at least 1");
        }
        if self.version == Some(0) {
            return refuse("--version", "servers count versions from 1");
        }
        if self.keep == Some(0) {
            return refuse("--keep", "at least 1: the new version itself is kept");
        }
        if !self.rename.is_empty() && self.target != Target::Ovms {
            return refuse("--rename", "only OpenVINO Model Server can show ports under other names: --target ovms");
        }
        let inside = [ProviderKind::Cpu, ProviderKind::Cuda, ProviderKind::TensorRt, ProviderKind::OpenVino];
        if !inside.contains(&self.provider) {
            return refuse("--provider", "Triton's ONNX Runtime backend has cpu, cuda, tensorrt and openvino");
        }
        if self.target == Target::Ovms && !matches!(self.provider, ProviderKind::Cpu | ProviderKind::OpenVino) {
            return refuse(
                "--provider",
                "OpenVINO Model Server runs on OpenVINO; leave it out, or choose another target",
            );
        }
        if self.target == Target::Kserve {
            self.validate_deployment()?;
        }
        Ok(())
    }

    fn validate_deployment(&self) -> Result<()> {
        let deployment = &self.deployment;
        let refuse = |argument: &str, reason: &str| Err(Error::argument(argument, reason));
        if !deployment.storage_uri.contains("://") {
            let reason = "--target kserve needs to know where the cluster will find the package's `repository` folder, \
                          for example pvc://models/repository or s3://bucket/repository";
            return refuse("--storage-uri", reason);
        }
        let gpu = matches!(self.provider, ProviderKind::Cuda | ProviderKind::TensorRt);
        if gpu && deployment.gpus == 0 {
            return refuse("--gpu", "this provider needs a GPU: ask for one with --gpu 1");
        }
        if !gpu && deployment.gpus > 0 {
            return refuse("--gpu", "this provider uses none: choose --provider cuda or tensorrt, or leave --gpu out");
        }
        if deployment.max_replicas < deployment.min_replicas.max(1) {
            return refuse("--max-replicas", "at least 1, and not below --min-replicas");
        }
        if deployment.shards == 0 {
            return refuse("--shards", "at least 1");
        }
        Ok(())
    }
}
