//! A library that is missing, damaged or something else ends in words, never in a dead process. Each case runs this test
//! program again as a child, with a cache folder of its own: the environment belongs to a process, and so does the
//! library that it loads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kiln_files::Fault;
use kiln_runtime::{Error, Origin, Providers, RuntimeWheel, chain, install, library};

/// What a child does: finds a library for `CHILD_PROVIDERS`, loads it, and prints how that went.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    let providers: Providers = std::env::var("CHILD_PROVIDERS").unwrap().parse().unwrap();
    let explicit = std::env::var_os("CHILD_LIBRARY").map(PathBuf::from);
    let loaded = library::find_for(explicit.as_deref(), &providers).and_then(|library| library::load(&library));
    match loaded {
        Ok(runtime) => {
            println!("loaded {} {:?}", runtime.version(), runtime.library().origin);
            println!("telemetry {:?}", std::env::var("ORT_DISABLE_TELEMETRY"));
        }
        Err(error) => {
            println!("{:?}: {}", error.fault(), chain(&error));
            if let Error::NoLibrary { wheel, .. } | Error::DamagedWheel { wheel, .. } = error {
                println!("to install: {wheel}");
            }
        }
    }
}

/// What another child does: installs the CPU package, and prints each step and how it went.
#[test]
#[ignore = "run by the other tests as a child process"]
fn install_child() {
    match install::install(RuntimeWheel::Cpu, &mut |step| println!("step {step}")) {
        Ok(library) => println!("installed {}", library.path.display()),
        Err(error) => println!("{:?}: {}", error.fault(), chain(&error)),
    }
}

fn install_in_child(cache: &Path) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "install_child", "--nocapture"]).env("KILN_CACHE", cache);
    child
}

fn load_in_child(cache: &Path, explicit: Option<&Path>, providers: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "child", "--nocapture", "--test-threads", "1"]);
    child.env("KILN_CACHE", cache).env("CHILD_PROVIDERS", providers).env_remove("LD_LIBRARY_PATH");
    if let Some(path) = explicit {
        child.env("CHILD_LIBRARY", path);
    }
    let Output { status, stdout, stderr } = child.output().unwrap();
    assert!(status.success(), "the child died: {status} {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// A cache with the CPU package in it, and its library.
fn cache() -> (tempfile::TempDir, PathBuf) {
    let installed = common::runtime().library().clone();
    assert_eq!(installed.origin, Origin::Cache(RuntimeWheel::Cpu), "these tests need the installed CPU package");
    let from = installed.path.parent().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let to = cache.path().join("onnxruntime").join(from.file_name().unwrap());
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    let library = to.join(installed.path.file_name().unwrap());
    (cache, library)
}

fn truncate(path: &Path) -> u64 {
    let file = fs::File::options().write(true).open(path).unwrap();
    let half = file.metadata().unwrap().len() / 2;
    file.set_len(half).unwrap();
    half
}

#[test]
fn an_installed_library_loads() {
    let (cache, _) = cache();
    assert!(load_in_child(cache.path(), None, "cpu").contains("loaded 1.31.1 Cache(Cpu)"));
}

/// `tests/telemetry.rs` of the workspace shows that the variable does it, by files and calls.
#[test]
fn telemetry_is_off_for_programs_that_use_the_library_whatever_the_variable_was() {
    let (cache, _) = cache();
    for value in [None, Some(""), Some("0"), Some("1")] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "child", "--nocapture", "--test-threads", "1"]);
        child.env("KILN_CACHE", cache.path()).env("CHILD_PROVIDERS", "cpu").env_remove("ORT_DISABLE_TELEMETRY");
        child.envs(value.map(|value| ("ORT_DISABLE_TELEMETRY", value)));
        let text = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(text.contains("telemetry Ok(\"1\")"), "{value:?}: {text}");
    }
}

#[test]
fn no_library_names_every_place_and_the_wheel_for_the_provider() {
    if !library::candidates(None).iter().all(|found| matches!(found.library.origin, Origin::Cache(_))) {
        println!("skipped: this machine has an ONNX Runtime of its own");
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    for (providers, package) in [("cpu", "cpu"), ("cuda,cpu", "cuda"), ("openvino", "openvino")] {
        let text = load_in_child(empty.path(), None, providers);
        assert!(text.contains("Environment: no ONNX Runtime library was found"), "{text}");
        assert!(text.contains(&format!("to install: {package}")), "{text}");
        assert!(text.contains(empty.path().to_str().unwrap()), "{text}");
    }
}

#[test]
fn a_truncated_installed_library_is_refused_before_it_is_mapped() {
    let (cache, library) = cache();
    let half = truncate(&library);
    let text = load_in_child(cache.path(), None, "cpu");
    assert!(text.contains("Environment: ") && text.contains("is damaged"), "{text}");
    assert!(text.contains(&format!("{half} bytes, expected 29352200")), "{text}");
    assert!(text.contains("to install: cpu"), "{text}");
}

#[test]
fn one_changed_byte_is_refused_by_its_digest() {
    let (cache, library) = cache();
    let mut bytes = fs::read(&library).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&library, bytes).unwrap();
    let text = load_in_child(cache.path(), None, "cpu");
    assert!(text.contains("SHA-256") && text.contains("fc44112fbe06d7d6"), "{text}");
}

