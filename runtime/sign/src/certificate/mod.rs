//! Certificates of signing keys (X.509, RFC 5280). A chain leads from the signing certificate over its issuers to a root that
//! the user trusts; `rustls-webpki` builds and checks it (signatures, validity, basic constraints, length, names). Checked
//! here on top: the purposes of the signing certificate, those of its issuers, and the validity of the root.

mod algorithm;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kiln_files::digest::sha256_hex;
use kiln_files::text::one_line;
use pkcs8::der::{DateTime, Decode as _, Document, Encode as _};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage as Purpose, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};

use crate::error::{Error, Result};
use crate::key::PublicKey;
use crate::pem::{blocks, labels, read};

/// Code signing, 1.3.6.1.5.5.7.3.3, as DER without its tag.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];

/// The label of a certificate in PEM.
pub(crate) const LABEL: &str = "CERTIFICATE";

/// A signing certificate that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningCertificate {
    /// Its key.
    pub(crate) key: PublicKey,
    /// Its subject, as in RFC 4514.
    pub(crate) subject: String,
    /// SHA-256 over its DER.
    pub(crate) sha256: String,
}

/// Reads the certificates of a PEM file, in DER.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Vec<u8>>> {
    let refused = |reason| Error::Certificates { path: path.to_owned(), reason };
    let bytes = read(path)?;
    let blocks = blocks(&bytes);
    let found: Vec<_> = blocks.iter().filter(|block| block.label == LABEL).collect();
    if found.is_empty() {
        return Err(refused(format!("no certificate in PEM; found {}", labels(&blocks))));
    }
    let der = |text: &str| -> Result<Vec<u8>> {
        let (_, document) = Document::from_pem(text).map_err(|error| refused(format!("not PEM: {error}")))?;
        parse(document.as_bytes()).map_err(refused)?;
        Ok(document.as_bytes().to_vec())
    };
    found.into_iter().map(|block| der(block.text)).collect()
}

/// Reads a certificate and checks that its key may sign now. Its issuers are not looked at.
///
/// # Errors
/// The fault of the certificate.
pub(crate) fn signing(der: &[u8], now: SystemTime) -> Result<SigningCertificate, String> {
    let certificate = parse(der)?;
    let subject = subject(&certificate);
    may_sign(&certificate).map_err(|reason| format!("the certificate of `{subject}` {reason}"))?;
    is_valid(&certificate, now).map_err(|reason| format!("the certificate of `{subject}` {reason}"))?;
    let spki = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(|error| error.to_string())?;
    let key = SubjectPublicKeyInfoRef::from_der(&spki).ok().and_then(|spki| PublicKey::from_spki(&spki));
    let key = key.ok_or_else(|| format!("the key of `{subject}` is not an ECDSA key on P-256, P-384 or P-521"))?;
    Ok(SigningCertificate { key, subject, sha256: sha256_hex(der) })
}

/// Checks that a chain, whose first certificate is the signing one, leads to one of the roots.
///
/// # Errors
/// The fault of a certificate, with its subject.
pub(crate) fn verify(chain: &[Vec<u8>], roots: &[Vec<u8>], now: SystemTime) -> Result<SigningCertificate, String> {
    let (first, issuers) = chain.split_first().ok_or("the chain of certificates is empty")?;
    let signing = signing(first, now)?;
    let leaf = CertificateDer::from(first.as_slice());
    let leaf = EndEntityCert::try_from(&leaf).map_err(|error| explain(&signing.subject, &error))?;
    let issuers: Vec<_> = issuers.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let roots: Vec<_> = roots.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let anchors = roots.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>();
    let anchors = anchors.map_err(|error| format!("a trusted certificate cannot be used: {error}"))?;
    let purpose = Purpose::required_if_present(CODE_SIGNING);
    let at = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    let path = leaf.verify_for_usage(algorithm::ALL, &anchors, &issuers, at, purpose, None, None);
    let path = path.map_err(|error| explain(&signing.subject, &error))?;
    for issuer in path.intermediate_certificates() {
        may_issue(&parse(issuer.der().as_ref())?)?;
    }
    root_is_valid(path.anchor(), &roots, now)?;
    Ok(signing)
}

fn parse(der: &[u8]) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|error| format!("a certificate is malformed: {error}"))
}

