//! Metrics and intervals of a run through burn equal those of its bundle through ONNX Runtime.

use std::fs;
use std::path::Path;

use crate::demo::assert_self_contained;
use crate::support::{Kind, command, copy, draw_truncated, finish, fixture, kiln, names, read_csv, read_json, scratch};
use crate::train::assert_stable_metrics;

#[test]
fn a_run_and_its_bundle_have_the_same_figures() {
    let fixture = fixture();
    for kind in [Kind::Cnn, Kind::Vae, Kind::Hybrid] {
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
        let error = |figures: &serde_json::Value| figures["reconstruction"]["mse"]["value"].as_f64();
        match (error(&burn), error(&onnx)) {
            // Sums of 196,608 squares in single precision: 1.4e-6 apart on one processor, less on others.
            (Some(burn), Some(onnx)) => assert!((burn - onnx).abs() < 1e-5 * burn, "{burn} {onnx}"),
            (burn, onnx) => assert_eq!((burn, onnx, kind), (None, None, Kind::Cnn)),
        }
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

#[test]
fn tiles_from_elsewhere_are_measured_whole_by_the_threshold_that_was_chosen_before() {
    let fixture = fixture();
    let folder = scratch();
    let elsewhere = folder.path().join("elsewhere");
    kiln!("data", "synth", "--out", &elsewhere, "--tiles", "48", "--seed", "99").code(0);
    let (run, bundle) = (fixture.run(Kind::Hybrid), fixture.bundle(Kind::Hybrid));
    let threshold = read_json(&run.join("run.json"))["threshold"]["value"].clone();
    let mut all = Vec::new();
    for subject in [&run, &bundle] {
        let said = kiln!("--json", "evaluate", subject, "--data", &elsewhere, "--resamples", "200");
        let figures = said.code(0).says(&["is not the data set of the training"]).json();
        assert_stable_metrics(&figures);
        assert_eq!((&figures["n"], &figures["split"], &figures["threshold"]), (&48.into(), &"all".into(), &threshold));
        for name in ["tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr", "specificity"] {
            assert!(figures[name]["value"].is_f64(), "{name}");
        }
        assert!(figures["calibration"]["ece"]["value"].is_f64() && figures["calibration"]["bins"].is_array());
        assert_eq!(figures["failures"]["classes"].as_array().unwrap().len(), 2);
        all.push(figures);
    }
    assert_eq!(all[0]["auroc"], all[1]["auroc"]);
    let [burn, onnx] = [0, 1].map(|at: usize| all[at]["reconstruction"]["mse_normal"]["value"].as_f64().unwrap());
    assert!(burn > 0.0 && (burn - onnx).abs() < 1e-6 * burn, "{burn} {onnx}");
    // The tiles of the training are still its test split, wherever they lie.
    let own = kiln!("--json", "evaluate", &run, "--data", fixture.tiles(), "--resamples", "200").code(0).json();
    assert_eq!((&own["n"], &own["split"]), (&24.into(), &"test".into()));
}

#[test]
fn tiles_that_a_training_saw_are_not_measured_unasked() {
    let (fixture, folder) = (fixture(), scratch());
    let run = fixture.run(Kind::Cnn);
    let tiles = copy(&fixture.tiles(), &folder.path().join("tiles"));
    let (_, rows) = read_csv(&fs::read_to_string(run.join("split.csv")).unwrap());
    let paths = |is_test: bool| -> Vec<&str> {
        rows.iter().filter(|row| (row["split"] == "test") == is_test).map(|row| row["path"].as_str()).collect()
    };
    let (seen, tested) = (paths(false), paths(true));
    let list = fs::read_to_string(tiles.join("tiles.csv")).unwrap();
    let listed = |name: &str, keeps: &dyn Fn(&str) -> bool| {
        let (header, rows) = list.split_once('\n').unwrap();
        let kept: Vec<&str> = rows.lines().filter(|row| keeps(row)).collect();
        let path = tiles.join(name);
        fs::write(&path, format!("{header}\n{}\n", kept.join("\n"))).unwrap();
        path
    };
    let fewer = listed("fewer.csv", &|row: &str| !row.starts_with(seen[0]));
    let only_tested = listed("tested.csv", &|row: &str| tested.iter().any(|path| row.starts_with(*path)));
    let renamed = tiles.join("renamed.csv");
    fs::copy(tiles.join(seen[0]), tiles.join("renamed.png")).unwrap();
    fs::write(&renamed, "path,label,group\nrenamed.png,benign,elsewhere\n").unwrap();
    let refused = |data: &Path, count: usize, first: &str| {
        let found = format!("({count}, the first is `{first}`)");
        let words = [run.to_str().unwrap(), found.as_str(), "measure all tiles nevertheless with --split all"];
        kiln!("evaluate", &run, "--data", data, "--resamples", "100").code(2).says(&words);
    };
    refused(&fewer, seen.len() - 1, seen[1]);
    refused(&renamed, 1, "renamed.png");
    kiln!("evaluate", &run, "--data", &fewer, "--split", "all", "--resamples", "100").code(0);
    let said = kiln!("--json", "evaluate", &run, "--data", &only_tested, "--resamples", "100");
    assert_eq!(said.code(0).says(&["is not the data set of the training"]).json()["n"], tested.len());
    let changed = tiles.join(seen[0]);
    image::open(&changed).unwrap().fliph().save(&changed).unwrap();
    refused(&tiles, seen.len() - 1, seen[1]);
}

#[test]
fn tiles_of_a_run_that_have_changed_since_are_neither_measured_nor_exported() {
    let (fixture, folder) = (fixture(), scratch());
    let tiles = copy(&fixture.tiles(), &folder.path().join("tiles"));
    let run = copy(&fixture.run(Kind::Cnn), &folder.path().join("run"));
    let facts = fs::read_to_string(run.join("run.json")).unwrap();
    let [before, now] = [fixture.tiles(), tiles.clone()].map(|path| fs::canonicalize(path).unwrap());
    fs::write(run.join("run.json"), facts.replace(before.to_str().unwrap(), now.to_str().unwrap())).unwrap();
    let (_, rows) = read_csv(&fs::read_to_string(run.join("split.csv")).unwrap());
    let of = |split: &str| {
        let paths = rows.iter().filter(|row| row["split"] == split).map(|row| tiles.join(&row["path"]));
        paths.collect::<Vec<_>>()
    };
    let (train, val, test) = (of("train"), of("val"), of("test"));
    let evaluated = || kiln!("evaluate", &run, "--resamples", "100");
    let out = folder.path().join("bundle");
    let exported = || kiln!("export", &run, "--out", &out, "--replace");
    let words = ["tiles", "have changed since the training", "restore the tiles"];
    evaluated().code(0);
    exported().code(0);
    let bundle = fixture.bundle(Kind::Cnn);
    for changed in [&test[0], &val[0], &train[1]] {
        let kept = fs::read(changed).unwrap();
        fs::copy(&train[0], changed).unwrap();
        evaluated().code(2).says(&words);
        exported().code(2).says(&words);
        kiln!("verify", &bundle, "--run", &run).code(2).says(&words);
        kiln!("evaluate", &run, "--split", "all", "--resamples", "100").code(0);
        fs::write(changed, kept).unwrap();
    }
    // Training tiles that were not kept are not needed.
    fs::remove_file(&train[0]).unwrap();
    exported().code(0);
    for changed in [&test[0], &val[0]] {
        let kept = fs::read(changed).unwrap();
        let other = if changed == &test[0] { &train[1] } else { &test[1] };
        fs::copy(other, changed).unwrap();
        exported().code(2).says(&words);
        fs::write(changed, kept).unwrap();
    }
}

#[test]
fn a_split_that_puts_seen_tiles_or_one_image_on_two_sides_is_not_measured() {
    let (fixture, folder) = (fixture(), scratch());
    let (run, bundle) = (fixture.run(Kind::Cnn), fixture.bundle(Kind::Cnn));
    let other = folder.path().join("other.csv");
    kiln!("data", "split", fixture.tiles(), "--out", &other, "--seed", "1234").code(0);
    let words = ["other.csv", "test tiles are training or validation tiles of the run", "--split all"];
    kiln!("evaluate", &run, "--split-file", &other).code(2).says(&words);
    kiln!("evaluate", &run, "--split-file", run.join("split.csv"), "--resamples", "100").code(0);
    let list = |name: &str, rows: &str| {
        let file = folder.path().join(name);
        fs::write(&file, format!("path,label,group,split\n{rows}")).unwrap();
        file
    };
    for (number, to) in [(0, "a.png"), (1, "b.png"), (2, "c.png"), (3, "d.png"), (5, "e.png"), (0, "copy.png")] {
        fs::copy(fixture.tile(number), folder.path().join(to)).unwrap();
    }
    let all = "a.png,benign,1,test\nb.png,anomalous,1,test\nc.png,benign,2,train\ne.png,anomalous,2,train\n\
               d.png,anomalous,3,val\n";
    let sound = list("sound.csv", all);
    kiln!("evaluate", &bundle, "--data", &sound, "--resamples", "100").code(0);
    let group = list("group.csv", &all.replace("2,train", "1,train"));
    kiln!("evaluate", &bundle, "--data", &group).code(1).says(&["a.png", "c.png", "group"]);
    let image = list("image.csv", &format!("{all}copy.png,benign,4,train\n"));
    kiln!("evaluate", &bundle, "--data", &image).code(1).says(&["a.png", "copy.png"]);
    // What is wrong among tiles that are not measured does not matter.
    let elsewhere = list("elsewhere.csv", &all.replace("3,val", "2,val"));
    kiln!("evaluate", &bundle, "--data", &elsewhere, "--resamples", "100").code(0);
    fs::remove_file(folder.path().join("d.png")).unwrap();
    kiln!("evaluate", &bundle, "--data", &sound, "--resamples", "100").code(0);
    let label = list("label.csv", &format!("{all}copy.png,anomalous,1,test\n"));
    kiln!("evaluate", &bundle, "--data", &label).code(2).says(&["a.png", "copy.png", "anomalous"]);
}

#[test]
fn a_folder_with_other_files_is_not_written_to() {
    let (fixture, folder) = (fixture(), scratch());
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("metrics.json"), "old").unwrap();
    let evaluate = |path: &Path| kiln!("evaluate", fixture.run(Kind::Cnn), "--resamples", "100", "--out", path);
    evaluate(&out).code(0);
    evaluate(&out).code(0);
    fs::write(out.join(".DS_Store"), "hidden").unwrap();
    evaluate(&out).code(0);
    fs::write(out.join("tile.png"), "mine").unwrap();
    evaluate(&out).code(2).says(&["--out", "contains metrics.json beside tile.png"]);
    let notes = folder.path().join("notes");
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("notes.txt"), "mine").unwrap();
    evaluate(&notes).code(0);
    evaluate(&out.join("tile.png")).code(2).says(&["tile.png", "no folder"]);
    evaluate(&out.join("tile.png/inner")).code(2).says(&["tile.png/inner"]);
    kiln!("evaluate", fixture.run(Kind::Cnn), "--resamples", "39").code(2).says(&["--resamples", "from 40"]);
}

#[test]
fn tiles_of_another_size_are_measured_by_a_stated_policy() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let mut list = "path,label\n".to_owned();
    for number in 0..24 {
        let tile = image::open(fixture.tile(number)).unwrap();
        tile.thumbnail_exact(128, 128).save(folder.path().join(format!("{number}.png"))).unwrap();
        list += &format!("{number}.png,{}\n", ["benign", "anomalous"][number % 2]);
    }
    fs::write(folder.path().join("tiles.csv"), list).unwrap();
    let evaluate = |more: &[&str]| {
        let mut command = command();
        command.arg("evaluate").arg(&bundle).arg("--data").arg(folder.path()).args(["--resamples", "100"]).args(more);
        finish(command)
    };
    let refused = evaluate(&[]).code(2).says(&["none of the 24 tiles has a score", "4 further tiles have no score"]);
    assert_eq!(refused.stderr().matches("wrong_size").count(), 21, "{}", refused.stderr());
    evaluate(&["--size-policy", "resize"]).code(0);
}
