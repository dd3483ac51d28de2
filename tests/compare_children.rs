//! `kiln compare` with sides whose providers are in different libraries: one process can load one ONNX Runtime, so such sides
//! are asked in child processes. `cuda,cpu` and `openvino,cpu` belong to different wheels on every machine, and run on the
//! CPU where the wheel or the device is missing.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Kind, fixture, kiln, read_json, scratch};

/// The side of this process, and a side of a child.
const HERE: &str = "cuda,cpu";
const CHILD: &str = "openvino,cpu";

fn side(bundle: &Path, precision: &str, providers: &str) -> String {
    format!("{}@{precision}:{providers}", bundle.display())
}

fn weights(bundle: &Path) -> Value {
    read_json(&bundle.join("manifest.json"))["provenance"]["weights_sha256"].clone()
}

/// The largest difference of the scores of a pair.
fn difference(pair: &Value) -> f64 {
    let outputs = pair["outputs"].as_array().unwrap_or_else(|| panic!("{pair}"));
    outputs.iter().find(|output| output["name"] == "score").unwrap()["max_abs"].as_f64().unwrap()
}

#[test]
fn sides_of_two_bundles_keep_their_own_answers_on_the_tiles_of_the_first() {
    let fixture = fixture();
    let (one, other) = (fixture.bundle(Kind::Cnn), fixture.bundle(Kind::Other));
    let alone = kiln!("--json", "compare", &one, &other).code(1).json();
    let said =
        kiln!("--json", "compare", side(&one, "fp32", HERE), side(&other, "fp32", CHILD), side(&one, "fp32", CHILD))
            .code(1);
    assert_eq!(said.stderr().matches("in a process of its own").count(), 2, "{}", said.stderr());
    let json = said.json();
    let [first, second] = json["comparisons"].as_array().unwrap().as_slice() else { panic!("{json}") };
    for (pair, bundle, label) in [(first, &other, "other@fp32:"), (second, &one, "cnn@fp32:")] {
        assert_eq!(
            (&pair["candidate"]["saved"], &pair["candidate"]["weights_sha256"]),
            (&json!(true), &weights(bundle))
        );
        assert!(pair["candidate"]["label"].as_str().unwrap().starts_with(label), "{pair}");
    }
    assert!(second["passed"] == true && second["decisions"]["flips"] == 0, "{second}");
    let expected = difference(&alone["comparisons"][0]);
    assert!(expected > 1e-3 && (difference(first) - expected).abs() < 1e-4, "{expected}: {first}");
}

#[test]
fn a_side_whose_process_fails_ends_the_comparison_with_its_error_and_status() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let saved = folder.path().join("saved");
    let (here, good) = (side(&bundle, "fp32", HERE), side(&bundle, "fp32", CHILD));
    kiln!("compare", &here, &good, side(&bundle, "int8", CHILD), "--save", &saved)
        .code(2)
        .says(&["@int8:openvino,cpu: ", "no precision `int8`"]);
    assert!(!saved.exists());
}
