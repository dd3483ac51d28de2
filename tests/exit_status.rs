//! The exit status does not depend on the reader of the output: a failed check is 1 and wrong input is 2 even if stdout and
//! stderr cannot be written; only a verb that succeeded and could not print its result becomes 3.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use kiln_files::digest::sha256_hex;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Kind, command, copy, fixture, kiln, read_json, scratch};

/// Makes the arguments of a call, given a scratch folder.
type Arguments = Box<dyn Fn(&Path) -> Vec<OsString>>;

/// A call of a verb: its arguments, given a folder to write to, and the exit statuses that are allowed.
struct Call {
    /// The verb as its help names it, such as `data inspect`.
    verb: &'static str,
    arguments: Arguments,
    expected: &'static [i32],
    /// True if it works for seconds: it is tried with fewer faults.
    slow: bool,
}

/// Verbs that are not called here, with the reason. Every other verb must be in [`calls`].
const NOT_CALLED: [(&str, &str); 12] = [
    ("demo", "takes minutes, and is train, export, verify, score and bench in one"),
    ("weights fetch", "fetches from the network"),
    ("slide inspect", "needs OpenSlide: see slide.rs"),
    ("slide tile", "needs OpenSlide: see slide.rs"),
    ("slide report", "needs OpenSlide: see slide.rs"),
    ("slide evaluate", "reads what the others leave: see slide.rs"),
    ("compare", "answers every tile on both sides: see compare.rs"),
    ("import", "runs a model untouched and as a bundle: see import.rs"),
    ("debug layers", "runs every node alone: see debug.rs"),
    ("debug bisect", "runs every node alone: see debug.rs"),
    ("status", "reads what a watch leaves: see watch.rs"),
    ("runtime install", "fetches from the network where nothing is installed"),
];

