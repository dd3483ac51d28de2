//! Keys are read in every form that tools write, on every curve of the format, and nothing else is taken for a key.

use super::*;

/// Private keys in PKCS #8 and SEC 1, and public keys, for each curve.
fn pairs() -> Vec<(&'static str, String, String, String)> {
    let p256 = p256::SecretKey::from_slice(&[3; 32]).unwrap();
    let p384 = p384::SecretKey::from_slice(&[3; 48]).unwrap();
    let mut bytes = [3; 66];
    bytes[0] = 0;
    let p521 = p521::SecretKey::from_slice(&bytes).unwrap();
    macro_rules! texts {
        ($name:literal, $key:expr) => {
            (
                $name,
                $key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(),
                $key.to_sec1_pem(LineEnding::LF).unwrap().to_string(),
                $key.public_key().to_public_key_pem(LineEnding::LF).unwrap(),
            )
        };
    }
    vec![texts!("P-256", p256), texts!("P-384", p384), texts!("P-521", p521)]
}

#[test]
fn every_curve_signs_and_verifies_in_every_form() {
    let fixture = Fixture::new();
    for (curve, pkcs8, sec1, public) in pairs() {
        fs::write(fixture.path("public"), public).unwrap();
        let trust = Trust::read(&fixture.path("public")).unwrap();
        // OpenSSL writes the curve's parameters before the key.
        let sec1 = format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{sec1}");
        let mut signatures = Vec::new();
        for text in [pkcs8, sec1] {
            fs::write(fixture.path("private"), text).unwrap();
            let key = SigningKey::new(PrivateKey::read(&fixture.path("private"), None).unwrap());
            fixture.sign(&key);
            let signed = fixture.check(&trust).unwrap();
            assert_eq!((signed.signer().curve, signed.files()), (curve, 4));
            assert_eq!(signed.signer(), key.signer());
            signatures.push(fs::read(fixture.signature()).unwrap());
        }
        assert_eq!(signatures[0], signatures[1], "the same folder and key give the same bytes");
    }
}

#[test]
fn an_encrypted_key_needs_its_password() {
    // `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret`, OpenSSL 3.0.
    let text = include_str!("encrypted.pem");
    let fixture = Fixture::new();
    let path = fixture.path("encrypted.pem");
    fs::write(&path, text).unwrap();
    assert!(matches!(PrivateKey::read(&path, None), Err(Error::NoPassword { .. })));
    let wrong = PrivateKey::read(&path, Some("guess")).unwrap_err().to_string();
    assert!(wrong.contains("password does not decrypt"), "{wrong}");
    let key = PrivateKey::read(&path, Some("secret")).unwrap();
    assert_eq!(key.public_key().curve(), "P-256");
}

#[test]
fn a_file_without_a_usable_key_is_refused_with_what_it_holds() {
    let fixture = Fixture::new();
    let path = fixture.path("file");
    let private = fs::read_to_string(fixture.path("key.pem")).unwrap();
    let public = fs::read_to_string(fixture.path("key.pub")).unwrap();
    let cut = private.replace("MIGH", "MIGI");
    let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END EC PRIVATE KEY-----\n";
    let read: [(&str, &str); 6] = [
        ("", "no PEM block"),
        (&public, "found PUBLIC KEY"),
        (&cut, "malformed"),
        (old, "old format"),
        ("-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n", "not an ECDSA key"),
        ("-----BEGIN PRIVATE KEY-----\n???\n-----END PRIVATE KEY-----\n", "malformed"),
    ];
    for (text, expected) in read {
        fs::write(&path, text).unwrap();
        let error = PrivateKey::read(&path, Some("x")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.fault(), kiln_files::Fault::Input);
    }
    let both = format!("{public}{public}");
    let trusted: [(&str, &str); 4] = [
        ("", "no PEM block"),
        (&private, "found PRIVATE KEY"),
        (&both, "more than one"),
        ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", "not an ECDSA key"),
    ];
    for (text, expected) in trusted {
        fs::write(&path, text).unwrap();
        let error = Trust::read(&path).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(matches!(Trust::read(&fixture.path("none")), Err(Error::Read { .. })));
}
