//! Server packages: configurations agree with graphs, versions appear whole and never change, and faults are named. The
//! servers' own schemas check the configurations if Python's packages can be installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use kiln_files::digest::sha256_file;
use serde_json::Value;

use crate::support::{
    Killer, Kind, command, contents, copy, finish, fixture, kiln, lock, names, read_json, repository, scratch, skip,
    succeeds,
};

fn package(bundle: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = command();
    command.arg("package").arg(bundle).args(["--target", "triton", "--name", "cnn", "--out"]).arg(out).args(more);
    command
}

/// Returns a Python with the servers' schemas, or the reason why there is none.
fn python() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("server-schemas");
    let python = home.join("bin/python");
    // All packages, including the last to be installed: another test may be installing at this moment.
    let all = "import importlib.util, tritonclient, google.protobuf, yaml; assert importlib.util.find_spec('kserve')";
    let works = || succeeds(Command::new(&python).args(["-c", all])).is_ok();
    if !works() {
        let _lock = lock("server-schemas.lock");
        if !works() {
            succeeds(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
            let pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
            // KServe depends on a whole server; its models need only Kubernetes' models.
            let needed = ["tritonclient>=2.60,<3", "protobuf>=6.33.5,<7", "kubernetes>=30,<37", "pyyaml"];
            succeeds(Command::new(&python).args(pip).args(needed))?;
            succeeds(Command::new(&python).args(pip).args(["--no-deps", "kserve==0.21.0"]))?;
        }
    }
    Ok(python)
}

/// Reads files with the servers' own schemas: `check_package.py KIND FILE...`.
fn judged(kind: &str, files: &[PathBuf]) -> Option<Value> {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            skip(&reason);
            return None;
        }
    };
    let mut check = Command::new(python);
    check.arg(repository().join("tests/check_package.py")).arg(kind).args(files);
    Some(finish(check).code(0).json())
}

#[test]
fn a_symbolic_batch_is_batched_by_the_server_and_a_fixed_one_is_not() {
    let fixture = fixture();
    let folder = scratch();
    let models = folder.path().join("models");
    let done = kiln!("--json", "package", fixture.bundle(Kind::Cnn), "--target", "triton", "--out", &models).code(0);
    let report = done.json();
    assert_eq!(report["models"][0]["model"], "tiny-cnn");
    assert_eq!(report["models"][0]["version"], 1);
    assert_eq!(names(&models), [".kiln.lock", "README.md", "tiny-cnn"]);
    assert_eq!(names(&models.join("tiny-cnn/1")), ["kiln.json", "model.onnx"]);
    let bundle = fixture.bundle(Kind::Cnn);
    assert_eq!(
        sha256_file(&models.join("tiny-cnn/1/model.onnx")).unwrap(),
        sha256_file(&bundle.join("model.onnx")).unwrap()
    );
    let fixed = folder.path().join("fixed");
    kiln!("export", fixture.run(Kind::Cnn), "--out", &fixed, "--batch", "4").code(0);
    finish(package(&fixed, &models, &[])).code(0);
    kiln!("package", "--check", &models).code(0);
    let readme = fs::read_to_string(models.join("README.md")).unwrap();
    assert!(readme.contains("# `cnn`, `tiny-cnn` for Triton") && readme.contains("--model tiny-cnn\n"), "{readme}");
    let Some(read) = judged("triton", &[models.join("tiny-cnn/config.pbtxt"), models.join("cnn/config.pbtxt")]) else {
        return;
    };
    let (dynamic, fixed) = (&read[0], &read[1]);
    assert_eq!(dynamic["maxBatchSize"], 32);
    assert_eq!(dynamic["input"][0]["dims"], serde_json::json!(["256", "256", "3"]));
    assert_eq!(dynamic["input"][0]["dataType"], "TYPE_UINT8");
    assert_eq!(dynamic["dynamicBatching"]["maxQueueDelayMicroseconds"], "500");
    let score = dynamic["output"].as_array().unwrap().iter().find(|one| one["name"] == "score").unwrap();
    assert_eq!((&score["dims"], &score["reshape"]), (&serde_json::json!(["1"]), &serde_json::json!({})));
    let probabilities =
        dynamic["output"].as_array().unwrap().iter().find(|one| one["name"] == "probabilities").unwrap();
    assert_eq!(probabilities["labelFilename"], "labels.txt");
    let classes = read_json(&bundle.join("manifest.json"))["classes"].as_array().unwrap().len();
    assert_eq!(fs::read_to_string(models.join("tiny-cnn/labels.txt")).unwrap().lines().count(), classes);
    assert_eq!(fixed["maxBatchSize"].as_i64().unwrap_or(0), 0);
    assert_eq!(fixed["input"][0]["dims"], serde_json::json!(["4", "256", "256", "3"]));
    assert!(fixed["dynamicBatching"].is_null());
}