/// Calls of every verb that prints, some that succeed and some that fail.
fn calls() -> Vec<Call> {
    let fixture = fixture();
    let mut calls = Vec::new();
    let mut add = |verb: &'static str, expected: &'static [i32], slow: bool, rest: Vec<OsString>| {
        let arguments = move |out: &Path| {
            let place = |argument: &OsString| match argument.to_str().and_then(|text| text.strip_prefix("OUT/")) {
                Some(name) => out.join(name).into_os_string(),
                None => argument.clone(),
            };
            verb.split(' ').map(OsString::from).chain(rest.iter().map(place)).collect()
        };
        calls.push(Call { verb, arguments: Box::new(arguments), expected, slow });
    };
    let own = |arguments: &[&dyn AsRef<OsStr>]| arguments.iter().map(|one| one.as_ref().to_owned()).collect::<Vec<_>>();
    let (bundle, run, tiles, tile) =
        (fixture.bundle(Kind::Cnn), fixture.run(Kind::Cnn), fixture.tiles(), fixture.tile(0));
    let kept = kept();
    let missing = kept.join("missing.png");
    add("runtime list", &[0], false, own(&[]));
    add("doctor", &[0], true, own(&[]));
    add("doctor", &[2], false, own(&[&missing]));
    add("data inspect", &[0], false, own(&[&tiles]));
    add("data inspect", &[2], false, own(&[&missing]));
    add("data split", &[0], false, own(&[&tiles, &"--out", &"OUT/split.csv"]));
    add("data synth", &[0], false, own(&[&"--out", &"OUT/tiles", &"--tiles", &"24"]));
    add("weights import", &[2], false, own(&[&tile, &"--backbone", &"resnet18", &"--out", &"OUT/w.bpk"]));
    add("weights extract", &[2], false, own(&[&run, &"--out", &"OUT/w.bpk"]));
    let pretraining = kept.join("pretrain.yaml");
    let weights: [&dyn AsRef<OsStr>; 2] = [&"--out", &"OUT/w.bpk"];
    add("pretrain", &[0], true, own(&[&pretraining, &"--data", &tiles, weights[0], weights[1]]));
    add("pretrain", &[2], false, own(&[&pretraining, &"--data", &missing, weights[0], weights[1]]));
    let config = fixture.config(Kind::Cnn);
    let quick = ["--set", "training.epochs=1"].map(OsString::from);
    add("train", &[0], true, [own(&[&config, &"--data", &tiles, &"--out", &"OUT/run"]), quick.to_vec()].concat());
    add("train", &[2], false, own(&[&config, &"--data", &missing, &"--out", &"OUT/run"]));
    add("evaluate", &[0], true, own(&[&run, &"--resamples", &"100"]));
    add("evaluate", &[2], false, own(&[&missing, &"--data", &tiles]));
    // All of its trials are done, so only the report is made again.
    add("study", &[0], true, own(&[&kept.join("study.yaml"), &"--data", &tiles, &"--out", &kept.join("study")]));
    add("study", &[2], false, own(&[&missing, &"--data", &tiles, &"--out", &"OUT/study"]));
    add("export", &[0], true, own(&[&run, &"--out", &"OUT/bundle"]));
    add("export", &[2], false, own(&[&missing, &"--out", &"OUT/bundle"]));
    add("verify", &[0], false, own(&[&bundle]));
    add("verify", &[1], false, own(&[&kept.join("red")]));
    add("verify", &[2], false, own(&[&missing]));
    add("verify", &[3], false, own(&[&bundle, &"--onnxruntime", &missing]));
    let signature: [&dyn AsRef<OsStr>; 2] = [&"--signature", &"OUT/model.sig"];
    let key = kept.join("key.pem");
    add("sign", &[0], false, own(&[&bundle, &"--key", &key, signature[0], signature[1]]));
    add("sign", &[2], false, own(&[&bundle, &"--key", &missing, signature[0], signature[1]]));
    add("verify", &[1], false, own(&[&bundle, &"--key", &kept.join("key.pub")]));
    add("score", &[0], false, own(&[&bundle, &tile]));
    add("score", &[0], false, own(&[&bundle, &tile, &"--out", &"OUT/scores.csv"]));
    add("score", &[2], false, own(&[&bundle, &tile, &missing, &"--out", &"OUT/scores.jsonl"]));
    add("score", &[2], false, own(&[&kept.join("nowhere"), &tile]));
    let parts = [kept.join("part-0.csv"), kept.join("part-1.csv")];
    add("merge", &[0], false, own(&[&parts[0], &parts[1], &"--out", &"OUT/whole.csv"]));
    add("merge", &[1], false, own(&[&parts[0], &"--out", &"OUT/whole.csv"]));
    let quick = ["--seconds", "0.05", "--warm-up", "0", "--queries", "3", "--batch", "1", "--threads", "1"];
    // Valid on a quiet machine and not on a busy one.
    let bench = [own(&[&bundle]), quick.iter().map(OsString::from).collect()].concat();
    add("bench", &[0, 1], true, bench);
    add("package", &[0], false, own(&[&bundle, &"--target", &"triton", &"--name", &"m", &"--out", &"OUT/models"]));
    add("package", &[2], false, own(&[&missing, &"--target", &"triton", &"--out", &"OUT/models"]));
    add("completions", &[0], false, own(&[&"bash"]));
    add("completions", &[2], false, own(&[&"csh"]));
    add("man", &[0], false, own(&[&"runtime", &"install"]));
    add("man", &[0], false, own(&[&"--out", &"OUT/man"]));
    add("man", &[2], false, own(&[&"scores"]));
    add("ship", &[0], true, own(&[&run, &"--bundle", &"OUT/b", &"--target", &"triton", &"--out", &"OUT/models"]));
    calls
}

const STUDY: &str = "
name: tiny
data: {size_policy: error, normal_classes: [benign]}
split: {seed: 1, fractions: {train: 0.6, val: 0.2, test: 0.2}}
seeds: [1]
set: [training.epochs=1, training.batch=8, bootstrap_resamples=100]
models:
  - name: net
    config:
      name: net
      model: {kind: cnn, filters: [4, 8], head: pooled, dense: [8], dropout: 0.1}
      training: {crop: 64, learning_rate: 0.01, schedule: {kind: constant}}
bootstrap_resamples: 100
";

const PRETRAINING: &str = "
name: tiny
backbone: {name: resnet18, weights: random, stages: [1], width: 0.1}
method: {kind: simsiam, projection: 8, prediction: 4}
training: {epochs: 1, batch: 48}
";

