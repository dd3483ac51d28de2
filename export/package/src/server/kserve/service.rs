//! The InferenceService: the deployed repository, its resources, and the range of replicas.

use serde::Serialize;

use super::kubernetes::{Metadata, Object, PodSecurity, Resources};
use super::runtime;
use crate::request::PackageRequest;

/// The kind `InferenceService`.
pub(super) type InferenceService = Object<Spec>;

#[derive(Debug, Serialize)]
pub(super) struct Spec {
    predictor: Predictor,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Predictor {
    min_replicas: u32,
    max_replicas: u32,
    scale_metric: &'static str,
    scale_target: u32,
    automount_service_account_token: bool,
    security_context: PodSecurity,
    model: Model,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    model_format: Format,
    protocol_version: &'static str,
    runtime: String,
    storage_uri: String,
    resources: Resources,
}

#[derive(Debug, Serialize)]
struct Format {
    name: &'static str,
    version: &'static str,
}

/// The manifest. Replicas follow CPU load, which Kubernetes measures without further components, so the deployment mode is
/// `RawDeployment`.
pub(super) fn service(request: &PackageRequest, model: &str) -> InferenceService {
    let deployment = &request.deployment;
    let mut metadata = Metadata::named(model);
    metadata.annotations.insert("serving.kserve.io/deploymentMode".to_owned(), "RawDeployment".to_owned());
    let predictor = Predictor {
        min_replicas: deployment.min_replicas,
        max_replicas: deployment.max_replicas,
        scale_metric: "cpu",
        scale_target: 75,
        automount_service_account_token: false,
        security_context: PodSecurity::strict(),
        model: Model {
            model_format: Format { name: "triton", version: "2" },
            protocol_version: "v2",
            runtime: runtime::name(model),
            storage_uri: deployment.storage_uri.clone(),
            resources: Resources::new(&deployment.cpu, &deployment.memory, deployment.gpus),
        },
    };
    Object { api_version: "serving.kserve.io/v1beta1", kind: "InferenceService", metadata, spec: Spec { predictor } }
}