#[test]
fn every_model_and_provider_gives_a_configuration_that_tritons_own_schema_takes() {
    let fixture = fixture();
    let folder = scratch();
    let mut files = Vec::new();
    for kind in Kind::MODELS {
        for provider in ["cpu", "openvino", "cuda", "tensorrt"] {
            let models = folder.path().join(format!("{}-{provider}", kind.name()));
            finish(package(&fixture.bundle(kind), &models, &["--provider", provider, "--max-batch", "16"])).code(0);
            kiln!("package", "--check", &models).code(0);
            files.push(models.join("cnn/config.pbtxt"));
            let text = fs::read_to_string(&files[files.len() - 1]).unwrap();
            let gpu = matches!(provider, "cuda" | "tensorrt");
            assert_eq!(text.contains("KIND_GPU"), gpu, "{text}");
            assert_eq!(text.contains("execution_accelerators"), provider != "cpu", "{text}");
            if provider == "tensorrt" {
                let profiles =
                    ["tile:1x256x256x3", "tile:16x256x256x3", "trt_engine_cache_enable", "trt_timing_cache_path"];
                assert!(profiles.iter().all(|part| text.contains(part)), "{text}");
            }
            for warmup in text.lines().filter_map(|line| line.trim().strip_prefix("input_data_file: \"")) {
                let sample = models.join("cnn/warmup").join(warmup.trim_end_matches('"'));
                assert_eq!(fs::metadata(sample).unwrap().len(), 256 * 256 * 3);
            }
        }
    }
    let Some(read) = judged("triton", &files) else { return };
    assert_eq!(read.as_array().unwrap().len(), files.len());
}

#[test]
fn the_same_bundle_gives_the_same_files() {
    let fixture = fixture();
    let folder = scratch();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for out in [&one, &two] {
        finish(package(&fixture.bundle(Kind::Hybrid), out, &[])).code(0);
    }
    assert_eq!(contents(&one), contents(&two));
}

#[test]
fn versions_are_numbered_kept_and_never_overwritten() {
    let fixture = fixture();
    let folder = scratch();
    let models = folder.path().join("models");
    let bundle = fixture.bundle(Kind::Cnn);
    finish(package(&bundle, &models, &[])).code(0);
    let first = contents(&models.join("cnn/1"));
    finish(package(&fixture.bundle(Kind::Other), &models, &["--version", "7"])).code(0);
    finish(package(&bundle, &models, &["--version", "7"])).code(2).says(&["7", "never overwritten"]);
    finish(package(&bundle, &models, &[])).code(0);
    assert_eq!(names(&models.join("cnn")).iter().filter(|name| name.parse::<u64>().is_ok()).count(), 3);
    assert_eq!(contents(&models.join("cnn/1")), first, "a later version leaves an earlier one alone");
    finish(package(&bundle, &models, &["--keep", "2"])).code(0);
    let left: Vec<String> = names(&models.join("cnn")).into_iter().filter(|name| name.parse::<u64>().is_ok()).collect();
    assert_eq!(left, ["8", "9"]);
    kiln!("package", "--check", &models).code(0);
}

