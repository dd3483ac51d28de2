//! Verifying a folder: first the signature and its signer, then what was signed, then every file. A folder that passes can be
//! copied to a place that no other user can write to; every copied byte is compared with the signature again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiln_files::digest::sha256_file;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::certificate;
use crate::envelope::{Material, SignatureFile, read_file};
use crate::error::{Error, Result};
use crate::folder::{inside, list};
use crate::key::PublicKey;
use crate::pem::{blocks, labels, read};
use crate::signer::Signer;
use crate::statement::Statement;

/// The most differences that an error lists.
const SHOWN: usize = 5;

/// The label of a public key in PEM.
const PUBLIC: &str = "PUBLIC KEY";

/// Whose signatures are accepted.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those of one key.
    Key(PublicKey),
    /// Those of certificates that are issued, at any depth, by these (in DER).
    Roots(Vec<Vec<u8>>),
}

/// A folder whose files are those that a trusted signer signed, at the time of the check.
#[derive(Debug)]
pub struct SignedFolder {
    path: PathBuf,
    statement: Statement,
    signer: Signer,
    /// Lengths of the files, in the order of the statement.
    lengths: Vec<u64>,
}

impl Trust {
    /// Reads a PEM file: a public key, or certificates.
    ///
    /// # Errors
    /// [`Error::Key`] for a file with neither, with both, or with several keys; [`Error::Certificates`]; [`Error::Read`].
    pub fn read(path: &Path) -> Result<Self> {
        let refused = |reason| Error::Key { path: path.to_owned(), reason };
        let bytes = read(path)?;
        let all = blocks(&bytes);
        let keys: Vec<_> = all.iter().filter(|block| block.label == PUBLIC).collect();
        let certificates = all.iter().filter(|block| block.label == certificate::LABEL).count();
        match (keys.as_slice(), certificates) {
            ([key], 0) => {
                PublicKey::from_pem(key.text).map(Self::Key).ok_or_else(|| refused(crate::key::unsupported(PUBLIC)))
            }
            ([], 1..) => certificate::read_all(path).map(Self::Roots),
            ([], 0) => Err(refused(format!("neither a public key nor certificates in PEM; found {}", labels(&all)))),
            _ => Err(refused("more than one public key, or a key and certificates".to_owned())),
        }
    }

    /// Returns the signer, if the signature is valid and the signer trusted.
    fn signer(&self, file: &SignatureFile, now: SystemTime) -> Result<Signer, String> {
        let (key, signer) = match (self, &file.material) {
            (Self::Key(key), Material::Key { hint }) => {
                let own = key.hint();
                if let Some(hint) = hint.as_ref().filter(|hint| !hint.eq_ignore_ascii_case(&own)) {
                    return Err(format!("it was made with another key, {hint}; expected {own}"));
                }
                (key.clone(), Signer::from_key(key))
            }
            (Self::Roots(roots), Material::Certificates(chain)) => {
                let own = certificate::verify(chain, roots, now)?;
                (own.key.clone(), Signer::from_certificate(&own))
            }
            (Self::Key(_), _) => return Err("it was made with a certificate; expected the public key alone".to_owned()),
            (Self::Roots(_), _) => return Err("it was made with a key that has no certificate".to_owned()),
        };
        if !key.verifies(&SignatureFile::message(&file.payload), &file.signature) {
            return Err("it is not a valid signature of its statement by this key".to_owned());
        }
        Ok(signer)
    }
}

impl SignedFolder {
    /// Checks a folder against a signature of a trusted signer, whose certificate must be valid at `now`.
    ///
    /// # Errors
    /// [`Error::Unsigned`], [`Error::Refused`], [`Error::Changed`] with the files; [`Error::Read`].
    pub fn check(path: &Path, signature: &Path, trust: &Trust, now: SystemTime) -> Result<Self> {
        let refused = |reason| Error::Refused { path: signature.to_owned(), reason };
        let bytes = read_signature(path, signature)?;
        let file = SignatureFile::from_json(&bytes).map_err(refused)?;
        let signer = trust.signer(&file, now).map_err(refused)?;
        let statement = Statement::from_json(&file.payload).map_err(refused)?;
        let lengths = compare(path, signature, &statement)?;
        Ok(Self { path: path.to_owned(), statement, signer, lengths })
    }

