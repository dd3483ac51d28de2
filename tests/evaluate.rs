//! Figures with intervals, for a run through burn and for its bundle through ONNX Runtime: the same ones.

use std::fs;

use crate::demo::assert_self_contained;
use crate::support::{Kind, draw_truncated, fixture, kiln, names, read_json, scratch};
use crate::train::assert_stable_metrics;

#[test]
fn a_run_and_its_bundle_have_the_same_figures() {
    let fixture = fixture();
    for kind in [Kind::Cnn, Kind::Vae] {
        let run = fixture.run(kind);
        let burn = kiln!("--json", "evaluate", &run, "--resamples", "200").code(0).json();
        let split = run.join("split.csv");
        let onnx = kiln!(
            "--json",
            "evaluate",
            fixture.bundle(kind),
            "--data",
            fixture.tiles(),
            "--split-file",
            split,
            "--resamples",
            "200"
        );
        let onnx = onnx.code(0).json();
        for figures in [&burn, &onnx] {
            assert_stable_metrics(figures);
            assert_eq!(figures["n"], 24);
        }
        for name in ["auroc", "aupr", "f1", "baseline"] {
            assert_eq!(burn[name], onnx[name], "{kind:?} {name}");
        }
        assert_eq!(burn["auroc"]["value"], read_json(&run.join("metrics.json"))["auroc"]["value"]);
    }
}

#[test]
fn it_leaves_figures_pictures_and_a_report() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("evaluation");
    let run = fixture.run(Kind::Cnn);
    kiln!("evaluate", &run, "--split", "val", "--resamples", "200", "--out", &out).code(0);
    assert_stable_metrics(&read_json(&out.join("metrics.json")));
    assert_self_contained(&fs::read_to_string(out.join("report.html")).unwrap());
    let left = names(&out);
    for name in ["metrics.json", "report.html", "roc_pr.png", "scores.png"] {
        assert!(left.iter().any(|one| one == name), "{name} is not in {left:?}");
    }
}

#[test]
fn a_bundle_needs_to_be_told_its_tiles_and_their_split() {
    let fixture = fixture();
    let bundle = fixture.bundle(Kind::Cnn);
    kiln!("evaluate", &bundle).code(2).says(&["--data"]);
    kiln!("evaluate", &bundle, "--data", fixture.tiles()).code(2).says(&["--split-file", "--split all"]);
    kiln!("evaluate", &bundle, "--data", fixture.tiles(), "--split", "most").code(2).says(&["train, val, test or all"]);
    kiln!("evaluate", fixture.run(Kind::Cnn), "--provider", "cpu").code(2).says(&["--provider"]);
    kiln!("evaluate", fixture.tiles()).code(2).says(&["is not a run"]);
}

#[test]
fn a_tile_without_a_score_is_named_and_the_exit_status_says_so() {
    let fixture = fixture();
    let folder = scratch();
    let mut list = "path,label,group\n".to_owned();
    for number in 0..24 {
        let label = ["benign", "anomalous"][number % 2];
        fs::copy(fixture.tile(number), folder.path().join(format!("{number}.png"))).unwrap();
        list += &format!("{number}.png,{label},{}\n", number / 6);
    }
    draw_truncated(&folder.path().join("5.png"));
    fs::write(folder.path().join("tiles.csv"), list).unwrap();
    let said = kiln!(
        "--json",
        "evaluate",
        fixture.bundle(Kind::Cnn),
        "--data",
        folder.path(),
        "--split",
        "all",
        "--resamples",
        "200"
    );
    let report = said.code(2).says(&["5.png", "truncated"]).json();
    assert_eq!((report["n"].as_u64(), report["failed"].as_u64()), (Some(23), Some(1)));
}
