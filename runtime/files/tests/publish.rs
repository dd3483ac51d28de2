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

#[cfg(unix)]
#[test]
fn what_is_published_is_as_readable_as_any_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("bundle");
    let staged = Staged::beside(&target).unwrap();
    fs::write(staged.path().join("model.onnx"), b"x").unwrap();
    staged.publish(false).unwrap();
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o755);
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
