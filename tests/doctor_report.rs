//! `kiln doctor BUNDLE --report`: every step of a provider is ok, failed or skipped, a provider that cannot run stops nothing,
//! and the report can be sent to strangers.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Kind, command, finish, fixture, kiln, read_json, scratch};

/// A provider that no library of the tests has.
const MISSING: &str = "rknpu";

fn provider<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["providers"].as_array().unwrap();
    all.iter().find(|one| one["provider"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

fn step<'a>(provider: &'a Value, name: &str) -> &'a Value {
    let all = provider["steps"].as_array().unwrap();
    all.iter().find(|one| one["step"] == name).unwrap_or_else(|| panic!("no {name} in {provider}"))
}

fn statuses(provider: &Value) -> Vec<(&str, &str)> {
    let all = provider["steps"].as_array().unwrap().iter();
    all.map(|step| (step["step"].as_str().unwrap(), step["status"].as_str().unwrap())).collect()
}

#[test]
fn the_cpu_is_proved_step_by_step_and_a_missing_provider_ends_with_its_reason() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let target = folder.path().join("report");
    let said = kiln!("--json", "doctor", &bundle, "--seconds", "1", "--report", &target, "--providers", MISSING)
        .code(3)
        .json();
    let report = read_json(&target.join("report.json"));
    for name in ["cpu", MISSING] {
        assert_eq!(statuses(provider(&said, name)), statuses(provider(&report, name)), "stdout and the file agree");
    }
    assert_eq!((&report["schema"], &report["complete"]), (&json!(1), &json!(true)));

    let cpu = provider(&report, "cpu");
    assert_eq!(cpu["named"], false);
    for name in ["installed", "loads", "runs", "session", "parity"] {
        assert_eq!(step(cpu, name)["status"], "ok", "{cpu}");
    }
    let session = &step(cpu, "session")["figures"];
    assert_eq!((&session["share"], &session["engines_built"]), (&json!(1.0), &json!(0)), "{session}");
    assert!(session["nodes"]["cpu"].as_u64().is_some_and(|nodes| nodes > 0));
    let parity = &step(cpu, "parity")["figures"];
    assert_eq!(parity["decisions_changed"], 0);
    assert!(parity["max_abs"]["score"].as_f64().is_some_and(|difference| difference < 1e-3), "{parity}");
    let latency = step(cpu, "latency");
    // Valid on a quiet machine and not on a busy one: the reasons are in the report.
    let is_valid = latency["figures"]["verdict"] == "VALID";
    assert_eq!(latency["status"], if is_valid { "ok" } else { "failed" }, "{latency}");
    assert_eq!(latency["reason"].is_null(), is_valid, "{latency}");
    let batches = latency["figures"]["batches"].as_array().unwrap();
    assert!(batches.len() == 2 && batches.iter().all(|one| one["p50_ms"].as_f64().is_some_and(|ms| ms > 0.0)));

    let missing = provider(&report, MISSING);
    assert_eq!((&missing["named"], &missing["passed"]), (&json!(true), &json!(false)));
    assert!(step(missing, "installed")["reason"].as_str().unwrap().contains("no runtime wheel"), "{missing}");
    let rest = &statuses(missing)[1..];
    assert!(statuses(missing)[0] == ("installed", "failed") && rest.iter().all(|(_, status)| *status == "skipped"));
    let parity = step(missing, "parity");
    assert_eq!(
        (&parity["reason"], &parity["blocked_by"]),
        (&json!("`installed` did not succeed"), &json!("installed"))
    );

    let page = fs::read_to_string(target.join("report.md")).unwrap();
    assert!(page.contains("## rknpu: did not pass") && page.contains("| installed |  | failed |"), "{page}");
    assert!(page.contains("| parity | fp32 | ok |"), "{page}");
    no_place_is_named(&target, &[&bundle, folder.path()]);
}

/// Fails if a report contains the path of one of these folders.
fn no_place_is_named(target: &Path, places: &[&Path]) {
    for file in ["report.json", "report.md"] {
        let text = fs::read_to_string(target.join(file)).unwrap();
        let home = std::env::home_dir().filter(|home| home.parent().is_some());
        for place in places.iter().map(|place| place.to_path_buf()).chain(home) {
            let named = text.contains(&format!("{}/", place.display()));
            assert!(!named, "{} is named in {file}", place.display());
        }
    }
}

