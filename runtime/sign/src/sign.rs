//! Signing a folder. The file of the signature appears whole or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiln_files::digest::sha256_file;
use kiln_files::publish::write_file;

use crate::certificate::{read_all, signing};
use crate::envelope::{Material, SignatureFile, read_file};
use crate::error::{Error, Result};
use crate::folder::{ignored, list};
use crate::key::PrivateKey;
use crate::signer::Signer;
use crate::statement::Statement;

/// A private key, with the certificate of its public key or without one.
#[derive(Debug)]
pub struct SigningKey {
    key: PrivateKey,
    /// The signing certificate and its issuers, in DER; empty for a bare key.
    chain: Vec<Vec<u8>>,
    signer: Signer,
}

/// A folder whose files were digested, to be signed.
#[derive(Debug)]
pub struct DigestedFolder {
    path: PathBuf,
    signature: PathBuf,
    statement: Statement,
}

impl SigningKey {
    /// A bare key. Who verifies needs its public key.
    #[must_use]
    pub fn new(key: PrivateKey) -> Self {
        let signer = Signer::from_key(&key.public_key());
        Self { key, chain: Vec::new(), signer }
    }

    /// A key with its certificate, and files with the certificates of its issuers. Who verifies needs the root certificate.
    ///
    /// # Errors
    /// [`Error::Certificates`] if the certificate is of another key, is not for signing, or is not valid at `now`;
    /// [`Error::Read`].
    pub fn with_certificate(key: PrivateKey, certificate: &Path, issuers: &[PathBuf], now: SystemTime) -> Result<Self> {
        let refused = |reason| Error::Certificates { path: certificate.to_owned(), reason };
        let mut chain = read_all(certificate)?;
        let own = signing(&chain[0], now).map_err(refused)?;
        if own.key != key.public_key() {
            return Err(refused(format!("the certificate of `{}` is of another key", own.subject)));
        }
        for file in issuers {
            chain.extend(read_all(file)?);
        }
        let signer = Signer::from_certificate(&own);
        Ok(Self { key, chain, signer })
    }

    /// The signer that a verifier will report.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The content of a signature's file over signed bytes.
    pub(crate) fn envelope(&self, payload: Vec<u8>) -> Option<SignatureFile> {
        let signature = self.key.sign(&SignatureFile::message(&payload))?;
        let material = if self.chain.is_empty() {
            Material::Key { hint: Some(self.key.public_key().hint()) }
        } else {
            Material::Certificates(self.chain.clone())
        };
        Some(SignatureFile { payload, signature, material })
    }
}

impl DigestedFolder {
    /// Digests every file of a folder, except those of git and the signature, which will be at `signature`.
    ///
    /// # Errors
    /// [`Error::Folder`] with a link or device, [`Error::NotASignature`] if `signature` is another file, [`Error::Read`].
    pub fn read(path: &Path, signature: &Path) -> Result<Self> {
        replaceable(signature)?;
        let ignored = ignored(path, signature);
        let refused = |reason| Error::Folder { path: path.to_owned(), reason };
        let names = list(path, &ignored).map_err(|fault| fault.into_error(refused))?;
        let digest = |name: String| -> Result<(String, String)> {
            let file = path.join(&name);
            let digest = sha256_file(&file).map_err(|source| Error::Read { path: file, source })?;
            Ok((name, digest))
        };
        let files = names.into_iter().map(digest).collect::<Result<Vec<_>>>()?;
        let folder = path.canonicalize().map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let statement = Statement::new(name, ignored, files);
        Ok(Self { path: path.to_owned(), signature: signature.to_owned(), statement })
    }

    /// The files to be signed, with their SHA-256 in lower-case hexadecimal.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.statement.files.iter().map(|(name, digest)| (name.as_str(), digest.as_str()))
    }

    /// Signs the files and writes the signature.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Folder`] if the statement cannot be signed, for which no case is known.
    pub fn sign(&self, key: &SigningKey) -> Result<()> {
        let refused = |reason: String| Error::Folder { path: self.path.clone(), reason };
        let payload = self.statement.to_json().map_err(|error| refused(error.to_string()))?;
        let file = key.envelope(payload).ok_or_else(|| refused("the key does not sign".to_owned()))?;
        let bytes = file.to_json().map_err(|error| refused(error.to_string()))?;
        write_file(&self.signature, &bytes).map_err(|source| Error::Write { path: self.signature.clone(), source })
    }
}

/// Refuses to replace a file that is not a signature.
fn replaceable(signature: &Path) -> Result<()> {
    match read_file(signature) {
        Ok(bytes) if bytes.as_deref().is_some_and(|bytes| SignatureFile::from_json(bytes).is_ok()) => Ok(()),
        Ok(_) => Err(Error::NotASignature { path: signature.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Read { path: signature.to_owned(), source }),
    }
}
