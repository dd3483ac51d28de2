//! DICOM files without their content: which files of a folder belong to one series (DICOM part 10, and part 5 for explicit
//! little-endian elements). OpenSlide reads the slide itself.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kiln_files::read_head;

use crate::regular_file::open_regular;

/// Bytes of a file that are searched: the series comes before all image data and its tables.
pub(crate) const HEAD: u64 = 1 << 16;
/// Group, element and value representation of the series instance UID (0020,000E), explicit little endian.
const SERIES: [u8; 6] = [0x20, 0x00, 0x0e, 0x00, b'U', b'I'];

/// The UID of a DICOM file's series; `None` for other files. Pipes and devices are not opened.
pub(crate) fn series(path: &Path) -> io::Result<Option<String>> {
    let Some(file) = open_regular(path)? else { return Ok(None) };
    Ok(series_in(&read_head(file, HEAD)?))
}

/// The UID of the series in the first [`HEAD`] bytes of a file.
pub(crate) fn series_in(head: &[u8]) -> Option<String> {
    if head.get(128..132)? != b"DICM" {
        return None;
    }
    let at = head.windows(SERIES.len()).position(|window| window == SERIES)? + SERIES.len();
    let length = usize::from(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let value = head.get(at + 2..(at + 2).checked_add(length)?)?;
    let text = std::str::from_utf8(value).ok()?.trim_end_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The files of a folder by series, in the order of their names. Folders, pipes and devices are left out.
pub(crate) fn by_series(folder: &Path) -> io::Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Links are followed; a pipe is not opened.
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        if let Some(series) = series(&path)? {
            found.entry(series).or_default().push(path);
        }
    }
    Ok(found)
}

/// The head of a DICOM file of a series; the UID has an odd number of characters.
#[cfg(test)]
pub(crate) fn with_series(series: &str) -> Vec<u8> {
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    file.extend_from_slice(&SERIES);
    file.extend_from_slice(&u16::try_from(series.len() + 1).unwrap_or(0).to_le_bytes());
    file.extend_from_slice(series.as_bytes());
    file.push(0);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_found_and_junk_is_not() {
        let file = with_series("1.2.3");
        assert_eq!(series_in(&file).as_deref(), Some("1.2.3"));
        for length in 0..file.len() {
            assert_eq!(series_in(&file[..length]), None, "{length}");
        }
    }
}
