//! The files that belong to a slide, and their digest. They follow from the main file alone, so that scoring and merging compute
//! one digest.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kiln_files::digest::{sha256_file, sha256_hex};
use kiln_files::{FileDigest, FileIdentity, read_head};

use crate::dicom;
use crate::regular_file::open_regular;

/// Largest index file of a Hamamatsu slide (VMS, VMU) that is read.
const MAX_INDEX: u64 = 1 << 20;

/// SHA-256 over the content of the slide's files. Of one file it is the file's own digest, as `sha256sum` prints it. Of several
/// it is the digest of the lines that `sha256sum` prints for them, in the order of their names relative to the folder of
/// `main`. Every byte is read: 0.5 to 2 GB per second, which is little beside scoring.
pub(crate) fn digest(main: &Path) -> io::Result<String> {
    let files = files(main)?;
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
/// without opening the slide.
///
/// # Errors
/// A file that cannot be read.
pub fn content_digest(slide: &Path) -> io::Result<FileDigest> {
    Ok(FileDigest::new(digest(slide)?.as_bytes()))
}

/// Slides by the files that belong to them.
#[derive(Debug, PartialEq, Eq)]
enum Family {
    /// The main file alone.
    Single,
    /// The main file, and those of the folder with its name.
    Mirax,
    /// An index (VMS, VMU), and the files that it names.
    Hamamatsu,
    /// The files of a folder that have this series.
    Dicom(String),
}

/// Finds the family of a slide: MIRAX and Hamamatsu by the ending, DICOM and indexes with other endings by the first bytes, as
/// OpenSlide recognises them. A file that cannot be read counts as a single one.
fn family(main: &Path) -> Family {
    match ending(main).as_str() {
        "mrxs" => return Family::Mirax,
        "vms" | "vmu" => return Family::Hamamatsu,
        _ => {}
    }
    let mut head = Vec::new();
    if let Ok(Some(file)) = open_regular(main) {
        // After an error the bytes before it count.
        let _ = file.take(dicom::HEAD).read_to_end(&mut head);
    }
    match dicom::series_in(&head) {
        Some(series) => Family::Dicom(series),
        None if is_index(&head) => Family::Hamamatsu,
        None => Family::Single,
    }
}

/// True for the first bytes of an index of a Hamamatsu slide.
fn is_index(head: &[u8]) -> bool {
    let is_section = |line: &[u8]| {
        [&b"[Virtual Microscope Specimen]"[..], b"[Uncompressed Virtual Microscope Specimen]"]
            .contains(&line.trim_ascii())
    };
    head.split(|byte| *byte == b'\n').next().is_some_and(is_section)
}

/// The identity of a slide: equal for every path that leads to it, also by a link, and for all DICOM files of one series in
/// a folder. Of the slide nothing but the head of its main file is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SlideIdentity {
    /// The main file; for MIRAX the folder of the data, for DICOM the folder of the series.
    file: FileIdentity,
    series: Option<String>,
}

impl SlideIdentity {
    /// Returns the identity of the slide at `slide`.
    ///
    /// # Errors
    /// The file system's error, such as `NotFound`.
    pub fn from_path(slide: &Path) -> io::Result<Self> {
        let data = slide.with_extension("");
        match family(slide) {
            Family::Dicom(series) => {
                Ok(Self { file: FileIdentity::from_path(folder_of(slide))?, series: Some(series) })
            }
            // The main files of different MIRAX slides may be equal, and hard links of one another.
            Family::Mirax if data.is_dir() => Ok(Self { file: FileIdentity::from_path(&data)?, series: None }),
            _ => Ok(Self { file: FileIdentity::from_path(slide)?, series: None }),
        }
    }
}

