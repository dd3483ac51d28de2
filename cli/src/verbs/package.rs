//! `kiln package`: turns a bundle into the files that an inference server loads.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs};
use kiln_files::text::shell_word;
use kiln_package::{Deployment, PackageRequest, Packaged, RepositoryReport, Target, check, package};
use kiln_runtime::ProviderKind;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Package a bundle for Triton, KServe or OpenVINO Model Server, or check a server package.
///
/// The server's configuration (names, types, shapes, the batch axis) is compared with the graph before anything is
/// written; a mismatch is exit status 1 and names the field. A version appears whole, by one rename, and is never
/// overwritten, so a server may poll the folder meanwhile.
#[derive(ClapArgs)]
#[command(
    // `--version` is the model's version here.
    disable_version_flag = true,
    group(ArgGroup::new("work").required(true).args(["bundle", "check"])),
    after_help = "Examples:\n  kiln package bundle/ --target triton --out models/\n  \
    kiln package bundle/ --target triton --out models/ --provider tensorrt --precision fp32,fp16\n  \
    kiln package bundle/ --target kserve --out deploy/ --storage-uri pvc://models/repository\n  \
    kiln package bundle/ --target ovms --out models/ --rename tile=input\n  \
    kiln package --check models/"
)]
pub(crate) struct Args {
    /// Bundle to package.
    bundle: Option<PathBuf>,

    /// Check every version below REPO: digests, links, and the configuration against graph and record.
    #[arg(long, value_name = "REPO", conflicts_with_all = ["target", "out"])]
    check: Option<PathBuf>,

    #[arg(long, value_name = "NAME", required_unless_present = "check", help = target_help())]
    target: Option<Target>,

    /// Folder of the server package; other models in it, and earlier versions of this one, are kept. For kserve each model
    /// needs a separate folder.
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    out: Option<PathBuf>,

    /// Precisions to package, such as fp32,int8; each one except fp32 becomes a separate model NAME_PRECISION.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<String>,

    #[command(flatten)]
    options: PackageOptions,
}

/// Options of a model on its server, shared with `kiln ship`.
#[derive(ClapArgs)]
pub(crate) struct PackageOptions {
    /// Name of the model on the server [default: the bundle's model name].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Execution provider in the server: cpu, cuda, tensorrt, openvino.
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    provider: ProviderKind,

    /// Largest batch in tiles, unless the graph has a fixed one.
    #[arg(long, value_name = "N", default_value_t = PackageRequest::MAX_BATCH)]
    max_batch: u32,

    /// Longest delay of a request to fill a batch.
    #[arg(long, value_name = "MICROSECONDS", default_value_t = PackageRequest::MAX_QUEUE_DELAY_US)]
    max_queue_delay_us: u64,

    /// Copies of the model on each device.
    #[arg(long, value_name = "N", default_value_t = 1)]
    instances: u32,

    /// Do not run golden tiles before the server reports that it is ready.
    #[arg(long)]
    no_warmup: bool,

    /// Writable folder in the server's container for the TensorRT engine and timing caches.
    #[arg(long, value_name = "DIR", default_value = PackageRequest::ENGINE_CACHE)]
    engine_cache: String,

    /// Version number; an existing one is refused [default: the next free one].
    #[arg(long = "version", value_name = "N", id = "model_version")]
    version: Option<u64>,

    /// Keep the newest N versions, and remove the others after the new one is published.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// ovms only: rename a port of the graph; may be repeated.
    #[arg(long, value_name = "NAME=NEW", value_parser = pair)]
    rename: Vec<(String, String)>,

    /// Declare that every client normalises stains as kiln does; required for bundles that leave stain normalisation to
    /// the caller of the graph (Macenko, Vahadane).
    #[arg(long)]
    client_normalises: bool,

    #[command(flatten)]
    deployment: DeploymentOptions,
}

/// Options for `--target kserve`.
#[derive(ClapArgs)]
#[command(next_help_heading = "Options for --target kserve")]
struct DeploymentOptions {
    /// Location of the server package's `repository` folder in the cluster, such as pvc://CLAIM/PATH.
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    storage_uri: String,

    /// GPUs per replica.
    #[arg(long, value_name = "N", default_value_t = 0)]
    gpu: u32,

    /// CPU cores per replica, as a Kubernetes quantity.
    #[arg(long, value_name = "QUANTITY", default_value = "2")]
    cpu: String,

    /// Memory per replica, as a Kubernetes quantity.
    #[arg(long, value_name = "QUANTITY", default_value = "4Gi")]
    memory: String,

    /// Minimum number of replicas.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_replicas: u32,

    /// Maximum number of replicas.
    #[arg(long, value_name = "N", default_value_t = 4)]
    max_replicas: u32,

