//! A slide: geometry, resolution and pixels. Many threads may share one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use crate::dicom;
use crate::direct::{Direct, NotDirect, TileCache};
use crate::error::{ResolutionError, SlideError};
use crate::files;
use crate::level::{AssociatedImage, Bounds, Level};
use crate::openslide::{Header, Library, SharedHandle};
use crate::region::{ReadError, Region, WHITE};
use crate::resolution::{self, Mpp};
use crate::tiff_header::cut_short;

/// The reader of a level's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// OpenSlide.
    OpenSlide,
    /// Kiln's own decoder of TIFFs with JPEG tiles.
    Direct,
}

/// `openslide` or `direct`.
impl std::fmt::Display for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OpenSlide => "openslide",
            Self::Direct => "direct",
        })
    }
}

/// An open slide. Levels, bounds and properties are OpenSlide's.
#[derive(Debug)]
pub struct Slide {
    path: PathBuf,
    /// The file that OpenSlide opened: `path`, or a file in this folder.
    main: PathBuf,
    handle: SharedHandle,
    /// `None` until it is asked for.
    direct: Option<Result<Direct, NotDirect>>,
    bounds: Option<Bounds>,
    background: [u8; 3],
    mpp: Result<Mpp, ResolutionError>,
    doubts: Vec<String>,
    /// The doubt that the file is cut short; empty until it is asked for.
    cut_short: OnceLock<Option<String>>,
    digest: OnceLock<String>,
}

impl Slide {
    /// Opens a slide: a file, or a folder with the DICOM files of one series. A format of several files is opened by its
    /// main one (`.mrxs`, `.vms`, any `.dcm` of the series).
    ///
    /// Sizes, levels and tiles are checked against limits. OpenSlide is a C library, though: a file made to attack it is
    /// examined in another process first, see [`crate::probe`].
    ///
    /// # Errors
    /// [`SlideError`] with the path: nothing there, no regular file, no known format, a damaged header, impossible sizes.
    pub fn open(path: &Path, library: &Library) -> Result<Self, SlideError> {
        let main = main_file(path)?;
        let handle = SharedHandle::open(&main, library).map_err(|error| with_cause(error, &main))?;
        let header = handle.header();
        let (mpp, mut doubts) = resolution::assess(path, header);
        let bounds = bounds(header, &mut doubts);
        let background = header.properties.get("openslide.background-color").map_or(Some(WHITE), |text| colour(text));
        Ok(Self {
            path: path.to_owned(),
            main,
            direct: None,
            bounds,
            background: background.unwrap_or(WHITE),
            mpp,
            doubts,
            cut_short: OnceLock::new(),
            digest: OnceLock::new(),
            handle,
        })
    }

    /// The same slide with direct decoding of the levels for which that is right; OpenSlide reads the others. Slides
    /// should share a `cache`.
    #[must_use]
    pub fn with_direct(mut self, cache: Arc<TileCache>) -> Self {
        let sizes: Vec<_> = self.levels().iter().map(|level| (level.width, level.height)).collect();
        self.direct = Some(Direct::open(&self.main, self.vendor(), &sizes, cache));
        self
    }

    /// The direct reader, if it reads this level: its pixels are compared with OpenSlide's before it is used.
    fn direct(&self, level: u32) -> Result<&Direct, Option<NotDirect>> {
        let direct = self.direct.as_ref().ok_or(None)?.as_ref().map_err(|reason| Some(reason.clone()))?;
        let exact = self.levels().get(level as usize).is_some_and(|level| self.handle.is_exact(level));
        let openslide = |x, y, width, height| self.handle.read(level, (x, y), (width, height), self.background, false);
        direct.agrees(level, exact, self.background, openslide)?;
        Ok(direct)
    }

    /// The reason why OpenSlide reads a level; `None` if it is decoded directly, or [`Slide::with_direct`] was not called.
    #[must_use]
    pub fn not_direct(&self, level: u32) -> Option<NotDirect> {
        self.direct(level).err().flatten()
    }

    /// The same slide with the resolution that the caller states, in µm/px along both axes, instead of its own.
    ///
    /// # Errors
    /// [`ResolutionError::Override`] outside 0.05 to 20 µm/px.
    pub fn with_mpp(mut self, mpp: f64) -> Result<Self, ResolutionError> {
        self.mpp = Ok(Mpp::given(mpp)?);
        Ok(self)
    }

    /// The path as it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that OpenSlide opened. It differs from [`Slide::path`] for a folder.
    #[must_use]
    pub fn main_file(&self) -> &Path {
        &self.main
    }