    /// The signer.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Number of signed files.
    #[must_use]
    pub fn files(&self) -> usize {
        self.statement.files.len()
    }

    /// Copies the signed files to a new folder that only this user can read or write. Every byte is digested on its way, so the
    /// copy is what was signed even if somebody changes the folder meanwhile. Files that are not signed are not copied.
    /// The copy is removed when the returned value is dropped.
    ///
    /// # Errors
    /// [`Error::Changed`] for a file that changed since the check; [`Error::Read`], [`Error::Write`].
    pub fn private_copy(&self) -> Result<TempDir> {
        let failed = |source| Error::Write { path: std::env::temp_dir(), source };
        let mut folder = tempfile::Builder::new();
        // Nobody else may change, or read, what is loaded.
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let copy = folder.prefix("kiln-signed-").tempdir().map_err(failed)?;
        for ((name, digest), length) in self.statement.files.iter().zip(&self.lengths) {
            let (from, to) = (self.path.join(name), copy.path().join(name));
            if copy_file(&from, &to, *length)? != *digest {
                let differences = vec![format!("{name} changed while it was read")];
                return Err(Error::Changed { folder: self.path.clone(), differences });
            }
        }
        Ok(copy)
    }
}

fn read_signature(folder: &Path, signature: &Path) -> Result<Vec<u8>> {
    match read_file(signature) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Error::Refused { path: signature.to_owned(), reason: "it is not a regular file".to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
            Err(Error::Unsigned { folder: folder.to_owned(), signature: signature.to_owned() })
        }
        Err(source) => Err(Error::Read { path: signature.to_owned(), source }),
    }
}

/// Compares every file of a folder with the statement. Returns their lengths, in its order.
fn compare(folder: &Path, signature: &Path, statement: &Statement) -> Result<Vec<u64>> {
    let changed = |differences| Error::Changed { folder: folder.to_owned(), differences };
    let ignored: Vec<String> = statement.ignored.iter().cloned().chain(inside(folder, signature)).collect();
    let names = list(folder, &ignored).map_err(|fault| fault.into_error(|reason| changed(vec![reason])))?;
    let signed: BTreeMap<&str, &str> =
        statement.files.iter().map(|(name, digest)| (name.as_str(), digest.as_str())).collect();
    let mut differences = Vec::new();
    let mut lengths = BTreeMap::new();
    for name in &names {
        let path = folder.join(name);
        let read = |source| Error::Read { path: path.clone(), source };
        let Some(expected) = signed.get(name.as_str()) else {
            differences.push(format!("{name} is not signed"));
            continue;
        };
        lengths.insert(name.as_str(), fs::metadata(&path).map_err(read)?.len());
        let found = sha256_file(&path).map_err(read)?;
        if found != *expected {
            differences.push(format!("{name} has SHA-256 {found}, signed was {expected}"));
        }
    }
    let missing = signed.keys().filter(|name| !lengths.contains_key(*name));
    differences.extend(missing.map(|name| format!("{name} is missing")));
    if !differences.is_empty() {
        differences.sort();
        let more = differences.len().saturating_sub(SHOWN);
        differences.truncate(SHOWN);
        differences.extend((more > 0).then(|| format!("and {more} more")));
        return Err(changed(differences));
    }
    Ok(statement.files.iter().filter_map(|(name, _)| lengths.get(name.as_str()).copied()).collect())
}

/// Copies at most one byte more than `length`. Returns the digest of the copy.
fn copy_file(from: &Path, to: &Path, length: u64) -> Result<String> {
    let read = |source| Error::Read { path: from.to_owned(), source };
    let write = |source| Error::Write { path: to.to_owned(), source };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(write)?;
    }
    let mut source = File::open(from).map_err(read)?.take(length.saturating_add(1));
    let mut target = File::create_new(to).map_err(write)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        match source.read(&mut piece).map_err(read)? {
            0 => break,
            n => {
                hasher.update(&piece[..n]);
                target.write_all(&piece[..n]).map_err(write)?;
            }
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
