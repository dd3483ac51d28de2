//! `kiln bench`: stable names, and a verdict that agrees with its reasons and with the exit status. On a busy machine
//! INVALID is the correct verdict, so the tests accept both.

use serde_json::Value;

use crate::support::{Kind, command, finish, fixture, kiln, names, scratch};

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

/// A short run; INVALID is accepted, because the machine may be busy.
fn short(more: &[&str]) -> crate::support::Outcome {
    let mut command = command();
    let seconds = if more.contains(&"--seconds") { &[][..] } else { &["--seconds", "0.2"] };
    command.args(["--json", "bench"]).arg(fixture().bundle(Kind::Cnn)).args(seconds).args(["--warm-up", "0"]);
    command.args(["--queries", "5", "--batch", "1", "--threads", "2"]).args(more);
    finish(command)
}

#[test]
fn every_scenario_is_judged_by_its_own_figure() {
    let scenarios = "single_stream,multi_stream,server,offline";
    let report = short(&["--scenario", scenarios, "--qps", "20", "--bound", "10000"]).json();
    let results = report["results"].as_array().unwrap();
    let names: Vec<_> = results.iter().map(|result| result["scenario"].as_str().unwrap()).collect();
    assert_eq!(names.join(","), scenarios);
    let server = &results[2];
    assert_eq!((server["qps"].as_f64(), server["bound_ms"].as_f64()), (Some(20.0), Some(10_000.0)));
    assert_eq!(results[3]["engines"], 2);
    assert!(results[0]["stages"]["decode_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert!(report["peak_memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
}

#[test]
fn a_bound_that_does_not_hold_is_invalid_and_says_by_how_much() {
    let said = short(&["--scenario", "server", "--qps", "50", "--bound", "0.001"]).code(1);
    let report = said.json();
    let reasons = report["reasons"].to_string();
    assert!(report["verdict"] == "INVALID" && reasons.contains("over the bound of 0.001 ms"), "{reasons}");
}

#[test]
fn a_process_that_burns_a_core_makes_the_figures_invalid() {
    let burners: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
        .map(|_| std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap())
        .collect();
    let said = short(&["--seconds", "1"]);
    for mut burner in burners {
        burner.kill().unwrap();
        burner.wait().unwrap();
    }
    let said = said.code(1);
    let report = said.json();
    let reasons = report["reasons"].to_string();
    assert!(report["verdict"] == "INVALID" && reasons.contains("other processes took"), "{reasons}");
}

#[test]
fn several_providers_are_measured_each_in_a_process_of_its_own_and_written_down() {
    let folder = scratch();
    let out = folder.path().join("latency");
    let text = out.to_str().unwrap();
    let report = short(&["--provider", "cpu", "--provider", "cuda,cpu", "--out", text]).code(1).json();
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|result| result["provider"].as_str().unwrap()).collect::<Vec<_>>(), ["cpu", "cpu"]);
    assert!(report["reasons"].to_string().contains("it fell back from `cuda`"), "{report}");
    assert_eq!(names(&out), ["bench.json", "bench.md", "bench.png"]);
    assert!(std::fs::read_to_string(out.join("bench.md")).unwrap().contains("**INVALID**"));
    image::open(out.join("bench.png")).unwrap();
    // A folder of somebody else's is left alone.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.txt"), "x").unwrap();
    short(&["--out", other.to_str().unwrap()]).code(2).says(&["not replaced"]);
    assert_eq!(names(&other), ["thesis.txt"]);
}

#[test]
fn a_baseline_of_which_this_is_a_regression_is_exit_1_and_another_machine_is_the_users_mistake() {
    let folder = scratch();
    let file = folder.path().join("bench.json");
    let mut report = short(&[]).json();
    // A machine on which the same took a hundredth of the time.
    report["verdict"] = "VALID".into();
    report["reasons"] = serde_json::json!([]);
    for block in report["results"][0]["blocks_ms"].as_array_mut().unwrap() {
        *block = (block.as_f64().unwrap() / 100.0).into();
    }
    std::fs::write(&file, report.to_string()).unwrap();
    let said = short(&["--baseline", file.to_str().unwrap()]).code(1).json();
    assert_eq!(said["baseline"][0]["outcome"], "slower", "{said}");
    assert!(said["baseline"][0]["low"].as_f64().is_some_and(|low| low > 1.05));
    let cores = report["machine"]["cores"].clone();
    report["machine"]["cores"] = 999.into();
    std::fs::write(&file, report.to_string()).unwrap();
    short(&["--baseline", file.to_str().unwrap()]).code(2).says(&["another machine"]);
    report["machine"]["cores"] = cores;
    report["model"]["graphs"]["fp32"] = "0".into();
    std::fs::write(&file, report.to_string()).unwrap();
    short(&["--baseline", file.to_str().unwrap()]).code(1).says(&["the fp32 graph is another"]);
    report["model"]["name"] = "other".into();
    std::fs::write(&file, report.to_string()).unwrap();
    short(&["--baseline", file.to_str().unwrap()]).code(2).says(&["another model: `other`"]);
    report.as_object_mut().unwrap().remove("model");
    std::fs::write(&file, report.to_string()).unwrap();
    short(&["--baseline", file.to_str().unwrap()]).code(1).says(&["does not name its model"]);
    std::fs::write(&file, "{}").unwrap();
    short(&["--baseline", file.to_str().unwrap()]).code(2).says(&["is not a report of `kiln bench`"]);
}

#[test]
fn a_batch_that_the_graph_cannot_take_is_the_users_mistake() {
    let fixture = fixture();
    let bundle = fixture.bundle(Kind::Cnn);
    kiln!("bench", &bundle, "--batch", "0").code(2).says(&["from 1 to 4096"]);
    kiln!("bench", &bundle, "--seconds", "-1").code(2);
    for (flag, value) in [
        ("--qps", "nan"),
        ("--qps", "1e-30"),
        ("--qps", "0.001"),
        ("--qps", "inf"),
        ("--bound", "nan"),
        ("--bound", "0"),
        ("--seconds", "nan"),
        ("--warm-up", "inf"),
    ] {
        kiln!("bench", &bundle, flag, value).code(2).says(&[flag, "expected"]);
    }
    for value in ["nan", "-1", "inf"] {
        kiln!("bench", &bundle, "--baseline", "x.json", format!("--allow={value}")).code(2).says(&["at least 0"]);
        kiln!("doctor", &bundle, format!("--seconds={value}")).code(2).says(&["above 0"]);
    }
    kiln!("bench", &bundle, "--precision", "fp8").code(2).says(&["`fp8`", "fp32"]);
}
