//! Promises of signatures: what was signed is verified, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod authority;
mod certificates;
mod folders;
mod keys;
mod tampering;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use tempfile::TempDir;

use crate::{DigestedFolder, Error, PrivateKey, SIGNATURE, SignedFolder, SigningKey, Trust};

/// A folder to sign, with a key beside it.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(folder.path(), "key", 7);
        write_key(folder.path(), "other", 9);
        let fixture = Self { folder };
        fixture.write("model.onnx", "graph");
        fixture.write("manifest.json", "{}");
        fixture.write("weights/a.bin", "first weights");
        fixture.write("weights/b.bin", "second weights");
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn model(&self) -> PathBuf {
        self.path("model")
    }

    fn signature(&self) -> PathBuf {
        self.model().join(SIGNATURE)
    }

    /// Writes a file of the model.
    fn write(&self, name: &str, text: &str) {
        let path = self.model().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn key(&self) -> SigningKey {
        SigningKey::new(PrivateKey::read(&self.path("key.pem"), None).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::read(&self.path("key.pub")).unwrap()
    }

    fn sign(&self, key: &SigningKey) {
        DigestedFolder::read(&self.model(), &self.signature()).unwrap().sign(key).unwrap();
    }

    /// A signed model.
    fn signed() -> Self {
        let fixture = Self::new();
        fixture.sign(&fixture.key());
        fixture
    }

    fn check(&self, trust: &Trust) -> Result<SignedFolder, Error> {
        SignedFolder::check(&self.model(), &self.signature(), trust, SystemTime::now())
    }
}

/// Writes `NAME.pem` and `NAME.pub`, a P-256 key of this number.
fn write_key(folder: &Path, name: &str, number: u8) {
    let key = p256::SecretKey::from_slice(&[number; 32]).unwrap();
    fs::write(folder.join(format!("{name}.pem")), key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    fs::write(folder.join(format!("{name}.pub")), key.public_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
}
