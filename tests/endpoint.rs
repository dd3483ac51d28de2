//! Real model servers, driven by Kiln and by NVIDIA's own client for the same tiles. Misbehaving servers are tested in
//! `runtime/tests/endpoint`.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::servers::{MODEL, Server, triton_python};
use crate::support::{Kind, command, finish, fixture, kiln, read_csv, repository, scratch, skip};

type Rows = Vec<BTreeMap<String, String>>;

fn rows(file: &Path) -> Rows {
    read_csv(&fs::read_to_string(file).unwrap()).1
}

/// Rows of ONNX Runtime in this process.
fn rows_here(kind: Kind, folder: &Path) -> Rows {
    let out = folder.join("here.csv");
    kiln!("score", fixture().bundle(kind), fixture().tiles(), "--precision", "fp32", "--out", &out).code(0);
    rows(&out)
}

/// The same tiles in the same order, each once, with the same scores.
fn assert_same(found: &Rows, expected: &Rows) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found["path"], expected["path"]);
        let [found, expected] = [found, expected].map(|row| row["score"].parse::<f32>().unwrap());
        assert!((found - expected).abs() <= 1e-5, "{found} and {expected}");
    }
}

#[test]
fn a_triton_is_verified_scored_and_measured_over_http_and_grpc() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let server = match Server::triton(&bundle, Duration::ZERO) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let expected = rows_here(Kind::Cnn, folder.path());
    for url in [&server.http, &server.grpc] {
        let report = kiln!("--json", "verify", &bundle, "--endpoint", url, "--model", MODEL).code(0).json();
        assert_eq!((&report["passed"], &report["decisions_changed"]), (&json!(true), &json!(0)));
        assert_eq!(
            (&report["servers"][0]["server"]["name"], &report["model_version"]),
            (&json!("triton"), &json!("1"))
        );
        let out = folder.path().join("served.csv");
        kiln!("score", &bundle, fixture.tiles(), "--endpoint", url, "--model", MODEL, "--out", &out).code(0);
        assert_same(&rows(&out), &expected);
        kiln!("compare", &bundle, format!("{url}#{MODEL}"), "--data", fixture.tiles()).code(0);
        assert_same(&judge(url, folder.path()), &expected);
        let bench = ["--seconds", "0.2", "--warm-up", "0", "--queries", "5", "--batch", "2,99"];
        let mut measure = command();
        measure.arg("--json").arg("bench").arg(&bundle).args(["--endpoint", url, "--model", MODEL]).args(bench);
        let report = finish(measure).json();
        let result = &report["results"][0];
        assert_eq!((report["results"].as_array().unwrap().len(), &result["batch"]), (1, &json!(2)));
        assert!(result["served"]["compute_infer_ms"].as_f64().unwrap() > 0.0, "{result}");
        assert!(result["served"]["requests"].as_u64().unwrap() >= result["queries"].as_u64().unwrap(), "{result}");
    }
    let both = format!("{},{}", server.http, server.grpc);
    let out = folder.path().join("both.csv");
    kiln!("score", &bundle, fixture.tiles(), "--endpoint", both, "--model", MODEL, "--out", &out).code(0);
    assert_same(&rows(&out), &expected);
}

/// Scores by NVIDIA's client.
fn judge(url: &str, folder: &Path) -> Rows {
    let out = folder.join("judge.csv");
    let mut script = Command::new(triton_python().unwrap().program);
    script.arg(repository().join("runtime/benches/endpoint.py")).args([url, MODEL]).arg(fixture().tiles());
    script.arg("--out").arg(&out);
    finish(script).code(0);
    rows(&out)
}

