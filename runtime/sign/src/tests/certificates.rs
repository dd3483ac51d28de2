//! Signatures with certificates: a chain to a trusted root, for signing, valid now.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};

use super::authority::{Authority, signer};
use super::*;

/// Trust in one authority.
fn trust(fixture: &Fixture, authority: &Authority) -> Trust {
    authority.write(&fixture.path("root.pem"));
    Trust::read(&fixture.path("root.pem")).unwrap()
}

#[test]
fn a_chain_to_a_trusted_authority_is_accepted_and_names_the_signer() {
    let fixture = Fixture::new();
    let root = Authority::root("Root");
    let middle = root.below("Middle", |_| ());
    fixture.sign(&middle.issue(&fixture, &signer(), &[&middle]).unwrap());
    for trusted in [&root, &middle] {
        let signed = fixture.check(&trust(&fixture, trusted)).unwrap();
        assert!(signed.signer().subject.as_deref().unwrap().contains("Pathology Signing"));
        assert_eq!(signed.signer().certificate_sha256.as_deref().map(str::len), Some(64));
    }
    fixture.write("model.onnx", "changed");
    assert!(matches!(fixture.check(&trust(&fixture, &root)), Err(Error::Changed { .. })));
}

#[test]
fn a_chain_that_is_not_to_the_root_is_refused() {
    let fixture = Fixture::new();
    let (root, other) = (Authority::root("Root"), Authority::root("Root"));
    let middle = root.below("Middle", |_| ());
    fixture.sign(&middle.issue(&fixture, &signer(), &[&middle]).unwrap());
    refused(&fixture, &trust(&fixture, &other), "Pathology Signing` is not trusted");
    // Without the authority between them.
    fixture.sign(&middle.issue(&fixture, &signer(), &[]).unwrap());
    refused(&fixture, &trust(&fixture, &root), "no chain leads to a trusted certificate");
    refused(&fixture, &fixture.trust(), "expected the public key alone");
    fixture.sign(&fixture.key());
    refused(&fixture, &trust(&fixture, &root), "no certificate");
}

fn refused(fixture: &Fixture, trust: &Trust, expected: &str) {
    let error = fixture.check(trust).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && error.to_string().contains(expected), "{error}");
}

#[test]
fn a_certificate_that_expired_is_refused_before_and_after_signing() {
    let fixture = Fixture::new();
    let root = Authority::root("Root");
    let mut params = signer();
    params.not_after = date_time_ymd(2001, 2, 3);
    let error = root.issue(&fixture, &params, &[]).unwrap_err().to_string();
    assert!(error.contains("expired on 2001-02-03"), "{error}");
    params.not_before = date_time_ymd(2990, 1, 1);
    params.not_after = date_time_ymd(3000, 1, 1);
    let error = root.issue(&fixture, &params, &[]).unwrap_err().to_string();
    assert!(error.contains("not valid before 2990-01-01"), "{error}");
    // Signed in time, verified too late.
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    fixture.sign(&root.issue(&fixture, &params, &[]).unwrap());
    let trust = trust(&fixture, &root);
    assert!(fixture.check(&trust).is_ok());
    let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_200_000_000);
    let error = SignedFolder::check(&fixture.model(), &fixture.signature(), &trust, later).unwrap_err().to_string();
    assert!(error.contains("expired on 2100-01-01"), "{error}");
}

#[test]
fn an_authority_that_expired_is_refused() {
    let fixture = Fixture::new();
    let root = Authority::root("Root");
    let old = root.below("Middle", |params| params.not_after = date_time_ymd(2001, 2, 3));
    fixture.sign(&old.issue(&fixture, &signer(), &[&old]).unwrap());
    refused(&fixture, &trust(&fixture, &root), "expired on 2001-02-03");
    let root = Authority::expired("Root");
    fixture.sign(&root.issue(&fixture, &signer(), &[]).unwrap());
    refused(&fixture, &trust(&fixture, &root), "expired on 2001-02-03");
}

#[test]
fn a_certificate_that_is_not_for_signing_is_refused_when_it_signs() {
    let fixture = Fixture::new();
    let root = Authority::root("Root");
    let mut params = signer();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let refusal = |params: &rcgen::CertificateParams| root.issue(&fixture, params, &[]).unwrap_err().to_string();
    assert!(refusal(&params).contains("lacks `codeSigning`"));
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    assert!(refusal(&params).contains("lacks `digitalSignature`"));
    (params.key_usages, params.extended_key_usages) = (vec![], vec![]);
    assert!(refusal(&params).contains("states no key usage"));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    assert!(root.issue(&fixture, &params, &[]).is_ok());
}

#[test]
fn a_certificate_that_is_not_for_signing_is_refused_in_a_signature() {
    let fixture = Fixture::new();
    let root = Authority::root("Root");
    fixture.sign(&root.issue(&fixture, &signer(), &[]).unwrap());
    let mut server = signer();
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let der = BASE64_STANDARD.encode(root.certify(&server));
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(fixture.signature()).unwrap()).unwrap();
    file["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = der.into();
    fs::write(fixture.signature(), file.to_string()).unwrap();
    refused(&fixture, &trust(&fixture, &root), "lacks `codeSigning`");
}

#[test]
fn a_certificate_of_another_key_does_not_sign() {
    let fixture = Fixture::new();
    Authority::root("Root").issue(&fixture, &signer(), &[]).unwrap();
    let key = PrivateKey::read(&fixture.path("key.pem"), None).unwrap();
    let error = SigningKey::with_certificate(key, &fixture.path("signer.crt"), &[], SystemTime::now()).unwrap_err();
    assert!(matches!(error, Error::Certificates { .. }) && error.to_string().contains("another key"), "{error}");
}

#[test]
fn an_issuer_that_may_not_issue_is_refused() {
    let fixture = Fixture::new();
    let root = Authority::root("Root");
    let server = root.below("Server", |params| params.is_ca = rcgen::IsCa::ExplicitNoCa);
    fixture.sign(&server.issue(&fixture, &signer(), &[&server]).unwrap());
    refused(&fixture, &trust(&fixture, &root), "is not an authority");
    let limited = root.below("Limited", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    fixture.sign(&limited.issue(&fixture, &signer(), &[&limited]).unwrap());
    refused(&fixture, &trust(&fixture, &root), "lacks `keyCertSign`");
}
