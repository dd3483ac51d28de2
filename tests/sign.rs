//! `kiln sign`, and the verbs that require a signature: a signed bundle passes, an unsigned or changed one is exit status 1.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Kind, command, contents, copy, finish, fixture, kiln, scratch};

/// A key, `key.pem` and `key.pub`, in a folder.
fn key(folder: &Path) -> (PathBuf, PathBuf) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let (private, public) = (folder.join("key.pem"), folder.join("key.pub"));
    fs::write(&private, pair.serialize_pem()).unwrap();
    fs::write(&public, pair.public_key_pem()).unwrap();
    (private, public)
}

#[test]
fn a_signed_bundle_is_verified_and_scored_with() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join("bundle"));
    let (private, public) = key(folder.path());
    let report = kiln!("--json", "sign", &bundle, "--key", &private).code(0).json();
    assert!(report["signature"].as_str().unwrap().ends_with("model.sig"));
    assert_eq!((&report["files"], &report["signer"]["curve"]), (&json!(contents(&bundle).len() - 1), &json!("P-256")));
    let verified = kiln!("--json", "verify", &bundle, "--key", &public).code(0).json();
    assert_eq!((&verified["passed"], &verified["signer"]), (&json!(true), &report["signer"]));
    let alone = kiln!("--json", "verify", &bundle, "--key", &public, "--signature-only").code(0).json();
    assert_eq!(alone, json!({"passed": true, "signer": report["signer"]}));
    let scored = kiln!("score", &bundle, fixture.tile(0), "--require-signature", &public).code(0);
    assert!(scored.stderr().contains("signed with the P-256 key"), "{}", scored.stderr());
    assert_eq!(scored.stdout(), kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(0)).code(0).stdout());
    // Other verbs open it as any bundle, and a server package has no copy of the signature.
    kiln!("verify", &bundle).code(0);
    let models = folder.path().join("models");
    kiln!("package", &bundle, "--target", "triton", "--name", "m", "--out", &models).code(0);
    assert!(!contents(&models).keys().any(|path| path.ends_with("model.sig")));
}

#[test]
fn an_unsigned_or_changed_bundle_is_refused() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = copy(&fixture.bundle(Kind::Cnn), &folder.path().join("bundle"));
    let (private, public) = key(folder.path());
    let refused = |words: &[&str]| {
        kiln!("verify", &bundle, "--key", &public).code(1).says(words);
        kiln!("verify", &bundle, "--key", &public, "--signature-only").code(1).says(words);
        let scored = kiln!("score", &bundle, fixture.tile(0), "--require-signature", &public).code(1).says(words);
        assert_eq!(scored.stdout(), "");
    };
    refused(&["is not signed", "hint: sign it with `kiln sign"]);
    kiln!("sign", &bundle, "--key", &private).code(0);
    fs::write(bundle.join("extra.txt"), "x").unwrap();
    refused(&["extra.txt is not signed", "hint: get the bundle again"]);
    fs::remove_file(bundle.join("extra.txt")).unwrap();
    // Another bundle under this signature: whole, and not what was signed.
    let other = copy(&fixture.bundle(Kind::Other), &folder.path().join("other"));
    fs::copy(bundle.join("model.sig"), other.join("model.sig")).unwrap();
    kiln!("score", &other, fixture.tile(0)).code(0);
    kiln!("score", &other, fixture.tile(0), "--require-signature", &public).code(1).says(&["model.onnx has SHA-256"]);
    let stranger = folder.path().join("stranger");
    fs::create_dir(&stranger).unwrap();
    kiln!("sign", &bundle, "--key", key(&stranger).0).code(0);
    refused(&["made with another key"]);
    let signature = folder.path().join("elsewhere.sig");
    kiln!("sign", &bundle, "--key", &private, "--signature", &signature).code(0);
    // The stranger's signature in the bundle is not part of what is signed.
    kiln!("verify", &bundle, "--key", &public, "--signature", &signature, "--signature-only").code(0);
    fs::remove_file(bundle.join("model.sig")).unwrap();
    kiln!("verify", &bundle, "--key", &public, "--signature", &signature, "--signature-only").code(0);
}

#[test]
fn keys_that_cannot_be_used_are_wrong_input() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let (private, public) = key(folder.path());
    let signature = folder.path().join("model.sig");
    let sign = |key: &Path| kiln!("sign", &bundle, "--key", key, "--signature", &signature);
    sign(&public).code(2).says(&["no private key", "PUBLIC KEY"]);
    sign(&folder.path().join("none")).code(2).says(&["none"]);
    kiln!("verify", &bundle, "--key", &private).code(2).says(&["neither a public key nor certificates"]);
    kiln!("score", &bundle, fixture.tile(0), "--require-signature", &private).code(2).says(&["PRIVATE KEY"]);
    kiln!("sign", &bundle, "--key", &private, "--signature", &public)
        .code(2)
        .says(&["is not a signature", "hint: name"]);
    kiln!("score", &bundle, fixture.tile(0), "--require-signature", &public, "--endpoint", "http://127.0.0.1:9")
        .code(2)
        .says(&["--require-signature", "--endpoint"]);
    let encrypted = folder.path().join("encrypted.pem");
    fs::write(&encrypted, include_str!("../runtime/sign/src/tests/encrypted.pem")).unwrap();
    sign(&encrypted).code(2).says(&["encrypted", "hint: set its password in the variable KILN_KEY_PASSWORD"]);
    let mut with_password = command();
    with_password.env("KILN_KEY_PASSWORD", "secret").arg("sign").arg(&bundle).arg("--key").arg(&encrypted);
    finish({
        with_password.arg("--signature").arg(&signature);
        with_password
    })
    .code(0);
}
