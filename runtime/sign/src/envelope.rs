//! The file of a signature: a sigstore bundle (version 0.3, JSON) around a DSSE envelope, <https://github.com/secure-systems-lab/dsse>.
//! It holds the signed bytes, one signature of them, and either a hint at the key or a chain of certificates. Reading it checks
//! its form alone; the signature is checked by [`crate::verify`].

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

/// Type of the signed bytes.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The longest signature that is read, in bytes: some hundred for each of the most files.
const LIMIT: u64 = 32 << 20;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The content of a signature's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureFile {
    /// The signed statement.
    pub(crate) payload: Vec<u8>,
    /// The signature over [`SignatureFile::message`], in DER.
    pub(crate) signature: Vec<u8>,
    /// Identifies the key.
    pub(crate) material: Material,
}

/// Identifies the key of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// A digest of the public key.
    Key {
        /// [`crate::PublicKey::hint`]; signatures of early versions of the Python package have none.
        hint: Option<String>,
    },
    /// The certificate of the key, then those of its issuers, in DER.
    Certificates(Vec<Vec<u8>>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    verification_material: WireMaterial,
    dsse_envelope: Option<WireEnvelope>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMaterial {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<WireKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<WireChain>,
    /// Entries of a transparency log. None is written, and none is looked at.
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct WireKey {
    hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WireChain {
    certificates: Vec<WireCertificate>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCertificate {
    raw_bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    sig: String,
    #[serde(default)]
    keyid: String,
}

/// Reads the file of a signature; `None` if a device, a pipe or a folder is in its place.
pub(crate) fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

impl SignatureFile {
    /// Reads a signature.
    ///
    /// # Errors
    /// The fault: another format, a field that is missing, or text that is not base64.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| format!("not a sigstore bundle: {error}"))?;
        if wire.media_type != MEDIA_TYPE {
            return Err(format!("the media type is `{}`; expected `{MEDIA_TYPE}`", wire.media_type));
        }
        let envelope = wire.dsse_envelope.ok_or("it has no DSSE envelope, so it is not a signature of a folder")?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(format!("the payload type is `{}`; expected `{PAYLOAD_TYPE}`", envelope.payload_type));
        }
        let [signature] = envelope.signatures.as_slice() else {
            return Err(format!("the envelope has {} signatures; expected one", envelope.signatures.len()));
        };
        Ok(Self {
            payload: decode("the payload", &envelope.payload)?,
            signature: decode("the signature", &signature.sig)?,
            material: wire.verification_material.read()?,
        })
    }

    /// Writes a signature, on one line.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let (public_key, x509_certificate_chain) = match &self.material {
            Material::Key { hint } => (Some(WireKey { hint: hint.clone() }), None),
            Material::Certificates(chain) => {
                let certificate = |der: &Vec<u8>| WireCertificate { raw_bytes: BASE64_STANDARD.encode(der) };
                (None, Some(WireChain { certificates: chain.iter().map(certificate).collect() }))
            }
        };
        let signatures = vec![WireSignature { sig: BASE64_STANDARD.encode(&self.signature), keyid: String::new() }];
        let wire = Wire {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: WireMaterial { public_key, x509_certificate_chain, tlog_entries: Vec::new() },
            dsse_envelope: Some(WireEnvelope {
                payload: BASE64_STANDARD.encode(&self.payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures,
            }),
        };
        serde_json::to_vec(&wire)
    }

    /// The bytes that are signed: DSSE's pre-authentication encoding of type and payload.
    pub(crate) fn message(payload: &[u8]) -> Vec<u8> {
        let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
        [head.as_bytes(), payload].concat()
    }
}

impl WireMaterial {
    fn read(self) -> Result<Material, String> {
        match (self.public_key, self.x509_certificate_chain) {
            (Some(key), None) => Ok(Material::Key { hint: key.hint.filter(|hint| !hint.is_empty()) }),
            (None, Some(chain)) if chain.certificates.is_empty() => {
                Err("the chain of certificates is empty".to_owned())
            }
            (None, Some(chain)) => {
                let read = |one: &WireCertificate| decode("a certificate", &one.raw_bytes);
                Ok(Material::Certificates(chain.certificates.iter().map(read).collect::<Result<_, _>>()?))
            }
            (Some(_), Some(_)) => Err("it names both a key and a chain of certificates".to_owned()),
            (None, None) => {
                Err("it names neither a key nor a chain of certificates; signatures by an identity (keyless) \
                                 are not supported"
                    .to_owned())
            }
        }
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text).map_err(|error| format!("{what} is not base64: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_dsse_protocol() {
        // The protocol's example, with the type that is used here.
        let message = SignatureFile::message(b"hello world");
        assert_eq!(message, b"DSSEv1 28 application/vnd.in-toto+json 11 hello world");
    }

    #[test]
    fn what_was_written_is_read() {
        let chain = Material::Certificates(vec![vec![1, 2], vec![3]]);
        for material in [Material::Key { hint: Some("ab".to_owned()) }, Material::Key { hint: None }, chain] {
            let file = SignatureFile { payload: b"{}".to_vec(), signature: vec![9; 70], material };
            assert_eq!(SignatureFile::from_json(&file.to_json().unwrap()), Ok(file));
        }
    }
}