    /// OpenSlide's name of the format, such as `aperio`, `philips`, `generic-tiff` or `dicom`.
    #[must_use]
    pub fn vendor(&self) -> &str {
        self.handle.header().vendor()
    }

    /// The levels, largest first; at least one.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.handle.header().levels
    }

    /// Width and height of the stored tiles of a level in pixels, if OpenSlide states them.
    pub(crate) fn stored_tile(&self, level: u32) -> Option<(u64, u64)> {
        self.handle.header().tile(level as usize)
    }

    /// Width and height of level 0 in pixels.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        // A slide without levels is not opened.
        self.levels().first().map_or((0, 0), |level| (level.width, level.height))
    }

    /// The rectangle of level 0 that holds all data, if the slide states one. Coordinates are not relative to it.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds
    }

    /// Colour of pixels without data: the slide's own, else white.
    #[must_use]
    pub fn background(&self) -> [u8; 3] {
        self.background
    }

    /// µm/px of level 0.
    ///
    /// # Errors
    /// [`ResolutionError`] if the slide states none, or only impossible ones, and the caller gave none by
    /// [`Slide::with_mpp`].
    pub fn mpp(&self) -> Result<Mpp, ResolutionError> {
        self.mpp.clone()
    }

    /// OpenSlide's properties in the order of their names. They may hold names of patients and users.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.handle.header().properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Images that belong to the slide and are no levels. Their pixels are never read.
    #[must_use]
    pub fn associated_images(&self) -> &[AssociatedImage] {
        &self.handle.header().associated
    }

    /// Length of the ICC profile in bytes, if there is one. Kiln does not apply it.
    #[must_use]
    pub fn icc_bytes(&self) -> Option<u64> {
        self.handle.header().icc_bytes
    }

    /// The doubt that the file is shorter than its header states, in one sentence. The tables of a TIFF are read for it.
    #[must_use]
    pub fn cut_short(&self) -> Option<&str> {
        let doubt = || cut_short(&self.main).map(|reason| format!("The file seems to be cut short: {reason}."));
        self.cut_short.get_or_init(doubt).as_deref()
    }

    /// Doubts about resolution, bounds and the file's length, one sentence each.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = &str> {
        self.doubts.iter().map(String::as_str).chain(self.cut_short())
    }

    /// The reader of a level.
    #[must_use]
    pub fn reader(&self, level: u32) -> Reader {
        if self.direct(level).is_ok() { Reader::Direct } else { Reader::OpenSlide }
    }

    /// True if a level's stored pixels are returned unchanged everywhere. OpenSlide interpolates where a level's downsample is
    /// not whole; the stored pixels are then recovered from the interpolated ones, on noise at most 5 of 255 levels off and
    /// 0.5 in the mean. Below a downsample of 1.7 they cannot be recovered, and are up to half a level-0 pixel off.
    #[must_use]
    pub fn is_exact(&self, level: u32) -> bool {
        let found = self.levels().get(level as usize);
        self.reader(level) == Reader::Direct || found.is_some_and(|level| self.handle.is_exact(level))
    }

    /// Reads a rectangle in whole pixels of a level; `x` and `y` count from the upper left corner of that level. The
    /// rectangle may exceed the level: pixels outside have the colour of the background.
    ///
    /// # Errors
    /// [`ReadError`]: no such level, an empty or too large rectangle, damaged tiles in it. Other rectangles stay
    /// readable.
    pub fn read_level(&self, level: u32, x: i64, y: i64, width: u32, height: u32) -> Result<Region, ReadError> {
        self.read_rectangle(level, (x, y), (width, height), false)
    }

    /// Reads as [`Slide::read_level`]; where OpenSlide reads, several threads decode the stored tiles. For large rectangles, and
    /// for callers that read on one thread.
    pub(crate) fn read_level_on_threads(
        &self,
        level: u32,
        x: i64,
        y: i64,
        width: u32,
        height: u32,
    ) -> Result<Region, ReadError> {
        self.read_rectangle(level, (x, y), (width, height), true)
    }

    fn read_rectangle(
        &self,
        level: u32,
        (x, y): (i64, i64),
        size: (u32, u32),
        on_threads: bool,
    ) -> Result<Region, ReadError> {
        let direct = self.direct(level).ok();
        let region = direct.map(|direct| direct.read_level(level, x, y, size, self.background));
        match region.transpose()?.flatten() {
            Some(region) => Ok(region),
            None => self.handle.read(level, (x, y), size, self.background, on_threads),
        }
    }

    /// SHA-256 over the content of the slide's files, in lower-case hexadecimal: the identity of the slide for runs that
    /// continue. For one file it equals the output of `sha256sum`. For several (MIRAX, VMS, DICOM) it is the digest
    /// of the lines that `sha256sum` prints for them, in the order of their names. Every byte is read, once for this value.
    ///
    /// # Errors
    /// [`SlideError::Io`].
    pub fn digest(&self) -> Result<&str, SlideError> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest);
        }
        let failed = |source| SlideError::Io { path: self.path.clone(), source };
        let digest = files::digest(&self.main).map_err(failed)?;
        Ok(self.digest.get_or_init(|| digest))
    }
}

