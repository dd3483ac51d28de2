//! `kill -9` at random moments of training, export and scoring: it leaves no half bundle and no half line, and the same
//! command resumes or starts over to the same bytes. Three kills each, or twenty with `KILN_SLOW_TESTS=1`.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kiln_files::digest::sha256_file;

use crate::support::{
    Fixture, Killer, Kind, command, contents, copy, finish, fixture, kill_when, kiln, names, read_json, repetitions,
    scratch,
};

/// Duration of the uninterrupted work plus a margin, so that some kills come too late.
fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed().mul_f64(1.1)
}

fn train(fixture: &Fixture, run: &Path) -> Command {
    let mut command = command();
    command.arg("train").arg(fixture.config(Kind::Hybrid)).arg("--data").arg(fixture.tiles());
    // Many small steps and a checkpoint every second: kills fall between checkpoints, within epochs.
    command.args(["--set", "training.batch=4", "--set", "training.epochs=2"]).arg("--out").arg(run).arg("--resume");
    command
}

/// Kills a training as soon as its folder holds a checkpoint.
fn kill_after_a_checkpoint(training: &mut Command, run: &Path) {
    let checkpoints = run.join("checkpoints");
    kill_when(training, || names(&checkpoints).iter().any(|name| name.starts_with("step-")));
}

fn weights(run: &Path) -> String {
    sha256_file(&run.join("model.bpk")).unwrap()
}

/// Every checkpoint is whole, and `run.json` exists only in a whole run.
fn assert_no_half_run(run: &Path) {
    for name in names(&run.join("checkpoints")).iter().filter(|name| name.starts_with("step-")) {
        let checkpoint = run.join("checkpoints").join(name);
        assert_eq!(names(&checkpoint), ["optimizer.bpk", "state.json", "weights.bpk"], "{name}");
        read_json(&checkpoint.join("state.json"));
    }
    if run.join("run.json").exists() {
        assert_eq!(read_json(&run.join("run.json"))["weights_sha256"], weights(run));
        read_json(&run.join("metrics.json"));
    }
    if run.join("history.jsonl").exists() {
        let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
        assert!(history.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{history}");
    }
}

/// A list with its rows in reverse order.
pub fn turned(list: &str) -> String {
    let (head, rows) = list.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().rev().collect();
    format!("{head}\n{}\n", rows.join("\n"))
}

#[test]
fn a_killed_training_goes_on_with_no_other_split_and_no_other_tiles() {
    let (fixture, folder) = (fixture(), scratch());
    let (tiles, run) = (copy(&fixture.tiles(), &folder.path().join("tiles")), folder.path().join("run"));
    let resume = |words: &[&str]| {
        let mut training = command();
        training.arg("train").arg(fixture.config(Kind::Hybrid)).arg("--data").arg(&tiles).arg("--out").arg(&run);
        training.args(["--resume", "--set", "training.epochs=30"]).args(words);
        training
    };
    kill_after_a_checkpoint(&mut resume(&[]), &run);
    let other = folder.path().join("other.csv");
    let split = fs::read_to_string(run.join("split.csv")).unwrap();
    let swapped = split.replace(",val\n", ",kept\n").replace(",test\n", ",val\n").replace(",kept\n", ",test\n");
    assert_ne!(swapped, split);
    fs::write(&other, swapped).unwrap();
    finish(resume(&["--split-file", other.to_str().unwrap()])).code(2).says(&["another split"]);
    let list = fs::read_to_string(tiles.join("tiles.csv")).unwrap();
    fs::write(tiles.join("tiles.csv"), turned(&list)).unwrap();
    finish(resume(&[])).code(2).says(&["rows of the list in another order", "split.csv"]);
    fs::write(tiles.join("tiles.csv"), list).unwrap();
    let tile = tiles.join(fixture.tile(0).strip_prefix(fixture.tiles()).unwrap());
    image::open(&tile).unwrap().fliph().save(&tile).unwrap();
    finish(resume(&[])).code(2).says(&["other tiles"]);
}

#[test]
fn a_training_killed_at_any_moment_resumes_to_the_same_weights() {
    let fixture = fixture();
    let folder = scratch();
    let whole = folder.path().join("whole");
    let longest = timed(|| drop(finish(train(fixture, &whole)).code(0)));
    let mut killer = Killer::new(1, longest);
    let killed = folder.path().join("killed");
    for _ in 0..repetitions() {
        if !killer.kill(&mut train(fixture, &killed)) {
            // Finished under the blow: the next one meets a fresh training.
            assert_eq!(weights(&killed), weights(&whole));
            fs::remove_dir_all(&killed).unwrap();
            continue;
        }
        assert_no_half_run(&killed);
    }
    finish(train(fixture, &killed)).code(0);
    assert_no_half_run(&killed);
    assert_eq!(weights(&killed), weights(&whole));
    assert_eq!(read_json(&killed.join("metrics.json")), read_json(&whole.join("metrics.json")));
    let (left, expected) = (names(&killed), names(&whole));
    assert_eq!(left, expected, "nothing is left of the kills");
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let fixture = fixture();
    let folder = scratch();
    let run = folder.path().join("run");
    kill_after_a_checkpoint(&mut train(fixture, &run), &run);
    let checkpoints = run.join("checkpoints");
    let newest = names(&checkpoints).into_iter().rfind(|name| name.starts_with("step-")).unwrap();
    let weights = checkpoints.join(newest).join("weights.bpk");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 60;
    bytes[last..].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&weights, bytes).unwrap();
    finish(train(fixture, &run)).code(2).says(&["weights.bpk", "SHA-256", "remove this folder"]);
}

