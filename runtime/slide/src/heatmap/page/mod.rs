//! One HTML file with the slide, its heat map and a deep-zoom viewer (OpenSeadragon, in `vendor/`). It needs no network:
//! its content security policy forbids every request. Text from outside is in JSON islands alone and becomes text nodes,
//! so that no name is read as markup. Neither the label nor the macro image of a slide is in it.
//!
//! The file is written as it is computed; at most one level of the image pyramid is in memory.

mod island;
mod pyramid;

use std::io::{BufWriter, Write};

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use serde::Serialize;

use super::colour::{ABOVE, BELOW, FAILED, FAILED_LINE};
use super::error::HeatmapError;
use super::raster::Raster;
use super::slide::{ScoredSlide, ScoredTile, SlidePixels};
use crate::Place;

const HEAD: &str = include_str!("head.html");
const BODY: &str = include_str!("body.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const VIEWER: &str = include_str!("vendor/openseadragon.min.js");
const VIEWER_LICENCE: &str = include_str!("vendor/openseadragon.LICENSE.txt");

/// The longer side of a full-resolution crop in pixels. Larger places are reduced to it.
const CROP: u32 = 640;
const QUALITY: u8 = 82;

/// The facts of a page about the slide beside its tiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageFacts<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The slide's score.
    pub score: Option<f32>,
    /// The rule of the slide's score: `maximum`, `mean of the ten highest`.
    pub rule: &'a str,
    /// The slide's predicted class.
    pub label: Option<&'a str>,
    /// Area of the tissue in square millimetres.
    pub tissue_mm2: Option<f64>,
    /// Further rows of the table of facts: name and value.
    pub more: &'a [(&'a str, String)],
}

/// Options of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageOptions {
    /// Bytes of the slide's pyramid, as base64. Its resolution is as high as this permits.
    pub image_bytes: usize,
    /// Number of highest-scoring tiles in the strip, each with its full-resolution crop.
    pub top_tiles: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { image_bytes: 4 << 20, top_tiles: 24 }
    }
}

/// The content of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSummary {
    /// Level-0 pixels per pixel of the most detailed level.
    pub downsample: u64,
    /// Number of levels.
    pub levels: u32,
    /// Number of crops in the strip.
    pub crops: usize,
    /// Parts of the image that could not be read. They are grey.
    pub unreadable: usize,
}

/// The slide's geometry and facts, as the script reads them.
#[derive(Serialize)]
struct PageData<'a> {
    name: &'a str,
    width: u64,
    height: u64,
    mpp: f64,
    positive: &'a str,
    low: f32,
    threshold: f32,
    high: f32,
    below: [[u8; 3]; 3],
    above: [[u8; 3]; 3],
    failed: [[u8; 3]; 2],
    score: Option<f32>,
    label: Option<&'a str>,
    rule: &'a str,
    facts: Vec<(&'a str, String)>,
    image: pyramid::Shape,
    cells: island::Cells,
    top: Vec<TopTile<'a>>,
}

/// A tile of the strip.
#[derive(Serialize)]
struct TopTile<'a> {
    score: f32,
    label: Option<&'a str>,
    place: Place,
    crop: Place,
}

/// Writes the page.
pub(super) fn write(
    out: impl Write,
    slide: &ScoredSlide<'_>,
    raster: &Raster,
    pixels: &dyn SlidePixels,
    facts: &PageFacts<'_>,
    options: &PageOptions,
) -> Result<PageSummary, HeatmapError> {
    let mut out = BufWriter::new(out);
    write!(out, "{HEAD}<style>\n{STYLE}</style>\n</head>\n{BODY}")?;
    let mut reader = Reader { pixels, unreadable: 0 };

    out.write_all(b"<script type=\"application/json\" id=\"pixels\">{\"levels\":[")?;
    let image = pyramid::write(&mut out, slide, &mut reader, options.image_bytes)?;
    out.write_all(b"],\"crops\":[")?;
    let top = top_tiles(slide, options.top_tiles);
    for (at, tile) in top.iter().enumerate() {
        out.write_all(if at == 0 { b"\n\"".as_slice() } else { b",\n\"".as_slice() })?;
        let longer = tile.crop.width.max(tile.crop.height).max(1);
        let fitted = |side: u32| (u64::from(side) * u64::from(CROP.min(longer)) / u64::from(longer)).max(1) as u32;
        let jpeg = reader.jpeg(&tile.crop, fitted(tile.crop.width), fitted(tile.crop.height))?;
        island::write_base64(&mut out, &jpeg)?;
        out.write_all(b"\"")?;
    }
    out.write_all(b"]}</script>\n")?;

    let summary = PageSummary {
        downsample: image.downsample,
        levels: image.levels,
        crops: top.len(),
        unreadable: reader.unreadable,
    };
    let data = PageData {
        name: slide.name,
        width: slide.width,
        height: slide.height,
        mpp: slide.mpp,
        positive: slide.positive,
        low: slide.scale.low,
        threshold: slide.scale.threshold,
        high: slide.scale.high,
        below: BELOW,
        above: ABOVE,
        failed: [FAILED, FAILED_LINE],
        score: facts.score.filter(|score| score.is_finite()),
        label: facts.label,
        rule: facts.rule,
        facts: fact_rows(slide, facts),
        image,
        cells: island::Cells::new(raster),
        top,
    };
    out.write_all(b"<script type=\"application/json\" id=\"data\">")?;
    island::write_json(&mut out, &data)?;
    write!(out, "</script>\n<script>\n/*\n{VIEWER_LICENCE}*/\n{VIEWER}\n</script>\n<script>\n{SCRIPT}</script>\n")?;
    out.write_all(b"</body>\n</html>\n")?;
    out.flush()?;
    Ok(summary)
}

