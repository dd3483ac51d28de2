//! Pixels of a slide for pictures: any place, scaled to any size.

use image::codecs::png::PngEncoder;
use image::imageops::{replace, thumbnail};
use image::{ExtendedColorType, ImageEncoder as _, RgbImage};
use kiln_tile::{SIDE, Tile};

use crate::heatmap::{PixelError, SlidePixels};
use crate::plan::exact_downsample;
use crate::{Place, Slide};

/// Most pixels of a level that are read at once: 48 MB decoded.
const MOST_PIXELS: u64 = 1 << 24;

impl SlidePixels for Slide {
    fn read(&self, place: &Place, width: u32, height: u32) -> Result<RgbImage, PixelError> {
        let levels = self.levels();
        let first = levels.first().ok_or("the slide has no levels")?;
        let scale =
            (f64::from(place.width) / f64::from(width.max(1))).min(f64::from(place.height) / f64::from(height.max(1)));
        // The coarsest level that is not coarser than the picture.
        let fits = levels.iter().enumerate().rfind(|(_, level)| exact_downsample(first, level) <= scale * 1.01);
        let (number, level) = fits.unwrap_or((0, first));
        let window = Window { slide: self, level: number as u32, downsample: exact_downsample(first, level) };
        window.read(
            [place.minx as f64, place.miny as f64, f64::from(place.width), f64::from(place.height)],
            width,
            height,
        )
    }
}

/// A tile as PNG.
///
/// # Errors
/// The encoder's.
pub fn png_of(tile: &Tile) -> Result<Vec<u8>, image::ImageError> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(tile.pixels(), SIDE, SIDE, ExtendedColorType::Rgb8)?;
    Ok(png)
}

/// A level that pictures are read from.
struct Window<'a> {
    slide: &'a Slide,
    level: u32,
    downsample: f64,
}

impl Window<'_> {
    /// Reads a place (left, top, width and height on level 0), in parts if it is large.
    fn read(&self, [left, top, wide, high]: [f64; 4], width: u32, height: u32) -> Result<RgbImage, PixelError> {
        let edge = |level0: f64| (level0 / self.downsample).round() as i64;
        let (x, y) = (edge(left), edge(top));
        let columns = (edge(left + wide) - x).max(1).unsigned_abs();
        let rows = (edge(top + high) - y).max(1).unsigned_abs();
        if columns.saturating_mul(rows) > MOST_PIXELS && width.max(height) > 1 {
            return self.read_halves([left, top, wide, high], width, height);
        }
        let (columns, rows) = (u32::try_from(columns)?, u32::try_from(rows)?);
        let region = self.slide.read_level_on_threads(self.level, x, y, columns, rows)?;
        let picture =
            RgbImage::from_raw(region.width, region.height, region.rgb).ok_or("a region of another size than asked")?;
        if picture.dimensions() == (width, height) { Ok(picture) } else { Ok(thumbnail(&picture, width, height)) }
    }

    fn read_halves(&self, [left, top, wide, high]: [f64; 4], width: u32, height: u32) -> Result<RgbImage, PixelError> {
        let mut picture = RgbImage::new(width, height);
        let split_columns = width >= height;
        let (half, whole) = if split_columns { (width / 2, width) } else { (height / 2, height) };
        for (start, end) in [(0, half), (half, whole)] {
            let (from, share) = (f64::from(start) / f64::from(whole), f64::from(end - start) / f64::from(whole));
            let (place, size) = if split_columns {
                ([left + wide * from, top, wide * share, high], (end - start, height))
            } else {
                ([left, top + high * from, wide, high * share], (width, end - start))
            };
            let part = self.read(place, size.0, size.1)?;
            let (x, y) = if split_columns { (start, 0) } else { (0, start) };
            replace(&mut picture, &part, i64::from(x), i64::from(y));
        }
        Ok(picture)
    }
}
