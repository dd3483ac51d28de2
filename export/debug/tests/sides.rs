//! Sides that are no models, inputs that do not fit, and graphs that do not run: each has an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::result_large_err)]

mod support;

use burn_onnx_export::proto::{AttributeProto, AttributeType, ModelProto};
use kiln_debug::side::{OpenOptions, open};
use kiln_debug::{DebugError, Inputs, Side, SideName, layers};
use kiln_runtime::Array;
use prost::Message as _;

use support::{Export, as_written, burn_side, inputs, runtime, zoo};

const KIND: &str = "{kind: cnn, filters: [4], head: pooled, dense: []}";

fn model() -> ModelProto {
    zoo(KIND).accept(Export { batch: 2 }).0.to_message().unwrap()
}

fn opened(a: &str, b: &str) -> DebugError {
    let side = |text: &str| text.parse::<SideName>().unwrap();
    open(&side(a), &side(b), runtime(), &OpenOptions::default()).unwrap_err()
}

#[test]
fn paths_that_are_no_sides_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let text = folder.path().join("x.onnx");
    std::fs::write(&text, [255; 64]).unwrap();
    let (empty, text) = (empty.to_str().unwrap(), text.to_str().unwrap());
    assert!(opened("nowhere", text).to_string().contains("no such run, bundle or file"));
    assert!(opened(text, text).to_string().contains("not an ONNX model"));
    assert!(opened(&format!("{text}@int8"), text).to_string().contains("one precision"));
    assert!(opened(&format!("{empty}@fp32"), text).to_string().contains("executed by burn"));
    assert_eq!(opened(empty, text).fault(), kiln_files::Fault::Input);
}

#[test]
fn two_files_are_compared_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    std::fs::write(&path, model().encode_to_vec()).unwrap();
    let side = |suffix: &str| format!("{}{suffix}", path.display()).parse::<SideName>().unwrap();
    let mut opened = open(&side("@:cpu:noopt"), &side(""), runtime(), &OpenOptions::default()).unwrap();
    assert_eq!((opened.a.label(), opened.b.label()), ("m.onnx on cpu, not optimised", "m.onnx on cpu"));
    let report = layers(&mut opened.a, &mut opened.b, &inputs(2, 256), |_| ()).unwrap();
    assert!(report.passed && report.rows.len() > 5, "{}", report.conclusion());
}

#[test]
fn inputs_that_do_not_fit_are_refused_by_name() {
    let (exported, recorded) = zoo(KIND).accept(Export { batch: 2 });
    let mut a = burn_side(&exported, recorded);
    let mut b = Side::from_model("b", exported.to_message().unwrap(), runtime(), as_written()).unwrap();
    let array = |name: &str, array: Array| Inputs::from_arrays([(name.to_owned(), array)], "x").unwrap();
    let zeros = ndarray::Array4::<u8>::zeros((2, 8, 8, 3));
    for (inputs, part) in [
        (array("image", zeros.clone().into()), "`tile` was not given"),
        (array("tile", zeros.into()), "`tile` is [2, 8, 8, 3], and burn was recorded with [2, 256, 256, 3]"),
    ] {
        let error = layers(&mut a, &mut b, &inputs, |_| ()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let none = Inputs::from_arrays([], "x");
    assert!(matches!(none, Err(DebugError::Inputs { .. })));
}

#[test]
fn a_graph_that_does_not_run_is_reported_with_its_node() {
    let (exported, recorded) = zoo(KIND).accept(Export { batch: 2 });
    let mut a = burn_side(&exported, recorded);
    let mut broken = exported.to_message().unwrap();
    let node = broken.graph.as_mut().unwrap().node.iter_mut().find(|node| node.op_type == "Transpose").unwrap();
    let name = node.name.clone();
    node.attribute = vec![AttributeProto {
        name: "perm".to_owned(),
        ints: vec![0, 1, 2, 3],
        r#type: AttributeType::Ints.into(),
        ..Default::default()
    }];
    let mut b = Side::from_model("broken", broken, runtime(), as_written()).unwrap();
    let report = layers(&mut a, &mut b, &inputs(2, 256), |_| ()).unwrap();
    assert!(!report.passed && report.not_run.is_some());
    let cause = report.first_cause().unwrap();
    assert_eq!(cause.location.node, name, "{}", report.conclusion());
    assert!(
        cause.sentence().contains("perm is [0, 1, 2, 3], where the reference has [0, 3, 1, 2]"),
        "{}",
        cause.sentence()
    );
}
