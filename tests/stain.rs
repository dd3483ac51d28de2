//! Stain normalisation from training to server: fitted in training, stored in the run, applied in the graph or before it, with
//! the same scores from burn and from ONNX Runtime. A server package whose graph does not normalise needs
//! `--client-normalises`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Kind, contents, fixture, kiln, read_csv, read_json, scratch};

/// Trains one epoch of the fixture's model with this method.
fn train(kind: Kind, method: &str, run: &Path) {
    let fixture = fixture();
    let word = format!("data.stain_normalisation={method}");
    let sets = ["--set", "training.epochs=1", "--set", &word];
    let mut command = crate::support::command();
    command.arg("train").arg(fixture.config(kind)).arg("--data").arg(fixture.tiles()).args(sets).arg("--out").arg(run);
    crate::support::finish(command).code(0);
}

fn exported(kind: Kind, method: &str, folder: &Path) -> (PathBuf, PathBuf, Value) {
    let (run, bundle) = (folder.join(format!("run-{method}")), folder.join(format!("bundle-{method}")));
    train(kind, method, &run);
    kiln!("export", &run, "--out", &bundle).code(0);
    let manifest = read_json(&bundle.join("manifest.json"));
    (run, bundle, manifest)
}

/// Scores of the fixture's tiles by their paths.
fn scores(bundle: &Path) -> Vec<f64> {
    let (_, rows) = read_csv(&kiln!("score", bundle, fixture().tiles()).code(0).stdout());
    rows.iter().map(|row| row["score"].parse().unwrap()).collect()
}

fn figures(subject: &Path, run: &Path) -> Value {
    let split = run.join("split.csv");
    let words = ["--resamples", "200", "--split", "test", "--data"];
    let mut command = crate::support::command();
    command.args(["--json", "evaluate"]).arg(subject).args(words).arg(fixture().tiles());
    crate::support::finish({
        command.arg("--split-file").arg(split);
        command
    })
    .code(0)
    .json()
}

#[test]
fn a_run_with_normalised_stains_and_its_bundle_have_the_same_figures() {
    let folder = scratch();
    for (method, place) in [("reinhard", "graph"), ("macenko", "runtime"), ("vahadane", "runtime")] {
        let (run, bundle, manifest) = exported(Kind::Cnn, method, folder.path());
        let stain = &manifest["tile"]["stain_normalisation"];
        assert_eq!((stain["method"].as_str(), stain["where"].as_str()), (Some(method), Some(place)));
        assert_eq!(stain["target"], read_json(&run.join("run.json"))["stain_normalisation"]["target"]);
        assert!(fs::read_to_string(bundle.join("README.md")).unwrap().contains(method), "the card tells");
        let (burn, onnx) = (figures(&run, &run), figures(&bundle, &run));
        for name in ["auroc", "aupr", "f1", "baseline"] {
            assert_eq!(burn[name], onnx[name], "{method} {name}");
        }
        assert_eq!(burn["auroc"]["value"], read_json(&run.join("metrics.json"))["auroc"]["value"], "{method}");
        let tried = kiln!("--json", "verify", &bundle).code(0).json()["stain_normalisation"].clone();
        let expected = serde_json::json!({"method": method, "tiles": 8, "different": 0, "max_abs": 0});
        assert_eq!(tried, if place == "runtime" { expected } else { Value::Null }, "{method}");
        kiln!("verify", &bundle, "--run", &run).code(0);
        let plain = scores(&fixture().bundle(Kind::Cnn));
        assert_ne!(scores(&bundle), plain, "{method}");
    }
}

#[test]
fn a_normaliser_that_makes_other_tiles_is_a_failed_check() {
    let folder = scratch();
    let (_, bundle, mut manifest) = exported(Kind::Cnn, "macenko", folder.path());
    let most = &mut manifest["tile"]["stain_normalisation"]["target"]["most"][0];
    *most = Value::from(most.as_f64().unwrap() * 1.2);
    fs::write(bundle.join("manifest.json"), serde_json::to_string(&manifest).unwrap()).unwrap();
    let said = kiln!("verify", &bundle).code(1).stdout();
    assert!(said.contains("macenko stain normalisation before the graph: MISS, 8 of 8 tiles"), "{said}");
}

#[test]
fn a_map_of_errors_survives_normalisation_in_the_graph() {
    let folder = scratch();
    for kind in [Kind::Vae, Kind::Hybrid] {
        let run = folder.path().join(kind.name());
        train(kind, "reinhard", &run);
        let bundle = folder.path().join(format!("bundle-{}", kind.name()));
        kiln!("export", &run, "--out", &bundle).code(0);
        let parity = read_json(&bundle.join("manifest.json"))["parity"].clone();
        let of_map = |output: &&Value| output["name"] == "error_map";
        let map = parity["outputs"].as_array().unwrap().iter().find(of_map).expect("there is a map");
        assert_eq!((&map["passed"], &parity["passed"]), (&Value::from(true), &Value::from(true)), "{parity}");
        kiln!("verify", &bundle, "--run", &run).code(0);
    }
}

