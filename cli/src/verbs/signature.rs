//! Opening bundles that must be signed: `--key` of `kiln verify`, `--require-signature` of `kiln score`.

use std::path::{Path, PathBuf};

use kiln_runtime::{Bundle, Result};
pub(super) use kiln_sign::Signer;
use kiln_sign::Trust;

/// The last example of `kiln verify`.
pub(super) const EXAMPLE: &str = "\n  kiln verify bundle/ --key signing.pub";

/// The flags of `kiln verify`.
#[derive(clap::Args)]
#[command(next_help_heading = "Signature")]
pub(super) struct VerifySignature {
    /// Require a signature by this signer: a PEM file with a public key (ECDSA on P-256, P-384 or P-521), or with the
    /// certificates of trusted authorities. A bundle that is unsigned, changed, or signed by another is exit status 1.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// File of the signature [default: model.sig in the bundle].
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,

    /// Check the signature and the digests of the files, and run no graph. Needs no ONNX Runtime.
    #[arg(long, requires = "key")]
    signature_only: bool,
}

/// The flags of `kiln score`.
#[derive(clap::Args)]
pub(super) struct RequiredSignature {
    /// Score only with a bundle that is signed by this signer: a PEM file with a public key, or with the certificates of
    /// trusted authorities. The signed files are copied while they are checked, and the copy is loaded.
    #[arg(long, value_name = "FILE")]
    require_signature: Option<PathBuf>,

    /// File of the signature [default: model.sig in the bundle].
    #[arg(long, value_name = "FILE", requires = "require_signature")]
    signature: Option<PathBuf>,
}

impl VerifySignature {
    /// Opens a bundle to verify it; a signed one if `--key` was given.
    pub(super) fn open(&self, bundle: &Path) -> Result<Bundle> {
        match &self.key {
            Some(key) => Bundle::open_signed_to_verify(bundle, self.signature.as_deref(), &Trust::read(key)?),
            None => Bundle::open_to_verify(bundle),
        }
    }

    /// True if `--signature-only` was given.
    pub(super) fn is_alone(&self) -> bool {
        self.signature_only
    }
}

impl RequiredSignature {
    /// The files of the key and of the signature, as far as they are named.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.require_signature, &self.signature].into_iter().filter_map(Option::as_deref)
    }

    /// True if `--require-signature` was given.
    #[cfg(feature = "endpoint")]
    pub(super) fn is_required(&self) -> bool {
        self.require_signature.is_some()
    }

    /// Opens a bundle; a signed one if `--require-signature` was given.
    pub(super) fn open(&self, bundle: &Path) -> Result<Bundle> {
        match &self.require_signature {
            Some(key) => Bundle::open_signed(bundle, self.signature.as_deref(), &Trust::read(key)?),
            None => Bundle::open(bundle),
        }
    }
}

/// The signer of a bundle that was opened as a signed one.
pub(super) fn signer(bundle: &Bundle) -> Option<&Signer> {
    bundle.signer()
}

/// A signer on one line.
pub(super) fn describe(signer: &Signer) -> String {
    let Signer { key_sha256, curve, subject, .. } = signer;
    match subject {
        Some(subject) => format!("signed by {subject}, {curve} key {key_sha256}"),
        None => format!("signed with the {curve} key {key_sha256}"),
    }
}
