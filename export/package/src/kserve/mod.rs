//! What KServe applies: a ServingRuntime that starts Triton on the package's repository, an InferenceService that deploys
//! each model, and a Kubernetes Indexed Job that scores a list of tiles in parts. Pods run without root, without
//! capabilities and on a read-only file system. The manifests are typed; the published models of the `kserve` Python
//! package accept them (see the tests). No cluster ran here.

mod job;
mod kubernetes;
mod runtime;
mod service;

use std::path::PathBuf;

use kiln_files::publish;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::package::Plan;
use crate::request::PackageRequest;

/// The ServingRuntime's file.
const RUNTIME: &str = "serving-runtime.yaml";
/// The InferenceService's file.
const SERVICE: &str = "inference-service.yaml";
/// The Job's file.
const JOB: &str = "score-job.yaml";

/// Writes the manifests into the package's folder.
pub(crate) fn write(request: &PackageRequest, plans: &[Plan]) -> Result<Vec<PathBuf>> {
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

/// The three commands that start the service.
pub(crate) fn commands(request: &PackageRequest, model: &str) -> String {
    let name = dns_label(model);
    format!(
        "# 1. copy the folder `repository` to {uri}\n\
         kubectl apply -f {RUNTIME} -f {SERVICE}\n\
         kubectl wait --for=condition=Ready --timeout=10m inferenceservice/{name}\n\
         kubectl port-forward service/{name}-predictor 8080:80 &\n",
        uri = request.deployment.storage_uri
    )
}

fn yaml(value: &impl Serialize) -> Result<String> {
    serde_yaml::to_string(value).map_err(|error| Error::Format { what: "a manifest", reason: error.to_string() })
}

/// A Kubernetes name: lower case, letters, digits and `-` (RFC 1123, a label).
pub(crate) fn dns_label(name: &str) -> String {
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
