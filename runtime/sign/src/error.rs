//! Errors of this crate. A fault of the key or the certificates that the user named is wrong input; an absent signature, a bad
//! one, or a changed folder is a failed check.

use std::io;
use std::path::PathBuf;

use kiln_files::Fault;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. [`Error::fault`] gives its category.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that holds no usable key.
    #[error("key {}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// An encrypted private key without a password.
    #[error("key {}: the private key is encrypted, and no password is set", path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
    /// A file that holds no usable certificates.
    #[error("certificates {}: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A folder that cannot be signed.
    #[error("{} cannot be signed: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The fault, with the file's name.
        reason: String,
    },
    /// A file in the place of the signature.
    #[error("{} is not a signature, so a signature does not replace it", path.display())]
    NotASignature {
        /// The file.
        path: PathBuf,
    },
    /// A folder without a signature.
    #[error("{} is not signed: there is no signature {}", folder.display(), signature.display())]
    Unsigned {
        /// The folder.
        folder: PathBuf,
        /// The place of the signature.
        signature: PathBuf,
    },
    /// A signature that is malformed, invalid, or by a signer who is not trusted.
    #[error("signature {}: {reason}", path.display())]
    Refused {
        /// The signature's file.
        path: PathBuf,
        /// The fault, with the value found and the expected one.
        reason: String,
    },
    /// A valid signature of other files than those in the folder.
    #[error("{} is not what was signed: {}", folder.display(), differences.join("; "))]
    Changed {
        /// The folder.
        folder: PathBuf,
        /// The files, with the differences.
        differences: Vec<String>,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Error category; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unsigned { .. } | Self::Refused { .. } | Self::Changed { .. } => Fault::Check,
            Self::Key { .. }
            | Self::NoPassword { .. }
            | Self::Certificates { .. }
            | Self::Folder { .. }
            | Self::NotASignature { .. }
            | Self::Read { .. } => Fault::Input,
            Self::Write { .. } => Fault::Environment,
        }
    }
}
