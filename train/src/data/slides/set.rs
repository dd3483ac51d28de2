//! The slides of a data set and the places on them, behind the tile source that also serves scoring.

use std::path::{Path, PathBuf};

use kiln_files::FileDigest;
use kiln_files::limits::Limits;
use kiln_slide::openslide::{self, DEFAULT_CACHE_BYTES, Library};
use kiln_slide::{Outside, ReadOptions, Slide, SlideTiles};
use kiln_tile::{Place, SIDE, SlideTile, TileError, TileRead, TileSource};

use super::options::SlideOptions;
use crate::data::{DataError, Result};
use crate::parallel;

/// Number of slides that are open at the same time. Training reads tiles in random order, so each reopening would be paid
/// for again and again; a slide needs a few files and, of the common formats, less than 10 MB.
const OPEN_SLIDES: usize = 64;
/// Resolutions within this share count as equal.
const TOLERANCE: f64 = 0.01;

/// A slide of a list.
#[derive(Debug, Clone)]
pub(in crate::data) struct ListedSlide {
    /// Its name in identities of tiles.
    pub(in crate::data) name: String,
    /// The file, or the folder of a DICOM series.
    pub(in crate::data) path: PathBuf,
    /// Side of its tiles in level-0 pixels.
    pub(in crate::data) side: u32,
}

/// Places on slides.
#[derive(Debug)]
pub(in crate::data) struct SlideSet {
    tiles: SlideTiles,
    slides: Vec<ListedSlide>,
    places: Vec<(u32, Place)>,
    resolution: f64,
}

impl SlideSet {
    /// Opens every slide once, to check that its resolution and its places agree with the resolution of the tiles.
    pub(in crate::data) fn open(
        list: &Path,
        slides: Vec<ListedSlide>,
        places: Vec<(u32, Place)>,
        options: &SlideOptions,
    ) -> Result<Self> {
        let library = openslide::find(options.openslide.as_deref())
            .and_then(|file| Library::load(&file, Limits::here().cache_bytes(DEFAULT_CACHE_BYTES)))
            .map_err(|error| DataError::OpenSlide(Box::new(error)))?;
        let resolution_of =
            |slide: &ListedSlide| -> Result<f64> { options.mpp_override.map_or_else(|| level_0(slide, &library), Ok) };
        let level_0 = parallel::try_map(slides.len(), |at| resolution_of(&slides[at]))?;
        let found = |slide: &ListedSlide, mpp: f64| f64::from(slide.side) * mpp / f64::from(SIDE);
        let first = slides.first().zip(level_0.first()).map(|(slide, mpp)| found(slide, *mpp));
        let no_tiles = || DataError::NoTiles { path: list.to_owned(), reason: "no tile has a label" };
        let resolution = options.micrometres_per_pixel.or(first).ok_or_else(no_tiles)?;
        for (slide, mpp) in slides.iter().zip(&level_0) {
            let expected = f64::from(SIDE) * resolution / mpp;
            if (f64::from(slide.side) - expected).abs() > 1.0 + TOLERANCE * expected {
                return Err(DataError::Resolution {
                    path: list.to_owned(),
                    slide: slide.path.clone(),
                    level_0: *mpp,
                    side: slide.side,
                    found: found(slide, *mpp),
                    resolution,
                    is_stated: options.micrometres_per_pixel.is_some(),
                });
            }
        }
        let reading = ReadOptions {
            slide_mpp: options.mpp_override,
            enlarge: options.upsample,
            outside: Outside::Padded,
            open_slides: OPEN_SLIDES,
            ..ReadOptions::new(resolution)
        };
        let named = slides.iter().map(|slide| (slide.name.clone(), slide.path.clone())).collect();
        let tiles = SlideTiles::new(library, named, places.clone(), reading).map_err(|_| no_tiles())?;
        Ok(Self { tiles, slides, places, resolution })
    }

    /// Resolution of the tiles in µm/px.
    pub(in crate::data) fn resolution(&self) -> f64 {
        self.resolution
    }

    /// Reads a tile, without stain normalisation.
    pub(in crate::data) fn read(&self, number: usize) -> TileRead {
        self.tiles.read(number)
    }

    /// The digest of the content of a tile's slide.
    pub(in crate::data) fn digest(&self, number: usize) -> Result<FileDigest, TileError> {
        self.tiles.digest(number)
    }

    pub(in crate::data) fn slide_tile(&self, number: usize) -> Option<SlideTile> {
        self.tiles.slide_tile(number)
    }

    pub(in crate::data) fn place(&self, number: usize) -> Place {
        self.places[number].1
    }

    pub(in crate::data) fn slide_of(&self, number: usize) -> usize {
        self.places[number].0 as usize
    }

    pub(in crate::data) fn slide_path(&self, slide: usize) -> Option<PathBuf> {
        self.slides.get(slide).map(|slide| slide.path.clone())
    }
}

/// Resolution of level 0 in µm/px.
fn level_0(slide: &ListedSlide, library: &Library) -> Result<f64> {
    let refused = |reason: String| DataError::Slide { path: slide.path.clone(), reason };
    // The messages of the slide library name the slide.
    let opened = Slide::open(&slide.path, library).map_err(|error| refused(error.to_string()))?;
    opened.mpp().map(|mpp| mpp.mean()).map_err(|error| refused(error.to_string()))
}
