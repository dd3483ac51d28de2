//! `kiln bench`: stable names, and a verdict that agrees with its reasons and with the exit status. On a busy machine the
//! figures are INVALID, and that is what it should say, so both verdicts are right here.

use serde_json::Value;

use crate::support::{Kind, fixture, kiln};

#[test]
fn the_verdict_the_reasons_and_the_exit_status_agree() {
    let fixture = fixture();
    let said = kiln!(
        "--json",
        "bench",
        fixture.bundle(Kind::Cnn),
        "--batch",
        "1,3",
        "--threads",
        "1,2",
        "--seconds",
        "0.3",
        "--warm-up",
        "0.1",
        "--queries",
        "10"
    );
    let report = said.json();
    let reasons = report["reasons"].as_array().unwrap();
    match report["verdict"].as_str() {
        Some("VALID") => assert!(reasons.is_empty() && said.status() == Some(0), "{reasons:?}"),
        Some("INVALID") => assert!(!reasons.is_empty() && said.status() == Some(1), "{reasons:?}"),
        other => panic!("verdict {other:?}"),
    }
    let results = report["results"].as_array().unwrap();
    let measured: Vec<(u64, u64)> =
        results.iter().map(|one| (one["threads"].as_u64().unwrap(), one["batch"].as_u64().unwrap())).collect();
    assert_eq!(measured, [(1, 1), (1, 3), (2, 1), (2, 3)]);
    for result in results {
        assert_stable_names(result);
    }
    for name in ["load_ms", "first_ms"] {
        assert!(report[name].as_f64().is_some_and(|ms| ms > 0.0), "{name}");
    }
}

fn assert_stable_names(result: &Value) {
    let number = |name: &str| result[name].as_f64().unwrap_or_else(|| panic!("{name} in {result}"));
    assert_eq!((&result["provider"], &result["precision"]), (&"cpu".into(), &"fp32".into()));
    let ladder = ["p50_ms", "p90_ms", "p95_ms", "p99_ms"].map(number);
    assert!(ladder[0] > 0.0 && ladder.is_sorted(), "{ladder:?}");
    assert!(number("tiles_per_s") > 0.0 && number("cv") >= 0.0);
    assert!(result["nodes"]["cpu"].as_u64().is_some_and(|nodes| nodes > 0));
}

#[test]
fn a_batch_that_the_graph_cannot_take_is_the_users_mistake() {
    let fixture = fixture();
    let bundle = fixture.bundle(Kind::Cnn);
    kiln!("bench", &bundle, "--batch", "0").code(2).says(&["at least 1"]);
    kiln!("bench", &bundle, "--seconds", "-1").code(2);
    kiln!("bench", &bundle, "--precision", "fp8").code(2).says(&["`fp8`", "fp32"]);
}