#[test]
fn a_triton_that_serves_something_else_is_refused_before_the_first_tile() {
    let (fixture, folder) = (fixture(), scratch());
    let server = match Server::triton(&fixture.bundle(Kind::Cnn), Duration::ZERO) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let out = folder.path().join("scores.csv");
    for url in [&server.http, &server.grpc] {
        let refused = |kind: Kind, more: &[&str]| {
            let mut score = command();
            score.arg("score").arg(fixture.bundle(kind)).arg(fixture.tiles()).args(["--endpoint", url]).args(more);
            let said = finish(score).code(1).says(&[url]);
            assert_eq!(said.stdout(), "", "no row was given");
            said
        };
        // Other weights of the same architecture: only golden tiles can tell.
        refused(Kind::Other, &["--model", MODEL]).says(&["golden outputs", "`score`"]);
        refused(Kind::Cnn, &["--model", "nothing"]).says(&["`nothing`", "--model"]);
        refused(Kind::Cnn, &["--model", MODEL, "--model-version", "9"]).says(&["version 9", "the server has 1"]);
        kiln!("verify", fixture.bundle(Kind::Vae), "--endpoint", url, "--model", MODEL).code(1).says(&[
            "`reconstruction`",
            "the bundle has FP32 [batch, 256, 256, 3]",
            "the server has",
        ]);
        let shown = kiln!("verify", fixture.bundle(Kind::Other), "--endpoint", url, "--model", MODEL).code(1).stdout();
        assert!(shown.contains("MISS") && shown.trim_end().ends_with("FAILED"), "{shown}");
    }
    let (http, grpc) = (server.http.clone(), server.grpc.clone());
    drop(server);
    for url in [http, grpc] {
        kiln!("verify", fixture.bundle(Kind::Cnn), "--endpoint", &url, "--model", MODEL).code(3).says(&[&url]);
        kiln!("score", fixture.bundle(Kind::Cnn), fixture.tiles(), "--endpoint", &url, "--out", &out).code(3);
        assert!(!out.exists());
    }
}

/// A scoring process that runs while the test disturbs the server.
fn start(url: &str, retry_for: &str, out: &Path) -> std::process::Child {
    let mut score = command();
    score.arg("score").arg(fixture().bundle(Kind::Cnn)).arg(fixture().tiles()).arg("--out").arg(out);
    score.args(["--endpoint", url, "--model", MODEL, "--batch", "2", "--retry-for", retry_for]);
    score.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the server has counted this many tiles.
fn wait_for_tiles(server: &Server, tiles: u64) {
    let started = Instant::now();
    loop {
        let statistics = Command::new(triton_python().unwrap().program)
            .args(["-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"])
            .arg(format!("{}/v2/models/{MODEL}/stats", server.http))
            .output()
            .unwrap();
        let statistics: Value = serde_json::from_slice(&statistics.stdout).unwrap_or_default();
        if statistics["model_stats"][0]["inference_count"].as_u64().is_some_and(|count| count >= tiles) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the server did not get so far: {statistics}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_triton_killed_while_scoring_costs_no_tile() {
    let (fixture, folder) = (fixture(), scratch());
    // Slow enough to be killed half-way.
    let mut server = match Server::triton(&fixture.bundle(Kind::Cnn), Duration::from_millis(60)) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let expected = rows_here(Kind::Cnn, folder.path());
    let out: PathBuf = folder.path().join("served.csv");
    for url in [server.http.clone(), server.grpc.clone()] {
        // It comes back: the run finishes.
        let run = start(&url, "60", &out);
        wait_for_tiles(&server, 30);
        server.kill();
        server.restart();
        let said = run.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success() && words.contains("is lost") && words.contains("is reachable again"), "{words}");
        assert_same(&rows(&out), &expected);
        fs::remove_file(&out).unwrap();
        // It does not: the run says which tile is next, and the same command goes on there.
        server.kill();
        server.restart();
        let run = start(&url, "0.5", &out);
        wait_for_tiles(&server, 30);
        server.kill();
        let said = run.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(3), "{words}");
        assert!(words.contains(".png on has no scores") && words.contains("served.csv.progress"), "{words}");
        assert!(!out.exists());
        server.restart();
        let said = start(&url, "60", &out).wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success() && words.contains("going on after"), "{words}");
        assert_same(&rows(&out), &expected);
        fs::remove_file(&out).unwrap();
        server.kill();
        server.restart();
    }
}

#[test]
fn an_mlserver_is_verified_over_grpc_and_over_http_without_binary_tensors() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Hybrid);
    let server = match Server::mlserver(&bundle) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    kiln!("verify", &bundle, "--endpoint", &server.grpc, "--model", MODEL).code(0);
    let out = folder.path().join("served.csv");
    kiln!("score", &bundle, fixture.tiles(), "--endpoint", &server.grpc, "--model", MODEL, "--out", &out).code(0);
    assert_same(&rows(&out), &rows_here(Kind::Hybrid, folder.path()));
    let tile = fixture.tile(0);
    kiln!("score", &bundle, tile, "--endpoint", &server.http, "--model", MODEL)
        .code(0)
        .says(&["takes no binary tensors", "JSON"]);
}
