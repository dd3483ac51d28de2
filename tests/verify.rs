//! `kiln verify`: passes on an exported bundle, fails on a graph with other outputs, and names the changed file of a bundle.

use std::fs;
use std::path::Path;

use kiln_files::digest::sha256_hex;
use serde_json::{Value, json};

use crate::support::{Kind, copy, fixture, kiln, read_json, scratch};

/// Replaces a file of a bundle and corrects its digest in the manifest.
fn replace_file(bundle: &Path, name: &str, bytes: &[u8]) {
    fs::write(bundle.join(name), bytes).unwrap();
    let path = bundle.join("manifest.json");
    let mut manifest = read_json(&path);
    for file in manifest["files"].as_array_mut().unwrap() {
        if file["path"] == name {
            file["bytes"] = json!(bytes.len());
            file["sha256"] = json!(sha256_hex(bytes));
        }
    }
    fs::write(path, serde_json::to_vec_pretty(&manifest).unwrap()).unwrap();
}

pub fn assert_stable_parity(report: &Value) {
    assert!(report["passed"].is_boolean());
    for name in ["decisions_changed", "tiles"] {
        assert!(report[name].is_u64(), "{name} in {report}");
    }
    assert!(report["provider"].is_string());
    assert!(report["nodes"].as_object().unwrap().values().all(Value::is_u64));
    for output in report["outputs"].as_array().unwrap() {
        assert!(output["name"].is_string());
        for name in ["max_abs", "mean_abs", "max_rel", "cosine", "tolerance"] {
            assert!(output[name].is_number(), "{name} in {output}");
        }
    }
}

#[test]
fn a_bundle_answers_as_its_golden_outputs_and_as_burn_does() {
    let fixture = fixture();
    for kind in Kind::MODELS {
        let golden = kiln!("--json", "verify", fixture.bundle(kind)).code(0).json();
        let burn = kiln!("--json", "verify", fixture.bundle(kind), "--run", fixture.run(kind)).code(0).json();
        for report in [&golden, &burn] {
            assert_stable_parity(report);
            assert_eq!((&report["passed"], &report["decisions_changed"]), (&json!(true), &json!(0)));
            let limit = |name: &str| if name == "probabilities" { 1e-5 } else { 1e-4 };
            for output in report["outputs"].as_array().unwrap() {
                let name = output["name"].as_str().unwrap();
                assert!(output["max_abs"].as_f64().unwrap() <= limit(name), "{kind:?} {output}");
            }
        }
        assert_eq!(burn["tiles"], 24, "the whole test split");
        assert_eq!(burn["batches"], json!([1, 3, 8]));
    }
    let shown = kiln!("verify", fixture.bundle(Kind::Hybrid)).code(0).stdout();
    assert!(shown.trim_end().ends_with("PASSED"), "{shown}");
}

#[test]
fn a_graph_that_answers_otherwise_is_exit_status_1() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join("bundle"));
    replace_file(&bundle, "model.onnx", &fs::read(fixture.bundle(Kind::Other).join("model.onnx")).unwrap());
    let report = kiln!("--json", "verify", &bundle).code(1).json();
    assert_eq!(report["passed"], false);
    let shown = kiln!("verify", &bundle).code(1).stdout();
    assert!(shown.contains("MISS") && shown.trim_end().ends_with("FAILED"), "{shown}");
    let burn = kiln!("--json", "verify", &bundle, "--run", fixture.run(Kind::Cnn)).code(1).json();
    assert_eq!(burn["passed"], false);
}

#[test]
fn a_changed_file_is_named_by_every_verb_that_opens_the_bundle() {
    let fixture = fixture();
    let folder = scratch();
    for (number, name) in ["model.onnx", "golden.npz", "README.md"].into_iter().enumerate() {
        let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join(number.to_string()));
        let mut bytes = fs::read(bundle.join(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(bundle.join(name), &bytes).unwrap();
        kiln!("verify", &bundle).code(2).says(&[name, "SHA-256"]);
        kiln!("score", &bundle, fixture.tile(0)).code(2).says(&[name, "SHA-256"]);
        kiln!("bench", &bundle).code(2).says(&[name]);
        kiln!("doctor", &bundle).code(2).says(&[name]);
        fs::write(bundle.join(name), &bytes[..middle]).unwrap();
        kiln!("verify", &bundle).code(2).says(&[name, "bytes"]);
        fs::remove_file(bundle.join(name)).unwrap();
        kiln!("verify", &bundle).code(2).says(&[name]);
    }
}

#[test]
fn a_manifest_that_lies_is_refused() {
    let fixture = fixture();
    let folder = scratch();
    let spoil = |name: &str, change: &dyn Fn(&mut Value)| {
        let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join(name));
        let path = bundle.join("manifest.json");
        let mut manifest = read_json(&path);
        change(&mut manifest);
        fs::write(path, serde_json::to_vec(&manifest).unwrap()).unwrap();
        kiln!("verify", &bundle).code(2)
    };
    spoil("schema", &|manifest| manifest["schema"] = json!(99)).says(&["schema 99"]);
    spoil("climb", &|manifest| manifest["files"][0]["path"] = json!("../../etc/passwd")).says(&["../../etc/passwd"]);
    spoil("absolute", &|manifest| manifest["files"][0]["path"] = json!("/etc/passwd")).says(&["/etc/passwd"]);
    spoil("variants", &|manifest| manifest["variants"] = json!([])).says(&["variants"]);
    let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join("broken"));
    fs::write(bundle.join("manifest.json"), "{\"schema\": 1,").unwrap();
    kiln!("verify", &bundle).code(2).says(&["manifest.json"]);
    fs::remove_file(bundle.join("manifest.json")).unwrap();
    kiln!("verify", &bundle).code(2).says(&["manifest.json"]);
    kiln!("verify", folder.path().join("nowhere")).code(2).says(&["nowhere"]);
}

#[test]
fn a_bundle_is_not_compared_with_a_run_that_it_was_not_made_of() {
    let fixture = fixture();
    for kind in [Kind::Other, Kind::Hybrid] {
        kiln!("verify", fixture.bundle(Kind::Cnn), "--run", fixture.run(kind))
            .code(2)
            .says(&["weights", "exported from"]);
    }
}

#[test]
fn a_precision_that_the_bundle_lacks_is_refused_with_those_that_it_has() {
    let fixture = fixture();
    kiln!("verify", fixture.bundle(Kind::Cnn), "--precision", "int3").code(2).says(&["`int3`", "fp32"]);
}
