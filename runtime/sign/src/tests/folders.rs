//! The files of a signed folder: which are signed, and what reaches the private copy.

use super::*;

#[test]
fn files_of_git_and_the_signature_are_left_out() {
    let fixture = Fixture::new();
    for name in [".git/config", ".gitignore", ".gitattributes", ".github/ci.yml"] {
        fixture.write(name, "x");
    }
    fixture.write(".hidden", "signed all the same");
    fixture.sign(&fixture.key());
    fixture.write(".git/config", "changed");
    // A second signature does not cover the first.
    fixture.sign(&fixture.key());
    assert_eq!(fixture.check(&fixture.trust()).unwrap().files(), 5);
}

#[test]
fn a_private_copy_holds_the_signed_files_alone() {
    let fixture = Fixture::new();
    fixture.write(".git/config", "x");
    fixture.sign(&fixture.key());
    let signed = fixture.check(&fixture.trust()).unwrap();
    let copy = signed.private_copy().unwrap();
    let mut names = crate::folder::list(copy.path(), &[]).unwrap();
    names.sort();
    assert_eq!(names, ["manifest.json", "model.onnx", "weights/a.bin", "weights/b.bin"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(copy.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let path = copy.path().to_owned();
    drop(copy);
    assert!(!path.exists());
}

#[test]
fn a_file_that_changes_after_the_check_does_not_reach_the_copy() {
    let fixture = Fixture::signed();
    let signed = fixture.check(&fixture.trust()).unwrap();
    for text in ["grapH", "graph and more", ""] {
        fixture.write("model.onnx", text);
        let error = signed.private_copy().unwrap_err().to_string();
        assert!(error.contains("model.onnx changed while it was read"), "{error}");
    }
    fixture.write("model.onnx", "graph");
    assert!(signed.private_copy().is_ok());
}

#[test]
fn a_signature_may_be_elsewhere_and_the_folder_may_move() {
    let fixture = Fixture::new();
    let signature = fixture.path("bundle.sig");
    DigestedFolder::read(&fixture.model(), &signature).unwrap().sign(&fixture.key()).unwrap();
    assert!(matches!(fixture.check(&fixture.trust()), Err(Error::Unsigned { .. })));
    let moved = fixture.path("moved");
    fs::rename(fixture.model(), &moved).unwrap();
    SignedFolder::check(&moved, &signature, &fixture.trust(), SystemTime::now()).unwrap();
}

#[test]
fn a_signature_replaces_nothing_but_a_signature() {
    let fixture = Fixture::signed();
    let manifest = fixture.model().join("manifest.json");
    let error = DigestedFolder::read(&fixture.model(), &manifest).unwrap_err();
    assert!(matches!(error, Error::NotASignature { .. }), "{error}");
    assert_eq!(fs::read_to_string(manifest).unwrap(), "{}");
    fs::remove_file(fixture.signature()).unwrap();
    fs::create_dir(fixture.signature()).unwrap();
    let error = DigestedFolder::read(&fixture.model(), &fixture.signature()).unwrap_err();
    assert!(matches!(error, Error::NotASignature { .. }), "{error}");
    let error = fixture.check(&fixture.trust()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && error.to_string().contains("not a regular file"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_neither_signed_nor_accepted() {
    let fixture = Fixture::signed();
    std::os::unix::fs::symlink("a.bin", fixture.model().join("weights/link")).unwrap();
    let error = fixture.check(&fixture.trust()).unwrap_err();
    assert!(
        matches!(error, Error::Changed { .. }) && error.to_string().contains("`weights/link` is a link"),
        "{error}"
    );
    let error = DigestedFolder::read(&fixture.model(), &fixture.signature()).unwrap_err();
    assert!(matches!(error, Error::Folder { .. }) && error.to_string().contains("`weights/link` is a link"), "{error}");
}
