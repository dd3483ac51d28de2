//! Models on a backbone, the whole way: train, export with parity, score. The backbones are small and their weights
//! random, so that a test takes seconds; `train`'s own tests compare them with PyTorch.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use crate::support::{fixture, kiln, read_csv, read_json, scratch, skip};

/// A tenth of EfficientNet-Lite0's first three stages.
const BACKBONE: &str = "{name: efficientnet-lite0, weights: random, stages: [2, 3], width: 0.25}";

fn config(model: &str) -> String {
    format!(
        "name: small\nmodel: {model}\n\
         data:\n  normal_classes: [benign]\n  split: {{train: 0.7, val: 0.15, test: 0.15}}\n\
         training: {{seed: 42, epochs: 3, batch: 8, learning_rate: 0.005}}\nbootstrap_resamples: 200\n"
    )
}

#[test]
fn a_frozen_backbone_is_trained_once_from_kept_features_and_exported_whole() {
    let (fixture, folder) = (fixture(), scratch());
    let text = config(&format!("{{kind: transfer, backbone: {BACKBONE}, views: 2, dense: [8], dropout: 0.1}}"));
    let path = folder.path().join("transfer.yaml");
    fs::write(&path, text).unwrap();
    let train = |out: &str| {
        let mut command = crate::support::command();
        command.env("KILN_CACHE", folder.path().join("cache"));
        command.arg("train").arg(&path).arg("--data").arg(fixture.tiles()).arg("--out").arg(folder.path().join(out));
        crate::support::finish(command).code(0)
    };
    let features = |outcome: &crate::support::Outcome| outcome.stderr().contains("features of");
    let first = train("a");
    let without = !system_library(&folder.path().join("cache"));
    let first = if without {
        first.says(&["burn computes the frozen backbone's features", "kiln runtime install cpu"])
    } else {
        skip("the system has an ONNX Runtime, which computes the features");
        first
    };
    let kept: Vec<_> = fs::read_dir(folder.path().join("cache/features")).unwrap().collect();
    // One file for the tiles as they are, one for each view.
    assert_eq!(kept.len(), 3, "{}", first.stderr());
    let second = train("b");
    assert!(!features(&second));
    let fact = |run: &str, key: &str| read_json(&folder.path().join(run).join("run.json"))[key].clone();
    assert_eq!(fact("a", "weights_sha256"), fact("b", "weights_sha256"));
    assert_eq!(fact("a", "features").as_str().unwrap().starts_with("burn "), without);

    let bundle = folder.path().join("bundle");
    kiln!("export", folder.path().join("a"), "--out", &bundle).code(0);
    let manifest = read_json(&bundle.join("manifest.json"));
    assert_eq!(manifest["model"]["kind"], "transfer");
    assert_eq!(manifest["classes"], serde_json::json!(["benign", "anomalous"]));
    let names: Vec<_> = manifest["outputs"].as_array().unwrap().iter().map(|output| output["name"].clone()).collect();
    assert_eq!(names, ["score", "probabilities"]);
    let (header, rows) = read_csv(&kiln!("score", &bundle, fixture.tile(0)).code(0).stdout());
    assert!(header.contains(&"p_benign".to_owned()) && rows.len() == 1);
}

/// An ONNX Runtime is found with this cache, which has none.
fn system_library(cache: &std::path::Path) -> bool {
    let mut command = crate::support::command();
    command.env("KILN_CACHE", cache).args(["--json", "runtime", "list"]);
    let listed = crate::support::finish(command).code(0).json();
    listed.as_array().unwrap().iter().any(|row| row["usable"] == true)
}

/// A library for `--onnxruntime`, because these tests have a cache without one.
fn library() -> std::path::PathBuf {
    kiln_runtime::library::find(None).expect("the fixture has installed an ONNX Runtime").path
}

