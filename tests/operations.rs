//! The unit and the manifests in `docs/operations`: they are well formed, and every call of Kiln in them has a verb and
//! flags that exist.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

use crate::support::{command, finish, repository, scratch, skip, succeeds};

fn folder() -> PathBuf {
    repository().join("docs/operations")
}

/// Fails unless the verb of a call is one and its help lists every flag of the call.
fn assert_call_exists(words: &[String], origin: &str) {
    // The verb is the first word that is neither a flag of all verbs nor its value.
    let mut verb = None;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if !word.starts_with("--") {
            verb = Some(word);
            break;
        }
        at += if word.contains('=') || word == "--json" { 1 } else { 2 };
    }
    let verb = verb.unwrap_or_else(|| panic!("{origin}: no verb in {words:?}"));
    let mut help = command();
    help.args([verb.as_str(), "--help"]);
    let help = finish(help).code(0).stdout();
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        let flag = flag.split('=').next().unwrap();
        let listed = help.lines().any(|line| line.trim_start().split([' ', ',']).any(|word| word == flag));
        assert!(listed, "{origin}: `kiln {verb}` has no {flag}");
    }
}

/// Every list of words below a key.
fn lists<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Mapping(entries) => entries.iter().for_each(|(name, inner)| {
            if name.as_str() == Some(key) {
                found.push(inner);
            }
            lists(inner, key, found);
        }),
        Value::Sequence(items) => items.iter().for_each(|inner| lists(inner, key, found)),
        _ => {}
    }
}

fn words(value: &Value) -> Vec<String> {
    let text = |word: &Value| word.as_str().unwrap_or_else(|| panic!("{word:?} is no text")).to_owned();
    value.as_sequence().map(|words| words.iter().map(text).collect()).unwrap_or_default()
}

#[test]
fn manifests_are_yaml_and_call_what_exists() {
    let mut calls = 0;
    for (name, kind) in [("kubernetes-watch.yaml", "Deployment"), ("kubernetes-job.yaml", "Job")] {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        let manifest: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(manifest["kind"], Value::from(kind), "{name}");
        let pod = &manifest["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(words(&container["command"]), ["kiln"]);
        assert_call_exists(&words(&container["args"]), name);
        calls += 1;
        let mut probes = Vec::new();
        lists(container, "exec", &mut probes);
        for probe in probes {
            let call = words(&probe["command"]);
            assert_eq!(call[0], "kiln");
            assert_call_exists(&call[1..], name);
            let out = words(&container["args"]).iter().skip_while(|word| *word != "--out").nth(1).unwrap().clone();
            assert_eq!(call[2], format!("{out}.status.json"), "{name}: the probe reads another file");
            calls += 1;
        }
        // Every mounted volume is declared.
        let named = |list: &Value| -> Vec<String> {
            list.as_sequence().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(named(&container["volumeMounts"]), named(&pod["volumes"]), "{name}");
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], Value::from(true), "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], Value::from(true), "{name}");
    }
    assert_eq!(calls, 4);
}

/// A manifest of `docs/operations`.
fn manifest(name: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(folder().join(name)).unwrap()).unwrap()
}

/// The fields on which the guarantees of docs/operations.md rest.
#[test]
fn one_process_writes_a_result_file_and_every_shard_of_a_job_has_its_own() {
    let watch = manifest("kubernetes-watch.yaml");
    assert_eq!(watch["apiVersion"], Value::from("apps/v1"));
    let spec = &watch["spec"];
    assert_eq!((&spec["replicas"], &spec["strategy"]["type"]), (&Value::from(1), &Value::from("Recreate")));
    assert_eq!(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]);

    let job = manifest("kubernetes-job.yaml");
    assert_eq!(job["apiVersion"], Value::from("batch/v1"));
    let spec = &job["spec"];
    assert_eq!(spec["completionMode"], Value::from("Indexed"));
    // Kubernetes refuses a failure policy with any other restart policy.
    let pod = &spec["template"]["spec"];
    assert!(spec["podFailurePolicy"]["rules"].is_sequence());
    assert_eq!(pod["restartPolicy"], Value::from("Never"));
    let container = &pod["containers"][0];
    assert_eq!(spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"], container["name"]);
    let shards = container["env"].as_sequence().unwrap().iter().find(|one| one["name"] == "KILN_SHARDS");
    let shards: u64 = shards.unwrap()["value"].as_str().unwrap().parse().unwrap();
    assert_eq!(spec["completions"].as_u64(), Some(shards), "as many shards as completions");
    let out = words(&container["args"]).pop().unwrap();
    assert!(out.contains("$(JOB_COMPLETION_INDEX)"), "{out} would be written by every shard");
}

#[test]
fn pods_have_limits_no_rights_and_read_only_inputs() {
    for name in ["kubernetes-watch.yaml", "kubernetes-job.yaml"] {
        let manifest = manifest(name);
        let pod = &manifest["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], Value::from(false), "{name}");
        let container = &pod["containers"][0];
        for limit in ["cpu", "memory"] {
            assert!(container["resources"]["limits"][limit].is_string(), "{name}: no limit of {limit}");
        }
        let rights = &container["securityContext"];
        assert_eq!(rights["allowPrivilegeEscalation"], Value::from(false), "{name}");
        assert_eq!(words(&rights["capabilities"]["drop"]), ["ALL"], "{name}");
        for mount in container["volumeMounts"].as_sequence().unwrap() {
            let is_result = mount["name"] == "results";
            assert_eq!(mount["readOnly"].as_bool().unwrap_or_default(), !is_result, "{name}: {mount:?}");
        }
    }
}

/// The command of the unit, in words.
fn start_of(unit: &str) -> Vec<String> {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_unit_calls_what_exists_and_systemd_accepts_it() {
    let unit = fs::read_to_string(folder().join("kiln-watch.service")).unwrap();
    let call = start_of(&unit);
    assert_eq!(call[0], "/usr/bin/kiln");
    assert_call_exists(&call[1..], "kiln-watch.service");
    let analyze = |file: &Path| succeeds(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(file));
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("there is no systemd-analyze on this machine");
    }
    // It checks that the program exists.
    let folder = scratch();
    let file = folder.path().join("kiln-watch.service");
    let program = command().get_program().to_string_lossy().into_owned();
    fs::write(&file, unit.replace("/usr/bin/kiln", &program)).unwrap();
    let said = analyze(&file);
    assert!(said.is_ok(), "{said:?}");
    fs::write(&file, unit.replace("Type=exec", "Type=exce").replace("ExecStart=/usr/bin/kiln", "ExecStart=nothing"))
        .unwrap();
    assert!(analyze(&file).is_err(), "a broken unit is refused");
}
