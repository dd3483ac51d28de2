//! Heat maps as PNG: one with an alpha channel, to be laid over the slide, and one drawn over a thumbnail with a legend.

use std::io::Write;

use image::{Rgb, RgbImage};
use png::{BitDepth, ColorType, Compression, Encoder, PixelDimensions, Unit};

use super::colour::{FAILED, FAILED_LINE, ScoreScale, colour_at};
use super::error::HeatmapError;
use super::lettering;
use super::raster::{Cell, Raster};
use super::slide::{ScoredSlide, SlidePixels};
use crate::Place;

const INK: [u8; 3] = [29, 33, 37];
/// Opacities over a thumbnail: at or above the threshold, below it (the tissue stays in sight), and of failed tiles.
const OPACITY: f64 = 0.55;
const OPACITY_BELOW: f64 = 0.25;
const OPACITY_FAILED: f64 = 0.85;
/// Height of the legend below a thumbnail, and the width it needs.
const LEGEND: u32 = 64;
const LEGEND_WIDTH: u32 = 420;

/// Options of the heat map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PngOptions {
    /// The longer side is at most this many pixels, unless the raster has more cells. Cells are drawn as squares of 1 to
    /// 16 pixels.
    pub longer_side: u32,
}

impl Default for PngOptions {
    fn default() -> Self {
        Self { longer_side: 2048 }
    }
}

/// Options of the heat map over a thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThumbnailOptions {
    /// The longer side of the thumbnail in pixels, at least 1.
    pub longer_side: u32,
}

impl Default for ThumbnailOptions {
    fn default() -> Self {
        Self { longer_side: 1600 }
    }
}

/// The size and scale of a PNG. The same values are in its text chunks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PngSummary {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Level-0 pixels per PNG pixel: `x * scale` is the left edge of pixel `x` on level 0.
    pub scale: f64,
}

/// Writes the heat map with an alpha channel. It covers the slide from (0, 0); the last pixels may exceed it.
pub(super) fn write_heatmap(
    out: impl Write,
    slide: &ScoredSlide<'_>,
    raster: &Raster,
    options: &PngOptions,
) -> Result<PngSummary, HeatmapError> {
    let cells = raster.columns().max(raster.rows()) as u64;
    let block = (u64::from(options.longer_side) / cells).clamp(1, 16);
    let (numerator, denominator) = raster.side();
    let pixels = |length: u64| (length * denominator * block).div_ceil(numerator);
    let (width, height) = (narrow(pixels(slide.width)), narrow(pixels(slide.height)));
    let scale = raster.cell_side() / block as f64;
    let summary = PngSummary { width, height, scale };

    let mut encoder = encoder(out, slide, &summary, ColorType::Rgba)?;
    encoder.set_compression(Compression::Balanced);
    let mut writer = encoder.write_header().map_err(refused)?;
    let mut stream = writer.stream_writer().map_err(refused)?;
    let mut line = Vec::with_capacity(width as usize * 4);
    for y in 0..u64::from(height) {
        line.clear();
        for x in 0..u64::from(width) {
            let cell = raster.cell((x / block) as usize, (y / block) as usize);
            line.extend_from_slice(&match cell {
                Cell::Outside => [0; 4],
                Cell::Failed => opaque(if block >= 4 { hatched(x, y) } else { FAILED }),
                Cell::Score(score) => opaque(slide.scale.colour(score)),
            });
        }
        stream.write_all(&line)?;
    }
    stream.finish().map_err(refused)?;
    writer.finish().map_err(refused)?;
    Ok(summary)
}

fn opaque([red, green, blue]: [u8; 3]) -> [u8; 4] {
    [red, green, blue, 255]
}

/// Diagonal lines on grey: a failed tile is told from every score without its colour.
pub(super) fn hatched(x: u64, y: u64) -> [u8; 3] {
    if (x + y).is_multiple_of(4) { FAILED_LINE } else { FAILED }
}

/// Writes the heat map over a thumbnail, with a legend below.
pub(super) fn write_on_thumbnail(
    out: impl Write,
    slide: &ScoredSlide<'_>,
    raster: &Raster,
    pixels: &dyn SlidePixels,
    options: &ThumbnailOptions,
) -> Result<PngSummary, HeatmapError> {
    let longer = slide.width.max(slide.height);
    let side = u64::from(options.longer_side.clamp(1, 16_384)).min(longer);
    let fitted = |length: u64| narrow((length * side).div_ceil(longer));
    let (width, height) = (fitted(slide.width), fitted(slide.height));
    let scale = longer as f64 / side as f64;
    let place = Place { minx: 0, miny: 0, width: narrow(slide.width), height: narrow(slide.height) };
    let fault = |reason: String| HeatmapError::Pixels { name: slide.name.to_owned(), place, reason };
    let thumbnail = pixels.read(&place, width, height).map_err(|error| fault(error.to_string()))?;
    if thumbnail.dimensions() != (width, height) {
        let (found, read) = thumbnail.dimensions();
        return Err(fault(format!("{found} x {read} pixels were returned instead of {width} x {height}")));
    }

    let mut image = RgbImage::from_pixel(width.max(LEGEND_WIDTH), height + LEGEND, Rgb([255; 3]));
    let (across, down) = (slide.width as f64 / f64::from(width), slide.height as f64 / f64::from(height));
    let index = |pixel: u32, scale: f64| ((f64::from(pixel) + 0.5) * scale / raster.cell_side()) as usize;
    for (x, y, pixel) in thumbnail.enumerate_pixels() {
        let colour = match raster.cell(index(x, across), index(y, down)) {
            Cell::Outside => None,
            Cell::Failed => Some((hatched(x.into(), y.into()), OPACITY_FAILED)),
            Cell::Score(score) if score >= slide.scale.threshold => Some((slide.scale.colour(score), OPACITY)),
            Cell::Score(score) => Some((slide.scale.colour(score), OPACITY_BELOW)),
        };
        let drawn = colour.map_or(pixel.0, |(colour, opacity)| blended(pixel.0, colour, opacity));
        image.put_pixel(x, y, Rgb(drawn));
    }
    draw_legend(&mut image, height, &slide.scale);

    let summary = PngSummary { width: image.width(), height: image.height(), scale };
    let encoder = encoder(out, slide, &summary, ColorType::Rgb)?;
    let mut writer = encoder.write_header().map_err(refused)?;
    writer.write_image_data(image.as_raw()).map_err(refused)?;
    writer.finish().map_err(refused)?;
    Ok(summary)
}