#[test]
fn a_provider_without_its_hardware_fails_or_is_missing_and_the_status_says_so() {
    if Path::new("/proc/driver/nvidia/version").exists() {
        return crate::support::skip("an NVIDIA driver is here, so CUDA may run");
    }
    let (fixture, folder) = (fixture(), scratch());
    let target = folder.path().join("gpu.json");
    let bundle = fixture.bundle(Kind::Cnn);
    kiln!("doctor", &bundle, "--seconds", "1", "--report", &target, "--providers", "cuda,tensorrt").code(3);
    let report = read_json(&target);
    for name in ["cuda", "tensorrt"] {
        let found = provider(&report, name);
        let first = found["steps"].as_array().unwrap().iter().find(|step| step["status"] != "ok").unwrap();
        // Without the runtime wheel it is not installed, with it it does not start.
        assert!(["installed", "loads", "runs"].contains(&first["step"].as_str().unwrap()), "{found}");
        assert_eq!(first["status"], "failed", "{found}");
        assert!(first["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{found}");
        assert_eq!(step(found, "latency")["status"], "skipped", "{found}");
    }
    let engines = ["second_start", "context"];
    assert!(engines.iter().all(|name| step(provider(&report, "tensorrt"), name)["status"] == "skipped"));
    assert!(statuses(provider(&report, "cuda")).iter().all(|(name, _)| !engines.contains(name)));
    assert!(report["doctor"]["libraries"].is_array() && report["checks"].is_array(), "the older fields stay");
}

#[test]
fn no_step_begins_after_the_time_limit() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    // The folder does not exist yet, and is named with a separator at its end, as the documents do.
    let target = folder.path().join("report/");
    let limit = ["--minutes", "0"];
    kiln!("doctor", &bundle, "--report", &target, limit[0], limit[1]).code(0);
    let report = read_json(&target.join("report.json"));
    assert_eq!((&report["complete"], &report["checks"]), (&json!(false), &json!([])));
    assert!(report["doctor"]["bundle"].is_null(), "the fastest settings are not looked for");
    let cpu = provider(&report, "cpu");
    assert_eq!(step(cpu, "runs")["status"], "ok");
    for name in ["devices", "session", "parity", "latency"] {
        let late = step(cpu, name);
        assert_eq!((&late["status"], &late["reason"]), (&json!("skipped"), &json!("the time limit was reached")));
    }
    // The working folder cannot be replaced, and neither can a volume of a container.
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let mut doctor = command();
    doctor.current_dir(&empty).arg("doctor").arg(&bundle).args(["--report", ".", limit[0], limit[1]]);
    finish(doctor).code(0);
    assert!(empty.join("report.json").is_file() && empty.join("report.md").is_file());
    // What was named has not passed.
    kiln!("doctor", &bundle, "--report", &target, limit[0], limit[1], "--providers", "cpu").code(1);
    assert!(fs::read_to_string(target.join("report.md")).unwrap().contains("**not complete**"));
}

#[test]
fn wrong_outputs_are_a_failed_check_on_any_provider() {
    let (fixture, folder) = (fixture(), scratch());
    let red = crate::support::copy(&fixture.bundle(Kind::Cnn), &folder.path().join("red"));
    let other = fixture.bundle(Kind::Other);
    // The golden outputs of another model: the graph, its manifest and its digests stay consistent.
    fs::copy(other.join("golden.npz"), red.join("golden.npz")).unwrap();
    let golden = fs::read(red.join("golden.npz")).unwrap();
    let mut manifest = read_json(&red.join("manifest.json"));
    for file in manifest["files"].as_array_mut().unwrap().iter_mut().filter(|file| file["path"] == "golden.npz") {
        let sha256 = kiln_files::digest::sha256_hex(&golden);
        *file = json!({ "path": "golden.npz", "bytes": golden.len(), "sha256": sha256 });
    }
    fs::write(red.join("manifest.json"), manifest.to_string()).unwrap();
    let target = folder.path().join("report.json");
    kiln!("doctor", &red, "--seconds", "1", "--report", &target).code(1);
    let report = read_json(&target);
    let parity = step(provider(&report, "cpu"), "parity");
    assert_eq!(parity["status"], "failed");
    assert!(parity["reason"].as_str().unwrap().contains("is over its tolerance"), "{parity}");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_measured() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let here = folder.path();
    let file = here.join("file");
    fs::write(&file, "x").unwrap();
    let refused = |target: &Path, status: i32, word: &str| {
        let mut doctor = command();
        doctor.arg("doctor").arg(&bundle).arg("--report").arg(target);
        let said = finish(doctor).code(status).says(&[word]);
        assert_eq!(said.stdout(), "", "nothing was examined");
    };
    // A folder below a file.
    refused(&file.join("report"), 2, "cannot write");
    refused(&file.join("report.json"), 2, "cannot write");
    refused(&file, 2, "is no folder");
    fs::create_dir(here.join("kept")).unwrap();
    fs::write(here.join("kept/notes.txt"), "x").unwrap();
    refused(&here.join("kept"), 2, "contains notes.txt");
    refused(&bundle.join("report"), 2, "is in the bundle");
    assert!(here.join("kept/notes.txt").exists());
    kiln!("doctor", &bundle, "--report", here.join("r"), "--providers", "gpu")
        .code(2)
        .says(&["unknown execution provider `gpu`"]);
    kiln!("doctor", "--providers", "cpu").code(2);
    kiln!("doctor", &bundle, "--report", here.join("r"), "--minutes", "-1").code(2);
}
