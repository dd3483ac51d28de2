//! A request for a server package: the bundle, the server, and the options of the model there.

use std::path::PathBuf;

use kiln_runtime::ProviderKind;

use crate::error::{Error, Result};
use crate::package::is_name;
use crate::repository::LAST_VERSION;
use crate::server;
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
    /// New names of the graph's ports on OpenVINO Model Server: the graph's name, then the new one.
    pub rename: Vec<(String, String)>,
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
            rename: Vec::new(),
            client_normalises: false,
            deployment: Deployment::default(),
        }
    }

    /// Refuses options that the server cannot meet, whatever the bundle. [`package`](crate::package) does so first; call it
    /// before work that makes the bundle.
    ///
    /// # Errors
    /// [`Error::Option`], and [`Error::Unused`] for an option of another server.
    pub fn validate(&self) -> Result<()> {
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
        if self.version.is_some_and(|version| version > LAST_VERSION) {
            return Err(Error::option("version", format!("at most {LAST_VERSION}: servers read no higher number")));
        }
        if self.keep == Some(0) {
            return refuse("keep", "at least 1: the new version itself is kept");
        }
        if let Some(twice) =
            (1..self.precisions.len()).find(|at| self.precisions[..*at].contains(&self.precisions[*at]))
        {
            return Err(Error::option("precisions", format!("{} is named twice", self.precisions[twice])));
        }
        self.name.as_deref().map_or(Ok(()), is_name)?;
        let existing = self.out.ancestors().find(|path| path.symlink_metadata().is_ok());
        if let Some(file) = existing.filter(|path| !path.is_dir()) {
            return Err(Error::option("out", format!("{} exists and is no folder", file.display())));
        }
        for (option, image) in [("image", &self.deployment.image), ("kiln_image", &self.deployment.kiln_image)] {
            if !is_image(image) {
                return Err(Error::option(
                    option,
                    format!(
                        "`{image}` is no container image that a cluster accepts, such as registry.example/name:tag"
                    ),
                ));
            }
        }
        if let (false, Some(option)) = (self.target == Target::Kserve, self.kserve_options().first()) {
            return Err(Error::unused(option, format!("only KServe uses it, not the target {}", self.target)));
        }
        server::for_target(self.target).validate(self)
    }

    /// Fields that differ from their defaults and concern a deployment on Kubernetes alone.
    fn kserve_options(&self) -> Vec<&'static str> {
        let (given, usual) = (&self.deployment, Deployment::default());
        differing([
            ("storage_uri", given.storage_uri != usual.storage_uri),
            ("kiln_image", given.kiln_image != usual.kiln_image),
            ("gpus", given.gpus != usual.gpus),
            ("cpu", given.cpu != usual.cpu),
            ("memory", given.memory != usual.memory),
            ("min_replicas", given.min_replicas != usual.min_replicas),
            ("max_replicas", given.max_replicas != usual.max_replicas),
            ("shards", given.shards != usual.shards),
            ("job_claim", given.job_claim != usual.job_claim),
        ])
    }

    /// Fields that differ from their defaults and concern Triton alone, with KServe or without.
    pub(crate) fn triton_options(&self) -> Vec<&'static str> {
        differing([
            ("max_batch", self.max_batch != Self::MAX_BATCH),
            ("max_queue_delay_us", self.max_queue_delay_us != Self::MAX_QUEUE_DELAY_US),
            ("warmup", !self.warmup),
            ("engine_cache", self.has_engine_cache()),
            ("image", self.deployment.image != Deployment::default().image),
        ])
    }

    /// Returns true if the folder of TensorRT's caches is not the default one.
    pub(crate) fn has_engine_cache(&self) -> bool {
        self.engine_cache != Self::ENGINE_CACHE
    }

    /// Returns true if the provider runs on a GPU.
    pub(crate) fn needs_gpu(&self) -> bool {
        matches!(self.provider, ProviderKind::Cuda | ProviderKind::TensorRt)
    }
}

/// Returns true for the name of a container image that a cluster accepts: `HOST:PORT/PATH:TAG@DIGEST`, all but the path
/// optional (the grammar of the OCI distribution's `reference`). Commands and manifests have it unquoted.
fn is_image(name: &str) -> bool {
    const LONGEST: usize = 255;
    let (name, digest) = split_end(name, '@');
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (end, tag) = split_end(&name[last..], ':');
    let repository = &name[..last + end.len()];
    let path = match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            if !is_host(host) {
                return false;
            }
            path
        }
        _ => repository,
    };
    repository.len() <= LONGEST
        && path.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

/// The text before the last separator, and the text behind it if there is one.
fn split_end(text: &str, separator: char) -> (&str, Option<&str>) {
    text.rsplit_once(separator).map_or((text, None), |(text, end)| (text, Some(end)))
}

