//! Trusted certificates: the system's, and the user's additional ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::EndpointError;

/// Trusted root certificates.
pub(super) struct Roots {
    /// The system's.
    system: Vec<CertificateDer<'static>>,
    /// The user's PEM file and its contents.
    own: Option<(Vec<u8>, Vec<CertificateDer<'static>>)>,
}

impl Roots {
    /// Reads the system's certificates and the user's.
    ///
    /// # Errors
    /// If the user's file has none, or there are none at all.
    pub(super) fn load(ca: Option<&Path>) -> Result<Self, EndpointError> {
        let own = ca.map(read).transpose()?;
        let system = rustls_native_certs::load_native_certs().certs;
        if system.is_empty() && own.is_none() {
            let reason = "this machine has none, so no server can be trusted".to_owned();
            return Err(EndpointError::Certificates { path: PathBuf::from("of the system"), reason });
        }
        Ok(Self { system, own })
    }

    /// For HTTP.
    pub(super) fn for_http(&self) -> TlsConfig {
        let own = self.own.iter().flat_map(|(_, certificates)| certificates);
        let all = self.system.iter().chain(own).map(|certificate| Certificate::from_der(certificate).to_owned());
        TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(all.collect()))).build()
    }

    /// For gRPC.
    pub(super) fn for_grpc(&self) -> tonic::transport::ClientTlsConfig {
        let mut config = tonic::transport::ClientTlsConfig::new();
        if !self.system.is_empty() {
            config = config.with_native_roots();
        }
        match &self.own {
            Some((pem, _)) => config.ca_certificate(tonic::transport::Certificate::from_pem(pem)),
            None => config,
        }
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, Vec<CertificateDer<'static>>), EndpointError> {
    let wrong = |reason: String| EndpointError::Certificates { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| wrong(format!("not PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate; PEM is expected (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok((pem, certificates))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nnonsense"] {
            fs::write(&path, text).unwrap();
            let error = Roots::load(Some(&path)).err().unwrap().to_string();
            assert!(error.contains("ca.pem"), "{error}");
        }
        assert!(Roots::load(Some(&folder.path().join("missing"))).is_err());
    }
}
