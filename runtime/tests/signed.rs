//! A bundle that must be signed is opened from a private copy of the signed files, or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{bundle, onnx};
use kiln_files::Fault;
use kiln_runtime::{Bundle, Error};
use kiln_sign::{PrivateKey, SIGNATURE, SigningKey, Trust};

/// A bundle, with a key beside it.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.path().join("key"), pair.serialize_pem()).unwrap();
        fs::write(folder.path().join("key.pub"), pair.public_key_pem()).unwrap();
        let fixture = Self { folder };
        fs::create_dir(fixture.bundle()).unwrap();
        bundle::write(&fixture.bundle(), &onnx::class_model(None));
        fixture
    }

    fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    fn sign(&self) -> Result<(PathBuf, usize), Error> {
        let key = SigningKey::new(PrivateKey::read(&self.folder.path().join("key"), None).unwrap());
        Bundle::open(&self.bundle())?.sign(&key, None)
    }

    fn open(&self) -> Result<Bundle, Error> {
        Bundle::open_signed(&self.bundle(), None, &Trust::read(&self.folder.path().join("key.pub")).unwrap())
    }
}

#[test]
fn a_signed_bundle_is_read_from_a_private_copy() {
    let fixture = Fixture::new();
    let (signature, files) = fixture.sign().unwrap();
    assert_eq!(signature.file_name().unwrap(), SIGNATURE);
    let listed = Bundle::open(&fixture.bundle()).unwrap().manifest.files.len();
    assert_eq!(files, listed + 1, "the listed files and the manifest");
    let bundle = fixture.open().unwrap();
    assert_eq!(bundle.signer().unwrap().curve, "P-256");
    assert!(Bundle::open(&fixture.bundle()).unwrap().signer().is_none());
    let model = bundle.model_path("fp32").unwrap();
    assert!(!model.starts_with(fixture.folder.path().canonicalize().unwrap()));
    assert!(!bundle.path.join(SIGNATURE).exists());
    // Somebody changes the bundle after it was opened.
    let signed = fs::read(&model).unwrap();
    fs::write(fixture.bundle().join("model.onnx"), "another graph").unwrap();
    assert_eq!(fs::read(&model).unwrap(), signed);
    // Errors name the bundle and not its copy.
    let error = bundle.model_path("int3").unwrap_err().to_string();
    assert!(error.contains(fixture.bundle().to_str().unwrap()), "{error}");
    let copy = bundle.path.clone();
    let clone = bundle.clone();
    drop(bundle);
    assert!(copy.exists());
    drop(clone);
    assert!(!copy.exists());
}

#[test]
fn an_unsigned_or_changed_bundle_is_a_failed_check() {
    let fixture = Fixture::new();
    let refusal = |expected: &str| {
        let error = fixture.open().unwrap_err();
        assert!(matches!(error, Error::Signature(_)), "{error}");
        assert_eq!(error.fault(), Fault::Check);
        assert!(error.to_string().contains(expected), "{error}");
    };
    refusal("is not signed");
    fixture.sign().unwrap();
    // A manifest that matches the changed graph passes every other check.
    let model = onnx::with_metadata(&onnx::class_model(None), "note", "changed");
    bundle::write(&fixture.bundle(), &model);
    Bundle::open(&fixture.bundle()).unwrap();
    refusal("model.onnx has SHA-256");
    fixture.sign().unwrap();
    fixture.open().unwrap();
    fs::write(fixture.bundle().join("beside.txt"), "x").unwrap();
    refusal("beside.txt is not signed");
}

#[test]
fn a_signed_folder_that_is_no_whole_bundle_is_refused() {
    let fixture = Fixture::new();
    fixture.sign().unwrap();
    fs::write(fixture.bundle().join("model.onnx"), "damaged").unwrap();
    assert!(matches!(fixture.sign().unwrap_err(), Error::Bundle { .. }), "a damaged bundle is not signed");
    // Signed all the same, by another tool.
    let key = SigningKey::new(PrivateKey::read(&fixture.folder.path().join("key"), None).unwrap());
    let signature = fixture.bundle().join(SIGNATURE);
    kiln_sign::DigestedFolder::read(&fixture.bundle(), &signature).unwrap().sign(&key).unwrap();
    let error = fixture.open().unwrap_err();
    assert!(matches!(error, Error::Bundle { .. }), "{error}");
    let missing = Bundle::open_signed(&fixture.folder.path().join("none"), None, &Trust::Roots(vec![])).unwrap_err();
    assert!(matches!(missing, Error::Read { .. }), "{missing}");
}