    /// Shards of the scoring job.
    #[arg(long, value_name = "N", default_value_t = 4)]
    shards: u32,

    /// Volume claim with the bundle, list, tiles and results of the scoring job.
    #[arg(long, value_name = "NAME", default_value = "kiln-data")]
    job_claim: String,

    /// Container image of the server.
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,

    /// Container image with `kiln`, for the scoring job.
    #[arg(long, value_name = "IMAGE")]
    kiln_image: Option<String>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    if let Some(repository) = &args.check {
        return show_check(&check(repository)?, out);
    }
    let (Some(bundle), Some(target), Some(folder)) = (args.bundle, args.target, args.out) else {
        anyhow::bail!("name a bundle, --target and --out, or --check");
    };
    Destination::new("--out", &folder).is_not_in("the bundle", &bundle)?;
    let packaged = package(&args.options.request(bundle, folder, target, args.precision))?;
    if out.json {
        out.document(&packaged)?;
    }
    packaged_lines(&packaged, out);
    Ok(Exit::Done)
}

impl PackageOptions {
    /// The request for a server package of `bundle` with these options.
    pub(super) fn request(
        self,
        bundle: PathBuf,
        out: PathBuf,
        target: Target,
        precisions: Vec<String>,
    ) -> PackageRequest {
        let given = self.deployment;
        let usual = Deployment::default();
        let deployment = Deployment {
            storage_uri: given.storage_uri,
            image: given.image.unwrap_or(usual.image),
            kiln_image: given.kiln_image.unwrap_or(usual.kiln_image),
            gpus: given.gpu,
            cpu: given.cpu,
            memory: given.memory,
            min_replicas: given.min_replicas,
            max_replicas: given.max_replicas,
            shards: given.shards,
            job_claim: given.job_claim,
        };
        PackageRequest {
            name: self.name,
            precisions,
            provider: self.provider,
            max_batch: self.max_batch,
            max_queue_delay_us: self.max_queue_delay_us,
            instances: self.instances,
            warmup: !self.no_warmup,
            engine_cache: self.engine_cache,
            version: self.version,
            keep: self.keep,
            rename: self.rename,
            client_normalises: self.client_normalises,
            deployment,
            ..PackageRequest::new(bundle, out, target)
        }
    }
}

/// Prints a server package: one line for each model and file, and the command that checks it.
pub(super) fn packaged_lines(packaged: &Packaged, out: &Output) {
    for model in &packaged.models {
        out.line(format_args!("model      {} ({}), version {}", model.model, model.precision, model.version));
        out.line(format_args!("  files    {} ({})", model.path.display(), size(model.bytes)));
        if !model.removed.is_empty() {
            let removed: Vec<String> = model.removed.iter().map(ToString::to_string).collect();
            out.line(format_args!("  removed  version {}", removed.join(", ")));
        }
    }
    for file in &packaged.files {
        out.line(format_args!("file       {}", file.display()));
    }
    let path = packaged.path.to_string_lossy();
    out.line(format_args!("check      kiln package --check {}", shell_word(&path)));
}

/// Prints the result of a check, and returns its exit status.
fn show_check(report: &RepositoryReport, out: &Output) -> anyhow::Result<Exit> {
    if out.json {
        out.document(report)?;
    }
    check_lines(report, out);
    Ok(if report.passed { Exit::Done } else { Exit::CheckFailed })
}

/// Prints a check: one line for each version, and every problem.
pub(super) fn check_lines(report: &RepositoryReport, out: &Output) {
    for model in &report.models {
        for version in &model.versions {
            let verdict = if version.problems.is_empty() { "ok" } else { "DAMAGED" };
            let files = if version.files == 1 { "1 file".to_owned() } else { format!("{} files", version.files) };
            out.line(format_args!(
                "{} version {} ({}): {files}, {verdict}",
                model.model, version.version, version.precision
            ));
            version.problems.iter().for_each(|problem| out.line(format_args!("  {problem}")));
        }
        for problem in &model.problems {
            out.line(format_args!("{}: {problem}", model.model));
        }
    }
    for name in &report.not_checked {
        out.line(format_args!("{name}: not packaged by Kiln, not checked"));
    }
    out.line(if report.passed { "PASSED" } else { "FAILED" });
}

/// The help of `--target`.
pub(super) fn target_help() -> String {
    format!("Server: {}", Target::names())
}

/// `269.4 MB`, `41.2 kB`.
fn size(bytes: u64) -> String {
    match bytes as f64 {
        small if small < 1e6 => format!("{:.1} kB", small / 1e3),
        large => format!("{:.1} MB", large / 1e6),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, new)) if !name.is_empty() && !new.is_empty() => Ok((name.to_owned(), new.to_owned())),
        _ => Err("expected NAME=NEW, such as tile=input".to_owned()),
    }
}