/// The ending of a file's name in lower case.
pub(crate) fn ending(path: &Path) -> String {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).unwrap_or_default()
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The files of a slide in the order of their names: the main file, and for MIRAX the files of its folder, for Hamamatsu
/// VMS and VMU the named ones, for DICOM those of the same series.
fn files(main: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = folder_of(main);
    let mut files = match family(main) {
        Family::Mirax => regular_files(&main.with_extension(""))?,
        Family::Hamamatsu => {
            index_of(main)?.into_iter().map(|name| folder.join(name)).filter(|file| is_file(file)).collect()
        }
        Family::Dicom(series) => dicom::by_series(folder)?.remove(&series).unwrap_or_default(),
        Family::Single => Vec::new(),
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
    let bytes = read_head(File::open(main)?, MAX_INDEX)?;
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
        for (name, text) in [("a.mrxs", "m"), ("a/Slidedat.ini", "i"), ("a/Data0000.dat", "d"), ("b.svs", "other")] {
            fs::write(at(name), text).unwrap();
        }
        let names = |files: Vec<PathBuf>| -> Vec<String> {
            files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(files(&at("a.mrxs")).unwrap()), ["a/Data0000.dat", "a/Slidedat.ini", "a.mrxs"]);
        let before = digest(&at("a.mrxs")).unwrap();
        fs::write(at("a/Data0000.dat"), "D").unwrap();
        assert_ne!(digest(&at("a.mrxs")).unwrap(), before);
        assert_eq!(digest(&at("b.svs")).unwrap(), sha256_hex(b"other"));

        fs::write(at("s.vms"), "[Virtual]\nImageFile=s.jpg\nImageFile(1,0)=t.jpg\nMapFile=../a.mrxs\nNoLayers=1\n")
            .unwrap();
        fs::write(at("s.jpg"), "j").unwrap();
        assert_eq!(names(files(&at("s.vms")).unwrap()), ["s.jpg", "s.vms"]);
        fs::write(at("index"), "[Virtual Microscope Specimen]\r\nImageFile=s.jpg\n").unwrap();
        assert_eq!(names(files(&at("index")).unwrap()), ["index", "s.jpg"]);
    }

    #[test]
    fn a_dicom_file_belongs_to_its_series_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, series) in [("1.dcm", "1.2.3"), ("2", "1.2.3"), ("3", "1.2.4")] {
            fs::write(at(name), dicom::with_series(series)).unwrap();
        }
        fs::write(at("4.dcm"), "no DICOM").unwrap();
        assert_eq!(files(&at("2")).unwrap(), [at("1.dcm"), at("2")]);
        assert_eq!(content_digest(&at("2")).unwrap(), content_digest(&at("1.dcm")).unwrap());
        assert_eq!(content_digest(&at("2")).unwrap(), FileDigest::new(digest(&at("2")).unwrap().as_bytes()));
        assert_eq!(digest(&at("3")).unwrap(), sha256_file(&at("3")).unwrap());
        assert_eq!(digest(&at("4.dcm")).unwrap(), sha256_hex(b"no DICOM"));
        let identity = |name: &str| SlideIdentity::from_path(&at(name)).unwrap();
        assert_eq!(identity("1.dcm"), identity("2"));
        assert_ne!(identity("2"), identity("3"));
    }

    #[test]
    fn a_slide_has_one_identity_by_every_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let identity = |name: &str| SlideIdentity::from_path(&at(name)).unwrap();
        fs::create_dir_all(at("1")).unwrap();
        fs::create_dir_all(at("2")).unwrap();
        for name in ["a.tif", "b.tif", "1.mrxs"] {
            fs::write(at(name), "equal").unwrap();
        }
        fs::hard_link(at("1.mrxs"), at("2.mrxs")).unwrap();
        assert_eq!(identity("a.tif"), identity("1/../a.tif"));
        assert_ne!(identity("a.tif"), identity("b.tif"));
        assert_ne!(identity("1.mrxs"), identity("2.mrxs"), "each has its own folder of data");
        fs::hard_link(at("a.tif"), at("hard.tif")).unwrap();
        #[cfg(unix)]
        {
            assert_eq!(identity("a.tif"), identity("hard.tif"));
            std::os::unix::fs::symlink("a.tif", at("link.tif")).unwrap();
            assert_eq!(identity("a.tif"), identity("link.tif"));
        }
        for (name, series) in [("1.dcm", "1.2.3"), ("2.dcm", "1.2.3"), ("3.dcm", "1.2.4")] {
            fs::write(at(name), dicom::with_series(series)).unwrap();
        }
        assert_eq!(identity("1.dcm"), identity("2.dcm"));
        assert_ne!(identity("1.dcm"), identity("3.dcm"));
        assert!(SlideIdentity::from_path(&at("missing.tif")).is_err());
    }
}
