//! Digests in lower-case hexadecimal: SHA-256 for files that others check, BLAKE3 for tiles that are scored.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// The first 16 bytes of the BLAKE3 digest of a tile's file, as `b3sum --length 16` prints it. Identifies the scored
/// bytes. BLAKE3 is fast without special instructions: SHA-256 costs a tenth of decoding a tile on processors without SHA
/// extensions.
///
/// ```
/// use kiln_files::FileDigest;
///
/// assert_eq!(FileDigest::new(b"").to_string(), "af1349b9f5f9a1a6a0404dea36dcc949");
/// assert_ne!(FileDigest::new(b"one tile"), FileDigest::new(b"another tile"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileDigest([u8; 16]);

impl FileDigest {
    /// Computes the digest of a file's bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut digest = [0; 16];
        digest.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        Self(digest)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut digest = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FileDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("expected a digest of 32 hexadecimal digits"))
    }
}

/// Returns the SHA-256 of `bytes`.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the SHA-256 of a file, read in pieces.
///
/// # Errors
/// The file system's error.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&piece[..n]),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_digest_is_what_b3sum_prints() {
        // The specification's test vector for no input, cut to 16 bytes.
        assert_eq!(FileDigest::new(b"").to_string(), "af1349b9f5f9a1a6a0404dea36dcc949");
        let digest = FileDigest::new(b"tile");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<FileDigest>(&text).unwrap(), digest);
        for wrong in ["\"\"", "\"xf1349b9f5f9a1a6a0404dea36dcc949\"", "\"af13\"", "7", "\"éééééééééééééééé\""]
        {
            assert!(serde_json::from_str::<FileDigest>(wrong).is_err(), "{wrong}");
        }
    }
}
