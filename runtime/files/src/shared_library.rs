//! The folders in which a system keeps shared libraries, and a check that a library file is whole. The loader maps a
//! truncated file, and the process dies of SIGBUS at the first missing page. The ends of all segments are therefore compared
//! with the file's length before it is loaded. Layout: System V ABI, ELF-64 object files. Other formats are left to the loader.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::read_head;

const HEADER: usize = 64;
/// More program headers than any library has.
const MOST_SEGMENTS: usize = 1_024;

/// The usual folders, in order. The last belongs to Homebrew.
const USUAL: [&str; 7] = [
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/homebrew/lib",
];

/// The folders to search for a library of the system, in order: those of the loader's path (`LD_LIBRARY_PATH`), then the
/// usual ones.
#[must_use]
pub fn search_folders() -> Vec<PathBuf> {
    let path = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty());
    named.chain(USUAL.iter().map(PathBuf::from)).collect()
}

/// Checks that the file can be a library.
///
/// # Errors
/// The reason why it cannot.
pub fn check(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let most = (HEADER + MOST_SEGMENTS * 56) as u64;
    let head = read_head(file, most).map_err(|error| error.to_string())?;
    check_head(&head, metadata.len())
}

fn check_head(head: &[u8], length: u64) -> Result<(), String> {
    if !head.starts_with(b"\x7fELF") {
        return Err("not a shared library (no ELF header)".to_owned());
    }
    if head.get(4..6) != Some(&[2, 1]) {
        return Err("not a 64-bit little-endian library".to_owned());
    }
    let end = end_of_segments(head).ok_or_else(|| format!("cut short: {length} bytes hold no whole header"))?;
    if end > length { Err(format!("cut short: {length} bytes, but its header announces {end}")) } else { Ok(()) }
}

/// The end of the last segment or of the section table, whichever is later.
fn end_of_segments(head: &[u8]) -> Option<u64> {
    let start = usize::try_from(long(head, 32)?).ok()?;
    let (size, count) = (usize::from(short(head, 54)?), usize::from(short(head, 56)?));
    let sections = long(head, 40)?.checked_add(u64::from(short(head, 58)?) * u64::from(short(head, 60)?))?;
    (0..count).try_fold(sections, |end, i| {
        let segment = start.checked_add(i.checked_mul(size)?)?;
        Some(end.max(long(head, segment + 8)?.checked_add(long(head, segment + 32)?)?))
    })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_whole_and_its_first_half_is_not() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let length = program.len() as u64;
        assert_eq!(check_head(&program, length), Ok(()));
        assert!(check_head(&program[..program.len() / 2], length / 2).unwrap_err().starts_with("cut short"));
    }

    #[test]
    fn junk_of_every_length_is_refused_without_a_panic() {
        for length in 0..200 {
            assert!(check_head(&vec![0xff; length], length as u64).is_err());
            let mut elf = vec![0xff; length + 6];
            elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
            assert!(check_head(&elf, elf.len() as u64).is_err());
        }
    }
}