#[test]
fn a_model_whose_clients_would_break_is_refused_with_the_field() {
    let fixture = fixture();
    let folder = scratch();
    let models = folder.path().join("models");
    finish(package(&fixture.bundle(Kind::Cnn), &models, &[])).code(0);
    let before = contents(&models);
    finish(package(&fixture.bundle(Kind::Vae), &models, &[])).code(1).says(&["output", "--name"]);
    let fixed = folder.path().join("fixed");
    kiln!("export", fixture.run(Kind::Cnn), "--out", &fixed, "--batch", "4").code(0);
    finish(package(&fixed, &models, &[])).code(1).says(&["max_batch_size", "was 32", "become 0"]);
    assert_eq!(contents(&models), before);
}

#[test]
fn a_manifest_of_another_graph_is_refused_with_the_field() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join("bundle"));
    let whole = read_json(&bundle.join("manifest.json"));
    let models = folder.path().join("models");
    let cases = [
        ("/outputs/0/name", serde_json::json!("confidence"), "outputs[0].name"),
        ("/inputs/0/dtype", serde_json::json!("float32"), "inputs[0].dtype"),
        ("/inputs/0/shape", serde_json::json!(["batch", 3, 256, 256]), "inputs[0].shape"),
        ("/variants/0/batch", serde_json::json!(8), "variants[fp32].batch"),
    ];
    for (pointer, value, field) in cases {
        let mut manifest = whole.clone();
        *manifest.pointer_mut(pointer).unwrap() = value;
        fs::write(bundle.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        finish(package(&bundle, &models, &[])).code(2).says(&["model.onnx", "manifest.json", field]);
    }
    assert!(!models.exists());
}

#[test]
fn weights_of_their_own_stay_inside_the_version() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = folder.path().join("bundle");
    kiln!("export", fixture.run(Kind::Cnn), "--out", &bundle, "--external-data").code(0);
    let models = folder.path().join("models");
    finish(package(&bundle, &models, &[])).code(0);
    let inside = names(&models.join("cnn/1/model.onnx"));
    assert_eq!(inside.len(), 2, "{inside:?}");
    assert!(inside.iter().any(|name| name == "model.onnx") && inside.iter().any(|name| name.ends_with(".data")));
    kiln!("package", "--check", &models).code(0);
    let ovms = folder.path().join("ovms");
    kiln!("package", &bundle, "--target", "ovms", "--name", "cnn", "--out", &ovms).code(0);
    let mut expected = inside;
    expected.push("kiln.json".to_owned());
    expected.sort();
    assert_eq!(names(&ovms.join("models/cnn/1")), expected);
    kiln!("package", "--check", &ovms).code(0);
}

