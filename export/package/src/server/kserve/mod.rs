//! KServe: a Triton model repository, a ServingRuntime that starts Triton on it, an InferenceService that deploys the models,
//! and a Kubernetes Indexed Job that scores a list of tiles in parts. Pods run without root, without capabilities and on a
//! read-only file system. The manifests are typed; the published models of the `kserve` Python package accept them (see
//! the tests). No cluster ran here.

mod job;
mod kubernetes;
mod runtime;
mod service;

use std::path::{Path, PathBuf};

use kiln_files::publish;
use serde::Serialize;

use super::triton::Triton;
use super::{Instructions, Server};
use crate::error::{Error, Result};
use crate::plan::{ModelFiles, Plan};
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
        if !deployment.storage_uri.contains("://") {
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
        if deployment.shards == 0 {
            return refuse("shards", "at least 1");
        }
        Ok(())
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

    /// Writes the manifests.
    fn write(&self, request: &PackageRequest, plans: &[Plan]) -> Result<Vec<PathBuf>> {
        let Some(first) = plans.first() else { return Ok(Vec::new()) };
        let name = dns_label(&first.model);
        let files = [
            (RUNTIME, yaml(&runtime::runtime(request, &name))?),
            (SERVICE, yaml(&service::service(request, &name))?),
            (JOB, yaml(&job::job(request, &name, &first.source.variant.precision))?),
        ];
        let write = |(file, text): (&str, String)| {
            let path = request.out.join(file);
            publish::write_file(&path, text.as_bytes()).map_err(Error::write(&path))?;
            Ok(path)
        };
        files.into_iter().map(write).collect()
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
    use super::*;

    #[test]
    fn names_become_labels() {
        assert_eq!(dns_label("CNN_int8"), "cnn-int8");
        assert_eq!(dns_label("a.b_"), "a-b");
    }
}
