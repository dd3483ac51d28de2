//! Slides among files and folders, by their names and, for TIFF, by their headers.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kiln_tile::{is_left_out, is_tile_path};

use crate::tiff_header::TiffHeader;

/// Endings that only slides have.
const ENDINGS: [&str; 9] = ["svs", "svslide", "ndpi", "mrxs", "scn", "vms", "vmu", "bif", "dcm"];
/// Least side of a TIFF image that counts as a slide, in pixels. Tiles are smaller.
const LEAST_SIDE: u64 = 1_024;

/// True if a file is a slide: by an ending that only slides have, or a TIFF whose first image is stored in tiles and larger
/// than 1,024 pixels a side. Nothing but the header is read.
#[must_use]
pub fn is_slide(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).unwrap_or_default();
    if ENDINGS.contains(&ending.as_str()) {
        return true;
    }
    matches!(ending.as_str(), "tif" | "tiff" | "btf")
        && TiffHeader::read(path).is_some_and(|header| header.is_tiled && header.size.0.max(header.size.1) > LEAST_SIDE)
}

/// The result of a search for slides in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlideSearch {
    /// The slides, in natural order of their names.
    pub slides: Vec<PathBuf>,
    /// Image files that are no slides, such as PNG and small TIFF files. MIRAX and DICOM data are not counted.
    pub images: usize,
}

/// The slides of a folder and its subfolders, without hidden files. A folder whose files are all DICOM is one slide. Links
/// to folders that contain them are not followed.
///
/// # Errors
/// A folder that cannot be read.
pub fn slides_in(folder: &Path) -> io::Result<SlideSearch> {
    let mut found = SlideSearch::default();
    search(folder, &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// `above` holds the folders that contain `folder`, free of links.
fn search(folder: &Path, above: &mut Vec<PathBuf>, found: &mut SlideSearch) -> io::Result<()> {
    let real = folder.canonicalize()?;
    if above.contains(&real) {
        return Ok(());
    }
    let mut entries =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    entries.retain(|path| !path.file_name().is_some_and(is_left_out));
    entries.sort();
    let is_dicom = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("dcm"));
    if !entries.is_empty() && entries.iter().all(is_dicom) {
        // Instances of one series: OpenSlide finds the others by itself.
        found.slides.extend(entries.into_iter().take(1));
        return Ok(());
    }
    above.push(real);
    for path in entries {
        if path.is_dir() {
            search(&path, above, found)?;
        } else if is_slide(&path) {
            found.slides.push(path);
        } else if is_tile_path(&path) {
            found.images += 1;
        }
    }
    above.pop();
    Ok(())
}
