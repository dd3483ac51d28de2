//! Slides among files and folders, by their names and, for TIFF and DICOM, by their headers.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kiln_tile::{is_left_out, is_tile_path};

use crate::dicom;
use crate::files::ending;
use crate::tiff_header::{TiffHeader, cut_short, is_heat_map};

/// Endings that only slides have.
const ENDINGS: [&str; 9] = ["svs", "svslide", "ndpi", "mrxs", "scn", "vms", "vmu", "bif", "dcm"];
/// Endings of TIFF files, which are slides or other images.
const TIFF_ENDINGS: [&str; 6] = ["tif", "tiff", "btf", "tf2", "tf8", "qptiff"];
/// Endings of slides in formats that OpenSlide does not read.
const UNSUPPORTED: [&str; 20] = [
    "czi", "isyntax", "i2syntax", "vsi", "lif", "zvi", "oir", "oib", "oif", "nd2", "ims", "mds", "mdsx", "kfb", "tmap",
    "sdpc", "dyqx", "svsx", "lsm", "zarr",
];
/// Least side of a TIFF image that counts as a slide, in pixels. Tiles are smaller.
const LEAST_SIDE: u64 = 1_024;
/// Number of left-out files whose paths are kept.
const NAMED: usize = 3;

/// True if a file is a slide: by an ending that only slides have, or a TIFF whose first image is stored in tiles and larger
/// than 1,024 pixels a side. Nothing but the header is read.
#[must_use]
pub fn is_slide(path: &Path) -> bool {
    kind(path) == Kind::Slide
}

/// True if the ending is that of a slide format that cannot be read, such as `.czi` and `.isyntax`.
#[must_use]
pub fn is_unsupported_slide(path: &Path) -> bool {
    UNSUPPORTED.contains(&ending(path).as_str())
}

/// Files that a search leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Their number.
    pub count: usize,
    /// The first three.
    pub first: Vec<PathBuf>,
}

impl LeftOut {
    fn push(&mut self, path: PathBuf) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(path);
        }
    }

    /// True if no file was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The first names and the number of the others: `a.png, b.png, c.png and 4 more`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, path) in self.first.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, path.display())?;
        }
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The result of a search for slides in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlideSearch {
    /// The slides, in the order of their names.
    pub slides: Vec<PathBuf>,
    /// TIFF files that are shorter than their headers state, so that their images cannot be assessed.
    pub cut_short: Vec<PathBuf>,
    /// Image files that are no slides, such as PNG and small TIFF files. MIRAX and DICOM data are not counted.
    pub images: LeftOut,
    /// TIFF files as large as slides whose image is stored in strips, which OpenSlide does not read.
    pub strips: LeftOut,
    /// Slides in formats that OpenSlide does not read, by their endings.
    pub unsupported: LeftOut,
    /// Heat maps that Kiln wrote.
    pub results: LeftOut,
}

/// The slides of a folder and its subfolders, without hidden files. The DICOM files (`.dcm`) of one series in a folder are
/// one slide, and the first of them names it. Links to folders that contain them are not followed.
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
    let mut series = BTreeSet::new();
    above.push(real);
    for path in entries {
        let is_folder = path.is_dir();
        // OME-Zarr is a folder, whose files are not searched.
        if is_unsupported_slide(&path) && (!is_folder || ending(&path) == "zarr") {
            found.unsupported.push(path);
        } else if is_folder {
            search(&path, above, found)?;
        } else if is_result(&path) {
            found.results.push(path);
        } else {
            match kind(&path) {
                Kind::Slide if is_of_known_series(&path, &mut series) => {}
                Kind::Slide => found.slides.push(path),
                Kind::CutShort => found.cut_short.push(path),
                Kind::Strips => found.strips.push(path),
                Kind::Image => found.images.push(path),
                Kind::Other => {}
            }
        }
    }
    above.pop();
    Ok(())
}

/// True for a picture that Kiln wrote: a heat map as OME-TIFF, and the PNG files of a folder below a `slides.csv`. A folder
/// of slides may contain the results of an earlier run.
fn is_result(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.as_ref() {
        "heatmap.png" | "overlay.png" => {
            path.parent().and_then(Path::parent).is_some_and(|folder| folder.join("slides.csv").is_file())
        }
        name => name.ends_with(".ome.tif") && is_heat_map(path),
    }
}

/// True for a DICOM file of a series of which another file was found before: OpenSlide finds the files of a series itself.
/// A file whose series cannot be read is a slide of its own, so that opening it reports the fault.
fn is_of_known_series(path: &Path, known: &mut BTreeSet<String>) -> bool {
    ending(path) == "dcm" && dicom::series(path).ok().flatten().is_some_and(|series| !known.insert(series))
}

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slide,
    /// A TIFF that ends before its first directory does.
    CutShort,
    /// A large TIFF that is not stored in tiles.
    Strips,
    Image,
    Other,
}

