//! The files that belong to a slide, and their digest.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kiln_files::FileDigest;
use kiln_files::digest::{sha256_file, sha256_hex};

use crate::dicom;

/// Largest index file of a Hamamatsu slide (VMS, VMU) that is read.
const MAX_INDEX: u64 = 1 << 20;

/// SHA-256 over the content of the slide's files. Of one file it is the file's own digest, as `sha256sum` prints it. Of several
/// it is the digest of the lines that `sha256sum` prints for them, in the order of their names relative to the folder of
/// `main`. Every byte is read: 0.5 to 2 GB per second, which is little beside scoring.
pub(crate) fn digest(main: &Path, vendor: &str) -> io::Result<String> {
    let files = files(main, vendor)?;
    let [file] = files.as_slice() else {
        let folder = main.parent().unwrap_or(Path::new(""));
        let mut lines = String::new();
        for file in &files {
            let name = file.strip_prefix(folder).unwrap_or(file);
            lines.push_str(&format!("{}  {}\n", sha256_file(file)?, name.display()));
        }
        return Ok(sha256_hex(lines.as_bytes()));
    };
    sha256_file(file)
}

/// The digest of a slide's content as [`TileSource::digest`](kiln_tile::TileSource::digest) gives it for each of its tiles,
/// without opening the slide: the ending decides which files belong to it.
///
/// # Errors
/// A file that cannot be read.
pub fn content_digest(slide: &Path) -> io::Result<FileDigest> {
    let ending = slide.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).unwrap_or_default();
    let vendor = match ending.as_str() {
        "mrxs" => "mirax",
        "vms" | "vmu" => "hamamatsu",
        "dcm" => "dicom",
        _ => "",
    };
    Ok(FileDigest::new(digest(slide, vendor)?.as_bytes()))
}

/// The files of a slide in the order of their names: the main file, and for MIRAX the files of its folder, for Hamamatsu
/// VMS and VMU the named ones, for DICOM those of the same series.
pub(crate) fn files(main: &Path, vendor: &str) -> io::Result<Vec<PathBuf>> {
    let folder = match main.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut files = match vendor {
        "mirax" => regular_files(&main.with_extension(""))?,
        "hamamatsu" => index_of(main)?.into_iter().map(|name| folder.join(name)).filter(|file| is_file(file)).collect(),
        "dicom" => match dicom::series(main)? {
            Some(series) => dicom::by_series(folder)?.remove(&series).unwrap_or_default(),
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    if !files.iter().any(|file| file.file_name() == main.file_name()) {
        files.push(main.to_owned());
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

fn regular_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_file(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// The file names in the index of a Hamamatsu slide; none for NDPI, which is a TIFF.
fn index_of(main: &Path) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    File::open(main)?.take(MAX_INDEX).read_to_end(&mut bytes)?;
    if bytes.starts_with(b"II") || bytes.starts_with(b"MM") {
        return Ok(Vec::new());
    }
    let names = String::from_utf8_lossy(&bytes).lines().filter_map(named_file).collect();
    Ok(names)
}

/// The file of a line such as `ImageFile(1,0)=slide.jpg`. Names that lead out of the folder are left out.
fn named_file(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let is_file = ["ImageFile", "MapFile", "OptimisationFile", "MacroImage"].iter().any(|name| key.starts_with(name));
    let value = value.trim();
    (is_file && !value.is_empty() && !value.contains(['/', '\\', '\0']) && value != "..").then(|| value.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_a_slide_count() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("a")).unwrap();
        for (name, text) in [("a.mrxs", "m"), ("a/Slidedat.ini", "i"), ("a/Data0000.dat", "d"), ("b.mrxs", "other")] {
            fs::write(at(name), text).unwrap();
        }
        let names = |files: Vec<PathBuf>| -> Vec<String> {
            files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(files(&at("a.mrxs"), "mirax").unwrap()), ["a/Data0000.dat", "a/Slidedat.ini", "a.mrxs"]);
        let before = digest(&at("a.mrxs"), "mirax").unwrap();
        fs::write(at("a/Data0000.dat"), "D").unwrap();
        assert_ne!(digest(&at("a.mrxs"), "mirax").unwrap(), before);
        assert_eq!(digest(&at("b.mrxs"), "aperio").unwrap(), sha256_hex(b"other"));

        fs::write(at("s.vms"), "[Virtual]\nImageFile=s.jpg\nImageFile(1,0)=t.jpg\nMapFile=../a.mrxs\nNoLayers=1\n")
            .unwrap();
        fs::write(at("s.jpg"), "j").unwrap();
        assert_eq!(names(files(&at("s.vms"), "hamamatsu").unwrap()), ["s.jpg", "s.vms"]);
    }
}
