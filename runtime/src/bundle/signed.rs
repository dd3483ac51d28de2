//! Signed bundles. A bundle that must be signed is read from a private copy of the signed files, made while they were
//! digested, so what was verified is what is loaded: nobody else can change it between the check and its use, and a file
//! without a signature cannot be read by mistake. Formats, keys and certificates are left to `kiln-sign`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use kiln_sign::{DigestedFolder, SIGNATURE, SignedFolder, Signer, SigningKey, Trust};
use tempfile::TempDir;

use super::{Bundle, MANIFEST, open};
use crate::error::Result;

/// The private copy of a signed bundle, removed when the last clone of the bundle is dropped.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    _folder: TempDir,
    signer: Signer,
}

impl Bundle {
    /// Opens a bundle only if it is exactly what a trusted signer signed, then makes every check of [`Bundle::open`].
    /// `signature` is the file of the signature; `None` for `model.sig` in the bundle. `path` is then the private
    /// copy, in the system's folder for temporary files; it is removed with the last clone of the bundle.
    ///
    /// ```no_run
    /// use kiln_runtime::Bundle;
    /// use kiln_sign::Trust;
    ///
    /// let bundle = Bundle::open_signed("bundle".as_ref(), None, &Trust::read("signing.pub".as_ref())?)?;
    /// println!("{:?}", bundle.signer());
    /// # Ok::<(), kiln_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Signature`](crate::Error::Signature) with the file or the fault of the signature, and those of [`Bundle::open`].
    pub fn open_signed(path: &Path, signature: Option<&Path>, trust: &Trust) -> Result<Self> {
        let bundle = Self::open_signed_to_verify(path, signature, trust)?;
        bundle.check_statements()?;
        Ok(bundle)
    }

    /// [`Bundle::open_signed`] without [`Bundle::check_statements`], as [`Bundle::open_to_verify`].
    ///
    /// # Errors
    /// As [`Bundle::open_signed`].
    pub fn open_signed_to_verify(path: &Path, signature: Option<&Path>, trust: &Trust) -> Result<Self> {
        let folder = open::folder(path)?;
        let signature = place(path, signature);
        let signed = SignedFolder::check(&folder, &signature, trust, SystemTime::now())?;
        let copy = signed.private_copy()?;
        let mut bundle = open::open(copy.path(), path)?;
        bundle.copy = Some(Arc::new(PrivateCopy { _folder: copy, signer: signed.signer().clone() }));
        Ok(bundle)
    }

    /// The signer, if the bundle was opened as a signed one.
    #[must_use]
    pub fn signer(&self) -> Option<&Signer> {
        self.copy.as_ref().map(|copy| &copy.signer)
    }

    /// Signs the bundle and writes the signature: to `model.sig` in the bundle, unless `signature` is another file. Every
    /// file in the folder is signed, with the manifest and files that it does not list; links are refused. Returns the file
    /// of the signature and the number of signed files.
    ///
    /// # Errors
    /// [`Error::Bundle`](crate::Error::Bundle) if a file is no longer what [`Bundle::open`] has checked; [`Error::Signature`](crate::Error::Signature).
    pub fn sign(&self, key: &SigningKey, signature: Option<&Path>) -> Result<(PathBuf, usize)> {
        let signature = place(&self.path, signature);
        let folder = DigestedFolder::read(&self.path, &signature)?;
        let listed = self.manifest.files.iter().map(|entry| (entry.path.as_str(), entry.sha256.as_str()));
        for (name, expected) in listed.chain([(MANIFEST, self.manifest_sha256.as_str())]) {
            let found = folder.files().find(|(path, _)| *path == name).map(|(_, digest)| digest);
            if !found.is_some_and(|digest| digest.eq_ignore_ascii_case(expected)) {
                return Err(self.refused(format!("{name} changed while it was being signed")));
            }
        }
        folder.sign(key)?;
        Ok((signature, folder.files().count()))
    }
}

fn place(bundle: &Path, signature: Option<&Path>) -> PathBuf {
    signature.map_or_else(|| bundle.join(SIGNATURE), Path::to_owned)
}