#[test]
fn features_by_onnx_runtime_are_cached_apart_from_burns_and_decide_as_they_do() {
    let (fixture, folder) = (fixture(), scratch());
    let text = config(&format!("{{kind: transfer, backbone: {BACKBONE}, views: 2, dense: [8], dropout: 0.1}}"));
    let path = folder.path().join("transfer.yaml");
    fs::write(&path, text).unwrap();
    let train = |out: &str, features: &str| {
        let mut command = crate::support::command();
        command.env("KILN_CACHE", folder.path().join("cache")).arg("--onnxruntime").arg(library());
        command.arg("train").arg(&path).arg("--data").arg(fixture.tiles()).arg("--out").arg(folder.path().join(out));
        command.arg("--set").arg(format!("training.features={features}"));
        crate::support::finish(command).code(0).stderr()
    };
    let kept = || fs::read_dir(folder.path().join("cache/features")).unwrap().count();
    let fact = |run: &str, key: &str| read_json(&folder.path().join(run).join("run.json"))[key].clone();
    let said = train("automatic", "auto");
    assert!(!said.contains("burn computes"), "{said}");
    assert_eq!(kept(), 3);
    // Nothing is computed again, and the weights are the same.
    let again = train("asked", "onnxruntime");
    assert!(!again.contains("features of") && kept() == 3, "{again}");
    assert_eq!(fact("automatic", "weights_sha256"), fact("asked", "weights_sha256"));
    train("burn", "burn");
    assert_eq!(kept(), 6);
    let by = |run: &str| fact(run, "features").as_str().unwrap().to_owned();
    assert!(by("automatic").starts_with("onnxruntime ") && by("automatic") == by("asked"), "{}", by("automatic"));
    assert!(by("burn").starts_with("burn "), "{}", by("burn"));

    let scores = |run: &str| {
        let bundle = folder.path().join(format!("{run}-bundle"));
        kiln!("export", folder.path().join(run), "--out", &bundle).code(0);
        read_csv(&kiln!("score", &bundle, fixture.tiles()).code(0).stdout())
    };
    let ((_, found), (_, expected)) = (scores("automatic"), scores("burn"));
    let threshold = fact("burn", "threshold")["value"].as_f64().unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        let [found_score, score] = [found, expected].map(|row| row["score"].parse::<f64>().unwrap());
        // Training enlarges differences in the last bits; a tile on the threshold may be on either side of it.
        assert!((found_score - score).abs() < 0.01, "{found:?} {expected:?}");
        assert!(found["label"] == expected["label"] || (score - threshold).abs() < 0.01, "{found:?} {expected:?}");
    }
}

#[test]
fn onnx_runtime_that_was_asked_for_and_is_missing_ends_the_training() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("transfer.yaml");
    fs::write(&path, config(&format!("{{kind: transfer, backbone: {BACKBONE}, dense: []}}"))).unwrap();
    let train = |words: &[&str]| {
        let mut command = crate::support::command();
        command.env("KILN_CACHE", folder.path().join("empty")).args(words);
        command.arg("train").arg(&path).arg("--data").arg(fixture.tiles()).arg("--out").arg(folder.path().join("run"));
        command.args(["--set", "training.features=onnxruntime"]);
        crate::support::finish(command)
    };
    if system_library(&folder.path().join("empty")) {
        skip("the system has an ONNX Runtime, which is found");
    } else {
        train(&[]).code(3).says(&["features of the frozen backbone cannot be computed", "kiln runtime install cpu"]);
        fs::remove_dir_all(folder.path().join("run")).unwrap();
    }
    train(&["--onnxruntime", "no/such.so"]).code(3).says(&["no/such.so"]);
    fs::write(&path, config("{kind: transfer, dense: []}")).unwrap();
    let wrong = kiln!("train", &path, "--data", fixture.tiles(), "--set", "training.features=onnx");
    wrong.code(2).says(&["training.features", "`onnxruntime`"]);
}

#[test]
fn a_backbone_that_learns_too_is_exported_with_what_it_learnt() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("tuned.yaml");
    fs::write(&path, config(&format!("{{kind: transfer, backbone: {BACKBONE}, frozen: false, dense: []}}"))).unwrap();
    let run = folder.path().join("run");
    let sets = ["training.epochs=1", "training.learning_rate=0.0003"];
    kiln!("train", &path, "--data", fixture.tiles(), "--out", &run, "--set", sets[0], "--set", sets[1]).code(0);
    let exported = kiln!("--json", "export", &run, "--out", folder.path().join("bundle")).code(0).json();
    assert_eq!(exported["parity"]["passed"], true);
}