/// The file to open. Pipes and devices are refused unopened: reading them may never end.
fn main_file(path: &Path) -> Result<PathBuf, SlideError> {
    let failed = |source| SlideError::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let mut series = dicom::by_series(path).map_err(failed)?;
        let count = series.len();
        return match series.pop_first() {
            Some((_, mut files)) if count == 1 => Ok(files.swap_remove(0)),
            Some(_) => Err(SlideError::SeveralSeries { path: path.to_owned(), series: count }),
            None => Err(SlideError::NotAFile { path: path.to_owned(), found: "a folder without DICOM files" }),
        };
    }
    if !metadata.is_file() {
        return Err(SlideError::NotAFile { path: path.to_owned(), found: "a pipe, socket or device" });
    }
    if metadata.len() == 0 {
        return Err(SlideError::Empty { path: path.to_owned() });
    }
    Ok(path.to_owned())
}

/// The error of opening a slide; for a TIFF that is cut short, with that as the cause.
fn with_cause(error: SlideError, main: &Path) -> SlideError {
    if !matches!(error, SlideError::Unsupported { .. } | SlideError::Damaged { .. }) {
        return error;
    }
    match cut_short(main) {
        Some(reason) => SlideError::CutShort { path: main.to_owned(), reason },
        None => error,
    }
}

/// The stated bounds, cut to level 0. Bounds without area, or outside level 0, are a doubt.
fn bounds(header: &Header, doubts: &mut Vec<String>) -> Option<Bounds> {
    let stated = |name: &str| header.properties.get(&format!("openslide.bounds-{name}"));
    let names = ["x", "y", "width", "height"];
    if names.iter().all(|name| stated(name).is_none()) {
        return None;
    }
    let value = |name| stated(name)?.parse::<u64>().ok();
    let level = header.levels.first()?;
    let cut = |bounds: Bounds| {
        let width = bounds.width.min(level.width.checked_sub(bounds.x)?);
        let height = bounds.height.min(level.height.checked_sub(bounds.y)?);
        (width > 0 && height > 0).then_some(Bounds { width, height, ..bounds })
    };
    let whole = match names.map(value) {
        [Some(x), Some(y), Some(width), Some(height)] => Some(Bounds { x, y, width, height }),
        _ => None,
    };
    let found = whole.and_then(cut);
    if found.is_none() || found != whole {
        doubts.push("The stated bounds are not inside level 0.".to_owned());
    }
    found
}

/// A colour such as `FFFFFF`.
fn colour(text: &str) -> Option<[u8; 3]> {
    let value = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6 && !text.starts_with('+'))?;
    let [_, red, green, blue] = value.to_be_bytes();
    Some([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_six_digits() {
        assert_eq!(colour("FF00a1"), Some([255, 0, 161]));
        for wrong in ["", "fff", "+12345", "gggggg", "1234567", "äää"] {
            assert_eq!(colour(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bounds_are_cut_to_the_slide() {
        let bounds_of = |values: [&str; 4]| {
            let names = ["x", "y", "width", "height"].map(|name| format!("openslide.bounds-{name}"));
            let properties = names.into_iter().zip(values.map(str::to_owned)).collect();
            let level = Level { width: 100, height: 50, downsample: 1.0 };
            let header = Header { levels: vec![level], properties, associated: Vec::new(), icc_bytes: None };
            let mut doubts = Vec::new();
            (bounds(&header, &mut doubts), doubts.len())
        };
        assert_eq!(bounds_of(["10", "5", "20", "30"]), (Some(Bounds { x: 10, y: 5, width: 20, height: 30 }), 0));
        assert_eq!(bounds_of(["90", "5", "20", "30"]), (Some(Bounds { x: 90, y: 5, width: 10, height: 30 }), 1));
        for hostile in [["-1", "0", "9", "9"], ["100", "0", "9", "9"], ["0", "0", "0", "9"], ["x", "", "1", "1"]] {
            assert_eq!(bounds_of(hostile), (None, 1), "{hostile:?}");
        }
    }
}