#[test]
fn a_check_names_every_change_and_refuses_links() {
    let fixture = fixture();
    let folder = scratch();
    let whole = folder.path().join("whole");
    finish(package(&fixture.bundle(Kind::Cnn), &whole, &[])).code(0);
    let spoil = |name: &str, change: &dyn Fn(&Path)| {
        let models = copy(&whole, &folder.path().join(name));
        change(&models.join("cnn"));
        let done = kiln!("package", "--check", &models).code(1);
        done.stdout()
    };
    let flipped = spoil("flipped", &|model| {
        let path = model.join("1/model.onnx");
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    assert!(flipped.contains("model.onnx: SHA-256"), "{flipped}");
    let added = spoil("added", &|model| fs::write(model.join("1/extra.bin"), "x").unwrap());
    assert!(added.contains("extra.bin: not in kiln.json"), "{added}");
    let gone = spoil("gone", &|model| fs::remove_file(model.join("1/model.onnx")).unwrap());
    assert!(gone.contains("model.onnx"), "{gone}");
    let config = spoil("config", &|model| {
        let path = model.join("config.pbtxt");
        let text = fs::read_to_string(&path).unwrap().replace("TYPE_UINT8", "TYPE_FP32");
        fs::write(path, text).unwrap();
    });
    assert!(config.contains("input[0].data_type"), "{config}");
    let origin = read_json(&fixture.bundle(Kind::Cnn).join("manifest.json"))["provenance"]["weights_sha256"].clone();
    let edits = [
        ("\"fp32\"", "\"int8\"", "parameters[kiln.precision]` is `int8`; kiln.json has `fp32`"),
        (origin.as_str().unwrap(), "00", "parameters[kiln.weights_sha256]` is `00`"),
        (r#""[\"benign\"]""#, r#""[\"anomalous\"]""#, "parameters[kiln.normal_classes]"),
        ("kiln.threshold", "kiln.limit", "parameters[kiln.limit]` is no parameter"),
        ("\"labels.txt\"", "\"other.txt\"", ".label_filename` of `probabilities` is `other.txt`"),
        ("\"tile-", "\"other-", "model_warmup[0].inputs.input_data_file"),
    ];
    for (at, (from, to, expected)) in edits.into_iter().enumerate() {
        let found = spoil(&format!("edit-{at}"), &|model| {
            let path = model.join("config.pbtxt");
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "no {from} in\n{text}");
            fs::write(path, text.replace(from, to)).unwrap();
        });
        assert!(found.contains(expected), "{from}: {found}");
    }
    let labels = spoil("labels", &|model| fs::write(model.join("labels.txt"), "one\n").unwrap());
    assert!(labels.contains("labels.txt"), "{labels}");
    #[cfg(unix)]
    {
        let outside = folder.path().join("outside.onnx");
        fs::copy(whole.join("cnn/1/model.onnx"), &outside).unwrap();
        let link = spoil("link", &|model| {
            fs::remove_file(model.join("1/model.onnx")).unwrap();
            std::os::unix::fs::symlink(&outside, model.join("1/model.onnx")).unwrap();
        });
        assert!(link.contains("model.onnx: a link"), "{link}");
    }
    kiln!("package", "--check", folder.path().join("nowhere")).code(2);
    kiln!("package", "--check", fixture.tiles()).code(2).says(&["kiln.json"]);
}

/// Reads every version that a server would load, and compares every file with its digest. Returns their number.
fn read_versions(model: &Path) -> usize {
    let mut read = 0;
    for name in names(model).iter().filter(|name| name.parse::<u64>().is_ok()) {
        let version = model.join(name);
        let record = read_json(&version.join("kiln.json"));
        for file in record["files"].as_array().unwrap() {
            let path = version.join(file["path"].as_str().unwrap());
            assert_eq!(sha256_file(&path).unwrap(), file["sha256"].as_str().unwrap(), "{}", path.display());
        }
        let config = fs::read_to_string(model.join("config.pbtxt")).expect("no version before its configuration");
        assert!(config.ends_with('\n') && config.contains("name: \"cnn\""), "half a configuration:\n{config}");
        read += 1;
    }
    read
}

#[test]
fn a_server_that_polls_never_reads_half_a_version_however_packaging_is_killed() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = folder.path().join("bundle");
    kiln!("export", fixture.run(Kind::Hybrid), "--out", &bundle, "--external-data").code(0);
    let models = folder.path().join("models");
    let started = Instant::now();
    finish(package(&bundle, &folder.path().join("timed"), &[])).code(0);
    // Twice the usual time, so that some runs complete and others follow them.
    let mut killer = Killer::new(5, started.elapsed().mul_f64(2.0));
    finish(package(&bundle, &models, &[])).code(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let poller = scope.spawn(|| {
            let (mut polls, mut read) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                read += read_versions(&models.join("cnn"));
                polls += 1;
            }
            (polls, read)
        });
        let mut killed = 0;
        for _ in 0..20 {
            killed += usize::from(killer.kill(&mut package(&bundle, &models, &[])));
        }
        finish(package(&bundle, &models, &[])).code(0);
        stop.store(true, Ordering::Relaxed);
        let (polls, read) = poller.join().expect("the poller read a version that is not whole");
        eprintln!("{killed} of 20 killed at work; {polls} polls read {read} versions");
        assert!(killed > 0 && read > 20);
    });
    assert!(read_versions(&models.join("cnn")) >= 1);
    kiln!("package", "--check", &models).code(0);
    let left = names(&models.join("cnn"));
    assert!(left.iter().all(|name| !name.ends_with(".partial")), "left of the kills: {left:?}");
}

