//! A stopped scoring keeps a row only while its tile has the bytes that were scored, regardless of times, names, links and
//! working folders; all others are scored again, and the result equals that of an uninterrupted run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::{Kind, command, copy, finish, fixture, kill_when, kiln, names, read_csv, scratch, skip};

/// A folder with tiles and the command that scores it four times over: enough work to be interrupted.
struct Stopped {
    folder: tempfile::TempDir,
}

impl Stopped {
    fn new() -> Self {
        let folder = scratch();
        copy(&fixture().tiles(), &folder.path().join("tiles"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn score(&self, tiles: &str, out: &str) -> Command {
        let mut command = command();
        command.current_dir(self.folder.path()).arg("score").arg(fixture().bundle(Kind::Hybrid)).args([tiles; 4]);
        command.args(["--batch", "2", "--out"]).arg(self.path(out));
        command
    }

    /// Scores `tiles` until some rows are there, and is killed.
    fn stop(&self, tiles: &str) {
        let progress = self.path("scores.csv.progress");
        let rows = || fs::read_to_string(&progress).map_or(0, |text| text.lines().count());
        kill_when(&mut self.score(tiles, "scores.csv"), || rows() > 40);
    }

    /// The tile of the first row that is there.
    fn first(&self) -> PathBuf {
        let text = fs::read_to_string(self.path("scores.csv.progress")).unwrap();
        let row: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
        self.path(row[1]["path"].as_str().unwrap())
    }

    /// Resumes, and compares with an uninterrupted run. Returns the messages.
    fn same_as_a_whole_run(&self, tiles: &str) -> String {
        let said = finish(self.score(tiles, "scores.csv")).code(0).stderr();
        finish(self.score(tiles, "whole.csv")).code(0);
        assert_eq!(fs::read(self.path("scores.csv")).unwrap(), fs::read(self.path("whole.csv")).unwrap());
        assert!(!self.path("scores.csv.progress").exists());
        fs::remove_file(self.path("scores.csv")).unwrap();
        said
    }
}

/// Replaces a file by other bytes with an old time stamp, as `cp -p`, rsync, tar and unzip do.
fn replace(tile: &Path, with: &Path) {
    fs::copy(with, tile).unwrap();
    let before = SystemTime::now() - Duration::from_secs(1_000_000);
    File::options().write(true).open(tile).unwrap().set_modified(before).unwrap();
}

#[test]
fn a_tile_that_is_replaced_with_its_times_kept_is_scored_again_and_the_others_are_not() {
    let stopped = Stopped::new();
    stopped.stop("tiles");
    let first = stopped.first();
    let is_first = |tile: &PathBuf| fs::read(tile).unwrap() == fs::read(&first).unwrap();
    let other = (0..2).map(|number| fixture().tile(number)).find(|tile| !is_first(tile)).unwrap();
    replace(&first, &other);
    let said = stopped.same_as_a_whole_run("tiles");
    assert!(said.contains("going on after"), "{said}");
    assert!(said.contains("1 tiles have changed since"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_link_that_is_turned_and_a_folder_that_is_moved_are_seen() {
    let stopped = Stopped::new();
    // The other folder has the same names, and under each the bytes of another tile.
    copy(&stopped.path("tiles"), &stopped.path("other"));
    for label in ["benign", "anomalous"] {
        let folder = stopped.path("other").join(label);
        let all = names(&folder);
        let bytes: Vec<_> = all.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect();
        for (name, bytes) in all.iter().zip(bytes.iter().cycle().skip(1)) {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    std::os::unix::fs::symlink("tiles", stopped.path("link")).unwrap();
    stopped.stop("link");
    fs::remove_file(stopped.path("link")).unwrap();
    std::os::unix::fs::symlink("other", stopped.path("link")).unwrap();
    let said = stopped.same_as_a_whole_run("link");
    assert!(said.contains("tiles have changed since") && !said.contains("going on after"), "{said}");
    stopped.stop("tiles");
    fs::rename(stopped.path("tiles"), stopped.path("moved")).unwrap();
    fs::rename(stopped.path("other"), stopped.path("tiles")).unwrap();
    let said = stopped.same_as_a_whole_run("tiles");
    assert!(said.contains("tiles have changed since") && !said.contains("going on after"), "{said}");
}

#[test]
fn a_relative_list_means_other_tiles_in_another_folder() {
    let stopped = Stopped::new();
    let list: String = (0..144).map(|number| format!("{}.png\n", number % 72)).collect();
    fs::write(stopped.path("list.txt"), list.repeat(4)).unwrap();
    for folder in ["here", "there"] {
        fs::create_dir(stopped.path(folder)).unwrap();
    }
    for number in 0..72 {
        fs::copy(fixture().tile(number), stopped.path(&format!("here/{number}.png"))).unwrap();
        fs::copy(fixture().tile(number + 72), stopped.path(&format!("there/{number}.png"))).unwrap();
    }
    let score = |from: &str, out: &str| {
        let mut command = command();
        command.current_dir(stopped.path(from)).arg("score").arg(fixture().bundle(Kind::Hybrid)).arg("@../list.txt");
        command.args(["--batch", "2", "--out"]).arg(stopped.path(out));
        command
    };
    let progress = stopped.path("scores.csv.progress");
    let rows = || fs::read_to_string(&progress).map_or(0, |text| text.lines().count());
    kill_when(&mut score("here", "scores.csv"), || rows() > 40);
    finish(score("there", "scores.csv")).code(0).says(&["tiles have changed since"]);
    finish(score("there", "whole.csv")).code(0);
    assert_eq!(fs::read(stopped.path("scores.csv")).unwrap(), fs::read(stopped.path("whole.csv")).unwrap());
}

#[test]
fn a_tile_without_a_score_is_tried_again() {
    let stopped = Stopped::new();
    let broken = stopped.path("tiles/anomalous/0.png");
    fs::write(&broken, "not an image yet").unwrap();
    stopped.stop("tiles");
    fs::copy(fixture().tile(0), &broken).unwrap();
    let said = stopped.same_as_a_whole_run("tiles");
    assert!(said.contains("1 tiles got no score from an earlier run; trying them again"), "{said}");
}

#[test]
fn what_changes_rows_is_another_run() {
    let stopped = Stopped::new();
    for (change, name) in [
        (&["--size-policy", "resize"][..], "size policy"),
        (&["--provider-option", "cpu.arena=false"][..], "provider options"),
    ] {
        stopped.stop("tiles");
        let mut command = stopped.score("tiles", "scores.csv");
        command.args(change);
        let said = finish(command).code(0).stderr();
        assert!(said.contains("does not match this run") && said.contains("starting over"), "{name}: {said}");
        fs::remove_file(stopped.path("scores.csv")).unwrap();
    }
    // Progress of an earlier release has no digests.
    fs::write(stopped.path("scores.csv.progress"), "{\"run\":\"0\",\"tiles\":576}\n").unwrap();
    let said = stopped.same_as_a_whole_run("tiles");
    assert!(said.contains("written by another release of Kiln; starting over"), "{said}");
}

#[test]
fn a_part_whose_tile_was_replaced_is_not_joined_with_the_others() {
    let (fixture, folder) = (fixture(), scratch());
    let tiles: Vec<PathBuf> = (0..6).map(|number| folder.path().join(format!("{number}.png"))).collect();
    for (number, tile) in tiles.iter().enumerate() {
        fs::copy(fixture.tile(number), tile).unwrap();
    }
    let part = |index: usize| folder.path().join(format!("part-{index}.jsonl"));
    let score = |index: usize| {
        let mut command = command();
        command.arg("score").arg(fixture.bundle(Kind::Cnn)).args(&tiles).arg("--out").arg(part(index));
        finish({
            command.args(["--shard", &format!("{index}/2")]);
            command
        })
        .code(0);
    };
    score(0);
    replace(&tiles[1], &fixture.tile(9));
    score(1);
    let out = folder.path().join("joined.csv");
    kiln!("merge", part(0), part(1), "--out", &out).code(1).says(&["1.png is not the tile", "--shard 0/2"]);
    assert!(!out.exists());
    kiln!("merge", part(0), part(1), "--out", &out, "--skip-tile-check").code(0);
    score(0);
    let report = kiln!("--json", "merge", part(0), part(1), "--out", &out).code(0).json();
    assert_eq!((&report["compared"], &report["not_compared"]), (&6.into(), &0.into()));
    // Where the tiles are not, nothing can be compared, and that is said.
    tiles.iter().for_each(|tile| fs::remove_file(tile).unwrap());
    kiln!("merge", part(0), part(1), "--out", &out).code(0).says(&["6 tiles were not found"]);
    // A part of another size policy is of another scoring.
    for tile in &tiles {
        fs::copy(fixture.tile(0), tile).unwrap();
    }
    score(0);
    let mut other = command();
    other.arg("score").arg(fixture.bundle(Kind::Cnn)).args(&tiles).arg("--out").arg(part(1));
    other.args(["--shard", "1/2", "--size-policy", "resize"]);
    finish(other).code(0);
    kiln!("merge", part(0), part(1), "--out", &out).code(1).says(&["two settings"]);
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_stay_apart_in_lists_parts_and_results() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let names: [&[u8]; 3] = [b"t\xff.png", b"plain.png", b"t\xfe.png"];
    for (number, name) in names.iter().enumerate() {
        if let Err(error) = fs::copy(fixture.tile(number), here.join(OsStr::from_bytes(name))) {
            return skip(&format!("this file system has no names that are not UTF-8: {error}"));
        }
    }
    fs::write(here.join("list.txt"), names.join(&b"\n"[..])).unwrap();
    fs::write(here.join("list0"), names.join(&b"\0"[..])).unwrap();
    let score = |arguments: &[&str], code: i32| {
        let mut command = command();
        command.current_dir(here).arg("score").arg(fixture.bundle(Kind::Cnn)).args(arguments);
        finish(command).code(code).stdout()
    };
    let scores = |text: &str| -> Vec<String> { read_csv(text).1.iter().map(|row| row["score"].clone()).collect() };
    let expected: Vec<String> = (0..3)
        .map(|number| {
            scores(&kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(number)).code(0).stdout()).remove(0)
        })
        .collect();
    assert_ne!(expected[0], expected[2]);
    let (header, rows) = read_csv(&score(&["@list.txt"], 0));
    assert_eq!(header[0], "path");
    let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str()).collect();
    assert_eq!(paths, ["t\u{fffd}.png", "plain.png", "t\u{fffd}.png"]);
    assert_eq!(scores(&score(&["@list.txt"], 0)), expected);
    assert_eq!(scores(&score(&["@list0", "--null"], 0)), expected);
    for index in 0..3 {
        score(&["@list.txt", "--shard", &format!("{index}/3"), "--out", &format!("{index}.csv")], 0);
    }
    let merge = |list: &str, code: i32| {
        let mut command = command();
        command.current_dir(here).args(["merge", "0.csv", "1.csv", "2.csv", "--out", "-", "--list", list]);
        finish(command).code(code)
    };
    assert_eq!(scores(&merge("@list.txt", 0).stdout()), expected);
    // The same list but for two names that look alike and have changed places.
    let turned = [names[2], names[1], names[0]].join(&b"\n"[..]);
    fs::write(here.join("turned.txt"), turned).unwrap();
    merge("@turned.txt", 1).says(&["another list"]);
}

#[cfg(unix)]
#[test]
fn progress_that_an_earlier_release_left_beside_a_link_is_named() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("data")).unwrap();
    std::os::unix::fs::symlink("data/scores.csv", at("link.csv")).unwrap();
    fs::write(at("link.csv.progress"), "{\"progress\":3,\"run\":\"earlier\",\"tiles\":1}\n").unwrap();
    let says = ["link.csv.progress is progress beside the link", "data/scores.csv.progress"];
    kiln!("score", fixture().bundle(Kind::Cnn), fixture().tile(0), "--out", at("link.csv")).code(0).says(&says);
    assert_eq!(names(&at("data")), ["scores.csv"]);
}
