//! `kiln score --watch`: files that arrive in a folder are scored once each, whatever kills the process; `kiln status`
//! reports on it. Two kills and 60 files, or ten and a thousand with `KILN_SLOW_TESTS=1`.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Kind, command, draw_truncated, fixture, kiln, names, read_csv, read_json, repetitions, scratch};

/// Whatever is waited for comes by then, or never.
const LIMIT: Duration = Duration::from_secs(120);

/// A folder that is watched, and the process that does.
struct Watch {
    root: TempDir,
    child: Option<Child>,
}

impl Watch {
    fn new() -> Self {
        let root = scratch();
        fs::create_dir(root.path().join("in")).unwrap();
        Self { root, child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn arguments(&self, out: &str) -> Command {
        let mut command = command();
        command.arg("score").arg(fixture().bundle(Kind::Cnn)).arg("--watch").arg(self.path("in"));
        command.args(["--interval", "50ms", "--settle", "100ms", "--patience", "300ms", "--out"]).arg(self.path(out));
        command
    }

    fn start(&mut self) {
        let log = fs::File::options().append(true).create(true).open(self.path("log.txt")).unwrap();
        let mut command = self.arguments("scores.csv");
        command.args(["--log-format", "json"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Ends the process by a signal, and waits for its end.
    fn signal(&mut self, signal: libc_signal::Signal) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let number = child.id().to_string();
        let kill = Command::new("kill").args([signal.flag(), &number]).status().unwrap();
        assert!(kill.success(), "the process has ended by itself: {}", self.log());
        child.wait().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log.txt")).unwrap_or_default()
    }

    fn status(&self) -> Option<Value> {
        self.path("scores.csv.status.json").exists().then(|| read_json(&self.path("scores.csv.status.json")))
    }

    /// Waits until the status satisfies a condition.
    fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            if let Some(status) = self.status().filter(&holds) {
                return status;
            }
            if let Some(ended) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                panic!("waiting for {what}: it ended with {ended}: {}", self.log());
            }
            assert!(started.elapsed() < LIMIT, "waiting for {what}: {:?} {}", self.status(), self.log());
            sleep(Duration::from_millis(10));
        }
    }

    /// Copies tile `number` of the fixture into the folder, as a scanner does: under another name until it is whole.
    fn arrive(&self, number: usize, name: &str) {
        let target = self.path("in").join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let part = target.with_extension("png.part");
        fs::copy(fixture().tile(number), &part).unwrap();
        fs::rename(part, target).unwrap();
    }

    fn rows(&self) -> Vec<BTreeMap<String, String>> {
        let text = fs::read_to_string(self.path("scores.csv")).unwrap();
        assert!(text.ends_with('\n'), "half a line");
        read_csv(&text).1
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The signals of these tests.
mod libc_signal {
    #[derive(Clone, Copy)]
    pub enum Signal {
        Kill,
        Terminate,
        Interrupt,
    }

    impl Signal {
        pub fn flag(self) -> &'static str {
            match self {
                Self::Kill => "-KILL",
                Self::Terminate => "-TERM",
                Self::Interrupt => "-INT",
            }
        }
    }
}

use libc_signal::Signal;

/// A PNG of the fixture with a chunk of text that no other copy has: another content, the same pixels.
fn arrive_unique(folder: &Path, number: usize) {
    let bytes = fs::read(fixture().tile(number % crate::support::TILES)).unwrap();
    let text = format!("tEXtComment\0arrival {number}");
    let mut chunk = u32::try_from(text.len() - 4).unwrap().to_be_bytes().to_vec();
    chunk.extend(text.as_bytes());
    chunk.extend(crate::support::crc32(text.as_bytes()).to_be_bytes());
    // Behind the signature and the header chunk.
    let whole = [&bytes[..33], &chunk, &bytes[33..]].concat();
    fs::write(folder.join(format!("arrival-{number:04}.png")), whole).unwrap();
}

#[test]
fn files_that_arrive_while_the_process_is_killed_are_scored_once_each() {
    let (files, kills) = if repetitions() > 3 { (1_000, 10) } else { (60, 2) };
    let mut watch = Watch::new();
    let folder = watch.path("in");
    for kill in 0..kills {
        watch.start();
        let share = files / (kills + 1);
        let before = watch.status().map_or(0, |status| status["scored"].as_u64().unwrap_or(0));
        (kill * share..(kill + 1) * share).for_each(|number| arrive_unique(&folder, number));
        // In the middle of the rows, or of the reading of earlier ones.
        let journal = watch.path("scores.csv.watch");
        let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        let enough = usize::try_from(before).unwrap() + 1 + share / 3;
        let started = Instant::now();
        while lines() < enough {
            assert!(started.elapsed() < LIMIT, "kill {kill}: {}", watch.log());
            sleep(Duration::from_millis(2));
        }
        assert!(!watch.signal(Signal::Kill).success());
    }
    (kills * (files / (kills + 1))..files).for_each(|number| arrive_unique(&folder, number));
    watch.start();
    let expected = u64::try_from(files).unwrap();
    let status = watch.until("all files", |status| status["scored"] == expected && status["waiting"] == 0);
    assert_eq!((&status["failed"], &status["copies"], &status["state"]), (&0.into(), &0.into(), &"waiting".into()));
    assert!(watch.signal(Signal::Terminate).success(), "{}", watch.log());
    let rows = watch.rows();
    let paths: BTreeSet<_> = rows.iter().map(|row| row["path"].clone()).collect();
    assert_eq!((rows.len(), paths.len()), (files, files));
    assert!(rows.iter().all(|row| row["status"] == "ok"));
    assert_eq!(watch.status().unwrap()["state"], "stopped");
    // The same scores as without a watch.
    let whole = watch.path("whole.csv");
    kiln!("score", fixture().bundle(Kind::Cnn), &folder, "--out", &whole).code(0);
    let scores = |rows: &[BTreeMap<String, String>]| -> BTreeMap<String, String> {
        rows.iter().map(|row| (row["path"].clone(), row["label"].clone())).collect()
    };
    assert_eq!(scores(&rows), scores(&read_csv(&fs::read_to_string(whole).unwrap()).1));
}

#[test]
fn a_watch_takes_whole_files_once_by_content_and_reports_broken_ones_once() {
    let mut watch = Watch::new();
    watch.arrive(0, "a.png");
    watch.arrive(1, "slide 1/b.png");
    draw_truncated(&watch.path("in").join("broken.png"));
    fs::copy(fixture().tile(2), watch.path("in").join("unfinished.png.part")).unwrap();
    watch.start();
    let status = watch.until("the first tiles", |status| status["scored"] == 2 && status["failed"] == 1);
    assert!(status["last_error"]["message"].as_str().is_some_and(|text| text.contains("broken.png")), "{status}");
    for name in ["started", "updated", "last_scan"] {
        assert!(status[name].as_str().is_some_and(|time| time.ends_with('Z')), "{name}: {status}");
    }
    let digest = kiln_files::digest::sha256_file(&fixture().bundle(Kind::Cnn).join("manifest.json")).unwrap();
    assert_eq!((&status["bundle_sha256"], &status["kiln"]), (&digest.into(), &env!("CARGO_PKG_VERSION").into()));
    watch.arrive(0, "a copy.png");
    watch.arrive(3, "c.png");
    watch.until("a copy", |status| status["scored"] == 3 && status["copies"] == 1);
    // Mended, finished and changed.
    fs::copy(fixture().tile(4), watch.path("in/broken.png")).unwrap();
    fs::rename(watch.path("in/unfinished.png.part"), watch.path("in/unfinished.png")).unwrap();
    watch.until("the others", |status| status["scored"] == 5 && status["waiting"] == 0);
    assert!(watch.signal(Signal::Interrupt).success(), "{}", watch.log());
    let rows = watch.rows();
    let named = |name: &str| {
        let of_name = rows.iter().filter(|row| row["path"].ends_with(name));
        of_name.map(|row| row["status"].split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("broken.png"), ["truncated", "ok"]);
    assert_eq!((named("unfinished.png"), named("a copy.png")), (vec!["ok".to_owned()], vec![]));
    assert_eq!(rows.len(), 6);
    // Every line of the log is JSON, and the broken tile is in one of them.
    let log = watch.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of_broken =
        lines.iter().filter(|line| line["fields"]["path"].as_str().is_some_and(|path| path.ends_with("broken.png")));
    assert_eq!(of_broken.count(), 1, "{log}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"] == "info"), "{log}");
    // The next process knows them all, and a broken tile that stays is not reported again.
    watch.start();
    watch.until("the earlier rows", |status| {
        status["state"] == "waiting" && status["waiting"] == 0 && status["last_scan"].is_string()
    });
    sleep(Duration::from_millis(700));
    assert!(watch.signal(Signal::Terminate).success());
    assert_eq!(watch.rows().len(), 6);
}

#[test]
fn the_state_of_a_watch_is_an_exit_status() {
    let mut watch = Watch::new();
    let file = watch.path("scores.csv.status.json");
    kiln!("status", &file, "--max-age", "60s").code(2).says(&["status.json"]);
    watch.start();
    watch.until("a search", |status| status["last_scan"].is_string());
    let report = kiln!("--json", "status", &file, "--max-age", "60s").code(0).json();
    assert_eq!((&report["alive"], &report["state"]), (&true.into(), &"waiting".into()));
    assert!(kiln!("status", &file).code(0).stdout().contains("state      waiting"));
    watch.signal(Signal::Kill);
    sleep(Duration::from_millis(200));
    kiln!("status", &file, "--max-age", "100ms").code(1).says(&["s old"]);
    let report = kiln!("--json", "status", &file, "--max-age", "100ms").code(1).json();
    assert_eq!(report["alive"], false);
    watch.start();
    let number = u64::from(watch.child.as_ref().unwrap().id());
    watch.until("the new process", |status| status["pid"] == number && status["last_scan"].is_string());
    watch.signal(Signal::Terminate);
    kiln!("status", &file, "--max-age", "1h").code(1).says(&["the process has ended"]);
    kiln!("status", &file).code(0);
    fs::write(&file, "{}").unwrap();
    kiln!("status", &file).code(2).says(&["not a status file"]);
    let pipe = watch.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    kiln!("status", &pipe).code(2).says(&["pipe", "not a regular file"]);
}

#[test]
fn what_cannot_be_watched_is_refused_before_anything_is_written() {
    let watch = Watch::new();
    let bundle = fixture().bundle(Kind::Cnn);
    let run = |words: &[&str]| {
        let mut command = command();
        command
            .arg("score")
            .arg(&bundle)
            .arg("--watch")
            .arg(watch.path("in"))
            .args(words)
            .current_dir(watch.root.path());
        crate::support::finish(command)
    };
    run(&[]).code(2).says(&["--out"]);
    run(&["--out", "-"]).code(2).says(&["--watch keeps the rows in a file"]);
    run(&["--out", "scores.parquet"]).code(2).says(&["cannot grow", ".jsonl"]);
    run(&["--out", "in"]).code(2).says(&["slides are scored by"]);
    run(&["--out", "scores.csv", "--slides"]).code(2).says(&["slides are scored by"]);
    run(&["--out", "scores.csv", "--batch", "auto"]).code(2).says(&["name a number"]);
    run(&["--out", "scores.csv", "--restart"]).code(2).says(&["cannot be used with"]);
    run(&["--out", "scores.csv", "--interval", "soon"]).code(2).says(&["200ms"]);
    run(&["--out", "scores.csv", "--status", "scores.csv"]).code(2).says(&["name another"]);
    run(&["--out", "scores.csv", "--status", "scores.csv.progress"]).code(2).says(&["name another"]);
    fs::copy(fixture().tile(0), watch.path("in/t.png")).unwrap();
    run(&["--out", "scores.csv", "--status", "in/t.png"]).code(2).says(&["not a status file", "hint: name another"]);
    assert_eq!(fs::read(watch.path("in/t.png")).unwrap(), fs::read(fixture().tile(0)).unwrap());
    fs::remove_file(watch.path("in/t.png")).unwrap();
    let missing = watch.path("missing");
    let out = watch.path("x.csv");
    kiln!("score", &bundle, "tile.png", "--watch", &missing, "--out", &out).code(2).says(&["cannot be used with"]);
    assert_eq!(names(watch.root.path()), ["in"]);
    kiln!("score", &bundle, "--watch", &missing, "--out", &out).code(2).says(&["missing"]);
    let status = read_json(&watch.path("x.csv.status.json"));
    assert_eq!(status["state"], "failed");
    assert!(status["last_error"]["message"].as_str().is_some_and(|text| text.contains("missing")), "{status}");
    fs::write(watch.path("scores.csv"), "path,score\n").unwrap();
    run(&["--out", "scores.csv"]).code(2).says(&["has no journal", "hint: move it"]);
    assert_eq!(fs::read_to_string(watch.path("scores.csv")).unwrap(), "path,score\n");
}

#[test]
fn a_result_file_of_another_bundle_does_not_grow() {
    let mut watch = Watch::new();
    watch.arrive(0, "a.png");
    watch.start();
    watch.until("a row", |status| status["scored"] == 1);
    // One process a file.
    crate::support::finish(watch.arguments("scores.csv")).code(2).says(&["another process"]);
    let (bundle, tile, part) = (fixture().bundle(Kind::Cnn), fixture().tile(1), watch.path("part.csv"));
    std::os::unix::fs::symlink("scores.csv", watch.path("link.csv")).unwrap();
    kiln!("score", &bundle, &tile, "--shard", "0/1", "--out", &part).code(0);
    for name in ["scores.csv", "link.csv"] {
        let out = watch.path(name);
        kiln!("score", &bundle, &tile, "--out", &out).code(2).says(&["another process", name]);
        kiln!("merge", &part, "--out", &out).code(2).says(&["another process", name]);
        crate::support::finish(watch.arguments(name)).code(2).says(&["another process", name]);
    }
    watch.signal(Signal::Terminate);
    let before = fs::read(watch.path("scores.csv")).unwrap();
    let out = watch.path("scores.csv");
    let other = fixture().bundle(Kind::Other);
    kiln!("score", other, "--watch", watch.path("in"), "--out", &out)
        .code(2)
        .says(&["another bundle", "hint: name another"]);
    assert_eq!(fs::read(out).unwrap(), before);
}
