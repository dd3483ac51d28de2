//! A bundle is refused with the file or key that is wrong, before anything in it is used.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{bundle, onnx};
use kiln_files::Fault;
use kiln_runtime::bundle::{FILES_LIMIT, MANIFEST_LIMIT};
use kiln_runtime::{Bundle, Error};
use serde_json::{Value, json};

/// Opens a bundle whose manifest was changed, and gives the refusal.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let model = onnx::class_model(None);
    bundle::write(folder.path(), &model);
    let mut manifest = bundle::manifest(&model);
    change(&mut manifest);
    bundle::write_manifest(folder.path(), &manifest);
    refused(folder.path())
}

fn refused(folder: &Path) -> String {
    let error = Bundle::open(folder).unwrap_err();
    assert!(matches!(error, Error::Bundle { .. }), "{error}");
    assert_eq!(error.fault(), Fault::Input);
    error.to_string()
}

fn whole() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    bundle::write(folder.path(), &onnx::class_model(None));
    folder
}

#[test]
fn a_whole_bundle_opens_and_names_its_graph() {
    let folder = whole();
    let bundle = Bundle::open(folder.path()).unwrap();
    assert_eq!(bundle.manifest.classes, ["benign", "anomalous"]);
    assert_eq!(bundle.model_path("fp32").unwrap(), folder.path().canonicalize().unwrap().join("model.onnx"));
    let error = bundle.model_path("int8").unwrap_err().to_string();
    assert!(error.contains("`int8`") && error.contains("fp32"), "{error}");
    assert!(bundle.golden_path().unwrap_err().to_string().contains("golden.npz"));
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let error = Bundle::open(Path::new("no/such/bundle")).unwrap_err();
    assert_eq!(error.fault(), Fault::Input);
    assert!(error.to_string().contains("no/such/bundle"));
}

#[test]
fn a_file_or_an_empty_folder_is_no_bundle() {
    let folder = whole();
    assert!(refused(&folder.path().join("model.onnx")).contains("not a folder"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(empty.path()).contains("manifest.json"));
}

#[test]
fn a_changed_byte_is_found_by_its_digest() {
    let folder = whole();
    let path = folder.path().join("model.onnx");
    let mut model = fs::read(&path).unwrap();
    *model.last_mut().unwrap() ^= 1;
    fs::write(path, model).unwrap();
    let error = refused(folder.path());
    assert!(error.contains("model.onnx: SHA-256"), "{error}");
}

#[test]
fn a_truncated_file_is_found_by_its_size() {
    let folder = whole();
    let path = folder.path().join("model.onnx");
    let model = fs::read(&path).unwrap();
    fs::write(path, &model[..model.len() / 2]).unwrap();
    let error = refused(folder.path());
    assert!(error.contains(&format!("{} bytes; manifest.json has {}", model.len() / 2, model.len())), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = whole();
    fs::remove_file(folder.path().join("model.onnx")).unwrap();
    assert!(refused(folder.path()).contains("model.onnx"));
}

#[test]
fn paths_that_may_lead_out_are_refused() {
    for path in ["../model.onnx", "/etc/passwd", "a/../../x", "..\\x", "C:\\x", ""] {
        let error = refusal(|manifest| {
            manifest["files"].as_array_mut().unwrap().push(json!({ "path": path, "bytes": 0, "sha256": "" }));
        });
        assert!(error.contains("may lead out of the bundle"), "{path}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_bundle_is_refused_and_one_inside_is_not() {
    let folder = whole();
    let path = folder.path().join("model.onnx");
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().join("model.onnx");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = refused(folder.path());
    assert!(error.contains("link that leads out"), "{error}");

    fs::remove_file(&path).unwrap();
    fs::rename(&elsewhere, folder.path().join("blob")).unwrap();
    std::os::unix::fs::symlink("blob", &path).unwrap();
    Bundle::open(folder.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_manifest_that_is_a_link_out_is_refused() {
    let folder = whole();
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().join("manifest.json");
    fs::rename(folder.path().join("manifest.json"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.path().join("manifest.json")).unwrap();
    assert!(refused(folder.path()).contains("link that leads out"));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_refused() {
    let folder = whole();
    fs::remove_file(folder.path().join("model.onnx")).unwrap();
    fs::create_dir(folder.path().join("model.onnx")).unwrap();
    assert!(refused(folder.path()).contains("not a regular file"));
}

#[test]
fn an_oversized_manifest_is_refused_by_its_length() {
    let folder = whole();
    let manifest = fs::File::options().write(true).open(folder.path().join("manifest.json")).unwrap();
    manifest.set_len(MANIFEST_LIMIT + 1).unwrap();
    let error = refused(folder.path());
    assert!(error.contains("over the limit of 16777216"), "{error}");
}

#[test]
fn a_manifest_that_lists_too_many_files_is_refused() {
    let error = refusal(|manifest| {
        let entry = |i| json!({ "path": format!("{i}"), "bytes": 0, "sha256": "" });
        manifest["files"] = (0..=FILES_LIMIT).map(entry).collect();
    });
    assert!(error.contains("4097 files"), "{error}");
}

#[test]
fn another_schema_is_named_whatever_else_differs() {
    let error = refusal(|manifest| *manifest = json!({ "schema": 7 }));
    assert!(error.contains("schema 7; this release reads schema 1"), "{error}");
}

#[test]
fn a_manifest_that_is_not_json_or_lacks_a_key_is_named() {
    let folder = whole();
    fs::write(folder.path().join("manifest.json"), b"{ \"schema\": ").unwrap();
    assert!(refused(folder.path()).contains("manifest.json"));
    let error = refusal(|manifest| drop(manifest.as_object_mut().unwrap().remove("threshold")));
    assert!(error.contains("`threshold`"), "{error}");
}

#[test]
fn a_graph_without_a_digest_is_refused() {
    let error = refusal(|manifest| manifest["files"] = json!([]));
    assert!(error.contains("`model.onnx`, which is not in `files`"), "{error}");
    let error = refusal(|manifest| manifest["variants"] = json!([]));
    assert!(error.contains("no variants"), "{error}");
}

#[test]
fn a_file_listed_twice_or_the_manifest_itself_is_refused() {
    let error = refusal(|manifest| {
        let entry = manifest["files"][0].clone();
        manifest["files"].as_array_mut().unwrap().push(entry);
    });
    assert!(error.contains("`model.onnx` twice"), "{error}");
    let error = refusal(|manifest| manifest["files"][0]["path"] = json!("manifest.json"));
    assert!(error.contains("lists itself"), "{error}");
}