#[test]
fn a_hybrid_on_the_backbone_of_a_run_is_exported_and_is_not_tested_on_what_that_run_has_seen() {
    let (fixture, folder) = (fixture(), scratch());
    let path = |name: &str| folder.path().join(name);
    let backbone = BACKBONE.replace("width: 0.25", "width: 0.25, side: 128");
    fs::write(
        path("tuned.yaml"),
        config(&format!("{{kind: transfer, backbone: {backbone}, frozen: false, dense: []}}")),
    )
    .unwrap();
    let tuned = path("tuned");
    let one = ["--set", "training.epochs=1"];
    kiln!("train", path("tuned.yaml"), "--data", fixture.tiles(), "--out", &tuned, one[0], one[1]).code(0);
    let weights = path("tuned.bpk");
    let extracted = kiln!("--json", "weights", "extract", &tuned, "--out", &weights).code(0).json();

    let model = format!(
        "{{kind: hybrid, cnn: null, transfer: {{backbone: {}, dense: [8]}}, reconstruct: features, \
         stages: [2, 3], filters: [4, 4], latent: 4}}",
        backbone.replace("random", "tuned.bpk")
    );
    fs::write(path("hybrid.yaml"), config(&model)).unwrap();
    let train = |out: &str, more: &[&str]| {
        let mut command = crate::support::command();
        command.current_dir(folder.path()).args(["train", "hybrid.yaml", "--out", out, one[0], one[1]]);
        command.arg("--data").arg(fixture.tiles()).args(more);
        crate::support::finish(command)
    };
    let refused = train("other", &["--set", "training.seed=7"]).code(2);
    refused.says(&["tuned.bpk", "have learnt from", "of the test tiles", "--split-file"]);
    // Weights are nothing without their list: neither a copy, nor with another list. A link has the list of its target.
    let elsewhere = |name: &str, more: &[&str]| {
        let set = format!("model.transfer.backbone.weights={name}");
        train("other", &[&["--set", "training.seed=7", "--set", &set], more].concat()).code(2)
    };
    fs::copy(&weights, path("copy.bpk")).unwrap();
    elsewhere("copy.bpk", &[]).says(&["copy.bpk", "copy.bpk.seen.txt", "is missing"]);
    fs::write(path("copy.bpk.seen.txt"), "").unwrap();
    elsewhere("copy.bpk", &[]).says(&["copy.bpk", "is not the list"]);
    fs::create_dir(path("links")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../tuned.bpk", path("links/link.bpk")).unwrap();
    #[cfg(unix)]
    elsewhere("links/link.bpk", &[]).says(&["link.bpk", "have learnt from"]);
    let exists = kiln!("weights", "extract", &tuned, "--out", &weights).code(2);
    exists.says(&["tuned.bpk: exists already"]);

    train("hybrid", &["--split-file", "tuned/split.csv"]).code(0);
    assert_eq!(read_json(&path("hybrid/run.json"))["backbone_sha256"], extracted["sha256"]);

    let exported = kiln!("--json", "export", path("hybrid"), "--out", path("bundle")).code(0).json();
    assert_eq!(exported["parity"]["passed"], true);
    let manifest = read_json(&path("bundle/manifest.json"));
    assert_eq!(manifest["provenance"]["config"]["model"]["transfer"]["backbone"]["weights"], serde_json::Value::Null);
    let names: Vec<_> = manifest["outputs"].as_array().unwrap().iter().map(|output| output["name"].clone()).collect();
    assert_eq!(names, ["score", "probabilities", "error_map", "latent_mean", "latent_log_variance"]);
    let none = kiln!("weights", "extract", fixture.run(crate::support::Kind::Cnn), "--out", path("none.bpk")).code(2);
    none.says(&["kind `cnn`", "without a pretrained backbone", "model.transfer"]);
    assert!(!path("none.bpk").exists());
    let frozen = kiln!("weights", "extract", path("hybrid"), "--out", path("again.bpk")).code(2);
    frozen.says(&["did not learn", "frozen: false or depthwise"]);
    // What the weights have seen, the next weights have seen.
    let seen = |name: &str| fs::read_to_string(path(name)).unwrap();
    assert_eq!(seen("tuned/seen.txt"), seen("tuned.bpk.seen.txt"));
    train("again", &["--split-file", "tuned/split.csv", "--set", "model.transfer.frozen=false"]).code(0);
    kiln!("weights", "extract", path("again"), "--out", path("again.bpk")).code(0);
    assert_eq!(seen("again.bpk.seen.txt"), seen("tuned.bpk.seen.txt"));
    assert_ne!(fs::read(path("again.bpk")).unwrap(), fs::read(&weights).unwrap());
}

#[test]
fn models_that_work_on_fewer_pixels_are_exported_for_whole_tiles() {
    let (fixture, folder) = (fixture(), scratch());
    let backbone = BACKBONE.replace("width: 0.25", "width: 0.25, side: 96");
    for (name, model) in [
        ("cnn", "{kind: cnn, filters: [4, 8], head: flatten, dense: [], side: 96}".to_owned()),
        (
            "transfer",
            format!("{{kind: transfer, backbone: {backbone}, pooling: mean_and_centre, views: 1, dense: [8]}}"),
        ),
        (
            "averaged",
            format!(
                "{{kind: transfer, backbone: {backbone}, views: 1, dense: [], test_time_augmentation: flips, test_time_side: 112}}"
            ),
        ),
        (
            "hybrid",
            "{kind: hybrid, cnn: {filters: [4, 8], dense: [8], side: 96, test_time_augmentation: flips}, \
             reconstruct: features, filters: [4, 4], latent: 4}"
                .to_owned(),
        ),
        // The sides of the maps at 96 pixels are no multiples of 16.
        (
            "bank",
            format!(
                "{{kind: memory_bank, backbone: {backbone}, tile: {{entries: 16, neighbours: 2}}, \
                 patch: {{side: 16, of_each_tile: 4, entries: 24}}}}"
            ),
        ),
    ] {
        let path = folder.path().join(format!("{name}.yaml"));
        fs::write(&path, config(&model)).unwrap();
        let (run, bundle) = (folder.path().join(name), folder.path().join(format!("{name}-bundle")));
        kiln!("train", &path, "--data", fixture.tiles(), "--out", &run, "--set", "training.epochs=1").code(0);
        assert!(fs::read_to_string(run.join("config.yaml")).unwrap().contains("side: 96"), "{name}");
        let exported = kiln!("--json", "export", &run, "--out", &bundle).code(0).json();
        assert_eq!(exported["parity"]["passed"], true, "{name}");
        let manifest = read_json(&bundle.join("manifest.json"));
        assert_eq!(manifest["inputs"][0]["shape"], serde_json::json!(["batch", 256, 256, 3]), "{name}");
    }
    // The sheet of training tiles has the same variations at every side, and shows them whole.
    let (path, run) = (folder.path().join("cnn.yaml"), folder.path().join("whole"));
    kiln!(
        "train",
        path,
        "--data",
        fixture.tiles(),
        "--out",
        &run,
        "--set",
        "training.epochs=1",
        "--set",
        "model.side=256"
    )
    .code(0);
    let sheet = |run: &str| fs::read(folder.path().join(run).join("pictures/training_tiles.png")).unwrap();
    assert!(sheet("whole") == sheet("cnn"), "the sheets of 96 and of 256 pixels a side differ");
}

#[test]
fn a_memory_bank_gives_a_score_and_a_map_and_knows_no_classes() {
    let (fixture, folder) = (fixture(), scratch());
    let banks = "tile: {entries: 16, neighbours: 2}, patch: {side: 8, of_each_tile: 4, entries: 24}";
    let path = folder.path().join("bank.yaml");
    fs::write(&path, config(&format!("{{kind: memory_bank, backbone: {BACKBONE}, {banks}}}"))).unwrap();
    let run = folder.path().join("run");
    kiln!("train", &path, "--data", fixture.tiles(), "--out", &run).code(0);
    let by = read_json(&run.join("run.json"))["features"].as_str().unwrap().to_owned();
    assert!(by.starts_with("onnxruntime "), "{by}");
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 1);

    let bundle = folder.path().join("bundle");
    kiln!("export", &run, "--out", &bundle, "--precision", "fp32,fp16,int8").code(0);
    let manifest = read_json(&bundle.join("manifest.json"));
    assert_eq!(manifest["classes"], serde_json::json!([]));
    let outputs = manifest["outputs"].as_array().unwrap();
    assert_eq!(outputs[1]["name"], "error_map");
    assert_eq!(outputs[1]["shape"], serde_json::json!(["batch", 256, 256]));
    assert!(outputs[0]["meaning"].as_str().unwrap().contains("distance"));
    unusual_tiles_keep_their_scores(&bundle);
}

