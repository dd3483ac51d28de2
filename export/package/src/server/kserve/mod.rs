//! KServe: a Triton model repository, a ServingRuntime that starts Triton on it, an InferenceService that deploys the models,
//! and a Kubernetes Indexed Job that scores a list of tiles in parts. Pods run without root, without capabilities and on a
//! read-only file system. The manifests are typed; the published models of the `kserve` Python package accept them (see
//! the tests). No cluster ran here.

mod job;
mod kubernetes;
mod limits;
mod runtime;
mod service;

use std::path::Path;

use serde::{Deserialize, Serialize};

use self::limits::{LABEL, MOST_REPLICAS, MOST_SHARDS, is_claim, is_label, is_quantity};
use super::triton::Triton;
use super::{Instructions, Server};
use crate::error::{Error, Result};
use crate::package::model_name;
use crate::plan::{ModelFiles, NewFile, Plan};
use crate::repository::Record;
use crate::request::PackageRequest;
use crate::source::Source;

/// The ServingRuntime's file.
const RUNTIME: &str = "serving-runtime.yaml";
/// The InferenceService's file.
const SERVICE: &str = "inference-service.yaml";
/// The Job's file.
const JOB: &str = "score-job.yaml";

/// KServe, with Triton as its runtime.
pub(super) struct KServe;

impl Server for KServe {
    fn title(&self) -> &'static str {
        "KServe"
    }

    fn validate(&self, request: &PackageRequest) -> Result<()> {
        Triton.validate(request)?;
        let deployment = &request.deployment;
        let refuse = |option, reason: &str| Err(Error::option(option, reason));
        if !deployment.storage_uri.contains("://") || deployment.storage_uri.contains(char::is_whitespace) {
            let reason = "KServe needs the location of the server package's `repository` folder in the cluster, for example \
                          pvc://models/repository or s3://bucket/repository";
            return refuse("storage_uri", reason);
        }
        if request.needs_gpu() && deployment.gpus == 0 {
            return refuse("gpus", "at least 1: this provider needs a GPU");
        }
        if !request.needs_gpu() && deployment.gpus > 0 {
            return refuse("gpus", "this provider uses none: only cuda and tensorrt do");
        }
        if deployment.max_replicas < deployment.min_replicas.max(1) {
            return refuse("max_replicas", "at least 1, and not below min_replicas");
        }
        if deployment.max_replicas > MOST_REPLICAS {
            return Err(Error::option("max_replicas", format!("at most {MOST_REPLICAS}")));
        }
        if deployment.shards == 0 || deployment.shards > MOST_SHARDS {
            return Err(Error::option("shards", format!("at least 1, and at most {MOST_SHARDS}")));
        }
        for (option, value) in [("cpu", &deployment.cpu), ("memory", &deployment.memory)] {
            if !is_quantity(value) {
                let reason = format!("`{value}` is no Kubernetes quantity above 0, such as 2, 500m or 4Gi");
                return Err(Error::option(option, reason));
            }
        }
        if !is_claim(&deployment.job_claim) {
            let reason = format!(
                "`{}` is no name of a volume claim: lower-case letters, digits, `-` and `.`, with a letter or digit at both \
                 ends, at most 253",
                deployment.job_claim
            );
            return Err(Error::option("job_claim", reason));
        }
        let first = request.precisions.first().map_or("fp32", String::as_str);
        request.name.as_ref().map_or(Ok(()), |name| label(&model_name(name, first)).map(drop))
    }

    fn wants_folder_for_split_graphs(&self) -> bool {
        Triton.wants_folder_for_split_graphs()
    }

    fn model_files(&self, request: &PackageRequest, source: &Source, model: &str) -> Result<ModelFiles> {
        Triton.model_files(request, source, model)
    }

    fn may_follow(&self, folder: &Path, files: &ModelFiles) -> Result<()> {
        Triton.may_follow(folder, files)
    }

    /// The manifests. They deploy the whole repository under one name, so manifests of another name are not replaced.
    fn shared_files(&self, request: &PackageRequest, plans: &[Plan]) -> Result<Vec<NewFile>> {
        let Some(first) = plans.first() else { return Ok(Vec::new()) };
        let name = label(&first.model)?;
        is_of(&request.out.join(SERVICE), &name)?;
        let files = [
            (RUNTIME, yaml(&runtime::runtime(request, &name))?),
            (SERVICE, yaml(&service::service(request, &name))?),
            (JOB, yaml(&job::job(request, &name, &first.source.variant.precision))?),
        ];
        Ok(files.map(|(file, text)| (file.to_owned(), text.into_bytes())).to_vec())
    }

    fn check(&self, folder: &Path, model: &str, record: &Record) -> Vec<String> {
        Triton.check(folder, model, record)
    }

    fn instructions(&self, request: &PackageRequest, model: &str) -> Instructions {
        let name = dns_label(model);
        let start = format!(
            "# 1. copy the folder `repository` to {uri}\n\
             kubectl apply -f {RUNTIME} -f {SERVICE}\n\
             kubectl wait --for=condition=Ready --timeout=10m inferenceservice/{name}\n\
             kubectl port-forward service/{name}-predictor 8080:80 &\n",
            uri = request.deployment.storage_uri
        );
        Instructions { start, url: "http://127.0.0.1:8080", notes: Triton.instructions(request, model).notes }
    }
}

