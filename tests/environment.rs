//! What the machine lacks is exit status 3, with what to type; nothing falls back unless the user listed a fallback.

use std::fs;
use std::path::Path;

use crate::support::{Kind, Outcome, command, finish, fixture, kiln, scratch, skip};

/// Whether an NVIDIA driver is at work here: then these providers may well run.
fn has_nvidia() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
}

#[test]
fn a_gpu_provider_on_a_machine_without_one_is_an_error_and_no_score() {
    if has_nvidia() {
        return skip("an NVIDIA driver is here, so CUDA may run");
    }
    let fixture = fixture();
    for provider in ["cuda", "tensorrt"] {
        let bundle = fixture.bundle(Kind::Cnn);
        let named = format!("provider `{provider}` was asked for");
        let score = kiln!("score", &bundle, fixture.tile(0), "--provider", provider).code(3);
        assert_eq!(score.stdout(), "", "no row, and no header that promises any");
        let _ = score.says(&[&named]);
        kiln!("verify", &bundle, "--provider", provider).code(3).says(&[&named]);
        kiln!("bench", &bundle, "--provider", provider).code(3).says(&[&named]);
    }
}

#[test]
fn a_listed_fallback_is_taken_and_named() {
    if has_nvidia() {
        return skip("an NVIDIA driver is here, so CUDA may run");
    }
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("scores.csv");
    let said =
        kiln!("--json", "score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--provider", "cuda,cpu", "--out", &out);
    let said = said.code(0).says(&["cuda was skipped"]);
    let report = said.json();
    assert_eq!(report["provider"], "cpu");
    assert_eq!(report["skipped"][0]["provider"], "cuda");
    assert!(report["skipped"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert!(report["nodes"]["cpu"].as_u64().is_some_and(|nodes| nodes > 0));
}

#[test]
fn an_unknown_provider_is_the_users_mistake() {
    let fixture = fixture();
    kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--provider", "gpu")
        .code(2)
        .says(&["unknown execution provider `gpu`", "cpu, cuda, tensorrt, openvino"]);
}

#[test]
fn without_onnx_runtime_each_verb_that_needs_it_says_what_to_type() {
    let fixture = fixture();
    let cache = scratch();
    let run = |arguments: &[&str]| -> Outcome {
        let mut command = command();
        command.args(arguments).env("KILN_CACHE", cache.path());
        finish(command)
    };
    if run(&["--json", "runtime", "list"]).json().as_array().is_none_or(|found| !found.is_empty()) {
        return skip("the system has an ONNX Runtime of its own");
    }
    let (bundle, runs, tile) = (fixture.bundle(Kind::Cnn), fixture.run(Kind::Cnn), fixture.tile(0));
    let (bundle, runs, tile) = (bundle.to_str().unwrap(), runs.to_str().unwrap(), tile.to_str().unwrap());
    let out = cache.path().join("bundle");
    let verbs: [&[&str]; 4] = [
        &["score", bundle, tile],
        &["verify", bundle],
        &["bench", bundle],
        &["export", runs, "--out", out.to_str().unwrap()],
    ];
    for verb in verbs {
        let said = run(verb).code(3).says(&["no ONNX Runtime library was found", "kiln runtime install cpu"]);
        assert_eq!(said.stdout(), "");
    }
    assert!(!out.exists());
    run(&["score", bundle, tile, "--provider", "openvino"]).code(3).says(&["kiln runtime install openvino"]);
    let doctor = run(&["doctor"]).code(3);
    assert!(doctor.stdout().contains("kiln runtime install cpu"));
    // What needs no ONNX Runtime works without one.
    run(&["data", "inspect", fixture.tiles().to_str().unwrap()]).code(0);
}

#[test]
fn a_library_that_is_none_is_refused_with_its_name() {
    let fixture = fixture();
    let folder = scratch();
    let junk = folder.path().join("libonnxruntime.so");
    fs::write(&junk, "not a library").unwrap();
    let missing = folder.path().join("nothing.so");
    for library in [&junk, &missing] {
        kiln!("--onnxruntime", library, "score", fixture.bundle(Kind::Cnn), fixture.tile(0))
            .code(3)
            .says(&[library.to_str().unwrap(), "cannot be loaded"]);
    }
}

#[test]
fn doctor_names_what_runs_here_and_times_a_bundle() {
    let fixture = fixture();
    let report = kiln!("--json", "doctor", fixture.bundle(Kind::Cnn)).code(0).json();
    assert!(report["machine"]["logical_cores"].as_u64().is_some_and(|cores| cores > 0));
    let timings = report["bundle"]["timings"].as_array().unwrap();
    let cpu = timings.iter().find(|timing| timing["provider"] == "cpu").expect("the CPU was timed");
    assert!(cpu["p50_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert!(report["bundle"]["fastest"].as_str().is_some_and(|line| line.contains("score")));
}
