//! Export: deterministic, verified before it appears, never over an existing bundle without `--replace`.

use std::fs;

use crate::support::{Kind, contents, copy, fixture, kiln, names, read_csv, read_json, scratch};

#[test]
fn two_exports_of_one_run_are_the_same_bytes() {
    let fixture = fixture();
    let folder = scratch();
    for kind in Kind::MODELS {
        let again = folder.path().join(kind.name());
        kiln!("export", fixture.run(kind), "--out", &again).code(0);
        assert_eq!(contents(&again), contents(&fixture.bundle(kind)), "{kind:?}");
    }
}

#[test]
fn two_trainings_of_one_seed_export_to_the_same_bytes() {
    let fixture = fixture();
    let folder = scratch();
    let (run, bundle) = (folder.path().join("run"), folder.path().join("bundle"));
    kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &run).code(0);
    kiln!("export", &run, "--out", &bundle).code(0);
    assert_eq!(contents(&bundle), contents(&fixture.bundle(Kind::Cnn)));
}

#[test]
fn the_model_card_says_what_the_model_is_for_and_what_it_was_measured_on() {
    let fixture = fixture();
    for kind in Kind::MODELS {
        let card = fs::read_to_string(fixture.bundle(kind).join("README.md")).unwrap();
        let metrics = read_json(&fixture.run(kind).join("metrics.json"));
        let sections = [
            "Intended use",
            "Data",
            "Figures",
            "Baselines",
            "Decision",
            "Where it fails",
            "Training",
            "Inputs and outputs",
            "Parity",
            "Provenance",
            "Limits",
        ];
        for section in sections {
            assert!(card.contains(&format!("\n## {section}\n")), "{section} is missing in\n{card}");
        }
        assert!(card.contains("Research; not for diagnosis."));
        assert!(card.contains("| test | 24 | 2 | 12 | 12 |"), "tiles, groups and labels of the test split in\n{card}");
        assert!(card.contains(&format!("score >= {}", metrics["threshold"])));
        let interval = |pointer: &str| {
            let part = |end: &str| metrics.pointer(pointer).unwrap()[end].as_f64().unwrap();
            format!("| {:.3} | {:.3} to {:.3} |", part("value"), part("low"), part("high"))
        };
        for pointer in ["/auroc", "/recall", "/baseline/colour_auroc", "/baseline/neighbours_auroc"] {
            assert!(card.contains(&interval(pointer)), "{pointer}: {} is not in\n{card}", interval(pointer));
        }
        assert_eq!(card.contains("\n## Calibration\n"), kind != Kind::Vae);
        assert_eq!(card.contains("squared error of the reconstruction"), kind != Kind::Cnn);
    }
}

#[test]
fn a_bundle_holds_what_deployment_needs_and_no_path_of_the_machine() {
    let fixture = fixture();
    for kind in Kind::MODELS {
        let bundle = fixture.bundle(kind);
        assert_eq!(names(&bundle), ["README.md", "golden.npz", "manifest.json", "model.onnx"]);
        let manifest = read_json(&bundle.join("manifest.json"));
        for key in [
            "schema",
            "model",
            "inputs",
            "outputs",
            "classes",
            "threshold",
            "variants",
            "files",
            "provenance",
            "parity",
            "metrics",
        ] {
            assert!(!manifest[key].is_null(), "{key} is missing");
        }
        let input = &manifest["inputs"][0];
        assert_eq!((&input["name"], &input["dtype"]), (&"tile".into(), &"uint8".into()));
        assert_eq!(input["shape"], serde_json::json!(["batch", 256, 256, 3]));
        let outputs: Vec<&str> =
            manifest["outputs"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        let autoencoder = ["reconstruction", "error_map", "latent_mean", "latent_log_variance"];
        assert!(outputs.contains(&"score"));
        assert_eq!(outputs.contains(&"probabilities"), kind != Kind::Vae);
        assert!(autoencoder.iter().all(|name| outputs.contains(name) == (kind != Kind::Cnn)), "{outputs:?}");
        let root = fixture.tiles();
        let root = root.parent().unwrap().to_str().unwrap();
        for file in names(&bundle) {
            let bytes = fs::read(bundle.join(&file)).unwrap();
            assert!(
                !bytes.windows(root.len()).any(|part| part == root.as_bytes()),
                "{file} names a path of this machine"
            );
        }
    }
}

#[test]
fn a_target_that_is_there_is_refused_unless_it_is_a_bundle_to_be_replaced() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = copy(&fixture.bundle(Kind::Other), &folder.path().join("bundle"));
    let before = contents(&bundle);
    kiln!("export", fixture.run(Kind::Cnn), "--out", &bundle).code(2).says(&["is there already", "--replace"]);
    assert_eq!(contents(&bundle), before);
    kiln!("export", fixture.run(Kind::Cnn), "--out", &bundle, "--replace").code(0);
    assert_eq!(contents(&bundle), contents(&fixture.bundle(Kind::Cnn)));
    assert_eq!(names(folder.path()), ["bundle"], "nothing is left beside it");
    let precious = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("thesis.txt"), "years of work").unwrap();
    kiln!("export", fixture.run(Kind::Cnn), "--out", &precious, "--replace").code(2).says(&["not a bundle"]);
    assert_eq!(names(&precious), ["thesis.txt"]);
}