#[test]
fn kserve_manifests_are_what_the_published_models_take() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("deploy");
    let mut command = command();
    command
        .arg("package")
        .arg(fixture.bundle(Kind::Cnn))
        .args(["--target", "kserve", "--name", "CNN_x", "--out"])
        .arg(&out);
    command.args([
        "--storage-uri",
        "pvc://models/repository",
        "--provider",
        "cuda",
        "--gpu",
        "1",
        "--max-replicas",
        "3",
    ]);
    finish(command).code(0);
    let files =
        [".kiln.lock", "README.md", "inference-service.yaml", "repository", "score-job.yaml", "serving-runtime.yaml"];
    assert_eq!(names(&out), files);
    assert_eq!(names(&out.join("repository")), ["CNN_x"]);
    kiln!("package", "--check", &out).code(0);
    let yaml = ["inference-service.yaml", "serving-runtime.yaml", "score-job.yaml"].map(|name| out.join(name));
    let Some(read) = judged("kserve", &yaml) else { return };
    let (service, runtime, job) = (&read[0], &read[1], &read[2]);
    assert_eq!(service["metadata"]["name"], "cnn-x");
    let model = &service["spec"]["predictor"]["model"];
    assert_eq!(model["storageUri"], "pvc://models/repository");
    assert_eq!(model["runtime"], runtime["metadata"]["name"]);
    assert_eq!(model["resources"]["limits"]["nvidia.com/gpu"], "1");
    assert_eq!(service["spec"]["predictor"]["maxReplicas"], 3);
    assert_eq!(service["spec"]["predictor"]["securityContext"]["runAsNonRoot"], true);
    let container = &runtime["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/v2/health/ready");
    assert_eq!((&job["spec"]["completionMode"], &job["spec"]["completions"]), (&"Indexed".into(), &4.into()));
}

#[test]
fn openvino_gets_a_list_of_models_that_keeps_what_others_wrote() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("models");
    fs::create_dir(&out).unwrap();
    let other = serde_json::json!({
        "model_config_list": [{"config": {"name": "other", "base_path": "/models/other", "nireq": 3}}],
        "monitoring": {"metrics": {"enable": true}},
    });
    fs::write(out.join("config.json"), other.to_string()).unwrap();
    let rename = ["--rename", "tile=input"];
    let ovms = |more: &[&str]| {
        let mut command = command();
        command.arg("package").arg(fixture.bundle(Kind::Cnn)).args(["--target", "ovms", "--name", "cnn", "--out"]);
        command.arg(&out).args(more);
        finish(command)
    };
    ovms(&rename).code(0);
    ovms(&rename).code(0);
    let config = read_json(&out.join("config.json"));
    let list = config["model_config_list"].as_array().unwrap();
    assert_eq!(list.len(), 2, "{config}");
    assert_eq!(list[0], other["model_config_list"][0]);
    assert_eq!(config["monitoring"], other["monitoring"]);
    assert_eq!((&list[1]["config"]["name"], &list[1]["config"]["base_path"]), (&"cnn".into(), &"models/cnn".into()));
    let mapping = read_json(&out.join("models/cnn/2/mapping_config.json"));
    assert_eq!(mapping, serde_json::json!({"inputs": {"tile": "input"}}));
    kiln!("package", "--check", &out).code(0);
    ovms(&["--rename", "tiles=input"]).code(2).says(&["tiles=input", "no such port"]);
    ovms(&["--rename", "tile=x", "--rename", "tile=y"]).code(2).says(&["already renamed to `x`"]);
    ovms(&["--rename", "probabilities=score"]).code(2).says(&["two outputs", "`score`"]);
    ovms(&["--provider", "cuda"]).code(2).says(&["OpenVINO"]);
    ovms(&["--no-warmup"]).code(2).says(&["warmup: only Triton", "leave out --no-warmup"]);
    ovms(&["--shards", "3"]).code(2).says(&["shards: only KServe", "leave out --shards"]);
    fs::write(out.join("config.json"), "{").unwrap();
    ovms(&["--version", "9"]).code(2).says(&["config.json", "not the server's configuration"]);
    let versions = names(&out.join("models/cnn")).iter().filter(|name| name.parse::<u64>().is_ok()).count();
    assert_eq!(versions, 2, "nothing is published beside a configuration that is broken");
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_unicode_is_text_in_json() {
    use std::os::unix::ffi::OsStrExt as _;

    let fixture = fixture();
    let folder = scratch();
    let name = std::ffi::OsStr::from_bytes(b"models\xff");
    if let Err(error) = fs::create_dir(folder.path().join(name)) {
        return skip(&format!("this file system has no names that are not Unicode: {error}"));
    }
    let out = folder.path().join(name);
    let report = kiln!("--json", "package", fixture.bundle(Kind::Cnn), "--target", "triton", "--out", &out).code(0);
    assert!(report.json()["path"].as_str().unwrap().ends_with("models\u{fffd}"));
    let report = kiln!("--json", "man", "--out", &out).code(0).json();
    assert!(report["out"].as_str().unwrap().ends_with("models\u{fffd}"));
    let bundle = out.join("bundle");
    copy(&fixture.bundle(Kind::Cnn), &bundle);
    kiln!("doctor", &bundle).code(2).says(&["not Unicode"]);
}