#[test]
fn a_training_killed_within_an_epoch_goes_on_where_it_was() {
    let fixture = fixture();
    let folder = scratch();
    let run = folder.path().join("run");
    // One long epoch, so that the first checkpoint falls within it.
    let long = |run: &Path| {
        let mut command = train(fixture, run);
        command.args(["--set", "training.epochs=1", "--set", "training.batch=2", "--set", "data.augmentation=null"]);
        command
    };
    kill_after_a_checkpoint(&mut long(&run), &run);
    let resumed = finish(long(&run)).code(0);
    let words = resumed.stderr();
    assert!(words.contains("resumed after step"), "{words}");
    let whole = folder.path().join("whole");
    finish(long(&whole)).code(0);
    assert_eq!(weights(&run), weights(&whole));
}

#[test]
fn a_training_that_normalises_stains_has_the_same_target_after_a_kill() {
    let fixture = fixture();
    let folder = scratch();
    let staining = |run: &Path| {
        let mut command = train(fixture, run);
        command.args(["--set", "training.epochs=1", "--set", "training.batch=2"]);
        command.args(["--set", "data.stain_normalisation=macenko"]);
        command
    };
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    kill_after_a_checkpoint(&mut staining(&run), &run);
    finish(staining(&run)).code(0).says(&["resumed after step"]);
    finish(staining(&whole)).code(0);
    assert_eq!(weights(&run), weights(&whole));
    let target = |run: &Path| read_json(&run.join("run.json"))["stain_normalisation"].clone();
    assert_eq!(target(&run), target(&whole));
    assert_eq!(target(&run)["method"], "macenko");
}

#[test]
fn a_training_killed_in_its_second_stage_goes_on_in_it_and_the_bundle_says_how_the_score_is_made() {
    let fixture = fixture();
    let folder = scratch();
    let staged = |run: &Path| {
        let mut command = train(fixture, run);
        for set in [
            "training.crop=64",
            "model.classifier_epochs=1",
            "model.reconstruct=features",
            "model.stages=[1, 2]",
            "training.ema_decay=0.9",
        ] {
            command.args(["--set", set]);
        }
        command
    };
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    let checkpoints = run.join("checkpoints");
    let in_stage_two = || {
        let states = names(&checkpoints).into_iter().filter(|name| name.starts_with("step-"));
        let mut texts = states.filter_map(|name| fs::read_to_string(checkpoints.join(name).join("state.json")).ok());
        texts.any(|text| text.contains("\"from\""))
    };
    kill_when(&mut staged(&run), in_stage_two);
    finish(staged(&run)).code(0);
    finish(staged(&whole)).code(0);
    assert_eq!(weights(&run), weights(&whole));
    let facts = read_json(&run.join("run.json"));
    assert!(facts["best_epoch"].as_u64().unwrap() > 1, "an epoch of stage one has no autoencoder: {facts}");
    let bundle = folder.path().join("bundle");
    kiln!("export", &run, "--out", &bundle).code(0);
    let manifest = read_json(&bundle.join("manifest.json"));
    assert_eq!(manifest["score"], facts["score"]);
    let parts = manifest["score"]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part["weight"].as_f64().unwrap() >= 0.0), "{parts:?}");
    let outputs: Vec<&str> =
        manifest["outputs"].as_array().unwrap().iter().filter_map(|port| port["name"].as_str()).collect();
    assert!(outputs.contains(&"error_map") && !outputs.contains(&"reconstruction"), "{outputs:?}");
    assert!(fs::read_to_string(bundle.join("README.md")).unwrap().contains("logistic function"));
}

#[test]
fn an_export_killed_at_any_moment_leaves_a_whole_bundle_or_none() {
    let fixture = fixture();
    let folder = scratch();
    let whole = contents(&fixture.bundle(Kind::Hybrid));
    let export = |out: &Path| {
        let mut command = command();
        command.arg("export").arg(fixture.run(Kind::Hybrid)).arg("--out").arg(out);
        command
    };
    let first = folder.path().join("first");
    let longest = timed(|| drop(finish(export(&first)).code(0)));
    let mut killer = Killer::new(2, longest);
    let bundle = folder.path().join("bundle");
    for _ in 0..repetitions() {
        killer.kill(&mut export(&bundle));
        if bundle.exists() {
            assert_eq!(contents(&bundle), whole);
            fs::remove_dir_all(&bundle).unwrap();
        }
    }
    finish(export(&bundle)).code(0);
    assert_eq!(contents(&bundle), whole);
    kiln!("verify", &bundle).code(0);
}

