//! Promises of publishing: whole or not at all, and nothing left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use kiln_files::publish::{Staged, scratch_file, sweep, write_file};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_replaces_the_old_one_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("deep/manifest.json");
    write_file(&target, b"old").unwrap();
    write_file(&target, b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(names(target.parent().unwrap()), ["manifest.json"]);
}

#[test]
fn a_folder_that_is_not_published_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let staged = Staged::beside(&folder.path().join("bundle")).unwrap();
    fs::write(staged.path().join("model.onnx"), b"half").unwrap();
    drop(staged);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn what_a_killed_writer_left_is_swept_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["report.html", ".lock", "weights.partial", ".hidden/kept"] {
        write_file(&folder.path().join(name), b"kept").unwrap();
    }
    // Never dropped, as after a kill.
    scratch_file(&folder.path().join("report.html")).unwrap().keep().unwrap();
    let staged = Staged::beside(&folder.path().join("step-7")).unwrap();
    fs::write(staged.path().join("weights.bpk"), b"half").unwrap();
    std::mem::forget(staged);
    assert_eq!(names(folder.path()).len(), 6);
    sweep(folder.path()).unwrap();
    assert_eq!(names(folder.path()), [".hidden", ".lock", "report.html", "weights.partial"]);
    sweep(&folder.path().join("missing")).unwrap();
}

#[test]
fn a_folder_that_is_there_gives_way_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("bundle");
    for (content, replace) in [("first", false), ("second", false), ("third", true)] {
        let staged = Staged::beside(&target).unwrap();
        fs::write(staged.path().join("model.onnx"), content).unwrap();
        match staged.publish(replace) {
            Ok(()) => assert_ne!(content, "second"),
            Err(error) => assert_eq!((error.kind(), content), (ErrorKind::AlreadyExists, "second")),
        }
    }
    assert_eq!(fs::read(target.join("model.onnx")).unwrap(), b"third");
    assert_eq!(names(folder.path()), ["bundle"]);
}

/// The permissions of a file or folder.
#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_published_has_the_permissions_of_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("usual"), "x").unwrap();
    fs::create_dir(at("usual-folder")).unwrap();
    write_file(&at("file"), b"x").unwrap();
    let staged = Staged::beside(&at("bundle")).unwrap();
    fs::write(staged.path().join("manifest.json"), b"x").unwrap();
    write_file(&staged.path().join("golden.npz"), b"x").unwrap();
    staged.publish(false).unwrap();
    for name in ["file", "bundle/manifest.json", "bundle/golden.npz"] {
        assert_eq!(mode(&at(name)), mode(&at("usual")), "{name}");
    }
    assert_eq!(mode(&at("bundle")), mode(&at("usual-folder")));
}

#[cfg(unix)]
#[test]
fn what_is_replaced_keeps_its_permissions_and_a_protected_file_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for kept in [0o600, 0o664] {
        fs::write(at("file"), "old").unwrap();
        set_mode(&at("file"), kept);
        write_file(&at("file"), b"new").unwrap();
        assert_eq!((mode(&at("file")), fs::read(at("file")).unwrap()), (kept, b"new".to_vec()));
    }
    fs::create_dir(at("bundle")).unwrap();
    for kept in [0o700, 0o2775, 0o3770] {
        set_mode(&at("bundle"), kept);
        Staged::beside(&at("bundle")).unwrap().publish(true).unwrap();
        assert_eq!(mode(&at("bundle")), kept);
    }
    set_mode(&at("file"), 0o444);
    let error = write_file(&at("file"), b"newer").unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("write-protected"), "{error}");
    assert_eq!(fs::read(at("file")).unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn a_write_protected_folder_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("bundle/extra")).unwrap();
    for name in ["bundle/extra", "bundle"] {
        set_mode(&at(name), 0o555);
        let error = Staged::beside(&at("bundle")).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains(name), "{error}");
        set_mode(&at(name), 0o755);
    }
    assert_eq!(names(folder.path()), ["bundle"]);
    // A link is replaced, not the folder that it leads to.
    set_mode(&at("bundle"), 0o555);
    std::os::unix::fs::symlink("bundle", at("link")).unwrap();
    Staged::beside(&at("link")).unwrap();
    set_mode(&at("bundle"), 0o755);
}

#[test]
fn a_path_that_can_be_no_file_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.png"), "x").unwrap();
    let long = "x".repeat(240);
    let cases = [
        ("a.png/x.csv", "a.png is not a folder"),
        ("a.png/b/x.csv", "a.png is not a folder"),
        ("new.csv/", "names a folder"),
        ("..", "not a regular file"),
        (long.as_str(), "the name has 240 bytes"),
    ];
    for (name, reason) in cases {
        let error = write_file(&at(name), b"x").unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains(reason), "{name}: {error}");
    }
    for name in ["a.png/bundle", long.as_str()] {
        assert_eq!(Staged::beside(&at(name)).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
    }
    write_file(&at(&long[1..]), b"x").unwrap();
    assert_eq!(names(folder.path()), ["a.png", &long[1..]]);
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_replaced_by_one() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink(&pipe, folder.path().join("link")).unwrap();
    for name in ["pipe", "link", "."] {
        let error = write_file(&folder.path().join(name), b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
    }
    assert!(pipe.metadata().unwrap().file_type().is_fifo());
    assert_eq!(names(folder.path()), ["link", "pipe"]);
}
