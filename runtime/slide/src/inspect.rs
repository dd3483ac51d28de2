//! The facts of a slide for a report, with every doubt about it.

use std::path::PathBuf;

use serde::Serialize;

use crate::level::{AssociatedImage, Bounds};
use crate::resolution::Mpp;
use crate::slide::{Reader, Slide};
use crate::tiff_header::TiffHeader;

/// Largest level that is read to measure the coverage.
const MAX_COVERAGE_PIXELS: u64 = 1 << 24;

/// The facts of a slide. Names of fields are stable. Neither labels nor properties that may identify somebody are among
/// them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The path as it was opened.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// OpenSlide's name of the format.
    pub vendor: String,
    /// Compression of the stored tiles, if the slide is a TIFF.
    pub compression: Option<String>,
    /// Reader of level 0.
    pub reader: Reader,
    /// The levels, largest first.
    pub levels: Vec<LevelFacts>,
    /// µm/px of level 0, and where it came from.
    pub mpp: Option<Mpp>,
    /// The reason why `mpp` is missing.
    pub mpp_error: Option<String>,
    /// Magnification of the objective as the slide states it. Nothing is computed from it.
    pub objective_power: Option<f64>,
    /// The rectangle of level 0 with data, if the slide states one.
    pub bounds: Option<Bounds>,
    /// Share of the slide's pixels that have data, from 0 to 1, measured on the smallest level. `None` if that level is
    /// larger than 16 megapixels or unreadable.
    pub coverage: Option<f64>,
    /// Colour of pixels without data, as `#rrggbb`.
    pub background: String,
    /// Length of the ICC profile in bytes. Kiln does not apply it.
    pub icc_bytes: Option<u64>,
    /// Names and sizes of images that are no levels. Their pixels are never read.
    pub associated_images: Vec<AssociatedImage>,
    /// Every doubt, one sentence each.
    pub doubts: Vec<String>,
}

/// The facts of one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelFacts {
    /// Width in pixels.
    pub width: u64,
    /// Height in pixels.
    pub height: u64,
    /// Pixels of level 0 along one pixel of this level.
    pub downsample: f64,
    /// µm/px of this level.
    pub mpp: Option<f64>,
    /// Its reader.
    pub reader: Reader,
    /// True if stored pixels are returned unchanged; false where they are recovered from interpolated ones.
    pub exact: bool,
}

impl Inspection {
    /// Inspects an open slide. Reads its smallest level, if that is not large.
    #[must_use]
    pub fn new(slide: &Slide) -> Self {
        let tiff = TiffHeader::read(slide.main_file());
        let (mpp, mpp_error) = match slide.mpp() {
            Ok(mpp) => (Some(mpp), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let levels: Vec<LevelFacts> = (0..)
            .zip(slide.levels())
            .map(|(number, level)| LevelFacts {
                width: level.width,
                height: level.height,
                downsample: level.downsample,
                mpp: mpp.as_ref().map(|mpp| mpp.mean() * level.downsample),
                reader: slide.reader(number),
                exact: slide.is_exact(number),
            })
            .collect();
        let (coverage, unreadable) = coverage(slide);
        let mut doubts: Vec<String> = mpp_error.iter().cloned().collect();
        doubts.extend(slide.doubts().map(str::to_owned));
        doubts.extend(unreadable);
        doubts.extend(doubts_of_levels(&levels));
        doubts.extend(tiff.as_ref().into_iter().flat_map(|tiff| doubts_of_tiff(tiff, levels.len())));
        if let Some(share) = coverage.filter(|share| *share < 0.9995) {
            doubts
                .push(format!("{:.1} % of the pixels have no data and are read as background.", (1.0 - share) * 100.0));
        }
        if let Some(bytes) = slide.icc_bytes() {
            doubts.push(format!(
                "The slide has an ICC profile of {bytes} bytes, which is not applied: colours are those of the scanner."
            ));
        }
        let [red, green, blue] = slide.background();
        let power = slide.properties().find(|(name, _)| *name == "openslide.objective-power");
        Self {
            path: slide.path().to_owned(),
            vendor: slide.vendor().to_owned(),
            compression: tiff.map(|tiff| tiff.compression_name()),
            reader: slide.reader(0),
            levels,
            mpp,
            mpp_error,
            objective_power: power.and_then(|(_, value)| value.parse().ok()).filter(|power: &f64| power.is_finite()),
            bounds: slide.bounds(),
            coverage,
            background: format!("#{red:02x}{green:02x}{blue:02x}"),
            icc_bytes: slide.icc_bytes(),
            associated_images: slide.associated_images().to_vec(),
            doubts,
        }
    }
}

/// The share of the smallest level that has data, or a doubt.
#[allow(clippy::cast_precision_loss)]
fn coverage(slide: &Slide) -> (Option<f64>, Option<String>) {
    let levels = slide.levels();
    let at = levels.len() - 1;
    let level = levels[at];
    let sides = (u32::try_from(level.width), u32::try_from(level.height), u32::try_from(at));
    let (Ok(width), Ok(height), Ok(number)) = sides else { return (None, None) };
    if level.width * level.height > MAX_COVERAGE_PIXELS {
        return (None, None);
    }
    match slide.read_level(number, 0, 0, width, height) {
        Ok(region) => (Some(region.data_pixels as f64 / region.pixels() as f64), None),
        Err(error) => (None, Some(format!("Level {number} has unreadable tiles: {error}."))),
    }
}

#[allow(clippy::cast_precision_loss)]
fn doubts_of_levels(levels: &[LevelFacts]) -> Vec<String> {
    let mut doubts = Vec::new();
    let first = &levels[0];
    if levels.len() == 1 && first.width.max(first.height) > 4_096 {
        doubts.push(
            "The slide has one level only: masks and thumbnails are made from level 0, which takes long.".to_owned(),
        );
    }
    for (at, level) in levels.iter().enumerate().skip(1) {
        let (x, y) = (first.width as f64 / level.width as f64, first.height as f64 / level.height as f64);
        // A side is rounded to whole pixels, and padded to whole tiles by some scanners.
        let rounding = 1.0 + 2.0 / level.width.min(level.height) as f64;
        if x.max(y) / x.min(y) > 1.01 * rounding {
            doubts.push(format!("Level {at} is {x:.4} times smaller along x and {y:.4} times along y."));
        }
        if !level.exact {
            doubts.push(format!(
                "Level {at} has a downsample of {:.6}: OpenSlide interpolates its pixels, and the stored ones are recovered to \
                 within a few of 255 levels.",
                level.downsample
            ));
        }
        let step = level.downsample / levels[at - 1].downsample;
        if !(1.2..=8.5).contains(&step) {
            doubts.push(format!("Level {at} is {step:.2} times smaller than level {}.", at - 1));
        }
    }
    doubts
}

fn doubts_of_tiff(tiff: &TiffHeader, levels: usize) -> Vec<String> {
    let mut doubts = Vec::new();
    if tiff.sub_directories > 0 && levels == 1 {
        doubts.push(format!(
            "The TIFF keeps {} smaller levels in sub-directories, which OpenSlide does not read: only level 0 is used.",
            tiff.sub_directories
        ));
    }
    if tiff.is_rgb_jpeg() {
        doubts.push("Its JPEG tiles hold RGB instead of YCbCr; the colours are read as the TIFF states.".to_owned());
    }
    doubts
}