fn subject(certificate: &Certificate) -> String {
    let name = certificate.tbs_certificate().subject().to_string();
    if name.is_empty() { "an empty subject".to_owned() } else { one_line(&name).into_owned() }
}

/// A certificate must permit signatures or signing code, and no purpose that it states may leave that out.
fn may_sign(certificate: &Certificate) -> Result<(), &'static str> {
    let tbs = certificate.tbs_certificate();
    let usage = tbs.get_extension::<KeyUsage>().map_err(|_| "has a malformed key usage")?;
    let purposes = tbs.get_extension::<ExtendedKeyUsage>().map_err(|_| "has a malformed extended key usage")?;
    let signs_code = purposes.as_ref().map(|(_, purposes)| purposes.0.iter().any(|oid| oid.as_bytes() == CODE_SIGNING));
    match (usage.map(|(_, usage)| usage.digital_signature()), signs_code) {
        (Some(false), _) => Err("is not for signing: its key usage lacks `digitalSignature`"),
        (_, Some(false)) => Err("is not for signing: its extended key usage lacks `codeSigning`"),
        (None, None) => Err("is not for signing: it states no key usage"),
        _ => Ok(()),
    }
}

fn may_issue(issuer: &Certificate) -> Result<(), String> {
    match issuer.tbs_certificate().get_extension::<KeyUsage>() {
        Ok(usage) if usage.as_ref().is_none_or(|(_, usage)| usage.key_cert_sign()) => Ok(()),
        _ => Err(format!(
            "the certificate of `{}` may not issue others: its key usage lacks `keyCertSign`",
            subject(issuer)
        )),
    }
}

fn root_is_valid(anchor: &TrustAnchor<'_>, roots: &[CertificateDer<'_>], now: SystemTime) -> Result<(), String> {
    let is_anchor = |der: &&CertificateDer<'_>| anchor_from_trusted_cert(der).is_ok_and(|root| root == *anchor);
    let faults = roots.iter().filter(is_anchor).map(|der| {
        let root = parse(der.as_ref())?;
        is_valid(&root, now).map_err(|reason| format!("the trusted certificate of `{}` {reason}", subject(&root)))
    });
    // The same name and key may have an older certificate.
    faults.reduce(|one, other| one.or(other)).unwrap_or(Ok(()))
}

fn is_valid(certificate: &Certificate, now: SystemTime) -> Result<(), String> {
    let validity = certificate.tbs_certificate().validity();
    if now < validity.not_before.to_system_time() {
        return Err(format!("is not valid before {}", validity.not_before.to_date_time()));
    }
    if now > validity.not_after.to_system_time() {
        return Err(format!("expired on {}", validity.not_after.to_date_time()));
    }
    Ok(())
}

/// The reason why no chain was found, in words.
fn explain(subject: &str, error: &webpki::Error) -> String {
    use webpki::Error as Fault;

    let date = |time: &UnixTime| {
        let date = DateTime::from_unix_duration(Duration::from_secs(time.as_secs()));
        date.map_or_else(|_| time.as_secs().to_string(), |date| date.to_string())
    };
    let reason = match error {
        Fault::UnknownIssuer => "no chain leads to a trusted certificate".to_owned(),
        Fault::CertExpired { not_after, .. } => format!("a certificate expired on {}", date(not_after)),
        Fault::CertNotValidYet { not_before, .. } => format!("a certificate is not valid before {}", date(not_before)),
        Fault::InvalidSignatureForPublicKey => "a certificate is not signed by its issuer".to_owned(),
        Fault::CaUsedAsEndEntity => "it is that of an authority, which cannot sign folders".to_owned(),
        Fault::EndEntityUsedAsCa => "one of its issuers is not an authority".to_owned(),
        Fault::PathLenConstraintViolated => {
            "more issuers stand between it and the root than one of them permits".to_owned()
        }
        Fault::RequiredEkuNotFoundContext(_) => {
            "one of its issuers may not issue certificates for signing code".to_owned()
        }
        Fault::UnsupportedSignatureAlgorithmContext(_) | Fault::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a certificate is signed with another algorithm than ECDSA on P-256, P-384 or P-521".to_owned()
        }
        other => format!("{other:?}"),
    };
    format!("the certificate of `{subject}` is not trusted: {reason}")
}