fn kind(path: &Path) -> Kind {
    let ending = ending(path);
    if ENDINGS.contains(&ending.as_str()) {
        return Kind::Slide;
    }
    if !TIFF_ENDINGS.contains(&ending.as_str()) {
        return if is_tile_path(path) { Kind::Image } else { Kind::Other };
    }
    match TiffHeader::read(path) {
        Some(header) if header.size.0.max(header.size.1) <= LEAST_SIDE => Kind::Image,
        Some(header) if header.is_tiled => Kind::Slide,
        Some(_) => Kind::Strips,
        None if cut_short(path).is_some() => Kind::CutShort,
        None => Kind::Image,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Place, PyramidOptions, write_pyramid_file};

    fn names(folder: &Path, paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn each_series_of_a_dicom_folder_is_a_slide_whatever_else_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        for (name, series) in [("a1.dcm", "1.2.3"), ("a2.dcm", "1.2.3"), ("b1.DCM", "1.2.4"), ("b2.dcm", "1.2.4")] {
            fs::write(here.join(name), dicom::with_series(series)).unwrap();
        }
        let slides = || names(here, &slides_in(here).unwrap().slides);
        assert_eq!(slides(), ["a1.dcm", "b1.DCM"]);
        fs::write(here.join("notes.txt"), "text").unwrap();
        assert_eq!(slides(), ["a1.dcm", "b1.DCM"]);
        // A file without a series is named by the error of opening it; a folder of its own has its own series.
        fs::write(here.join("c.dcm"), "junk").unwrap();
        fs::create_dir(here.join("d")).unwrap();
        fs::write(here.join("d/a3.dcm"), dicom::with_series("1.2.3")).unwrap();
        assert_eq!(slides(), ["a1.dcm", "b1.DCM", "c.dcm", "d/a3.dcm"]);
    }

    #[test]
    fn the_results_of_an_earlier_run_are_no_slides() {
        use crate::heatmap::{Heatmap, OmeTiffOptions, ScoreScale, ScoredSlide, ScoredTile};

        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let place = Place { minx: 0, miny: 0, width: 256, height: 256 };
        let tiles = [ScoredTile { place, score: Some(0.75), label: None, status: "ok" }];
        let slide = ScoredSlide {
            name: "a",
            width: 20_480,
            height: 20_480,
            mpp: 0.5,
            bounds: None,
            stride: 256,
            scale: ScoreScale::probability(0.5),
            positive: "tumour",
            classes: &[],
            tiles: &tiles,
        };
        fs::create_dir_all(here.join("out/a")).unwrap();
        let file = fs::File::create(here.join("out/a/heatmap.ome.tif")).unwrap();
        Heatmap::new(&slide).unwrap().write_ome_tiff(file, &OmeTiffOptions::default()).unwrap();
        fs::write(here.join("out/slides.csv"), "").unwrap();
        fs::write(here.join("out/a/heatmap.png"), "").unwrap();
        let white = |place: Place| Ok(vec![255; 3 * place.width as usize * place.height as usize]);
        let options = PyramidOptions::new(0.5);
        write_pyramid_file(&here.join("a.ome.tif"), (1_300, 1_300), &options, &mut |place| white(place)).unwrap();
        assert!(is_slide(&here.join("out/a/heatmap.ome.tif")), "a file that is named is not searched for");
        let found = slides_in(here).unwrap();
        assert_eq!(names(here, &found.slides), ["a.ome.tif"]);
        assert_eq!(names(here, &found.results.first), ["out/a/heatmap.ome.tif", "out/a/heatmap.png"]);
        assert!(found.images.is_empty());
    }

    #[test]
    fn files_that_are_left_out_are_named_by_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let white = |place: Place| vec![255; 3 * place.width as usize * place.height as usize];
        let draw = |name: &str, side: u32| {
            let options = PyramidOptions::new(0.5);
            write_pyramid_file(&here.join(name), (side, side), &options, &mut |place| Ok(white(place))).unwrap();
        };
        draw("slide.tif", 1_300);
        draw("tile.tif", 256);
        let bytes = fs::read(here.join("slide.tif")).unwrap();
        fs::write(here.join("cut.tif"), &bytes[..16]).unwrap();
        let mut strips = tiff::encoder::TiffEncoder::new(fs::File::create(here.join("strips.tif")).unwrap()).unwrap();
        strips.write_image::<tiff::encoder::colortype::Gray8>(1_300, 8, &[255; 1_300 * 8]).unwrap();
        for name in ["1.png", "2.png", "3.png", "4.png", "notes.txt", "a.CZI", "b.isyntax"] {
            fs::write(here.join(name), "").unwrap();
        }
        fs::create_dir_all(here.join("c.zarr/0")).unwrap();
        fs::create_dir(here.join("d.czi")).unwrap();
        fs::write(here.join("c.zarr/0/1.png"), "").unwrap();
        let found = slides_in(here).unwrap();
        assert_eq!(names(here, &found.slides), ["slide.tif"]);
        assert_eq!(names(here, &found.cut_short), ["cut.tif"]);
        assert_eq!(names(here, &found.strips.first), ["strips.tif"]);
        assert_eq!(names(here, &found.unsupported.first), ["a.CZI", "b.isyntax", "c.zarr"]);
        assert_eq!(
            (found.images.count, names(here, &found.images.first)),
            (5, ["1.png", "2.png", "3.png"].map(str::to_owned).to_vec())
        );
        let text = found.images.to_string();
        assert!(text.ends_with("3.png and 2 more"), "{text}");
        assert!(!is_slide(&here.join("a.CZI")) && is_unsupported_slide(&here.join("a.CZI")));
    }
}