/// A registry, with or without a port.
fn is_host(host: &str) -> bool {
    let (name, port) = split_end(host, ':');
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(plain) && !part.starts_with('-') && !part.ends_with('-');
    name.split('.').all(is_part) && port.is_none_or(|port| is_all(port, |letter| letter.is_ascii_digit()))
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(component: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_separator =
        |between: &str| matches!(between, "" | "." | "_" | "__") || is_all(between, |letter| letter == '-');
    component.starts_with(plain) && component.ends_with(plain) && component.split(plain).all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    const LONGEST: usize = 128;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    tag.len() <= LONGEST && is_all(tag, plain) && !tag.starts_with(['.', '-'])
}

/// An algorithm, and at least 32 hexadecimal digits.
fn is_digest(digest: &str) -> bool {
    const SHORTEST: usize = 32;
    let Some((algorithm, digits)) = digest.split_once(':') else { return false };
    let is_part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && is_all(part, |letter| letter.is_ascii_alphanumeric())
    };
    algorithm.split(['+', '.', '_', '-']).all(is_part)
        && digits.len() >= SHORTEST
        && is_all(digits, |letter| letter.is_ascii_hexdigit())
}

/// Returns true for a text of these letters alone, with at least one.
fn is_all(text: &str, plain: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(plain)
}

/// The names of the fields that differ.
fn differing<const N: usize>(fields: [(&'static str, bool); N]) -> Vec<&'static str> {
    fields.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_option_of_another_server_or_provider_is_refused_by_name() {
        let request = |target| PackageRequest::new("bundle".into(), "out".into(), target);
        let refused = |request: PackageRequest| match request.validate() {
            Err(Error::Unused { option, .. }) => option,
            other => panic!("{other:?}"),
        };
        for target in [Target::Triton, Target::Ovms] {
            request(target).validate().unwrap();
            let deployment = Deployment { shards: 5, ..Deployment::default() };
            assert_eq!(refused(PackageRequest { deployment, ..request(target) }), "shards");
            let cached = PackageRequest { engine_cache: "/cache".to_owned(), ..request(target) };
            assert_eq!(refused(cached), "engine_cache");
        }
        assert_eq!(refused(PackageRequest { max_batch: 16, ..request(Target::Ovms) }), "max_batch");
        assert_eq!(refused(PackageRequest { warmup: false, ..request(Target::Ovms) }), "warmup");
        PackageRequest { warmup: false, max_batch: 16, ..request(Target::Triton) }.validate().unwrap();
    }

    #[test]
    fn images_have_the_form_that_clusters_accept() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let accepted = [
            "kiln",
            "kiln:0.1.0",
            "nvcr.io/nvidia/tritonserver:25.08-py3",
            "localhost/kiln",
            "localhost:5000/a/b__c/d--e.f:_v1",
            "Registry.example:443/kiln:Latest",
            &format!("kiln@{digest}"),
            &format!("kiln:0.1.0@{digest}"),
            &format!("kiln:{}", "a".repeat(128)),
        ];
        for image in accepted {
            assert!(is_image(image), "{image}");
        }
        let refused = [
            "",
            "a b",
            "a;b",
            "-a",
            "a-",
            "$(x)",
            "Kiln:latest",
            "a::b",
            "a:",
            ":a",
            "a@b",
            "a@",
            "a@sha256:00",
            "a@sha256:",
            &format!("a@{digest}@{digest}"),
            "a//b",
            "/a",
            "a/",
            "a/B",
            "a..b",
            "a___b",
            "a:-b",
            "a:b:c",
            "host:port/a",
            "host:/a",
            "-host.io/a",
            &format!("a:{}", "a".repeat(129)),
            &"a".repeat(256),
        ];
        for image in refused {
            assert!(!is_image(image), "{image}");
        }
    }

    #[test]
    fn a_file_is_no_folder_for_a_server_package() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        std::fs::write(&file, "").unwrap();
        let validate = |out: PathBuf| PackageRequest::new("bundle".into(), out, Target::Triton).validate();
        for out in [file.clone(), file.join("models")] {
            let error = validate(out).unwrap_err();
            assert!(matches!(&error, Error::Option { option: "out", .. }), "{error}");
            assert!(error.to_string().contains("file exists and is no folder"), "{error}");
        }
        validate(scratch.path().join("a/b")).unwrap();
        validate("models".into()).unwrap();
    }

    #[test]
    fn a_version_is_a_number_that_servers_read() {
        for version in [0, LAST_VERSION + 1, u64::MAX] {
            let request = PackageRequest::new("bundle".into(), "out".into(), Target::Triton);
            let error = PackageRequest { version: Some(version), ..request }.validate().unwrap_err();
            assert!(matches!(error, Error::Option { option: "version", .. }), "{error}");
        }
    }
}
