//! ECDSA for chains of certificates: each curve with each digest that certificates use.

use std::fmt;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rustls_pki_types::alg_id::{ECDSA_P256, ECDSA_P384, ECDSA_P521, ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Every pair that is verified. A P-521 key with SHA-256 is left out: the digest has less than half of the key's length.
pub(super) const ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    &Ecdsa { key: ECDSA_P256, signature: ECDSA_SHA256, verify: |k, d, s| p256(k, &Sha256::digest(d), s) },
    &Ecdsa { key: ECDSA_P256, signature: ECDSA_SHA384, verify: |k, d, s| p256(k, &Sha384::digest(d), s) },
    &Ecdsa { key: ECDSA_P256, signature: ECDSA_SHA512, verify: |k, d, s| p256(k, &Sha512::digest(d), s) },
    &Ecdsa { key: ECDSA_P384, signature: ECDSA_SHA256, verify: |k, d, s| p384(k, &Sha256::digest(d), s) },
    &Ecdsa { key: ECDSA_P384, signature: ECDSA_SHA384, verify: |k, d, s| p384(k, &Sha384::digest(d), s) },
    &Ecdsa { key: ECDSA_P384, signature: ECDSA_SHA512, verify: |k, d, s| p384(k, &Sha512::digest(d), s) },
    &Ecdsa { key: ECDSA_P521, signature: ECDSA_SHA384, verify: |k, d, s| p521(k, &Sha384::digest(d), s) },
    &Ecdsa { key: ECDSA_P521, signature: ECDSA_SHA512, verify: |k, d, s| p521(k, &Sha512::digest(d), s) },
];

/// Verifies a signature, given the public key as a point in SEC 1, the signed bytes, and the signature in DER.
type Verify = fn(&[u8], &[u8], &[u8]) -> bool;

struct Ecdsa {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

impl fmt::Debug for Ecdsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ECDSA {:?} {:?}", self.key, self.signature)
    }
}

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if (self.verify)(key, message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

fn p256(key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) =
        (p256::ecdsa::VerifyingKey::from_sec1_bytes(key), p256::ecdsa::Signature::from_der(signature))
    else {
        return false;
    };
    key.verify_prehash(digest, &signature).is_ok()
}

fn p384(key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) =
        (p384::ecdsa::VerifyingKey::from_sec1_bytes(key), p384::ecdsa::Signature::from_der(signature))
    else {
        return false;
    };
    key.verify_prehash(digest, &signature).is_ok()
}

fn p521(key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) =
        (p521::ecdsa::VerifyingKey::from_sec1_bytes(key), p521::ecdsa::Signature::from_der(signature))
    else {
        return false;
    };
    key.verify_prehash(digest, &signature).is_ok()
}