/// Compares fp16 and int8 with fp32 on tiles unlike any that the graphs were calibrated on.
fn unusual_tiles_keep_their_scores(bundle: &Path) {
    let folder = scratch();
    let checks = |side: u32| {
        RgbImage::from_fn(256, 256, |x, y| Rgb([if (x / side + y / side).is_multiple_of(2) { 255 } else { 0 }; 3]))
    };
    checks(1).save(folder.path().join("fine.png")).unwrap();
    checks(8).save(folder.path().join("coarse.png")).unwrap();
    RgbImage::from_pixel(256, 256, Rgb([0, 255, 0])).save(folder.path().join("green.png")).unwrap();
    let scores = |precision: &str| -> Vec<f64> {
        let rows = kiln!("score", bundle, folder.path(), "--precision", precision).code(0).stdout();
        read_csv(&rows).1.iter().map(|row| row["score"].parse().unwrap()).collect()
    };
    let full = scores("fp32");
    for (precision, share) in [("fp16", 0.01), ("int8", 0.5)] {
        let other = scores(precision);
        let near = full.iter().zip(&other).all(|(full, other)| (full - other).abs() < share * full);
        assert!(near, "{precision}: {other:?}, fp32: {full:?}");
    }
}

#[test]
fn mixtures_of_normal_tiles_are_exported_with_a_score_alone() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("mixtures.yaml");
    let mixtures = "tile: null, patch: null, pooling: mean_centre_and_deviation, mixtures: [{stages: [3], of: [mean, centre], \
                    components: 2, dimensions: 3}, {of: [deviation], components: 1, dimensions: 2, weight: -0.5}]";
    fs::write(&path, config(&format!("{{kind: memory_bank, backbone: {BACKBONE}, {mixtures}}}"))).unwrap();
    let runs = ["run", "again"].map(|name| folder.path().join(name));
    for run in &runs {
        // At this threshold no tile is so near that rounding changes its decision.
        let set = "threshold=specificity:0.8";
        kiln!("train", &path, "--data", fixture.tiles(), "--out", run, "--set", set).code(0);
    }
    let [first, second] = runs.each_ref().map(|run| fs::read(run.join("model.bpk")).unwrap());
    assert!(first == second, "the same seed gave other weights");

    let bundle = folder.path().join("bundle");
    let exported =
        kiln!("--json", "export", &runs[0], "--out", &bundle, "--precision", "fp32,fp16,int8").code(0).json();
    assert_eq!(exported["parity"]["passed"], true);
    let manifest = read_json(&bundle.join("manifest.json"));
    assert_eq!(manifest["outputs"].as_array().unwrap().len(), 1);
    assert!(manifest["outputs"][0]["meaning"].as_str().unwrap().contains("densities"));
    unusual_tiles_keep_their_scores(&bundle);
}