/// Inputs that the calls share: a bundle whose outputs differ from its golden outputs, two parts of a scoring run, a study
/// whose trials are done.
fn kept() -> &'static Path {
    static KEPT: OnceLock<TempDir> = OnceLock::new();
    KEPT.get_or_init(keep).path()
}

fn keep() -> TempDir {
    let (fixture, folder) = (fixture(), scratch());
    let kept = folder.path();
    let pair = rcgen::KeyPair::generate().unwrap();
    fs::write(kept.join("key.pem"), pair.serialize_pem()).unwrap();
    fs::write(kept.join("key.pub"), pair.public_key_pem()).unwrap();
    let red = copy(&fixture.bundle(Kind::Cnn), &kept.join("red"));
    let other = fs::read(fixture.bundle(Kind::Other).join("model.onnx")).unwrap();
    fs::write(red.join("model.onnx"), &other).unwrap();
    let mut manifest = read_json(&red.join("manifest.json"));
    for file in manifest["files"].as_array_mut().unwrap().iter_mut().filter(|file| file["path"] == "model.onnx") {
        *file = json!({ "path": "model.onnx", "bytes": other.len(), "sha256": sha256_hex(&other) });
    }
    fs::write(red.join("manifest.json"), manifest.to_string()).unwrap();
    for part in 0..2 {
        let (shard, out) = (format!("{part}/2"), kept.join(format!("part-{part}.csv")));
        let tiles = [fixture.tile(0), fixture.tile(1)];
        kiln!("score", fixture.bundle(Kind::Cnn), &tiles[0], &tiles[1], "--shard", shard, "--out", out).code(0);
    }
    fs::write(kept.join("study.yaml"), STUDY).unwrap();
    fs::write(kept.join("pretrain.yaml"), PRETRAINING).unwrap();
    kiln!("study", kept.join("study.yaml"), "--data", fixture.tiles(), "--out", kept.join("study")).code(0);
    folder
}

/// A fault of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// A full disk.
    Full,
    /// A pipe that its reader closed.
    Left,
    /// A closed descriptor.
    Shut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

impl Broken {
    fn stream(self) -> Stdio {
        match self {
            Self::Full => File::options().write(true).open("/dev/full").unwrap().into(),
            Self::Left => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                writer.into()
            }
            Self::Shut => Stdio::null(),
        }
    }
}

/// Runs the binary with one of its streams broken.
fn run(arguments: &[OsString], stream: Stream, broken: Broken) -> Output {
    let kiln = command();
    let mut command = match (broken, stream) {
        (Broken::Shut, stream) => {
            let shut = if stream == Stream::Stdout { ">&-" } else { "2>&-" };
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("exec \"$0\" \"$@\" {shut}")]).arg(kiln.get_program());
            shell.env_remove("ORT_DYLIB_PATH").env_remove("RUST_BACKTRACE");
            shell
        }
        _ => kiln,
    };
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match (stream, broken) {
        (_, Broken::Shut) => {}
        (Stream::Stdout, broken) => drop(command.stdout(broken.stream())),
        (Stream::Stderr, broken) => drop(command.stderr(broken.stream())),
    }
    command.output().unwrap()
}

#[test]
fn every_verb_is_called_here_or_it_is_written_why_not() {
    let mut verbs = BTreeSet::new();
    for verb in commands(&[]) {
        let inner = commands(&[&verb]);
        if inner.is_empty() {
            verbs.insert(verb);
        } else {
            verbs.extend(inner.into_iter().map(|inner| format!("{verb} {inner}")));
        }
    }
    assert!(verbs.len() > 15, "{verbs:?}");
    let called = calls().into_iter().map(|call| call.verb);
    let known: BTreeSet<String> = called.chain(NOT_CALLED.iter().map(|(verb, _)| *verb)).map(str::to_owned).collect();
    assert_eq!(verbs, known);
}

