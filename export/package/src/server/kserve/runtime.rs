//! The ServingRuntime: starts Triton on the model repository that KServe puts under `/mnt/models`.

use serde::Serialize;

use super::kubernetes::{ContainerSecurity, Metadata, Mount, Object, Port, Probe, Resources, Volume};
use crate::request::PackageRequest;

/// The port of Triton's HTTP endpoint.
const HTTP: u16 = 8080;
/// The writable volume, for ONNX Runtime's and TensorRT's caches. The rest of the file system is read-only.
pub(super) const SCRATCH: &str = "scratch";

/// The kind `ServingRuntime`.
pub(super) type ServingRuntime = Object<Spec>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    supported_model_formats: [Format; 1],
    protocol_versions: [&'static str; 2],
    multi_model: bool,
    containers: [Container; 1],
    volumes: [Volume; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Format {
    name: &'static str,
    version: &'static str,
    auto_select: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: &'static str,
    image: String,
    args: Vec<String>,
    ports: [Port; 1],
    resources: Resources,
    security_context: ContainerSecurity,
    startup_probe: Probe,
    readiness_probe: Probe,
    liveness_probe: Probe,
    volume_mounts: [Mount; 1],
}

/// The name of the runtime that serves a model.
pub(super) fn name(model: &str) -> String {
    format!("kiln-triton-{model}")
}

/// The manifest.
pub(super) fn runtime(request: &PackageRequest, model: &str) -> ServingRuntime {
    let deployment = &request.deployment;
    let args = [
        "tritonserver",
        "--model-repository=/mnt/models",
        // The configuration is complete; Triton must not guess anything from the graph.
        "--disable-auto-complete-config",
        "--http-port=8080",
        "--grpc-port=9000",
        "--metrics-port=8002",
    ];
    let container = Container {
        name: "kserve-container",
        image: deployment.image.clone(),
        args: args.map(str::to_owned).to_vec(),
        ports: [Port { container_port: HTTP, protocol: "TCP" }],
        resources: Resources::new(&deployment.cpu, &deployment.memory, deployment.gpus),
        security_context: ContainerSecurity::strict(),
        // Building TensorRT engines for the first time takes minutes.
        startup_probe: Probe::get("/v2/health/ready", HTTP, 5, 240),
        readiness_probe: Probe::get("/v2/health/ready", HTTP, 5, 3),
        liveness_probe: Probe::get("/v2/health/live", HTTP, 10, 3),
        volume_mounts: [Mount { name: SCRATCH, mount_path: "/tmp" }],
    };
    Object {
        api_version: "serving.kserve.io/v1alpha1",
        kind: "ServingRuntime",
        metadata: Metadata::named(&name(model)),
        spec: Spec {
            // Selected by name in the InferenceService, never automatically: other models of the namespace are unaffected.
            supported_model_formats: [Format { name: "triton", version: "2", auto_select: false }],
            protocol_versions: ["v2", "grpc-v2"],
            multi_model: false,
            containers: [container],
            volumes: [Volume::scratch(SCRATCH, "4Gi")],
        },
    }
}
