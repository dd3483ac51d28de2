//! Certificates for tests.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::Fixture;
use crate::{PrivateKey, SigningKey};

/// An authority, which issues certificates.
pub(super) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub(super) certificate: Certificate,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// A certificate for signing code.
pub(super) fn signer() -> CertificateParams {
    let mut params = params("Pathology Signing");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    params
}

impl Authority {
    /// A root.
    pub(super) fn root(name: &str) -> Self {
        Self::root_with(authority(name))
    }

    /// A root whose certificate expired.
    pub(super) fn expired(name: &str) -> Self {
        let mut params = authority(name);
        params.not_after = date_time_ymd(2001, 2, 3);
        Self::root_with(params)
    }

    fn root_with(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { params, key, certificate }
    }

    /// An authority below this one; `change` alters its certificate.
    pub(super) fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
        Self { params, key, certificate }
    }

    /// A key with a certificate by this authority, and the certificates of issuers.
    pub(super) fn issue(
        &self,
        fixture: &Fixture,
        params: &CertificateParams,
        chain: &[&Self],
    ) -> Result<SigningKey, crate::Error> {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
        let path = |name: &str| fixture.path(name);
        fs::write(path("signer.pem"), key.serialize_pem()).unwrap();
        fs::write(path("signer.crt"), certificate.pem()).unwrap();
        fs::write(path("chain.pem"), chain.iter().map(|one| one.certificate.pem()).collect::<String>()).unwrap();
        let key = PrivateKey::read(&path("signer.pem"), None)?;
        let issuers = if chain.is_empty() { vec![] } else { vec![path("chain.pem")] };
        SigningKey::with_certificate(key, &path("signer.crt"), &issuers, std::time::SystemTime::now())
    }

    /// A certificate by this authority for some key, in DER.
    pub(super) fn certify(&self, params: &CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    /// Writes the certificate as PEM.
    pub(super) fn write(&self, path: &Path) {
        fs::write(path, self.certificate.pem()).unwrap();
    }
}
