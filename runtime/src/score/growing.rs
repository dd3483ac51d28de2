//! A file that bytes are added to, after those that an earlier process has written. Bytes that are there already are
//! compared and left alone, so that a program that follows the file sees neither a new file nor a line twice; from the
//! first difference on, the file is written again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A writer over an existing file.
pub(super) struct GrowingFile {
    file: File,
    /// True as long as everything that was written was there already.
    agrees: bool,
    /// Bytes of the file up to the cursor.
    at: u64,
    found: Vec<u8>,
}

impl GrowingFile {
    /// Writes to a file from its beginning. The file must be readable.
    pub(super) fn new(file: File) -> Self {
        Self { file, agrees: true, at: 0, found: Vec::new() }
    }

    /// The number of `bytes` that the file has at the cursor, which moves behind them.
    fn agreeing(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.found.clear();
        let length = bytes.len() as u64;
        Read::by_ref(&mut self.file).take(length).read_to_end(&mut self.found)?;
        Ok(self.found.iter().zip(bytes).take_while(|(found, byte)| found == byte).count())
    }
}

impl Write for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if self.agrees {
            let same = self.agreeing(bytes)?;
            self.at += same as u64;
            rest = &bytes[same..];
            if !rest.is_empty() {
                self.agrees = false;
                self.file.set_len(self.at)?;
                self.file.seek(SeekFrom::Start(self.at))?;
            }
        }
        self.file.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