#[test]
fn a_named_library_that_is_cut_short_missing_or_junk_is_an_environment_error() {
    let (cache, library) = cache();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.so");
    fs::copy(&library, &cut).unwrap();
    truncate(&cut);
    let junk = folder.path().join("junk.so");
    fs::write(&junk, b"this is no library").unwrap();
    let missing = folder.path().join("missing.so");
    for (path, reason) in [
        (cut.as_path(), "cut short"),
        (&junk, "not a shared library"),
        (&missing, "No such file"),
        (folder.path(), "not a regular file"),
    ] {
        let text = load_in_child(cache.path(), Some(path), "cpu");
        assert!(text.contains("Environment: ") && text.contains(reason), "{text}");
        assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
    }
}

#[test]
fn a_shared_library_that_is_no_onnx_runtime_is_named_as_such() {
    let Some(libm) =
        ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6"].into_iter().find(|p| Path::new(p).exists())
    else {
        println!("skipped: no libm where it is expected");
        return;
    };
    let empty = tempfile::tempdir().unwrap();
    let text = load_in_child(empty.path(), Some(Path::new(libm)), "cpu");
    assert!(text.contains("does not export OrtGetApiBase"), "{text}");
}

#[test]
fn a_named_library_wins_over_the_cache() {
    let (cache, library) = cache();
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("libonnxruntime.so.1.31.1");
    fs::copy(library, &named).unwrap();
    assert!(load_in_child(cache.path(), Some(&named), "cpu").contains("loaded 1.31.1 Explicit"));
}

#[test]
fn candidates_say_why_a_library_cannot_be_loaded() {
    let junk = tempfile::NamedTempFile::new().unwrap();
    let found = library::candidates(Some(junk.path()));
    assert_eq!(found[0].library.origin, Origin::Explicit);
    assert!(found[0].status.as_ref().unwrap_err().contains("no ELF header"), "{found:?}");
}

#[test]
fn an_install_that_is_whole_is_not_repeated() {
    common::runtime();
    let mut steps = Vec::new();
    let library = install::install(RuntimeWheel::Cpu, &mut |step| steps.push(step.to_owned())).unwrap();
    assert!(steps.len() == 1 && steps[0].contains("installed and whole"), "{steps:?}");
    let folder = library.path.parent().unwrap();
    let record = fs::read(folder.join(install::RECORD)).unwrap();
    let record: install::InstallRecord = serde_json::from_slice(&record).unwrap();
    assert_eq!((record.package.as_str(), record.version.as_str()), ("cpu", "1.31.1"));
    for file in record.files {
        let found = kiln_files::digest::sha256_file(&folder.join(&file.name)).unwrap();
        assert_eq!(found, file.sha256, "{}", file.name);
    }
    assert!(RuntimeWheel::ALL.iter().all(|wheel| wheel.providers().contains(&"cpu")));
    assert_eq!(kiln_runtime::Error::from(library::UnknownWheel { name: String::new() }).fault(), Fault::Input);
}

#[test]
fn an_install_without_python_says_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let output = install_in_child(empty.path()).env("PATH", empty.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("Environment: ONNX Runtime for cpu cannot be installed: python3 is not on the PATH"),
        "{text}"
    );
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = install_in_child(file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Environment: ") && text.contains(file.path().to_str().unwrap()), "{text}");
}

/// Fetches 24 MB: set `KILN_TEST_INSTALL=cpu` to run it.
#[test]
fn two_installs_at_once_leave_one_whole_package_and_a_third_repairs_it() {
    if !common::may_install("cpu") {
        println!("skipped: KILN_TEST_INSTALL does not name `cpu`");
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let start = || install_in_child(cache.path()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let texts: Vec<_> =
        [start(), start()].map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()).into();
    assert!(texts.iter().all(|text| text.contains("installed ")), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains("is installed and whole")).count(), 1, "{texts:?}");
    assert!(load_in_child(cache.path(), None, "cpu").contains("loaded 1.31.1"));

    let folder = cache.path().join("onnxruntime");
    truncate(&folder.join("cpu-1.31.1/libonnxruntime.so.1.31.1"));
    let text = String::from_utf8(install_in_child(cache.path()).output().unwrap().stdout).unwrap();
    assert!(text.contains("is damaged") && text.contains("installing again"), "{text}");
    assert!(load_in_child(cache.path(), None, "cpu").contains("loaded 1.31.1"));
    let mut left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".cpu.lock", "cpu-1.31.1"]);
}
