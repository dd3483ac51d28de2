//! The Python package `model-signing`: its signatures are accepted, from files that its release 1.1.1 wrote, and it accepts those
//! of this crate, if `KILN_MODEL_SIGNING_PYTHON` names a Python that has the package.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use kiln_sign::{DigestedFolder, Error, PrivateKey, SignedFolder, SigningKey, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn check(signature: &str, trust: &str) -> Result<SignedFolder, Error> {
    let trust = Trust::read(&data(trust)).unwrap();
    SignedFolder::check(&data("model"), &data(signature), &trust, SystemTime::now())
}

#[test]
fn signatures_of_the_python_package_are_accepted() {
    for (name, curve) in [("p256", "P-256"), ("p384", "P-384"), ("p521", "P-521")] {
        let signed = check(&format!("{name}.sig"), &format!("{name}.pub")).unwrap();
        assert_eq!((signed.signer().curve, signed.files()), (curve, 4));
    }
    let signed = check("certificate.sig", "root.pem").unwrap();
    assert_eq!(signed.signer().curve, "P-521");
    assert_eq!(signed.signer().subject.as_deref(), Some("CN=Test Signer,O=Laboratory"));
}

#[test]
fn signatures_of_the_python_package_by_others_or_of_other_kinds_are_refused() {
    let refusals = [
        ("p256.sig", "p384.pub", "another key"),
        ("p256.sig", "root.pem", "no certificate"),
        ("certificate.sig", "p521.pub", "made with a certificate"),
        ("shards.sig", "p256.pub", "serialization.method is `shards`; expected `files`"),
        ("blake3.sig", "p256.pub", "serialization.hash_type is `blake3`; expected `sha256`"),
    ];
    for (signature, trust, expected) in refusals {
        let error = check(signature, trust).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }) && error.to_string().contains(expected), "{error}");
    }
}

/// The Python that has the package.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("KILN_MODEL_SIGNING_PYTHON").filter(|path| !path.is_empty());
    if python.is_none() {
        eprintln!("skipped: KILN_MODEL_SIGNING_PYTHON does not name a Python with the package model-signing");
    }
    python.map(PathBuf::from)
}

/// Verifies by the Python package. Returns its output.
fn verify(python: &Path, method: &str, model: &Path, signature: &Path, trust: [&str; 2]) -> Result<(), String> {
    let mut command = Command::new(python);
    command.args(["-m", "model_signing", "verify", method]).arg(model).arg("--signature").arg(signature).args(trust);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
}

/// A folder to sign, in a folder to write to, with a hidden file and one of git.
fn model() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    for name in ["model.onnx", "weights/a.bin", "weights.bin", ".hidden", "a b", "ä", ".git/config", ".gitignore"] {
        let path = model.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    (folder, model)
}

#[test]
fn the_python_package_accepts_signatures_by_keys_and_refuses_changes() {
    let Some(python) = python() else { return };
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let (folder, model) = model();
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let (private, public) = (folder.path().join("key"), folder.path().join("key.pub"));
        fs::write(&private, pair.serialize_pem()).unwrap();
        fs::write(&public, pair.public_key_pem()).unwrap();
        let key = SigningKey::new(PrivateKey::read(&private, None).unwrap());
        for signature in [model.join("model.sig"), folder.path().join("elsewhere.sig")] {
            DigestedFolder::read(&model, &signature).unwrap().sign(&key).unwrap();
            let verify = || verify(&python, "key", &model, &signature, ["--public_key", public.to_str().unwrap()]);
            verify().unwrap();
            fs::write(model.join("a b"), "changed").unwrap();
            assert!(verify().unwrap_err().contains("a b"));
            fs::write(model.join("a b"), "a b").unwrap();
        }
    }
}

#[test]
fn the_python_package_accepts_signatures_with_certificates() {
    let Some(python) = python() else { return };
    let (folder, model) = model();
    let path = |name: &str| folder.path().join(name);
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate().unwrap();
    fs::write(path("root.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let mut signer = CertificateParams::default();
    signer.distinguished_name.push(rcgen::DnType::CommonName, "Signer");
    signer.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let pair = KeyPair::generate().unwrap();
    let issuer = Issuer::from_params(&authority, &authority_key);
    fs::write(path("signer.pem"), signer.signed_by(&pair, &issuer).unwrap().pem()).unwrap();
    fs::write(path("key"), pair.serialize_pem()).unwrap();
    let key = PrivateKey::read(&path("key"), None).unwrap();
    let key = SigningKey::with_certificate(key, &path("signer.pem"), &[], SystemTime::now()).unwrap();
    let signature = model.join("model.sig");
    DigestedFolder::read(&model, &signature).unwrap().sign(&key).unwrap();
    SignedFolder::check(&model, &signature, &Trust::read(&path("root.pem")).unwrap(), SystemTime::now()).unwrap();
    let root = path("root.pem");
    let trust = ["--certificate_chain", root.to_str().unwrap()];
    verify(&python, "certificate", &model, &signature, trust).unwrap();
}
