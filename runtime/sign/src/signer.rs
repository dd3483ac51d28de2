//! The signer that a valid signature proves.

use serde::Serialize;

use crate::certificate::SigningCertificate;
use crate::key::PublicKey;

/// The signer: the owner of a key, or of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// SHA-256 over the PEM file of the public key.
    pub key_sha256: String,
    /// The key's curve: `P-256`, `P-384` or `P-521`.
    pub curve: &'static str,
    /// Subject of the certificate, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// SHA-256 over the certificate's DER, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
}

impl Signer {
    pub(crate) fn from_key(key: &PublicKey) -> Self {
        Self { key_sha256: key.hint(), curve: key.curve(), subject: None, certificate_sha256: None }
    }

    pub(crate) fn from_certificate(certificate: &SigningCertificate) -> Self {
        let (subject, sha256) = (certificate.subject.clone(), certificate.sha256.clone());
        Self { subject: Some(subject), certificate_sha256: Some(sha256), ..Self::from_key(&certificate.key) }
    }
}
