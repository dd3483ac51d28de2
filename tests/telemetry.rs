//! ONNX Runtime's telemetry is off: no verb leaves a trace in the home folder, looks a name up or opens a socket, however
//! long it runs and however it is started. A control without Kiln shows that the same ONNX Runtime does all three.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Kind, command, finish, fixture, kiln, repository, scratch, skip, succeeds};

/// Duration of Kiln's longest run here, in seconds: ONNX Runtime 1.31 looks up its server within 20.
const SECONDS: &str = "24";

/// An empty home, a log of calls to the network, and the library that writes it.
struct Watch {
    folder: tempfile::TempDir,
    library: PathBuf,
    control: PathBuf,
}

impl Watch {
    fn new() -> Result<Self, String> {
        let folder = scratch();
        let (library, control) = (folder.path().join("watch.so"), folder.path().join("control"));
        let source = |name: &str| repository().join("tests/telemetry").join(name);
        succeeds(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source("watch.c")))?;
        succeeds(Command::new("cc").arg("-o").arg(&control).arg(source("control.c")).arg("-ldl"))?;
        let watch = Self { folder, library, control };
        ["home", "tmp"].iter().for_each(|name| fs::create_dir(watch.at(name)).unwrap());
        Ok(watch)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The process in an environment that has nothing but this home: neither `CI` nor any `XDG_` or `ORT_` variable.
    fn around(&self, mut command: Command) -> Command {
        command.env_clear().env("HOME", self.at("home")).env("TMPDIR", self.at("tmp"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LD_PRELOAD", &self.library).env("KILN_TEST_NETWORK_LOG", self.at("network.log"));
        command
    }

    /// Every file that was written, and every call to the network.
    fn traces(&self) -> Vec<String> {
        let log = fs::read_to_string(self.at("network.log")).unwrap_or_default();
        let files = ["home", "tmp"].iter().flat_map(|name| below(&self.at(name)));
        files.map(|path| path.display().to_string()).chain(log.lines().map(str::to_owned)).collect()
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| if path.is_dir() { [vec![path.clone()], below(&path)].concat() } else { vec![path] })
        .collect()
}

#[test]
fn no_verb_leaves_a_trace_at_home_or_asks_the_network() {
    if !cfg!(target_os = "linux") {
        return skip("calls are watched through the dynamic loader of Linux");
    }
    let fixture = fixture();
    let listed = kiln!("--json", "runtime", "list").code(0).json();
    let Some(library) = listed[0]["path"].as_str() else { return skip("no ONNX Runtime is installed") };
    let (watch, control) = match (Watch::new(), Watch::new()) {
        (Ok(watch), Ok(control)) => (watch, control),
        (Err(reason), _) | (_, Err(reason)) => return skip(&format!("there is no C compiler: {reason}")),
    };

    // Beside Kiln's run, so that it costs no time of its own.
    let mut without_kiln = Command::new(&control.control);
    without_kiln.args([library, SECONDS]);
    let mut without_kiln = control.around(without_kiln).spawn().unwrap();

    let bundle = fixture.bundle(Kind::Cnn);
    let (bundle, tile) = (bundle.to_str().unwrap(), fixture.tile(0));
    let bench = ["bench", bundle, "--scenario", "single_stream", "--batch", "1", "--threads", "1"];
    let long = [&bench[..], &["--warm-up", "0", "--seconds", SECONDS]].concat();
    let short = [&bench[..], &["--warm-up", "0", "--seconds", "0.2", "--queries", "5", "--provider", "cpu"]].concat();
    let verbs: [&[&str]; 5] = [
        &long,
        // Each list of providers is measured in a process of its own.
        &[&short[..], &["--provider", "cpu"]].concat(),
        // Each provider is tried in a process of its own.
        &["doctor", bundle, "--seconds", "1"],
        &["verify", bundle],
        &["score", bundle, tile.to_str().unwrap()],
    ];
    for verb in verbs {
        let mut kiln = command();
        kiln.args(["--onnxruntime", library]).args(verb);
        let ended = finish(watch.around(kiln));
        // A benchmark on a busy machine may be invalid: it has run all the same.
        assert!(matches!(ended.status(), Some(0 | 1)), "{verb:?}: {}", ended.stderr());
        assert_eq!(watch.traces(), Vec::<String>::new(), "{verb:?}");
    }

    assert!(without_kiln.wait().unwrap().success());
    let traces = control.traces().join("\n");
    if traces.is_empty() {
        return skip("this ONNX Runtime has no telemetry to switch off: the control left no trace either");
    }
    assert!(traces.contains("getaddrinfo "), "the watcher sees look-ups of ONNX Runtime:\n{traces}");
    assert!(traces.contains("/home/"), "and its files:\n{traces}");
}

#[test]
fn the_watcher_sees_a_look_up() {
    let Ok(watch) = Watch::new() else { return skip("there is no C compiler") };
    let mut lookup = Command::new(&watch.control);
    lookup.args(["lookup", "example.org"]);
    assert!(watch.around(lookup).status().unwrap().success());
    assert_eq!(watch.traces(), ["getaddrinfo example.org"]);
}