#[test]
fn models_packaged_at_once_are_all_in_the_servers_list() {
    let fixture = fixture();
    let folder = scratch();
    let names = ["a", "b", "c", "d"];
    let children = ["ovms", "triton"].into_iter().flat_map(|target| {
        names.map(|name| {
            let mut command = command();
            command.arg("package").arg(fixture.bundle(Kind::Cnn)).args(["--target", target, "--name", name, "--out"]);
            command.arg(folder.path()).stdout(std::process::Stdio::null()).spawn().unwrap()
        })
    });
    for mut child in children.collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    let config = read_json(&folder.path().join("config.json"));
    let listed = config["model_config_list"].as_array().unwrap().iter().map(|one| one["config"]["name"].as_str());
    let mut listed: Vec<_> = listed.map(Option::unwrap).collect();
    listed.sort_unstable();
    assert_eq!(listed, names);
    let readmes: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for readme in readmes.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(readme).unwrap();
        assert!(names.iter().all(|name| text.contains(&format!("--model {name}\n"))), "{text}");
    }
}

#[test]
fn a_check_finds_the_models_of_every_server_in_a_folder() {
    let fixture = fixture();
    let folder = scratch();
    finish(package(&fixture.bundle(Kind::Cnn), folder.path(), &[])).code(0);
    kiln!("package", fixture.bundle(Kind::Cnn), "--target", "ovms", "--name", "other", "--out", folder.path()).code(0);
    let report = kiln!("--json", "package", "--check", folder.path()).code(0).json();
    let models: Vec<_> = report["models"].as_array().unwrap().iter().map(|model| &model["model"]).collect();
    assert_eq!(models, ["other", "cnn"]);
    let readme = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(readme("README.md").contains("`cnn` for Triton"));
    assert!(readme("README-ovms.md").contains("`other` for OpenVINO Model Server"));
    assert_eq!(report["not_checked"], serde_json::json!([]));
    fs::write(folder.path().join("cnn/1/model.onnx"), "damaged").unwrap();
    kiln!("package", "--check", folder.path()).code(1);
}

#[test]
fn kubernetes_names_and_quantities_are_checked_and_no_manifest_of_another_model_is_replaced() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("deploy");
    let kserve = |name: &str, more: &[&str]| {
        let mut command = command();
        command.arg("package").arg(fixture.bundle(Kind::Cnn)).args(["--target", "kserve", "--name", name, "--out"]);
        command.arg(&out).args(["--storage-uri", "pvc://models/repository"]).args(more);
        finish(command)
    };
    kserve(&"a".repeat(63), &[]).code(2).says(&["name: ", "at most 51"]);
    kserve("1st", &[]).code(2).says(&["begin with a letter"]);
    for (flag, value) in [("--cpu", "two"), ("--memory", "lots"), ("--job-claim", "My Claim"), ("--image", "a b")] {
        kserve("alpha", &[flag, value]).code(2).says(&[value, flag]);
    }
    assert!(!out.exists());
    kserve("alpha", &[]).code(0);
    let before = contents(&out);
    kserve("beta", &[]).code(2).says(&["deploys `alpha`", "--out"]);
    assert_eq!(contents(&out), before);
    kserve("alpha", &[]).code(0);
}

