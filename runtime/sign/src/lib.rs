//! Signatures of folders in the OpenSSF model-signing format (version 1.0): a sigstore bundle with a DSSE envelope around an
//! in-toto statement that lists every file with its SHA-256. The Python package `model-signing` verifies what this crate signs,
//! and the other way round, for ECDSA keys and certificates. A signature is accepted only if it is by a signer that the user
//! trusts and the folder holds exactly the signed files. Which files make a bundle is left to `kiln-runtime`.
//!
//! ```no_run
//! use kiln_sign::{DigestedFolder, PrivateKey, SIGNATURE, SignedFolder, SigningKey, Trust};
//! use std::path::Path;
//! use std::time::SystemTime;
//!
//! let model = Path::new("model");
//! let signature = model.join(SIGNATURE);
//! let key = PrivateKey::read("signing.key".as_ref(), None)?;
//! DigestedFolder::read(model, &signature)?.sign(&SigningKey::new(key))?;
//!
//! let trust = Trust::read("signing.pub".as_ref())?;
//! let signed = SignedFolder::check(model, &signature, &trust, SystemTime::now())?;
//! println!("{} files, signed with {}", signed.files(), signed.signer().key_sha256);
//! # Ok::<(), kiln_sign::Error>(())
//! ```

mod certificate;
mod envelope;
mod error;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod pem;
mod sign;
mod signer;
mod statement;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use key::{PrivateKey, PublicKey};
pub use sign::{DigestedFolder, SigningKey};
pub use signer::Signer;
pub use verify::{SignedFolder, Trust};

/// Name of a folder's signature, in the folder.
pub const SIGNATURE: &str = "model.sig";