#[test]
fn other_precisions_normalise_too() {
    let folder = scratch();
    for method in ["reinhard", "macenko"] {
        let run = folder.path().join(format!("run-{method}"));
        train(Kind::Cnn, method, &run);
        let bundle = folder.path().join(format!("bundle-{method}"));
        let outcome = kiln!("export", &run, "--out", &bundle, "--precision", "fp32,fp16,int8");
        // With so few tiles a variant may miss its gate, which is exit status 1; the bundle is there either way.
        assert!(matches!(outcome.status(), Some(0 | 1)), "{}", outcome.stderr());
        let manifest = read_json(&bundle.join("manifest.json"));
        let precisions: Vec<_> = manifest["variants"].as_array().unwrap().iter().map(|one| &one["precision"]).collect();
        assert!(precisions.contains(&&Value::from("fp16")), "{method}: {precisions:?}\n{}", outcome.stderr());
        let of = |precision: &str| {
            let rows = kiln!("score", &bundle, fixture().tiles(), "--precision", precision).code(0).stdout();
            read_csv(&rows).1.iter().map(|row| row["score"].parse::<f64>().unwrap()).collect::<Vec<_>>()
        };
        let worst = of("fp32").iter().zip(of("fp16")).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 0.01, "{method}: {worst}");
    }
}

#[test]
fn the_size_policy_of_the_command_line_keeps_the_normalisation() {
    let folder = scratch();
    let (_, bundle, _) = exported(Kind::Cnn, "macenko", folder.path());
    let tile = fixture().tile(1);
    let plain = kiln!("score", &bundle, &tile).code(0).stdout();
    assert_eq!(kiln!("score", &bundle, &tile, "--size-policy", "resize").code(0).stdout(), plain);
}

#[test]
fn a_server_is_not_given_a_graph_whose_tiles_nobody_normalises() {
    let folder = scratch();
    let (run, bundle, _) = exported(Kind::Cnn, "macenko", folder.path());
    let (models, shipped) = (folder.path().join("models"), folder.path().join("shipped"));
    kiln!("package", &bundle, "--target", "triton", "--out", &models).code(2).says(&[
        "macenko stain normalisation",
        "reinhard",
        "--client-normalises",
    ]);
    assert!(!models.exists(), "nothing is written");
    kiln!("ship", &run, "--target", "triton", "--out", &shipped).code(2).says(&["--client-normalises"]);
    kiln!("package", &bundle, "--target", "triton", "--out", &models, "--client-normalises").code(0);
    assert!(fs::read_to_string(models.join("README.md")).unwrap().contains("Clients normalise stains"));
    kiln!("package", "--check", &models).code(0);

    let (_, graph, _) = exported(Kind::Cnn, "reinhard", folder.path());
    let own = folder.path().join("own");
    kiln!("package", &graph, "--target", "triton", "--out", &own).code(0);
    assert!(!fs::read_to_string(own.join("README.md")).unwrap().contains("Clients normalise stains"));
}

#[test]
fn the_same_seed_fits_the_same_target_and_exports_the_same_bytes() {
    let folder = scratch();
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    for place in [&first, &second] {
        fs::create_dir(place).unwrap();
        exported(Kind::Cnn, "vahadane", place);
    }
    assert_eq!(contents(&first.join("bundle-vahadane")), contents(&second.join("bundle-vahadane")));
}

#[test]
fn features_are_kept_apart_by_what_the_tiles_look_like() {
    let (fixture, folder) = (fixture(), scratch());
    let path = folder.path().join("transfer.yaml");
    let text = "name: small\n\
        model: {kind: transfer, backbone: {name: efficientnet-lite0, weights: random, stages: [2, 3], width: 0.25}, views: 1, dense: [8]}\n\
        data: {normal_classes: [benign], split: {train: 0.7, val: 0.15, test: 0.15}}\n\
        training: {seed: 42, epochs: 1, batch: 8}\nbootstrap_resamples: 200\n";
    fs::write(&path, text).unwrap();
    let cache = folder.path().join("cache");
    for (number, method) in ["null", "macenko", "reinhard"].into_iter().enumerate() {
        let run = folder.path().join(method);
        let mut command = crate::support::command();
        command.env("KILN_CACHE", &cache).arg("train").arg(&path).arg("--data").arg(fixture.tiles());
        command.args(["--set", &format!("data.stain_normalisation={method}")]).arg("--out").arg(&run);
        crate::support::finish(command).code(0);
        // Of the training tiles, and of the validation tiles.
        assert_eq!(fs::read_dir(cache.join("features")).unwrap().count(), 2 * (number + 1), "{method}");
    }
    let bundle = folder.path().join("bundle");
    kiln!("export", folder.path().join("reinhard"), "--out", &bundle).code(0);
    kiln!("verify", &bundle, "--run", folder.path().join("reinhard")).code(0);
}

#[test]
fn an_unknown_method_is_named_with_the_known_ones() {
    let folder = scratch();
    let set = "data.stain_normalisation=makenko";
    let out = folder.path().join("run");
    kiln!("train", fixture().config(Kind::Cnn), "--data", fixture().tiles(), "--out", &out, "--set", set)
        .code(2)
        .says(&["makenko", "macenko", "reinhard", "vahadane"]);
}