fn blended(under: [u8; 3], over: [u8; 3], opacity: f64) -> [u8; 3] {
    std::array::from_fn(|at| (f64::from(under[at]) * (1.0 - opacity) + f64::from(over[at]) * opacity).round() as u8)
}

/// The colour bar with its three numbers, and the mark of failed tiles.
fn draw_legend(image: &mut RgbImage, top: u32, scale: &ScoreScale) {
    const LEFT: u32 = 16;
    const BAR: u32 = 260;
    let middle = LEFT + BAR / 2;
    for x in 0..BAR {
        let colour = colour_at((f64::from(x) + 0.5) / f64::from(BAR));
        (0..16).for_each(|y| image.put_pixel(LEFT + x, top + 22 + y, Rgb(colour)));
    }
    (0..22).for_each(|y| image.put_pixel(middle, top + 19 + y, Rgb(INK)));
    let at = |text: &str, centre: u32| centre.saturating_sub(lettering::width(text, 1) / 2).max(LEFT);
    for (number, centre) in [(scale.low, LEFT), (scale.threshold, middle), (scale.high, LEFT + BAR)] {
        let text = number_text(number);
        let left = at(&text, centre).min(LEFT + BAR - lettering::width(&text, 1).min(BAR));
        lettering::draw(image, &text, (left, top + 46), 1, INK);
    }
    lettering::draw(image, "score", (LEFT, top + 8), 1, INK);
    lettering::draw(image, "threshold", (at("threshold", middle), top + 8), 1, INK);
    for (x, y) in (0..24).flat_map(|x| (0..16).map(move |y| (x, y))) {
        image.put_pixel(LEFT + BAR + 24 + x, top + 22 + y, Rgb(hatched(x.into(), y.into())));
    }
    let middle_of_bar = top + 22 + (16 - lettering::HEIGHT) / 2;
    lettering::draw(image, "failed", (LEFT + BAR + 56, middle_of_bar), 1, INK);
}

/// A number with up to four significant digits: the legend is for the eye, the exact values are in the text chunks.
fn number_text(number: f32) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - f64::from(number.abs()).log10().floor() as i64).clamp(0, 6) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An encoder with the scale in text chunks, and the resolution for programs that read it from `pHYs`.
fn encoder<W: Write>(
    out: W,
    slide: &ScoredSlide<'_>,
    summary: &PngSummary,
    colour: ColorType,
) -> Result<Encoder<'static, W>, HeatmapError> {
    let mut encoder = Encoder::new(out, summary.width, summary.height);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    let per_metre = (1e6 / (slide.mpp * summary.scale)).round();
    if per_metre >= 1.0 {
        let per_metre = per_metre as u32;
        encoder.set_pixel_dims(Some(PixelDimensions { xppu: per_metre, yppu: per_metre, unit: Unit::Meter }));
    }
    let ScoreScale { low, threshold, high } = slide.scale;
    let texts = [
        ("Level0PixelsPerPixel", summary.scale.to_string()),
        ("MicrometresPerPixel", (slide.mpp * summary.scale).to_string()),
        ("Level0Size", format!("{} x {}", slide.width, slide.height)),
        ("ScoreRange", format!("{low} to {high}")),
        ("Threshold", threshold.to_string()),
    ];
    for (keyword, text) in texts {
        encoder.add_text_chunk(keyword.to_owned(), text).map_err(refused)?;
    }
    // A text chunk ends at a NUL.
    let name = slide.name.replace('\0', "\u{fffd}");
    encoder.add_itxt_chunk("Slide".to_owned(), name).map_err(refused)?;
    Ok(encoder)
}

fn refused(error: png::EncodingError) -> HeatmapError {
    match error {
        png::EncodingError::IoError(error) => HeatmapError::Write(error),
        error => HeatmapError::Encode { format: "PNG", reason: error.to_string() },
    }
}

fn narrow(pixels: u64) -> u32 {
    u32::try_from(pixels).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.5, 1.0, 0.123_456, 12.5, 1_234.567, 120_000.0, -3.25, 1e-9].map(number_text);
        assert_eq!(texts, ["0", "0.5", "1", "0.1235", "12.5", "1235", "120000", "-3.25", "0"]);
    }
}