#[test]
fn wrong_arguments_and_unwritable_folders_have_their_own_exit_status() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("models");
    let bundle = fixture.bundle(Kind::Cnn);
    let refused: [(&[&str], &str); 11] = [
        (&["--version", "9223372036854775808"], "at most 9223372036854775807"),
        (&["--storage-uri", "pvc://a/b"], "leave out --storage-uri"),
        (&["--gpu", "1"], "leave out --gpu"),
        (&["--engine-cache", "/cache"], "leave out --engine-cache"),
        (&["--max-batch", "0"], "--max-batch"),
        (&["--keep", "0"], "--keep"),
        (&["--version", "0"], "--version"),
        (&["--precision", "int8"], "int8"),
        (&["--precision", "fp32,fp32"], "twice"),
        (&["--rename", "tile=x"], "ovms"),
        (&["--provider", "coreml"], "backend has cpu"),
    ];
    for (more, expected) in refused {
        finish(package(&bundle, &out, more)).code(2).says(&[expected]);
    }
    kiln!("package", &bundle, "--target", "kserve", "--out", &out).code(2).says(&["--storage-uri", "pvc://"]);
    kiln!("package", &bundle, "--target", "torchserve", "--out", &out).code(2).says(&["triton, kserve, ovms"]);
    kiln!("package", &bundle, "--target", "triton", "--name", "../up", "--out", &out).code(2).says(&["not a name"]);
    assert!(!out.exists());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    finish(package(&bundle, &file, &[])).code(2).says(&["--out", "no folder"]);
    if cfg!(target_os = "linux") {
        finish(package(&bundle, Path::new("/proc/kiln/models"), &[])).code(3).says(&["cannot write"]);
    }
}

#[test]
fn one_command_takes_a_run_to_a_checked_repository() {
    let fixture = fixture();
    let folder = scratch();
    let (bundle, models) = (folder.path().join("bundle"), folder.path().join("models"));
    let ship = || {
        kiln!(
            "--json",
            "ship",
            fixture.run(Kind::Cnn),
            "--target",
            "triton",
            "--out",
            &models,
            "--bundle",
            &bundle,
            "--name",
            "cnn"
        )
    };
    let report = ship().code(0).json();
    assert_eq!(report["passed"], true);
    assert_eq!(report["parity"]["passed"], true);
    assert_eq!(report["golden"]["passed"], true);
    assert_eq!(report["check"]["passed"], true);
    assert_eq!(report["package"]["models"][0]["version"], 1);
    assert_eq!(contents(&bundle), contents(&fixture.bundle(Kind::Cnn)));
    assert_eq!(ship().code(0).json()["package"]["models"][0]["version"], 2);
    kiln!("package", "--check", &models).code(0);
}

#[test]
fn ship_packages_the_given_precisions_that_passed_their_gates_and_no_other() {
    let fixture = fixture();
    let folder = scratch();
    let (bundle, models) = (folder.path().join("bundle"), folder.path().join("models"));
    let ship = |target: &str| {
        kiln!(
            "--json",
            "ship",
            fixture.run(Kind::Cnn),
            "--target",
            target,
            "--out",
            &models,
            "--bundle",
            &bundle,
            "--name",
            "cnn",
            "--precision",
            "int8"
        )
    };
    ship("kserve").code(2).says(&["--storage-uri"]);
    assert!(!bundle.exists() && !models.exists(), "the request is checked before the export");
    let report = ship("triton").code(0).json();
    assert_eq!(report["variants"][0]["published"], true, "the graph in 8 bits of this model passes its gate");
    assert_eq!(names(&models), [".kiln.lock", "README.md", "cnn_int8"]);
}
