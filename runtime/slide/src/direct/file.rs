//! Positional reads, so that threads share one open file without a lock.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::regular_file::open_regular;

/// An open file of known length.
#[derive(Debug)]
pub(super) struct SlideFile {
    file: File,
    length: u64,
}

impl SlideFile {
    /// Opens a regular file. Pipes and devices are refused before they are opened: opening a pipe waits for its writer.
    ///
    /// # Errors
    /// The file system's error; [`io::ErrorKind::InvalidInput`] if it is not a regular file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file =
            open_regular(path)?.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    /// Reads `length` bytes from byte `at` on. The range is checked against the file before anything is allocated.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the range exceeds the file; else the file system's error.
    pub(super) fn read(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let size = usize::try_from(length).ok();
        match (at.checked_add(length), size) {
            (Some(end), Some(size)) if end <= self.length => {
                let mut bytes = vec![0; size];
                read_exact_at(&self.file, &mut bytes, at)?;
                Ok(bytes)
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes = &mut bytes[count..];
                at += count as u64;
            }
        }
    }
    Ok(())
}