#[test]
fn an_export_killed_while_it_replaces_a_bundle_leaves_the_old_one_or_the_new_one() {
    let fixture = fixture();
    let folder = scratch();
    let (old, new) = (contents(&fixture.bundle(Kind::Other)), contents(&fixture.bundle(Kind::Cnn)));
    let bundle = crate::support::copy(&fixture.bundle(Kind::Other), &folder.path().join("bundle"));
    let replace = |run: Kind| {
        let mut command = command();
        command.arg("export").arg(fixture.run(run)).arg("--out").arg(&bundle).arg("--replace");
        command
    };
    let longest = timed(|| drop(finish(replace(Kind::Other)).code(0)));
    let mut killer = Killer::new(3, longest);
    for _ in 0..repetitions() {
        killer.kill(&mut replace(Kind::Cnn));
        // Between the two renames the old bundle stands beside the target under a name that begins with a dot.
        if bundle.exists() {
            let found = contents(&bundle);
            assert!(found == old || found == new, "half a bundle: {found:?}");
        } else {
            assert!(
                names(folder.path()).iter().any(|name| contents(&folder.path().join(name)) == old),
                "no bundle at all"
            );
        }
    }
    finish(replace(Kind::Cnn)).code(0);
    assert_eq!(contents(&bundle), new);
}

#[test]
fn a_scoring_killed_at_any_moment_goes_on_where_it_was_to_the_same_file() {
    let fixture = fixture();
    let folder = scratch();
    let score = |out: &Path| {
        let mut command = command();
        command.arg("score").arg(fixture.bundle(Kind::Hybrid)).arg("--out").arg(out).args(["--batch", "2"]);
        command.args([fixture.tiles(), fixture.tiles(), fixture.tiles(), fixture.tiles()]);
        command
    };
    let whole = folder.path().join("whole.csv");
    finish(score(&whole)).code(0);
    let out = folder.path().join("scores.csv");
    let progress = folder.path().join("scores.csv.progress");
    let rows = || fs::read_to_string(&progress).map_or(0, |text| text.lines().count());
    for round in 1..=repetitions() {
        let before = rows();
        // Rows are written in blocks: wait until one more has come.
        kill_when(&mut score(&out), || rows() > before.max(1));
        assert!(!out.exists() && rows() > before, "round {round}");
        if rows() > 300 {
            break;
        }
    }
    let said = finish(score(&out)).code(0).stderr();
    assert!(said.contains("going on after"), "{said}");
    assert_eq!(fs::read(&out).unwrap(), fs::read(&whole).unwrap());
    assert_eq!(names(folder.path()), ["scores.csv", "whole.csv"]);
    // Done is done: the next run scores everything again.
    let said = finish(score(&out)).code(0).stderr();
    assert!(!said.contains("going on after"), "{said}");
}

#[test]
fn scoring_killed_at_any_moment_leaves_no_half_line() {
    let fixture = fixture();
    let folder = scratch();
    let score = |arguments: &[&str]| {
        let mut command = command();
        command.arg("score").arg(fixture.bundle(Kind::Hybrid)).args(arguments);
        // The same folder several times: work enough to be killed in the middle of.
        command.args([fixture.tiles(), fixture.tiles(), fixture.tiles(), fixture.tiles()]);
        command
    };
    let whole = folder.path().join("whole.csv");
    let longest = timed(|| drop(finish(score(&["--out", whole.to_str().unwrap()])).code(0)));
    let whole = fs::read(&whole).unwrap();
    let mut killer = Killer::new(4, longest);
    for format in ["csv", "jsonl", "parquet"] {
        let out = folder.path().join(format!("scores.{format}"));
        for _ in 0..repetitions() {
            killer.kill(&mut score(&["--out", out.to_str().unwrap()]));
            if out.exists() {
                assert_eq!(rows(&out, format), whole.iter().filter(|byte| **byte == b'\n').count() - 1);
                fs::remove_file(&out).unwrap();
            }
        }
        finish(score(&["--out", out.to_str().unwrap()])).code(0);
    }
    assert_eq!(fs::read(folder.path().join("scores.csv")).unwrap(), whole);
    // Rows on stdout, which the user sends into a file: each line is whole, and as it would have been.
    for _ in 0..repetitions() {
        let out = folder.path().join("stream.csv");
        killer.kill(score(&[]).stdout(File::create(&out).unwrap()));
        let written = fs::read(&out).unwrap();
        assert!(written.is_empty() || written.ends_with(b"\n"), "half a line: {}", String::from_utf8_lossy(&written));
        assert!(whole.starts_with(&written));
    }
}

/// Rows of a result file; fails if the file is incomplete.
fn rows(path: &Path, format: &str) -> usize {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    if format == "parquet" {
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        return usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap();
    }
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().count() - usize::from(format == "csv")
}