/// The tiles with the highest scores, ties from the top left. A crop shows a quarter of a tile more on each side.
fn top_tiles<'a>(slide: &ScoredSlide<'a>, count: usize) -> Vec<TopTile<'a>> {
    let mut tiles: Vec<(f32, &ScoredTile<'_>)> = slide
        .tiles
        .iter()
        .filter(|tile| tile.place.width > 0 && tile.place.height > 0)
        .filter_map(|tile| Some((tile.finite_score()?, tile)))
        .collect();
    let order = |a: &(f32, &ScoredTile<'_>), b: &(f32, &ScoredTile<'_>)| {
        let place = |tile: &ScoredTile<'_>| (tile.place.miny, tile.place.minx);
        b.0.total_cmp(&a.0).then_with(|| place(a.1).cmp(&place(b.1)))
    };
    if tiles.len() > count {
        tiles.select_nth_unstable_by(count, order);
        tiles.truncate(count);
    }
    tiles.sort_by(order);
    let top = |(score, tile): (f32, &ScoredTile<'a>)| {
        let Place { minx, miny, width, height } = tile.place;
        let crop = Place {
            minx: minx.saturating_sub((width / 4).into()),
            miny: miny.saturating_sub((height / 4).into()),
            width: width.saturating_add(width / 4 * 2),
            height: height.saturating_add(height / 4 * 2),
        };
        TopTile { score, label: tile.label, place: tile.place, crop }
    };
    tiles.into_iter().map(top).collect()
}

fn fact_rows<'a>(slide: &ScoredSlide<'_>, facts: &PageFacts<'a>) -> Vec<(&'a str, String)> {
    let failed = slide.tiles.iter().filter(|tile| tile.finite_score().is_none()).count();
    let above = |tile: &&ScoredTile<'_>| tile.finite_score().is_some_and(|score| score >= slide.scale.threshold);
    let mut rows = vec![
        ("Threshold", slide.scale.threshold.to_string()),
        ("Tiles", slide.tiles.len().to_string()),
        ("Positive tiles", slide.tiles.iter().filter(above).count().to_string()),
        ("Failed tiles", failed.to_string()),
        ("Resolution", format!("{} µm/px", slide.mpp)),
        ("Size", format!("{} × {} px", slide.width, slide.height)),
    ];
    if !facts.model.is_empty() {
        rows.insert(0, ("Model", facts.model.to_owned()));
    }
    if let Some(area) = facts.tissue_mm2 {
        rows.push(("Tissue", format!("{area:.1} mm²")));
    }
    rows.extend(facts.more.iter().cloned());
    rows
}

/// Reads parts of the slide as JPEG. A part that cannot be read is grey: one bad tile costs one tile.
struct Reader<'a> {
    pixels: &'a dyn SlidePixels,
    unreadable: usize,
}

impl Reader<'_> {
    fn jpeg(&mut self, place: &Place, width: u32, height: u32) -> Result<Vec<u8>, HeatmapError> {
        let read = self.pixels.read(place, width, height).ok().filter(|image| image.dimensions() == (width, height));
        let image = read.unwrap_or_else(|| {
            self.unreadable += 1;
            RgbImage::from_pixel(width, height, Rgb(FAILED))
        });
        let mut bytes = Vec::new();
        let encoded = JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&image);
        encoded.map_err(|error| HeatmapError::Encode { format: "JPEG", reason: error.to_string() })?;
        Ok(bytes)
    }
}
