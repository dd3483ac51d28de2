//! Names of folders for the results of slides.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Beginnings of the names of result files, in lower case.
const RESULTS: [&str; 2] = ["tiles.", "slides."];

/// Names of devices, which no file may have on Windows, whatever its ending, in lower case.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Names of devices that a digit follows, in lower case.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// Gives each slide a folder name that no other slide has, also where names in capitals and small letters are equal, and no
/// file.
#[derive(Debug)]
pub(super) struct FolderNames {
    /// The folder that contains the slides' folders.
    results: PathBuf,
    /// Taken names in lower case.
    taken: HashSet<String>,
}

impl FolderNames {
    /// Names in the folder `results`, which need not exist.
    pub(super) fn new(results: &Path) -> Self {
        Self { results: results.to_owned(), taken: HashSet::new() }
    }

    /// The name of a slide's folder: that of its file without the ending, with a number if another slide or a file has it.
    /// Slides named in the same order get the same names. Names that lead elsewhere (`..`), and those that Windows changes or
    /// refuses, are replaced on every system.
    pub(super) fn name(&mut self, slide: &Path) -> String {
        let stem = slide.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let lower = stem.to_lowercase();
        // Windows ignores these at the end of a name.
        let stem = stem.trim_end_matches(['.', ' ']);
        let is_reserved =
            stem.is_empty() || is_device(&lower) || RESULTS.iter().any(|beginning| lower.starts_with(beginning));
        let stem = if is_reserved { format!("slide-{stem}") } else { stem.to_owned() };
        let (mut name, mut number) = (stem.clone(), 1_u64);
        while !self.take(&name) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        name
    }

    /// Returns false if a slide or a file has the name.
    fn take(&mut self, name: &str) -> bool {
        let path = self.results.join(name);
        (path.is_dir() || path.symlink_metadata().is_err()) && self.taken.insert(name.to_lowercase())
    }
}

/// True for the name of a device of Windows, in lower case, with any ending.
fn is_device(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or_default().trim_end();
    let is_numbered =
        |device: &&str| name.strip_prefix(*device).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
    DEVICES.contains(&name) || NUMBERED_DEVICES.iter().any(is_numbered)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_different_names_that_no_result_file_has() {
        let results = tempfile::tempdir().unwrap();
        std::fs::write(results.path().join("rows"), "").unwrap();
        std::fs::create_dir(results.path().join("c")).unwrap();
        let mut names = FolderNames::new(results.path());
        let slides = [
            ("1/a.tif", "a"),
            ("2/a.svs", "a-2"),
            ("3/A.tif", "A-3"),
            ("a-2.tif", "a-2-2"),
            ("tiles.csv.tif", "slide-tiles.csv"),
            ("Slides.CSV.tif", "slide-Slides.CSV"),
            ("slides.tif", "slides"),
            ("rows.tif", "rows-2"),
            ("c.tif", "c"),
            ("...tif", "slide-"),
            ("..tif", "slide--2"),
            ("d..tif", "d"),
            ("d. .tif", "d-2"),
            ("CON.tif", "slide-CON"),
            ("com1.x.tif", "slide-com1.x"),
            ("com10.tif", "com10"),
        ];
        for (slide, expected) in slides {
            assert_eq!(names.name(Path::new(slide)), expected);
        }
    }
}
