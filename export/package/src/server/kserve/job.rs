//! The Indexed Job: one list of tiles in parts, each scored by one pod. Kubernetes gives each pod the number of its part,
//! restarts failed parts and counts them; `kiln score --shard auto` reads the number, and `kiln merge` joins the parts.

use serde::Serialize;

use super::kubernetes::{ContainerSecurity, Metadata, Mount, Object, PodSecurity, Resources, Variable, Volume};
use crate::request::PackageRequest;

/// The claim's mount path in the pods.
const DATA: &str = "/data";

/// The kind `Job`.
pub(super) type Job = Object<Spec>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    completion_mode: &'static str,
    completions: u32,
    parallelism: u32,
    backoff_limit_per_index: u32,
    template: Template,
}

#[derive(Debug, Serialize)]
struct Template {
    metadata: Labels,
    spec: Pod,
}

#[derive(Debug, Serialize)]
struct Labels {
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    restart_policy: &'static str,
    automount_service_account_token: bool,
    security_context: PodSecurity,
    containers: [Container; 1],
    volumes: [Volume; 2],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: &'static str,
    image: String,
    args: Vec<String>,
    env: [Variable; 1],
    resources: Resources,
    security_context: ContainerSecurity,
    volume_mounts: [Mount; 2],
}

/// The name of a model's job.
pub(super) fn name(model: &str) -> String {
    format!("{model}-score")
}

/// The manifest. The claim holds `bundle/` and `tiles.txt` (with paths in the pods), and receives `scores/`.
pub(super) fn job(request: &PackageRequest, model: &str, precision: &str) -> Job {
    let deployment = &request.deployment;
    let args = [
        "score",
        "/data/bundle",
        "@/data/tiles.txt",
        "--shard",
        "auto",
        "--precision",
        precision,
        "--out",
        // Kubernetes inserts the part's number, counted from 0.
        "/data/scores/part-$(JOB_COMPLETION_INDEX).parquet",
    ];
    let metadata = Metadata::named(&name(model));
    let container = Container {
        name: "kiln",
        image: deployment.kiln_image.clone(),
        args: args.map(str::to_owned).to_vec(),
        env: [Variable { name: "KILN_SHARDS", value: deployment.shards.to_string() }],
        resources: Resources::new(&deployment.cpu, &deployment.memory, 0),
        security_context: ContainerSecurity::strict(),
        volume_mounts: [Mount { name: "data", mount_path: DATA }, Mount { name: "scratch", mount_path: "/tmp" }],
    };
    Object {
        api_version: "batch/v1",
        kind: "Job",
        spec: Spec {
            completion_mode: "Indexed",
            completions: deployment.shards,
            parallelism: deployment.shards,
            backoff_limit_per_index: 2,
            template: Template {
                metadata: Labels { labels: metadata.labels.clone() },
                spec: Pod {
                    restart_policy: "Never",
                    automount_service_account_token: false,
                    security_context: PodSecurity::strict(),
                    containers: [container],
                    volumes: [Volume::claim("data", &deployment.job_claim), Volume::scratch("scratch", "1Gi")],
                },
            },
        },
        metadata,
    }
}