#[test]
fn what_does_not_fit_a_backbone_is_named() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("bank.yaml");
    let say = |model: &str, code: i32, words: &[&str]| {
        fs::write(&path, config(model)).unwrap();
        kiln!("train", &path, "--data", fixture.tiles(), "--out", folder.path().join("run")).code(code).says(words);
    };
    say("{kind: transfer, backbone: {name: resnet18, stages: [2, 5]}}", 2, &["model.backbone.stages", "1 to 4"]);
    say(
        "{kind: transfer, backbone: {name: resnet18, stages: [2], side: 300}}",
        2,
        &["model.backbone.side", "32..=256"],
    );
    say("{kind: transfer, backbone: {nmae: resnet18}}", 2, &["nmae", "did you mean `name`"]);
    say("{kind: transfer, backbone: {name: resnet18, stages: [4], weights: nowhere.bpk}}", 2, &["nowhere.bpk"]);
    say("{kind: memory_bank, tile: null, patch: null}", 2, &["`tile`, `patch` or both"]);
    say("{kind: memory_bank, mixtures: [{}]}", 2, &["model.mixtures", "set `tile` to null"]);
    let mixtures = |keys: &str| {
        format!("{{kind: memory_bank, backbone: {BACKBONE}, tile: null, patch: null, mixtures: [{{{keys}}}]}}")
    };
    say(&mixtures("components: 200"), 2, &["model.mixtures[0].components", "200 components", "fewer"]);
    say(&mixtures("of: [deviation]"), 2, &["model.mixtures[0].of", "means_and_deviations"]);
    say(&mixtures("of: [spread]"), 2, &["model.mixtures", "spread", "deviation"]);
    let other = folder.path().join("other");
    fs::write(&path, config(&format!("{{kind: memory_bank, backbone: {BACKBONE}, tile: {{entries: 5000}}}}"))).unwrap();
    kiln!("train", &path, "--data", fixture.tiles(), "--out", &other).code(2).says(&["model.tile", "5000"]);
    kiln!("weights", "fetch", "resnet18").code(3).says(&["none are pinned", "kiln weights import"]);
    kiln!("weights", "import", &path, "--backbone", "resnet18", "--out", folder.path().join("w")).code(2);
}
