//! The blocks of a PEM file. Files of keys and certificates may hold comments and other blocks, such as the EC PARAMETERS that
//! OpenSSL writes before a key.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};

/// The longest file of keys or certificates, in bytes: the root certificates of a whole operating system have a quarter of it.
const LIMIT: u64 = 1 << 20;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One block of a PEM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// Its label, such as `PUBLIC KEY`.
    pub(crate) label: &'a str,
    /// The whole block, with both of its boundary lines.
    pub(crate) text: &'a str,
}

/// Reads a PEM file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LIMIT).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The blocks of a file. Text outside of them is skipped; a block without an end is left out.
pub(crate) fn blocks(bytes: &[u8]) -> Vec<Block<'_>> {
    let mut rest = std::str::from_utf8(bytes).unwrap_or_default();
    let mut found = Vec::new();
    while let Some(start) = rest.find(BEGIN) {
        let block = &rest[start..];
        let Some((label, _)) = block[BEGIN.len()..].split_once(DASHES) else { break };
        let end = format!("-----END {label}-----");
        let Some(length) = block.find(&end).map(|at| at + end.len()) else { break };
        found.push(Block { label, text: &block[..length] });
        rest = &block[length..];
    }
    found
}

/// The labels of blocks, for errors.
pub(crate) fn labels(blocks: &[Block<'_>]) -> String {
    if blocks.is_empty() {
        return "no PEM block".to_owned();
    }
    blocks.iter().map(|block| block.label).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_between_other_text() {
        let file =
            b"note\n-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----\n\n-----BEGIN X-----\nBB==\n\
            -----END X-----\ntail -----BEGIN Y----- no end";
        let found = blocks(file);
        assert_eq!(labels(&found), "EC PARAMETERS, X");
        assert_eq!(found[1].text, "-----BEGIN X-----\nBB==\n-----END X-----");
        for junk in [&b""[..], b"\xff\xfe", b"-----BEGIN ", b"-----BEGIN X", b"-----BEGIN X-----"] {
            assert_eq!(labels(&blocks(junk)), "no PEM block");
        }
    }
}