#[cfg(unix)]
#[test]
fn a_write_protected_bundle_is_not_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = scratch();
    let bundle = copy(&fixture().bundle(Kind::Other), &folder.path().join("bundle"));
    let before = contents(&bundle);
    fs::set_permissions(&bundle, fs::Permissions::from_mode(0o555)).unwrap();
    let says = ["bundle is write-protected, so it is not replaced"];
    kiln!("export", fixture().run(Kind::Cnn), "--out", &bundle, "--replace").code(2).says(&says);
    fs::set_permissions(&bundle, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!((contents(&bundle), names(folder.path())), (before, vec!["bundle".to_owned()]));
}

#[test]
fn a_bundle_of_fixed_batch_scores_any_number_of_tiles_to_the_same_scores() {
    let fixture = fixture();
    let folder = scratch();
    let fixed = folder.path().join("fixed");
    kiln!("export", fixture.run(Kind::Cnn), "--out", &fixed, "--batch", "4").code(0);
    let manifest = read_json(&fixed.join("manifest.json"));
    assert_eq!(manifest["inputs"][0]["shape"], serde_json::json!([4, 256, 256, 3]));
    kiln!("verify", &fixed).code(0);
    kiln!("verify", &fixed, "--run", fixture.run(Kind::Cnn)).code(0);
    let scores = |bundle| {
        let (_, rows) =
            read_csv(&kiln!("score", bundle, fixture.tile(0), fixture.tile(1), fixture.tile(2)).code(0).stdout());
        rows.iter().map(|row| row["score"].parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let (fixed, dynamic) = (scores(fixed), scores(fixture.bundle(Kind::Cnn)));
    assert_eq!(fixed.len(), 3);
    assert!(fixed.iter().zip(&dynamic).all(|(a, b)| (a - b).abs() < 1e-5), "{fixed:?} {dynamic:?}");
    kiln!("export", fixture.run(Kind::Cnn), "--out", folder.path().join("no"), "--batch", "0").code(2);
}

#[test]
fn weights_in_a_file_of_their_own_score_the_same_and_are_checked() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = folder.path().join("bundle");
    kiln!("export", fixture.run(Kind::Cnn), "--out", &bundle, "--external-data").code(0);
    let files = names(&bundle);
    let weights = files.iter().find(|name| name.ends_with(".data")).expect("a file of weights");
    assert_eq!(files.len(), 5, "{files:?}");
    kiln!("verify", &bundle).code(0);
    let score = |bundle| kiln!("score", bundle, fixture.tile(0), fixture.tile(1)).code(0).stdout();
    assert_eq!(score(bundle.clone()), score(fixture.bundle(Kind::Cnn)));
    let again = folder.path().join("again");
    kiln!("export", fixture.run(Kind::Cnn), "--out", &again, "--external-data").code(0);
    assert_eq!(contents(&again), contents(&bundle));
    let mut bytes = fs::read(bundle.join(weights)).unwrap();
    bytes[0] ^= 1;
    fs::write(bundle.join(weights), bytes).unwrap();
    kiln!("score", &bundle, fixture.tile(0)).code(2).says(&[weights, "SHA-256"]);
}

#[test]
fn another_precision_is_in_the_bundle_only_if_it_holds_its_gate() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = folder.path().join("bundle");
    let done = kiln!("--json", "export", fixture.run(Kind::Cnn), "--out", &bundle, "--precision", "fp32,fp16,int8");
    let report = done.json();
    let variants = report["variants"].as_array().unwrap();
    assert_eq!(variants.iter().map(|one| one["precision"].as_str().unwrap()).collect::<Vec<_>>(), ["fp16", "int8"]);
    let manifest = read_json(&bundle.join("manifest.json"));
    let offered: Vec<&str> =
        manifest["variants"].as_array().unwrap().iter().map(|one| one["precision"].as_str().unwrap()).collect();
    for variant in variants {
        let lost = variant["auroc_lost"].as_f64();
        let changed = variant["decisions_changed_share"].as_f64().unwrap();
        let holds = lost.is_none_or(|lost| lost <= 0.002) && changed <= 0.005;
        assert_eq!(variant["published"], holds, "{variant}");
        let (file, precision) = (variant["file"].as_str().unwrap(), variant["precision"].as_str().unwrap());
        assert_eq!(bundle.join(file).is_file(), holds);
        assert_eq!(offered.contains(&precision), holds);
    }
    done.code(if variants.iter().all(|one| one["published"] == true) { 0 } else { 1 });
    // What is offered is what runs, unless something else is asked for; 8 bits pay on a CPU only where no layer was kept.
    let kept = variants[1]["kept_in_float"].as_array().unwrap();
    let pays = offered.contains(&"int8") && kept.is_empty();
    let used = |more: &[&str]| {
        let out = folder.path().join("scores.csv");
        let mut command = crate::support::command();
        command.args(["--json", "score"]).arg(&bundle).arg(fixture.tile(0)).arg("--out").arg(&out).args(more);
        crate::support::finish(command).code(0).json()["precision"].as_str().unwrap().to_owned()
    };
    assert_eq!(used(&[]), if pays { "int8" } else { "fp32" });
    assert_eq!(used(&["--precision", "fp32"]), "fp32");
    kiln!("score", &bundle, fixture.tile(0), "--precision", "fp8").code(2).says(&["fp8", "fp32"]);
    kiln!("export", fixture.run(Kind::Cnn), "--out", folder.path().join("no"), "--calibration", "entropy")
        .code(2)
        .says(&["--calibration is for int8", "add int8 to --precision"]);
    kiln!("export", fixture.run(Kind::Cnn), "--out", folder.path().join("no"), "--precision", "int4")
        .code(2)
        .says(&["int4", "fp16"]);
}

