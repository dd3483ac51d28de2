//! A library that is missing, old, damaged or something else ends in words.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use kiln_slide::openslide::{self, Library, LibraryError, LibraryFile, Origin};

use crate::support::{library, need};

fn load(path: &Path) -> Result<Library, LibraryError> {
    Library::load(&openslide::find(Some(path))?, 1 << 20)
}

#[test]
fn the_library_has_a_safe_version() {
    let library = need!(library());
    assert!(library.version().starts_with("4.") || library.version().starts_with('5'), "{}", library.version());
    assert!(library.path().is_absolute());
}

#[test]
fn files_that_are_no_openslide_are_refused() {
    let library = need!(library());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libopenslide.so.1");
    assert!(matches!(load(&path), Err(LibraryError::Unusable { .. })));
    fs::write(&path, "text").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("ELF"));
    let whole = fs::read(library.path()).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("cut short"));
    let other = fs::read_dir("/lib/x86_64-linux-gnu").into_iter().flatten().flatten().map(|entry| entry.path());
    if let Some(other) = other.into_iter().find(|path| path.ends_with("libm.so.6")) {
        let error = load(&other).unwrap_err().to_string();
        assert!(error.contains("does not export openslide_get_version"), "{error}");
    }
}

/// Libraries with a version and nothing else, made by the C compiler.
#[test]
fn versions_with_known_vulnerabilities_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["4.0.0", "3.4.1"] {
        let source = folder.path().join("old.c");
        fs::write(&source, format!("const char *openslide_get_version(void) {{ return \"{version}\"; }}")).unwrap();
        let path = folder.path().join(format!("libopenslide-{version}.so"));
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&path, &source]).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: no C compiler");
            return;
        }
        let error = load(&path).unwrap_err();
        assert!(matches!(&error, LibraryError::Vulnerable { version: found, .. } if found == version), "{error}");
        let text = error.to_string();
        assert!(text.contains("CVE-2026-48977") && text.contains("CVE-2026-54604") && text.contains("4.0.1"), "{text}");
    }
}

/// The first child process: installs OpenSlide into its own cache, and loads it from there.
#[test]
#[ignore = "run by the other tests as a child process"]
fn install_child() {
    match openslide::install(&mut |step| println!("step {step}")) {
        Ok(LibraryFile { path, origin }) => println!("installed {} {origin:?}", path.display()),
        Err(error) => println!("{error}"),
    }
    match openslide::find(None).and_then(|file| Library::load(&file, 0)) {
        Ok(library) => println!("loaded {} {:?}", library.version(), library.origin()),
        Err(error) => println!("{error}"),
    }
}

/// The second child process: loads the installed library.
#[test]
#[ignore = "run by the other tests as a child process"]
fn load_child() {
    match openslide::find(None).and_then(|file| Library::load(&file, 0)) {
        Ok(library) => println!("loaded {} {:?}", library.version(), library.origin()),
        Err(error) => println!("{error}"),
    }
}

fn run_child(name: &str, cache: &Path) -> String {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--ignored", "--exact", &format!("library::{name}"), "--nocapture", "--test-threads", "1"]);
    let output = child.env("KILN_CACHE", cache).env_remove("LD_LIBRARY_PATH").output().unwrap();
    assert!(output.status.success(), "the child died: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_install_is_whole_checked_before_loading_and_repaired() {
    let cache = tempfile::tempdir().unwrap();
    let first = run_child("install_child", cache.path());
    if first.contains("pip failed") || first.contains("python3 is not") || first.contains("no OpenSlide is pinned") {
        println!("skipped: the wheel cannot be fetched here: {first}");
        return;
    }
    assert!(first.contains("loaded 4.0.1 Cache"), "{first}");
    let folder = cache.path().join("openslide/4.0.1.2");
    for name in ["libopenslide.so.1", "install.json", "licenses/OpenSlide/COPYING.LESSER", "licenses/glib/COPYING"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    let again = run_child("install_child", cache.path());
    assert!(again.contains("is installed and whole") && !again.contains("fetching"), "{again}");
    // A changed byte is found before the loader maps the file.
    let path = folder.join("libopenslide.so.1");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1_000_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let damaged = run_child("load_child", cache.path());
    assert!(damaged.contains("install OpenSlide again") && !damaged.contains("loaded"), "{damaged}");
    let repaired = run_child("install_child", cache.path());
    assert!(repaired.contains("installing again") && repaired.contains("loaded 4.0.1 Cache"), "{repaired}");
}

#[test]
fn no_library_names_every_place_of_the_search() {
    if openslide::candidates(None).iter().any(|found| found.library.origin == Origin::System) {
        println!("skipped: this machine has an OpenSlide of its own");
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    let text = run_child("load_child", empty.path());
    assert!(text.contains("no OpenSlide library") && text.contains("/usr/lib"), "{text}");
    assert!(text.contains(empty.path().to_str().unwrap()), "{text}");
}
