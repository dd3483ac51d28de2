//! `kiln sign`: the signature of a bundle, in the OpenSSF model-signing format.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiln_runtime::Bundle;
use kiln_sign::{PrivateKey, Signer, SigningKey};
use serde::Serialize;

use super::signature::describe;
use crate::environment::PASSWORD;
use crate::exit::Exit;
use crate::output::Output;

/// Sign a bundle, so that others can check its origin.
///
/// Every file of the bundle is digested, and the list is signed in the OpenSSF model-signing format: `kiln verify --key`,
/// `kiln score --require-signature` and the Python package model-signing verify it. Files of git are left out. An existing
/// signature is replaced. The bundle itself is not changed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out signing.key\n  \
    openssl pkey -in signing.key -pubout -out signing.pub\n  kiln sign bundle/ --key signing.key\n  \
    kiln verify bundle/ --key signing.pub --signature-only\n  \
    kiln sign bundle/ --key signing.key --certificate signing.crt --chain issuers.pem"
)]
pub(crate) struct Args {
    /// Bundle to sign.
    bundle: PathBuf,

    /// Private key: a PEM file in PKCS #8, ECDSA on P-256, P-384 or P-521. KILN_KEY_PASSWORD in the environment decrypts it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Certificate of the key, as PEM. It becomes part of the signature, and who verifies names the authority's.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Certificates between the key's and the authority's, as PEM; may be repeated.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    chain: Vec<PathBuf>,

    /// File of the signature [default: model.sig in the bundle].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    signature: &'a Path,
    files: usize,
    signer: &'a Signer,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let password = std::env::var(PASSWORD).ok().filter(|password| !password.is_empty());
    let key = PrivateKey::read(&args.key, password.as_deref())?;
    let key = match &args.certificate {
        Some(certificate) => SigningKey::with_certificate(key, certificate, &args.chain, SystemTime::now())?,
        None => SigningKey::new(key),
    };
    let (signature, files) = Bundle::open(&args.bundle)?.sign(&key, args.signature.as_deref())?;
    if out.json {
        out.document(&Report { signature: &signature, files, signer: key.signer() })?;
    } else {
        out.line(format_args!("{}: {files} files, {}", signature.display(), describe(key.signer())));
    }
    Ok(Exit::Done)
}