/// The verbs that a help text lists.
fn commands(verb: &[&str]) -> Vec<String> {
    let mut kiln = command();
    kiln.args(verb).arg("--help");
    let help = String::from_utf8(kiln.output().unwrap().stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.trim().is_empty()).filter(|line| line.starts_with("  "));
    let named = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    named.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn a_status_does_not_depend_on_whether_output_could_be_written() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for call in calls() {
        let all = [(Stream::Stdout, Broken::Full), (Stream::Stderr, Broken::Full), (Stream::Stdout, Broken::Left)];
        let more = [(Stream::Stdout, Broken::Shut), (Stream::Stderr, Broken::Left), (Stream::Stderr, Broken::Shut)];
        let ways = if call.slow { all[..2].to_vec() } else { [all, more].concat() };
        for (way, (stream, broken)) in ways.iter().enumerate() {
            for json in
                [false, true].into_iter().filter(|json| if call.slow { *json == (way == 0) } else { !json || way < 2 })
            {
                let out = scratch();
                let mut arguments = (call.arguments)(out.path());
                arguments.extend(json.then(|| OsString::from("--json")));
                let output = run(&arguments, *stream, *broken);
                tried += 1;
                if let Err(reason) = judge(&call, *stream, *broken, &output) {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    wrong.push(format!("{arguments:?}, {stream:?} {broken:?}: {reason}\n{said}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

fn judge(call: &Call, stream: Stream, broken: Broken, output: &Output) -> Result<(), String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let full = (stream, broken) == (Stream::Stdout, Broken::Full);
    // Done, and nobody will ever see it.
    let expected: Vec<i32> =
        call.expected.iter().map(|status| if full && *status == 0 { 3 } else { *status }).collect();
    let status = output.status.code();
    if !status.is_some_and(|status| expected.contains(&status)) {
        return Err(format!("{:?}, expected {expected:?}", output.status));
    }
    if stderr.contains("panicked") {
        return Err("a panic".to_owned());
    }
    if full && status == Some(3) && !stderr.contains("error: cannot write") && call.expected != [3] {
        return Err("no word of the stream that cannot be written".to_owned());
    }
    if (stream, broken) == (Stream::Stdout, Broken::Left) && status == Some(0) && stderr.contains("error") {
        return Err("a reader that went away is no error".to_owned());
    }
    if stream == Stream::Stderr && status == Some(0) && output.stdout.is_empty() {
        return Err("nothing on stdout".to_owned());
    }
    Ok(())
}

#[test]
fn rows_that_nobody_reads_end_scoring_with_the_status_of_the_tiles_so_far() {
    let fixture = fixture();
    let arguments = |tiles: &[PathBuf]| -> Vec<OsString> {
        let fixed = ["score", "--batch", "1", "--threads", "1"].map(OsString::from);
        let tiles = tiles.iter().map(|tile| tile.clone().into_os_string());
        fixed.into_iter().chain([fixture.bundle(Kind::Cnn).into_os_string()]).chain(tiles).collect()
    };
    let good: Vec<PathBuf> = (0..20).map(|number| fixture.tile(number)).collect();
    let bad = [vec![PathBuf::from("missing.png")], good.clone()].concat();
    assert_eq!(run(&arguments(&good), Stream::Stdout, Broken::Left).status.code(), Some(0));
    assert_eq!(run(&arguments(&bad), Stream::Stdout, Broken::Left).status.code(), Some(2));
    for tiles in [&good, &bad] {
        let full = run(&arguments(tiles), Stream::Stdout, Broken::Full);
        assert_eq!(full.status.code(), Some(3), "rows are what scoring is for");
        assert!(String::from_utf8_lossy(&full.stderr).contains("error: cannot write"));
    }
}

#[test]
fn help_and_logs_are_output_too() {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    for help in [&["--help"][..], &["--version"], &["verify", "--help"], &["help", "score"]] {
        assert_eq!(run(&words(help), Stream::Stdout, Broken::Full).status.code(), Some(3), "{help:?}");
        assert_eq!(run(&words(help), Stream::Stdout, Broken::Left).status.code(), Some(0), "{help:?}");
        assert_eq!(run(&words(help), Stream::Stdout, Broken::Shut).status.code(), Some(0), "{help:?}");
    }
    for wrong in [&["shout"][..], &[], &["verify"], &["--log", "x=[", "runtime", "list"]] {
        for broken in [Broken::Full, Broken::Left, Broken::Shut] {
            for stream in [Stream::Stdout, Stream::Stderr] {
                assert_eq!(
                    run(&words(wrong), stream, broken).status.code(),
                    Some(2),
                    "{wrong:?} {stream:?} {broken:?}"
                );
            }
        }
    }
    let bundle = fixture().bundle(Kind::Cnn).into_os_string();
    let loud = [words(&["--log", "trace", "verify"]), vec![bundle]].concat();
    for broken in [Broken::Full, Broken::Left, Broken::Shut] {
        let output = run(&loud, Stream::Stderr, broken);
        assert_eq!(output.status.code(), Some(0), "{broken:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("PASSED"));
    }
}

/// Files on a full disk, simulated by a limit on the size of files.
#[test]
fn a_file_that_cannot_be_written_is_3_and_leaves_nothing_behind() {
    let fixture = fixture();
    let (bundle, tile, kept) = (fixture.bundle(Kind::Cnn), fixture.tile(0), kept());
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let missing = kept.join("missing.png");
    let run = fixture.run(Kind::Cnn);
    let tiles = fixture.tiles();
    let config = fixture.config(Kind::Cnn);
    let bad = copy(&fixture.tiles(), &at("bad"));
    fs::write(bad.join("benign/broken.png"), "no picture").unwrap();
    fs::remove_file(bad.join("tiles.csv")).unwrap();
    let parts = [kept.join("part-0.csv"), kept.join("part-1.csv")];
    let quick = ["--seconds", "0.05", "--warm-up", "0", "--queries", "3", "--batch", "1", "--threads", "1"];
    let mut cases: Vec<(Vec<&OsStr>, &str, &[i32])> = vec![
        (vec!["score".as_ref(), bundle.as_ref(), tile.as_ref()], "scores.csv", &[3]),
        (vec!["score".as_ref(), bundle.as_ref(), tile.as_ref()], "scores.jsonl", &[3]),
        (vec!["score".as_ref(), bundle.as_ref(), tile.as_ref()], "scores.parquet", &[3]),
        (vec!["score".as_ref(), bundle.as_ref(), missing.as_ref()], "missing.csv", &[3]),
        (vec!["merge".as_ref(), parts[0].as_ref(), parts[1].as_ref()], "merged.csv", &[3]),
        (vec!["merge".as_ref(), parts[0].as_ref()], "part.csv", &[1]),
        (vec!["data".as_ref(), "split".as_ref(), tiles.as_ref()], "split.csv", &[3]),
        (vec!["data".as_ref(), "synth".as_ref(), "--tiles".as_ref(), "24".as_ref()], "tiles", &[3]),
        (vec!["train".as_ref(), config.as_ref(), "--data".as_ref(), tiles.as_ref()], "run", &[3]),
        (vec!["evaluate".as_ref(), run.as_ref(), "--resamples".as_ref(), "100".as_ref()], "evaluation", &[3]),
        (vec!["export".as_ref(), run.as_ref()], "bundle", &[3]),
        (vec!["package".as_ref(), bundle.as_ref(), "--target".as_ref(), "triton".as_ref()], "models", &[3]),
    ];
    // A verdict stays, whether its report could be written or not.
    let unreadable = ["evaluate".as_ref(), bundle.as_os_str(), "--data".as_ref(), bad.as_ref(), "--resamples".as_ref()];
    cases.push(([&unreadable[..], &["100".as_ref()]].concat(), "bad-evaluation", &[2]));
    // 1 on a machine that is too busy for a valid figure.
    let bench = ["bench".as_ref(), bundle.as_os_str()].into_iter().chain(quick.iter().map(OsStr::new));
    cases.push((bench.collect(), "bench", &[1, 3]));
    for (arguments, out, expected) in cases {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""]).arg(command().get_program()).args(&arguments);
        let output = shell.arg("--out").arg(at(out)).env_remove("ORT_DYLIB_PATH").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|status| expected.contains(&status)), "{arguments:?} {output:?}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert!(!at(out).is_file(), "{arguments:?} left half a file");
    }
}
