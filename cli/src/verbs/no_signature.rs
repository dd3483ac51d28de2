//! `--key` and `--require-signature` in a build without the cargo feature `sign`: refused with the reason, and left out of the
//! help. No bundle has a signer.

use std::path::Path;

use kiln_runtime::Bundle;

/// An example of `kiln verify` with a signature: none.
pub(super) const EXAMPLE: &str = "";

/// The flag of `kiln verify` that is refused.
#[derive(clap::Args)]
pub(super) struct VerifySignature {
    #[arg(long, hide = true, value_parser = refused)]
    key: Option<String>,
}

/// The flag of `kiln score` that is refused.
#[derive(clap::Args)]
pub(super) struct RequiredSignature {
    #[arg(long, hide = true, value_parser = refused)]
    require_signature: Option<String>,
}

fn refused(_: &str) -> Result<String, String> {
    Err("this build cannot verify signatures (cargo feature `sign`)".to_owned())
}

/// No signer: only a checked signature names one.
#[derive(serde::Serialize)]
pub(super) enum Signer {}

impl VerifySignature {
    /// Opens a bundle to verify it.
    pub(super) fn open(&self, bundle: &Path) -> kiln_runtime::Result<Bundle> {
        Bundle::open_to_verify(bundle)
    }

    /// False: every verification runs the graph.
    pub(super) fn is_alone(&self) -> bool {
        false
    }
}

impl RequiredSignature {
    /// No files.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::empty()
    }

    /// False: no signature can be required.
    #[cfg(feature = "endpoint")]
    pub(super) fn is_required(&self) -> bool {
        false
    }

    /// Opens a bundle.
    pub(super) fn open(&self, bundle: &Path) -> kiln_runtime::Result<Bundle> {
        Bundle::open(bundle)
    }
}

/// The signer of a bundle: none.
pub(super) fn signer(_: &Bundle) -> Option<&Signer> {
    None
}

/// A signer on one line.
pub(super) fn describe(signer: &Signer) -> String {
    match *signer {}
}
