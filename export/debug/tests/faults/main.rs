//! Faults planted in exported graphs: each must be located to its node, and its cause named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::result_large_err)]

#[path = "../support/mod.rs"]
mod support;

mod edit;
mod models;
mod planted;

use burn_onnx_export::proto::ModelProto;
use kiln_debug::report::table;
use kiln_debug::{Inputs, LayersReport, Side, layers};

use planted::Fault;
use support::{as_written, inputs, runtime};

/// The least number of faults, and of those that are located.
const PLANTED: usize = 40;

fn compare(a: &mut Side, faulty: ModelProto, inputs: &Inputs) -> LayersReport {
    let mut b = Side::from_model("faulty", faulty, runtime(), as_written()).expect("a graph");
    layers(a, &mut b, inputs, |_| ()).expect("a report")
}

/// The problem with a fault; none if it was located and named.
fn missed(fault: &Fault, a: &mut Side, healthy: &ModelProto, inputs: &Inputs) -> Option<String> {
    let mut faulty = healthy.clone();
    (fault.plant)(&mut faulty);
    assert_ne!(&faulty, healthy, "{}: nothing was planted", fault.name);
    let report = compare(a, faulty, inputs);
    let Some(cause) = report.first_cause() else {
        return Some(format!("{}: not found; {}", fault.name, report.conclusion()));
    };
    let sentence = cause.sentence();
    if cause.location.node != fault.node {
        return Some(format!("{}: at {sentence}, not at {}", fault.name, fault.node));
    }
    (!sentence.contains(fault.named)).then(|| format!("{}: named {sentence}, without `{}`", fault.name, fault.named))
}

#[test]
fn planted_faults_are_located_to_their_nodes_and_named() {
    let mut planted = 0;
    let mut failures = Vec::new();
    for model in models::all() {
        let inputs = inputs(3, models::SIDE);
        let mut a = model.reference();
        let healthy = model.candidate();
        let report = compare(&mut a, healthy.clone(), &inputs);
        if report.first.is_some() {
            failures.push(format!("{} without a fault: {}\n{}", model.name, report.conclusion(), table(&report)));
        }
        for fault in planted::faults(model.name, &healthy) {
            planted += 1;
            failures.extend(missed(&fault, &mut a, &healthy, &inputs).map(|text| format!("{}: {text}", model.name)));
        }
    }
    println!("{} of {planted} planted faults located to the node and named", planted - failures.len());
    assert!(planted >= PLANTED, "{planted} faults");
    assert!(failures.is_empty(), "{} of {planted} faults were missed:\n{}", failures.len(), failures.join("\n"));
}
