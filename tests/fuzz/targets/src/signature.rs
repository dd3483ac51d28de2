//! The signature of a bundle, its statement, and its certificates.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "signature",
    run: |bytes| {
        kiln_sign::fuzzing::signature(bytes, &der(include_str!("../../../../runtime/sign/tests/data/root.pem")))
    },
    sound: || {
        let mut all = SIGNATURES.map(<[u8]>::to_vec).to_vec();
        all.push(statement().to_string().into_bytes());
        let chain: Value = serde_json::from_slice(SIGNATURES[1]).unwrap();
        let first = &chain["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"];
        all.push(BASE64_STANDARD.decode(first.as_str().unwrap()).unwrap());
        all
    },
    hostile: || {
        let changed = |pointer: &str, value: Value| {
            let mut statement = statement();
            *statement.pointer_mut(pointer).unwrap() = value;
            statement.to_string().into_bytes()
        };
        let file = json!({ "name": "a", "algorithm": "sha256", "digest": "0".repeat(64) });
        vec![
            changed("/predicate/resources", vec![file; 70_000].into()),
            changed("/predicate/resources/0/name", json!("../../etc/passwd")),
            changed("/predicate/resources/0/digest", json!("é".repeat(32))),
            changed("/subject", json!([])),
            changed("/predicate/serialization/ignore_paths", json!(vec!["/"; 1_000])),
            "[".repeat(100_000).into_bytes(),
            [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0; 64]].concat(),
            [0x30, 0x80].repeat(10_000),
        ]
    },
    words: &[
        "\"mediaType\":",
        "\"verificationMaterial\":",
        "\"x509CertificateChain\":",
        "\"publicKey\":{\"hint\":",
        "\"dsseEnvelope\":",
        "\"payload\":\"",
        "\"signatures\":[{\"sig\":\"",
        "\"_type\":",
        "\"subject\":[",
        "\"predicateType\":",
        "\"resources\":[",
        "\"digest\":{\"sha256\":",
        "\"algorithm\":\"sha256\"",
        "null",
    ],
    rounds: 5_000,
    memory: 2 << 20,
};

/// By a key, and by a certificate.
const SIGNATURES: [&[u8]; 2] = [
    include_bytes!("../../../../runtime/sign/tests/data/p256.sig"),
    include_bytes!("../../../../runtime/sign/tests/data/certificate.sig"),
];

/// The statement of the first signature.
fn statement() -> Value {
    let file: Value = serde_json::from_slice(SIGNATURES[0]).unwrap();
    let payload = BASE64_STANDARD.decode(file["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// The bytes of a certificate in PEM.
fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(lines).unwrap()
}
