//! Every way to change a signed folder or its signature is refused, with the change named. The changes of a statement are
//! signed again with the right key: what is refused there is the statement itself.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::authority::{Authority, signer};
use super::*;
use crate::envelope::SignatureFile;

/// A change of a signed folder.
type FolderChange<'a> = &'a dyn Fn(&Fixture);
/// A change of a signature's JSON.
type JsonChange<'a> = &'a dyn Fn(&mut Value);

/// Refuses the folder, as one that differs from the signature.
fn changed(fixture: &Fixture, expected: &[&str]) {
    let error = fixture.check(&fixture.trust()).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    says(&error, expected);
}

/// Refuses the signature.
fn refused(fixture: &Fixture, expected: &[&str]) {
    let error = fixture.check(&fixture.trust()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    says(&error, expected);
}

fn says(error: &Error, expected: &[&str]) {
    assert_eq!(error.fault(), kiln_files::Fault::Check, "{error}");
    let text = error.to_string();
    for word in expected {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// Changes the JSON of the signature.
fn edit(fixture: &Fixture, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_slice(&fs::read(fixture.signature()).unwrap()).unwrap();
    change(&mut file);
    fs::write(fixture.signature(), file.to_string()).unwrap();
}

/// The signed statement.
fn payload(fixture: &Fixture) -> Vec<u8> {
    SignatureFile::from_json(&fs::read(fixture.signature()).unwrap()).unwrap().payload
}

/// Changes the statement and signs it with the right key.
fn sign_again(fixture: &Fixture, change: impl FnOnce(&mut Value)) {
    let mut statement: Value = serde_json::from_slice(&payload(fixture)).unwrap();
    change(&mut statement);
    let file = fixture.key().envelope(statement.to_string().into_bytes()).unwrap();
    fs::write(fixture.signature(), file.to_json().unwrap()).unwrap();
}

#[test]
fn an_untouched_folder_is_accepted() {
    let fixture = Fixture::signed();
    assert_eq!(fixture.check(&fixture.trust()).unwrap().files(), 4);
    sign_again(&fixture, |_| ());
    assert!(fixture.check(&fixture.trust()).is_ok());
}

#[test]
fn changed_files_are_refused_and_named() {
    let changes: [(FolderChange<'_>, &[&str]); 9] = [
        (&|f| f.write("model.onnx", "grapf"), &["model.onnx has SHA-256", "signed was"]),
        (&|f| f.write("manifest.json", "{ }"), &["manifest.json has SHA-256"]),
        (&|f| f.write("weights/a.bin", ""), &["weights/a.bin has SHA-256"]),
        (&|f| f.write("extra.txt", "x"), &["extra.txt is not signed"]),
        (&|f| f.write("weights/.hidden", "x"), &["weights/.hidden is not signed"]),
        (&|f| fs::remove_file(f.model().join("weights/b.bin")).unwrap(), &["weights/b.bin is missing"]),
        (
            &|f| fs::rename(f.model().join("model.onnx"), f.model().join("Model.onnx")).unwrap(),
            &["Model.onnx is not signed", "model.onnx is missing"],
        ),
        (
            &|f| {
                f.write("weights/a.bin", "second weights");
                f.write("weights/b.bin", "first weights");
            },
            &["weights/a.bin has SHA-256", "weights/b.bin has SHA-256"],
        ),
        (
            &|f| {
                fs::create_dir(f.model().join("other")).unwrap();
                fs::rename(f.model().join("weights/a.bin"), f.model().join("other/a.bin")).unwrap();
            },
            &["other/a.bin is not signed", "weights/a.bin is missing"],
        ),
    ];
    for (change, expected) in changes {
        let fixture = Fixture::signed();
        change(&fixture);
        changed(&fixture, expected);
    }
}

#[test]
fn a_long_list_of_differences_is_cut() {
    let fixture = Fixture::signed();
    for number in 0..9 {
        fixture.write(&format!("extra-{number}"), "x");
    }
    changed(&fixture, &["extra-0 is not signed", "extra-4", "and 4 more"]);
}

#[test]
fn an_absent_signature_is_refused() {
    let fixture = Fixture::new();
    let error = fixture.check(&fixture.trust()).unwrap_err();
    assert!(matches!(error, Error::Unsigned { .. }), "{error}");
    says(&error, &["is not signed", "model.sig"]);
}

#[test]
fn a_signature_of_another_folder_is_refused() {
    let (fixture, other) = (Fixture::signed(), Fixture::new());
    other.write("model.onnx", "another graph");
    other.sign(&other.key());
    fs::copy(other.signature(), fixture.signature()).unwrap();
    changed(&fixture, &["model.onnx has SHA-256"]);
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let fixture = Fixture::new();
    fixture.sign(&SigningKey::new(PrivateKey::read(&fixture.path("other.pem"), None).unwrap()));
    refused(&fixture, &["made with another key"]);
    // Under the right key's name, and under none.
    let own = fixture.key().signer().key_sha256.clone();
    edit(&fixture, |file| file["verificationMaterial"]["publicKey"]["hint"] = json!(own));
    refused(&fixture, &["not a valid signature"]);
    edit(&fixture, |file| file["verificationMaterial"]["publicKey"]["hint"] = json!(null));
    refused(&fixture, &["not a valid signature"]);
}

#[test]
fn a_changed_envelope_is_refused() {
    let envelope: [(JsonChange<'_>, &str); 10] = [
        (&|e| e["payloadType"] = json!("text/plain"), "payload type is `text/plain`"),
        (&|e| e["signatures"] = json!([]), "0 signatures"),
        (&|e| e["signatures"] = json!([e["signatures"][0], e["signatures"][0]]), "2 signatures"),
        (&|e| e["signatures"][0]["sig"] = json!("MEUCIQ"), "the signature is not base64"),
        (&|e| e["signatures"][0]["sig"] = json!(""), "not a valid signature"),
        (&|e| e["signatures"][0]["sig"] = json!(BASE64_STANDARD.encode([0; 64])), "not a valid signature"),
        (&|e| e["payload"] = json!(&e["payload"].as_str().unwrap()[..41]), "the payload is not base64"),
        (&|e| e["payload"] = json!(format!("{}\n", e["payload"].as_str().unwrap())), "the payload is not base64"),
        (&|e| e["payload"] = json!(""), "not a valid signature"),
        (&|e| *e = json!(null), "no DSSE envelope"),
    ];
    for (change, expected) in envelope {
        let fixture = Fixture::signed();
        edit(&fixture, |file| change(&mut file["dsseEnvelope"]));
        refused(&fixture, &[expected]);
    }
    let whole: [(JsonChange<'_>, &str); 4] = [
        (&|file| file["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2"), "media type"),
        (&|file| file["verificationMaterial"] = json!({}), "neither a key nor a chain"),
        (
            &|file| file["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": []}}),
            "chain of certificates is empty",
        ),
        (&|file| *file = json!([]), "not a sigstore bundle"),
    ];
    for (change, expected) in whole {
        let fixture = Fixture::signed();
        edit(&fixture, change);
        refused(&fixture, &[expected]);
    }
}

#[test]
fn a_payload_that_is_encoded_again_is_refused() {
    let fixture = Fixture::signed();
    let statement: Value = serde_json::from_slice(&payload(&fixture)).unwrap();
    let again = BASE64_STANDARD.encode(statement.to_string());
    edit(&fixture, |file| file["dsseEnvelope"]["payload"] = json!(again));
    refused(&fixture, &["not a valid signature of its statement"]);
}

#[test]
fn a_signature_file_that_is_cut_or_names_a_field_twice_is_refused() {
    let fixture = Fixture::signed();
    let text = fs::read_to_string(fixture.signature()).unwrap();
    for length in [0, 1, text.len() / 2, text.len() - 1] {
        fs::write(fixture.signature(), &text[..length]).unwrap();
        refused(&fixture, &["not a sigstore bundle"]);
    }
    fs::write(fixture.signature(), text.replacen("\"payload\":", "\"payload\":\"\",\"payload\":", 1)).unwrap();
    refused(&fixture, &["duplicate field `payload`"]);
}

#[test]
fn a_statement_of_another_kind_is_refused_though_it_is_signed() {
    let changes: [(JsonChange<'_>, &str); 14] = [
        (&|s| s["predicateType"] = json!("https://slsa.dev/provenance/v1"), "predicateType is `https://slsa.dev"),
        (&|s| s["_type"] = json!("https://in-toto.io/Statement/v0.1"), "_type is `https://in-toto.io/Statement/v0.1`"),
        (&|s| s["subject"] = json!([]), "0 subjects"),
        (&|s| s["subject"] = json!([s["subject"][0], s["subject"][0]]), "2 subjects"),
        (&|s| s["subject"][0]["digest"]["sha256"] = json!("00"), "the subject has the digest 00"),
        (&|s| s["subject"][0]["digest"] = json!({"sha512": "00"}), "no SHA-256"),
        (
            &|s| s["predicate"]["resources"][0]["algorithm"] = json!("blake3"),
            "algorithm of `manifest.json` is `blake3`",
        ),
        (&|s| s["predicate"]["resources"][0]["digest"] = json!("xy"), "digest of `manifest.json` is not a SHA-256"),
        (&|s| s["predicate"]["serialization"]["method"] = json!("shards"), "serialization.method is `shards`"),
        (&|s| s["predicate"]["serialization"]["hash_type"] = json!("blake2b"), "hash_type is `blake2b`"),
        (&|s| s["predicate"]["resources"][1] = s["predicate"]["resources"][0].clone(), "lists `manifest.json` twice"),
        (&|s| drop(s["predicate"]["resources"].as_array_mut().unwrap().pop()), "the subject has the digest"),
        (&|s| s["predicate"]["resources"].as_array_mut().unwrap().reverse(), "the subject has the digest"),
        (&|s| s["predicate"] = json!("none"), "predicate of the statement"),
    ];
    for (change, expected) in changes {
        let fixture = Fixture::signed();
        sign_again(&fixture, change);
        refused(&fixture, &[expected]);
    }
}

#[test]
fn a_signed_name_that_leaves_the_folder_is_missing_and_never_read() {
    let fixture = Fixture::signed();
    let outside = crate::statement::Statement::new(
        "model".to_owned(),
        vec![crate::SIGNATURE.to_owned()],
        vec![("../key.pem".to_owned(), kiln_files::digest::sha256_file(&fixture.path("key.pem")).unwrap())],
    );
    let file = fixture.key().envelope(outside.to_json().unwrap()).unwrap();
    fs::write(fixture.signature(), file.to_json().unwrap()).unwrap();
    changed(&fixture, &["../key.pem is missing"]);
}

#[test]
fn a_signature_with_a_changed_certificate_is_refused() {
    let fixture = Fixture::new();
    let (root, other) = (Authority::root("Root"), Authority::root("Other"));
    root.write(&fixture.path("root.pem"));
    let trust = Trust::read(&fixture.path("root.pem")).unwrap();
    fixture.sign(&other.issue(&fixture, &signer(), &[]).unwrap());
    let foreign: Value = serde_json::from_slice(&fs::read(fixture.signature()).unwrap()).unwrap();
    fixture.sign(&root.issue(&fixture, &signer(), &[]).unwrap());
    assert!(fixture.check(&trust).is_ok());
    let refusal = |expected: &str| says(&fixture.check(&trust).unwrap_err(), &[expected]);
    let own: Value = serde_json::from_slice(&fs::read(fixture.signature()).unwrap()).unwrap();
    // The signature of one with the certificate of the other.
    edit(&fixture, |file| file["dsseEnvelope"] = foreign["dsseEnvelope"].clone());
    refusal("not a valid signature");
    edit(&fixture, |file| *file = foreign);
    refusal("no chain leads to a trusted certificate");
    edit(&fixture, |file| {
        *file = own;
        let place = &mut file["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"];
        let mut der = BASE64_STANDARD.decode(place.as_str().unwrap()).unwrap();
        *der.last_mut().unwrap() ^= 1;
        *place = json!(BASE64_STANDARD.encode(der));
    });
    refusal("is not trusted");
    edit(&fixture, |file| {
        file["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = json!("AAAA");
    });
    refusal("a certificate is malformed");
}