fn yaml(value: &impl Serialize) -> Result<String> {
    serde_yaml::to_string(value).map_err(|error| Error::Format { what: "a manifest", reason: error.to_string() })
}

/// The model's name in the manifests.
///
/// # Errors
/// [`Error::Option`] for a name from which Kubernetes would refuse a manifest.
fn label(model: &str) -> Result<String> {
    let label = dns_label(model);
    if is_label(&label) {
        return Ok(label);
    }
    let reason = format!(
        "`{model}` would be `{label}` in the manifests, and Kubernetes accepts names that begin with a letter, of at most \
         {LABEL} letters, digits and `-` (with the ends that KServe adds)"
    );
    Err(Error::option("name", reason))
}

/// The part of an InferenceService that names it.
#[derive(Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// Refuses to replace an InferenceService of another name.
fn is_of(service: &Path, name: &str) -> Result<()> {
    let text = match std::fs::read(service) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(Error::read(service))?,
    };
    let there: Named = serde_yaml::from_slice(&text)
        .map_err(|error| Error::repository(service, format!("not an InferenceService: {error}")))?;
    if there.metadata.name == name {
        return Ok(());
    }
    let reason = format!(
        "{} deploys `{}`, and its manifests would be replaced by those of `{name}`; each deployment needs a folder without \
         others",
        service.display(),
        there.metadata.name
    );
    Err(Error::option("out", reason))
}

/// A Kubernetes name: lower case, letters, digits and `-` (RFC 1123, a label).
fn dns_label(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' => letter,
        'A'..='Z' => letter.to_ascii_lowercase(),
        _ => '-',
    });
    letters.collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_become_labels() {
        assert_eq!(dns_label("CNN_int8"), "cnn-int8");
        assert_eq!(dns_label("a.b_"), "a-b");
    }

    #[test]
    fn a_name_fits_every_manifest() {
        let longest = "a".repeat(LABEL);
        assert!(runtime::name(&longest).len() <= 63 && job::name(&longest).len() <= 63);
        assert_eq!(label(&longest).unwrap(), longest);
        assert_eq!(label("b.int8_").unwrap(), "b-int8");
        for name in [&format!("{longest}a"), "1st", "9"] {
            let error = label(name).unwrap_err();
            assert!(matches!(error, Error::Option { option: "name", .. }), "{error}");
        }
    }

    #[test]
    fn manifests_of_another_model_are_not_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(SERVICE);
        is_of(&path, "alpha").unwrap();
        std::fs::write(&path, "kind: InferenceService\nmetadata:\n  name: alpha\n").unwrap();
        is_of(&path, "alpha").unwrap();
        let error = is_of(&path, "beta").unwrap_err();
        assert!(matches!(error, Error::Option { option: "out", .. }), "{error}");
        std::fs::write(&path, "[").unwrap();
        assert_eq!(is_of(&path, "alpha").unwrap_err().fault(), kiln_files::Fault::Input);
    }
}
