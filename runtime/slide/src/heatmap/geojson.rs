//! Tiles and regions as GeoJSON for QuPath, written feature by feature.
//!
//! The form is that of QuPath 0.4 and later: `objectType`, `classification` with `name` and `color`, and `measurements`
//! as an object (qupath/qupath pull request 1099). QuPath 0.3 expected a list of measurements; 0.4 to 0.6 read both.
//! Features have no `id`: QuPath makes one. Coordinates are relative to the bounds of the slide, as QuPath shows it.

use std::io::{BufWriter, Write};

use super::colour::{ABOVE, BELOW};
use super::error::HeatmapError;
use super::region::Region;
use super::slide::{ScoredSlide, ScoredTile};

/// Colours of classes other than the positive one, in their order.
const OTHERS: [[u8; 3]; 6] = [BELOW[0], [0, 121, 107], [123, 82, 171], [121, 101, 0], [0, 112, 163], [94, 94, 94]];

/// The tiles that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TileFeatures {
    /// No tile: regions alone, a file of a few kilobytes.
    None,
    /// Tiles at or above the threshold.
    #[default]
    AtOrAbove,
    /// All tiles with a score, for QuPath's measurement maps.
    All,
}

/// Options of the GeoJSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeoJsonOptions {
    /// The tiles that are written, as `tile` objects with the measurement `score`.
    pub tiles: TileFeatures,
    /// Writes each connected area of tiles at or above the threshold as a locked annotation, before the tiles.
    pub regions: bool,
}

impl Default for GeoJsonOptions {
    fn default() -> Self {
        Self { tiles: TileFeatures::default(), regions: true }
    }
}

/// The counts of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeoJsonSummary {
    /// Number of tiles.
    pub tiles: usize,
    /// Number of regions.
    pub regions: usize,
}

/// Writes `regions`, then the tiles that `options` name, in their order.
pub(super) fn write(
    out: impl Write,
    slide: &ScoredSlide<'_>,
    regions: &[Region],
    options: &GeoJsonOptions,
) -> Result<GeoJsonSummary, HeatmapError> {
    let mut out = BufWriter::new(out);
    out.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[")?;
    let mut separator = "\n";
    for (number, region) in (1..).zip(regions) {
        out.write_all(separator.as_bytes())?;
        write_region(&mut out, slide, region, number)?;
        separator = ",\n";
    }
    let mut tiles = 0;
    for tile in slide.tiles {
        let Some(score) = tile.finite_score() else { continue };
        let above = score >= slide.scale.threshold;
        let written = match options.tiles {
            TileFeatures::None => false,
            TileFeatures::AtOrAbove => above,
            TileFeatures::All => true,
        };
        if written && tile.place.width > 0 && tile.place.height > 0 {
            out.write_all(separator.as_bytes())?;
            write_tile(&mut out, slide, tile, score)?;
            separator = ",\n";
            tiles += 1;
        }
    }
    out.write_all(b"\n]}\n")?;
    out.flush()?;
    Ok(GeoJsonSummary { tiles, regions: regions.len() })
}

fn write_tile(
    out: &mut impl Write,
    slide: &ScoredSlide<'_>,
    tile: &ScoredTile<'_>,
    score: f32,
) -> Result<(), HeatmapError> {
    let shown = slide.shown();
    let (left, top) = (tile.place.minx.saturating_sub(shown.minx), tile.place.miny.saturating_sub(shown.miny));
    let right = left.saturating_add(tile.place.width.into());
    let bottom = top.saturating_add(tile.place.height.into());
    write!(out, "{{\"type\":\"Feature\",\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[[")?;
    write!(out, "[{left},{top}],[{right},{top}],[{right},{bottom}],[{left},{bottom}],[{left},{top}]")?;
    out.write_all(b"]]},\"properties\":{\"objectType\":\"tile\"")?;
    let label = tile.label.filter(|label| !label.trim().is_empty());
    if let Some(class) = label.or((score >= slide.scale.threshold).then_some(slide.positive)) {
        write_class(out, slide, class)?;
    }
    write!(out, ",\"measurements\":{{\"score\":{score}}}}}}}")?;
    Ok(())
}

fn write_region(
    out: &mut impl Write,
    slide: &ScoredSlide<'_>,
    region: &Region,
    number: usize,
) -> Result<(), HeatmapError> {
    let shown = slide.shown();
    out.write_all(b"{\"type\":\"Feature\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[")?;
    for (at, ring) in region.rings.iter().enumerate() {
        out.write_all(if at == 0 { b"[".as_slice() } else { b",[".as_slice() })?;
        for (at, [x, y]) in ring.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(out, "{separator}[{},{}]", x - shown.minx as f64, y - shown.miny as f64)?;
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"]},\"properties\":{\"objectType\":\"annotation\",\"name\":")?;
    write_text(out, &format!("{} {number}", slide.positive))?;
    write_class(out, slide, slide.positive)?;
    let Region { area_mm2, max_score, mean_score, .. } = region;
    write!(out, ",\"isLocked\":true,\"measurements\":{{\"Area mm^2\":{area_mm2:.6},")?;
    write!(out, "\"Maximum score\":{max_score},\"Mean score\":{mean_score}}}}}}}")?;
    Ok(())
}

fn write_class(out: &mut impl Write, slide: &ScoredSlide<'_>, class: &str) -> Result<(), HeatmapError> {
    let [red, green, blue] = class_colour(slide, class);
    out.write_all(b",\"classification\":{\"name\":")?;
    write_text(out, class)?;
    write!(out, ",\"color\":[{red},{green},{blue}]}}")?;
    Ok(())
}

fn class_colour(slide: &ScoredSlide<'_>, class: &str) -> [u8; 3] {
    if class == slide.positive {
        return ABOVE[1];
    }
    let others = slide.classes.iter().filter(|name| **name != slide.positive);
    let at = others.clone().position(|name| *name == class).unwrap_or(others.count());
    OTHERS[at % OTHERS.len()]
}

fn write_text(out: &mut impl Write, text: &str) -> Result<(), HeatmapError> {
    serde_json::to_writer(out, text).map_err(|error| HeatmapError::Write(error.into()))
}
