//! ECDSA keys on the curves P-256, P-384 and P-521, with SHA-256, SHA-384 and SHA-512: those of the model-signing format.
//! Private keys come from PEM files in PKCS #8 (encrypted or not) or SEC 1, public keys from PEM files of a
//! SubjectPublicKeyInfo (RFC 5280). Signatures are deterministic (RFC 6979), so a folder that is signed twice with one key
//! gets the same bytes.

use std::fmt;
use std::path::Path;

use kiln_files::digest::sha256_hex;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use pkcs8::der::SecretDocument;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::spki::{DecodePublicKey, SubjectPublicKeyInfoRef};
use pkcs8::{DecodePrivateKey, EncodePublicKey, EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};

use crate::error::{Error, Result};
use crate::pem::{Block, blocks, labels, read};

/// Label of an unencrypted key in the older format of OpenSSL.
const SEC1: &str = "EC PRIVATE KEY";

/// A private key.
pub struct PrivateKey(Private);

enum Private {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl PrivateKey {
    /// Reads a private key. `password` is needed for an encrypted one, and ignored for others.
    ///
    /// # Errors
    /// [`Error::Key`] with the blocks of a file without an ECDSA key, [`Error::NoPassword`], [`Error::Read`].
    pub fn read(path: &Path, password: Option<&str>) -> Result<Self> {
        let refused = |reason: String| Error::Key { path: path.to_owned(), reason };
        let bytes = read(path)?;
        let blocks = blocks(&bytes);
        let Some(block) = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY")) else {
            return Err(refused(format!("no private key in PEM; found {}", labels(&blocks))));
        };
        if block.text.contains("Proc-Type:") {
            let reason = "the private key is encrypted in the old format of OpenSSL; only PKCS #8 is decrypted";
            return Err(refused(reason.to_owned()));
        }
        if block.label == SEC1 {
            return Self::from_sec1(block.text).ok_or_else(|| refused(unsupported("EC PRIVATE KEY")));
        }
        if block.label == PrivateKeyInfoRef::PEM_LABEL {
            return Self::from_pkcs8(block).map_err(refused);
        }
        if block.label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
            return Err(refused(unsupported(block.label)));
        }
        let Some(password) = password else { return Err(Error::NoPassword { path: path.to_owned() }) };
        Self::from_encrypted(block, password).map_err(refused)
    }

    fn from_sec1(text: &str) -> Option<Self> {
        let p256 = || p256::SecretKey::from_sec1_pem(text).ok().map(|key| Private::P256(key.into()));
        let p384 = || p384::SecretKey::from_sec1_pem(text).ok().map(|key| Private::P384(key.into()));
        let p521 = || p521::SecretKey::from_sec1_pem(text).ok().map(|key| Private::P521(key.into()));
        p256().or_else(p384).or_else(p521).map(Self)
    }

    fn from_pkcs8(block: &Block<'_>) -> Result<Self, String> {
        Self::from_der(document(block)?.as_bytes()).ok_or_else(|| unsupported(block.label))
    }

    fn from_encrypted(block: &Block<'_>, password: &str) -> Result<Self, String> {
        let document = document(block)?;
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes());
        let encrypted = encrypted.map_err(|error| format!("the {} is malformed: {error}", block.label))?;
        let wrong = |error| format!("the password does not decrypt the private key ({error})");
        let document = encrypted.decrypt(password).map_err(wrong)?;
        Self::from_der(document.as_bytes()).ok_or_else(|| unsupported(block.label))
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let p256 = || p256::SecretKey::from_pkcs8_der(der).ok().map(|key| Private::P256(key.into()));
        let p384 = || p384::SecretKey::from_pkcs8_der(der).ok().map(|key| Private::P384(key.into()));
        let p521 = || p521::SecretKey::from_pkcs8_der(der).ok().map(|key| Private::P521(key.into()));
        p256().or_else(p384).or_else(p521).map(Self)
    }

    /// The public key that belongs to this key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::P256(key) => Public::P256(*key.verifying_key()),
            Private::P384(key) => Public::P384(*key.verifying_key()),
            Private::P521(key) => Public::P521(*key.verifying_key()),
        })
    }

    /// Signs a message with the digest of the curve. Returns the signature in DER; `None` never happens with a valid key.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.0 {
            Private::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.try_sign(message).ok()?;
                Some(signature.as_bytes().to_vec())
            }
            Private::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.try_sign(message).ok()?;
                Some(signature.as_bytes().to_vec())
            }
            Private::P521(key) => {
                let signature: p521::ecdsa::DerSignature = key.try_sign(message).ok()?;
                Some(signature.as_bytes().to_vec())
            }
        }
    }
}

/// Shows the curve alone.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public_key().curve())
    }
}

impl PublicKey {
    /// The public key of a PEM block; `None` if it is on another curve, or of another algorithm.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let p256 = || p256::PublicKey::from_public_key_pem(text).ok().map(|key| Public::P256(key.into()));
        let p384 = || p384::PublicKey::from_public_key_pem(text).ok().map(|key| Public::P384(key.into()));
        let p521 = || p521::PublicKey::from_public_key_pem(text).ok().map(|key| Public::P521(key.into()));
        p256().or_else(p384).or_else(p521).map(Self)
    }

    /// The public key of a certificate.
    pub(crate) fn from_spki(spki: &SubjectPublicKeyInfoRef<'_>) -> Option<Self> {
        let p256 = || p256::ecdsa::VerifyingKey::try_from(spki.clone()).ok().map(Public::P256);
        let p384 = || p384::ecdsa::VerifyingKey::try_from(spki.clone()).ok().map(Public::P384);
        let p521 = || p521::ecdsa::VerifyingKey::try_from(spki.clone()).ok().map(Public::P521);
        p256().or_else(p384).or_else(p521).map(Self)
    }

    /// Name of the curve: `P-256`, `P-384` or `P-521`.
    #[must_use]
    pub fn curve(&self) -> &'static str {
        match &self.0 {
            Public::P256(_) => "P-256",
            Public::P384(_) => "P-384",
            Public::P521(_) => "P-521",
        }
    }

    /// SHA-256 over the key's PEM file, by which a signature names its key.
    #[must_use]
    pub fn hint(&self) -> String {
        let pem = match &self.0 {
            Public::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Public::P384(key) => key.to_public_key_pem(LineEnding::LF),
            Public::P521(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.map(|text| sha256_hex(text.as_bytes())).unwrap_or_default()
    }

    /// Returns true if `signature`, in DER, is this key's over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Public::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Public::P521(key) => p521::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

/// The DER of a block with a private key.
fn document(block: &Block<'_>) -> Result<SecretDocument, String> {
    let document = SecretDocument::from_pem(block.text);
    document.map(|(_, document)| document).map_err(|error| format!("the {} is malformed: {error}", block.label))
}

/// The reason why a block with this label is refused.
pub(crate) fn unsupported(label: &str) -> String {
    format!("the {label} is not an ECDSA key on P-256, P-384 or P-521")
}