#[test]
fn a_run_that_is_none_or_not_whole_gives_no_bundle() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("bundle");
    kiln!("export", fixture.tiles(), "--out", &out).code(2).says(&["is not a run"]);
    kiln!("export", folder.path().join("nowhere"), "--out", &out).code(2).says(&["nowhere"]);
    let run = copy(&fixture.run(Kind::Cnn), &folder.path().join("run"));
    let weights = run.join("model.bpk");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&weights, bytes).unwrap();
    kiln!("export", &run, "--out", &out).code(2).says(&["model.bpk", "changed or damaged"]);
    fs::remove_file(run.join("run.json")).unwrap();
    kiln!("export", &run, "--out", &out).code(2).says(&["training is not finished", "--resume"]);
    assert_eq!(names(folder.path()), ["run"]);
}

#[test]
fn a_run_whose_tiles_have_moved_is_exported_with_data() {
    let fixture = fixture();
    let folder = scratch();
    let run = copy(&fixture.run(Kind::Cnn), &folder.path().join("run"));
    let facts = fs::read_to_string(run.join("run.json")).unwrap();
    let tiles = fs::canonicalize(fixture.tiles()).unwrap();
    assert!(facts.contains(tiles.to_str().unwrap()));
    fs::write(run.join("run.json"), facts.replace(tiles.to_str().unwrap(), "/nowhere/tiles")).unwrap();
    let out = folder.path().join("bundle");
    kiln!("export", &run, "--out", &out).code(2).says(&["/nowhere/tiles"]);
    kiln!("export", &run, "--out", &out, "--data", fixture.tiles()).code(0);
    assert_eq!(contents(&out), contents(&fixture.bundle(Kind::Cnn)));
}
