//! If the machine lacks something, the exit status is 3 and the error names the command that helps. Nothing falls back to
//! another provider unless the user listed one.

use std::fs;
use std::path::Path;

use crate::support::{Kind, Outcome, command, finish, fixture, kiln, scratch, skip};

/// Returns true if an NVIDIA driver runs here, so that these providers may work.
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
fn an_empty_variable_for_the_library_is_as_if_it_were_not_set() {
    let fixture = fixture();
    let mut verify = command();
    verify.arg("verify").arg(fixture.bundle(Kind::Cnn)).env("ORT_DYLIB_PATH", "");
    finish(verify).code(0);
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
    let report = kiln!("--json", "doctor", fixture.bundle(Kind::Cnn), "--seconds", "1").code(0).json();
    assert!(report["machine"]["logical_cores"].as_u64().is_some_and(|cores| cores > 0));
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        assert_eq!(
            report["wheels"],
            serde_json::json!(["cpu", "openvino", "cuda", "webgpu", "openvino-plugin", "tensorrt-rtx", "openslide"])
        );
    }
    let timings = report["bundle"]["timings"].as_array().unwrap();
    let cpu = timings.iter().find(|timing| timing["provider"] == "cpu").expect("the CPU was timed");
    assert!(cpu["p50_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert!(cpu["tiles_per_s"].as_f64().is_some_and(|speed| speed > 0.0));
    let line = report["bundle"]["fastest"].as_str().unwrap();
    for flag in ["kiln score", "--provider", "--precision", "--batch", "--threads"] {
        assert!(line.contains(flag), "{line}");
    }
}

#[test]
fn doctor_writes_one_file_that_proves_what_runs_here() {
    let fixture = fixture();
    let folder = scratch();
    let file = folder.path().join("proof.json");
    kiln!("doctor", fixture.bundle(Kind::Cnn), "--seconds", "1", "--report", &file).code(0);
    let proof: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let checks = proof["checks"].as_array().unwrap();
    let of = |verb: &str| {
        let is_it = |check: &&serde_json::Value| {
            let command = check["command"].as_str().unwrap();
            command.starts_with(verb) && command.contains("--provider cpu")
        };
        checks.iter().find(is_it).unwrap()
    };
    assert_eq!((&of("verify")["exit"], &of("verify")["said"]["passed"]), (&0.into(), &true.into()));
    assert!(["VALID", "INVALID"].contains(&of("bench")["said"]["verdict"].as_str().unwrap()));
    assert!(proof["doctor"]["machine"]["logical_cores"].is_number());
}

#[test]
fn doctor_lists_every_option_with_its_default_unit_and_what_it_sets() {
    let rows = kiln!("--json", "doctor", "--options").code(0).json();
    let rows = rows.as_array().unwrap();
    let of = |name: &str| rows.iter().find(|row| row["provider"] == name).unwrap();
    let cuda = of("cuda")["options"].as_array().unwrap();
    let tf32 = cuda.iter().find(|option| option["name"] == "tf32").unwrap();
    assert_eq!((&tf32["sets"], &tf32["default"]), (&"use_tf32".into(), &"false".into()));
    assert!(of("qnn")["passed_through"].as_array().unwrap().contains(&"backend_path".into()));
    let text = kiln!("doctor", "--options").code(0).stdout();
    assert!(text.contains("tensorrt.workspace (bytes; default unset; sets trt_max_workspace_size)"), "{text}");
}

/// Every verb refuses a provider that cannot run here with exit status 3, one error and at most one hint, never
/// with a number.
#[test]
fn a_provider_that_cannot_run_is_no_score_no_verdict_and_no_latency() {
    let fixture = fixture();
    let (bundle, tile) = (fixture.bundle(Kind::Cnn), fixture.tile(0));
    let nvidia = ["tensorrt", "cuda"].into_iter().filter(|_| !has_nvidia());
    for provider in nvidia.chain(["qnn", "migraphx"]) {
        let paths: [Vec<&std::ffi::OsStr>; 4] = [
            vec!["score".as_ref(), bundle.as_ref(), tile.as_ref()],
            vec!["verify".as_ref(), bundle.as_ref()],
            vec!["bench".as_ref(), bundle.as_ref()],
            vec![
                "bench".as_ref(),
                bundle.as_ref(),
                "--provider".as_ref(),
                "cpu".as_ref(),
                "--seconds".as_ref(),
                "0".as_ref(),
            ],
        ];
        for path in paths {
            let mut command = crate::support::command();
            command.arg("--json").args(&path).args(["--provider", provider]);
            let said = crate::support::finish(command).code(3);
            let several = path.len() > 4;
            assert_eq!(said.stdout(), "", "{provider}");
            let words = said.stderr();
            let errors: Vec<_> = words.lines().filter(|line| line.starts_with("error:")).collect();
            assert!(errors.len() == 1 && errors[0].contains(&format!("`{provider}`")), "{words}");
            let hints = words.lines().filter(|line| line.starts_with("hint:")).count();
            assert!(several || (hints <= 1 && words.lines().count() == 1 + hints), "{words}");
        }
    }
}

#[test]
fn options_of_a_provider_are_read_from_flags_and_files() {
    let fixture = fixture();
    let folder = scratch();
    let file = folder.path().join("providers.yaml");
    std::fs::write(&file, "- cpu: {arena: false, io_binding: true}\n").unwrap();
    let list = format!("@{}", file.display());
    kiln!("verify", fixture.bundle(Kind::Cnn), "--provider", &list).code(0);
    kiln!("verify", fixture.bundle(Kind::Cnn), "--provider-option", "cpu.arena=no way")
        .code(2)
        .says(&["`arena`", "true or false"]);
    kiln!("verify", fixture.bundle(Kind::Cnn), "--provider-option", "cpu.arema=true")
        .code(2)
        .says(&["did you mean `arena`"]);
    std::fs::write(&file, "cpu: 1\n").unwrap();
    kiln!("verify", fixture.bundle(Kind::Cnn), "--provider", &list).code(2).says(&["providers.yaml"]);
}
