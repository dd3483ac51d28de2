//! The part of Kubernetes' core types that the manifests use, with the names of its API reference (v1).

use std::collections::BTreeMap;

use serde::Serialize;

/// The user of every process: any but root. 1000 is the user of KServe's own runtimes.
const USER: u32 = 1000;

/// An object of Kubernetes' API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<S> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    pub(super) spec: S,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Metadata {
    pub(super) fn named(name: &str) -> Self {
        let labels = [("app.kubernetes.io/name", name), ("app.kubernetes.io/managed-by", "kiln")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Self { name: name.to_owned(), labels, annotations: BTreeMap::new() }
    }
}

/// Security of a pod.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSecurity {
    run_as_non_root: bool,
    run_as_user: u32,
    run_as_group: u32,
    fs_group: u32,
    seccomp_profile: SeccompProfile,
}

#[derive(Debug, Clone, Serialize)]
struct SeccompProfile {
    #[serde(rename = "type")]
    kind: &'static str,
}

impl PodSecurity {
    pub(super) fn strict() -> Self {
        Self {
            run_as_non_root: true,
            run_as_user: USER,
            run_as_group: USER,
            fs_group: USER,
            seccomp_profile: SeccompProfile { kind: "RuntimeDefault" },
        }
    }
}

/// Security of a container.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerSecurity {
    allow_privilege_escalation: bool,
    read_only_root_filesystem: bool,
    run_as_non_root: bool,
    capabilities: Capabilities,
}

#[derive(Debug, Clone, Serialize)]
struct Capabilities {
    drop: [&'static str; 1],
}

impl ContainerSecurity {
    pub(super) fn strict() -> Self {
        Self {
            allow_privilege_escalation: false,
            read_only_root_filesystem: true,
            run_as_non_root: true,
            capabilities: Capabilities { drop: ["ALL"] },
        }
    }
}

/// A container's requests and limits. They are equal, so that it gets exactly the resources that were scheduled.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Resources {
    requests: BTreeMap<String, String>,
    limits: BTreeMap<String, String>,
}

impl Resources {
    pub(super) fn new(cpu: &str, memory: &str, gpus: u32) -> Self {
        let mut all = BTreeMap::from([("cpu".to_owned(), cpu.to_owned()), ("memory".to_owned(), memory.to_owned())]);
        if gpus > 0 {
            all.insert("nvidia.com/gpu".to_owned(), gpus.to_string());
        }
        Self { requests: all.clone(), limits: all }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probe {
    http_get: HttpGet,
    period_seconds: u32,
    failure_threshold: u32,
}

#[derive(Debug, Clone, Serialize)]
struct HttpGet {
    path: &'static str,
    port: u16,
}

impl Probe {
    pub(super) fn get(path: &'static str, port: u16, period_seconds: u32, failure_threshold: u32) -> Self {
        Self { http_get: HttpGet { path, port }, period_seconds, failure_threshold }
    }
}

/// A volume of a pod: temporary space, or a claim that persists.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    empty_dir: Option<EmptyDir>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persistent_volume_claim: Option<Claim>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct EmptyDir {
    size_limit: &'static str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    claim_name: String,
}

impl Volume {
    pub(super) fn scratch(name: &'static str, size_limit: &'static str) -> Self {
        Self { name, empty_dir: Some(EmptyDir { size_limit }), persistent_volume_claim: None }
    }

    pub(super) fn claim(name: &'static str, claim_name: &str) -> Self {
        Self { name, empty_dir: None, persistent_volume_claim: Some(Claim { claim_name: claim_name.to_owned() }) }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mount {
    pub(super) name: &'static str,
    pub(super) mount_path: &'static str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Port {
    pub(super) container_port: u16,
    pub(super) protocol: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) value: String,
}
