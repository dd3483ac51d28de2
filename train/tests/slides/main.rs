//! Data sets of tiles on slides: the tiles are those of image files, and training on them gives the same weights. Skipped
//! where OpenSlide is not installed; `KILN_OPENSLIDE` names one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lists;
mod splits;
mod tiff;
mod training;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_slide::openslide;
use kiln_tile::{SIDE, Tile};
use kiln_train::data::{Dataset, SlideOptions};

/// µm/px of the slides.
pub(crate) const MPP: f64 = 0.5;
/// Tiles along a side of a slide.
pub(crate) const ACROSS: usize = 4;
/// Tiles of a slide.
pub(crate) const TILES: usize = ACROSS * ACROSS;
/// Side of a tile.
pub(crate) const N: usize = SIDE as usize;

/// The library to test with; `None`, with the reason printed, without one.
pub(crate) fn library() -> Option<PathBuf> {
    let named = std::env::var_os("KILN_OPENSLIDE").map(PathBuf::from);
    match openslide::find(named.as_deref()) {
        Ok(found) => Some(found.path),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// Slides in a folder, with tiles of fine and of coarse texture in turn.
pub(crate) struct Slides {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) library: PathBuf,
    /// The tiles of each slide, by rows.
    pub(crate) tiles: Vec<Vec<Tile>>,
}

/// `slides` slides; `None` without OpenSlide.
pub(crate) fn slides(slides: usize) -> Option<Slides> {
    let library = library()?;
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for slide in 0..slides {
        let tiles: Vec<Tile> = (0..TILES).map(|at| tissue(slide * TILES + at)).collect();
        fs::write(folder.path().join(format!("slide-{slide}.tif")), tiff(&tiles)).unwrap();
        all.push(tiles);
    }
    Some(Slides { folder, library, tiles: all })
}

/// A slide of tiles, by rows.
pub(crate) fn tiff(tiles: &[Tile]) -> Vec<u8> {
    tiff::slide(ACROSS * N, MPP, |x, y| {
        let at = 3 * (y % N * N + x % N);
        tiles[y / N * ACROSS + x / N].pixels()[at..at + 3].try_into().unwrap()
    })
}

/// A tile with the colours of two stains: fine texture if its number is even, else coarse.
fn tissue(number: usize) -> Tile {
    let hash = |x: usize, y: usize| {
        let mixed = (x as u32).wrapping_mul(374_761_393) ^ (y as u32).wrapping_mul(668_265_263);
        let mixed = (mixed ^ (number as u32).wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917);
        (mixed ^ (mixed >> 15)).wrapping_mul(2_654_435_761) >> 24
    };
    let grain = if number.is_multiple_of(2) { 4 } else { 16 };
    let pixel = |at: usize| {
        let (x, y) = (at % N, at / N);
        let (mix, noise) = (hash(x / grain, y / grain), hash(x + 1_000, y) / 16);
        [[235, 90], [150, 50], [195, 130]]
            .map(|[eosin, haematoxylin]: [u32; 2]| ((eosin * (255 - mix) + haematoxylin * mix) / 255 + noise) as u8)
    };
    Tile::from_pixels((0..N * N).flat_map(pixel).collect()).unwrap()
}

/// The label of tile `at` of a slide.
pub(crate) fn label(at: usize) -> &'static str {
    if at.is_multiple_of(2) { "normal" } else { "tumour" }
}

/// The left and upper edge of tile `at` of a slide.
pub(crate) fn corner(at: usize) -> (usize, usize) {
    (at % ACROSS * N, at / ACROSS * N)
}

impl Slides {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn options(&self) -> SlideOptions {
        let openslide = Some(self.library.clone());
        SlideOptions { micrometres_per_pixel: Some(MPP), openslide, ..SlideOptions::default() }
    }

    /// A list of all tiles with their labels.
    pub(crate) fn list(&self) -> PathBuf {
        let mut text = "slide,minx,miny,width,height,label\n".to_owned();
        for slide in 0..self.tiles.len() {
            for at in 0..TILES {
                let (x, y) = corner(at);
                writeln!(text, "slide-{slide}.tif,{x},{y},{N},{N},{}", label(at)).unwrap();
            }
        }
        self.write("tiles.csv", &text)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn open(&self, list: &Path) -> Dataset {
        Dataset::open_with(list, &self.options()).unwrap()
    }

    /// The message of the refusal of a list.
    pub(crate) fn refusal(&self, text: &str) -> String {
        let list = self.write("refused.csv", text);
        let error = Dataset::open_with(&list, &self.options()).unwrap_err();
        assert_eq!(error.fault(), kiln_files::Fault::Input, "{error}");
        error.to_string()
    }
}
