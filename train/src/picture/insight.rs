//! Wrong decisions: each tile with its evidence for an anomaly and its reconstruction error.

use kiln_tile::{SIDE, Tile};

use super::canvas::Canvas;
use super::reconstruction::heat;
use super::style::{self, Area, GREY, SHEET_LABEL, SHEET_SMALL, SHEET_TITLE};
use super::{Picture, PictureError};

const GAP: u32 = 20;
const MARGIN: u32 = 16;
const HEADER: u32 = 92;
const CAPTION: u32 = 44;
const PIXELS: usize = (SIDE * SIDE) as usize;

/// Quantile of a map that is the end of its colour scale.
const CLIP: f64 = 0.995;

/// A tile and its maps.
#[derive(Debug, Clone)]
pub struct Insight {
    /// The input.
    pub tile: Tile,
    /// Evidence for an anomaly, `[256, 256]`, if the model is a classifier.
    pub evidence: Option<Vec<f32>>,
    /// Squared error of each pixel, `[256, 256]`, if the model reconstructs tiles.
    pub error_map: Option<Vec<f32>>,
    /// Line below the row: name, score and error.
    pub caption: String,
}

/// Draws one row per tile: the tile, its evidence and its errors over the tile in grey. Each map has its own scale from
/// dark to bright, so colours of different tiles are not comparable.
///
/// # Errors
/// No rows, or a map without 65,536 values.
pub fn insight_sheet(rows: &[Insight]) -> Result<Picture, PictureError> {
    const NAME: &str = "insight sheet";
    if rows.is_empty() {
        return Err(PictureError::Nothing { picture: NAME, reason: "no tile was given".to_owned() });
    }
    for (row, insight) in rows.iter().enumerate() {
        for map in [&insight.evidence, &insight.error_map].into_iter().flatten() {
            if map.len() != PIXELS {
                return Err(PictureError::Shape { picture: NAME, row, found: map.len(), expected: PIXELS });
            }
        }
    }
    let columns = columns(rows);
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let width = 2 * MARGIN + 3 * SIDE + 2 * GAP;
    let mut canvas = Canvas::new(width, HEADER + count * (SIDE + CAPTION) + MARGIN)?;
    let left = |column: u32| MARGIN + column * (SIDE + GAP);
    for (y, row) in (0..count).map(|at| HEADER + at * (SIDE + CAPTION)).zip(rows) {
        let colour = |x: u32, y: u32| pixel(&row.tile, x, y);
        canvas.paste(left(0), y, SIDE, colour);
        for (column, map) in (1..).zip(columns.iter().map(|(_, map)| map(row))) {
            let Some(map) = map else { continue };
            let top = top(map);
            canvas.paste(left(column), y, SIDE, |x, y| {
                over(pixel(&row.tile, x, y), f64::from(map[(y * SIDE + x) as usize]) / top)
            });
        }
    }
    canvas.draw(|root| words(root, rows, &columns, left))?;
    canvas.finish(1)
}

/// Name of a column, and its map in a row.
type Column = (&'static str, fn(&Insight) -> Option<&Vec<f32>>);

fn columns(rows: &[Insight]) -> Vec<Column> {
    let all: [Column; 2] = [
        ("evidence for an anomaly (Grad-CAM)", |row| row.evidence.as_ref()),
        ("squared error of the reconstruction", |row| row.error_map.as_ref()),
    ];
    all.into_iter().filter(|(_, map)| rows.iter().any(|row| map(row).is_some())).collect()
}

fn words(root: &Area<'_>, rows: &[Insight], columns: &[Column], left: impl Fn(u32) -> u32) -> Result<(), PictureError> {
    style::write(
        root,
        (MARGIN.cast_signed(), 16),
        "Wrong decisions, the furthest from the threshold first",
        &style::bold(SHEET_TITLE),
    )?;
    let names = std::iter::once("tile").chain(columns.iter().map(|(name, _)| *name));
    for (column, name) in (0..).zip(names) {
        let text = style::fit(root, name, &style::font(SHEET_LABEL - 2), SIDE);
        style::write(root, (left(column).cast_signed(), 62), &text, &style::font(SHEET_LABEL - 2))?;
    }
    let quiet = style::font(SHEET_SMALL).color(&GREY);
    for (y, row) in (0..).map(|at| HEADER + at * (SIDE + CAPTION) + SIDE + 6).zip(rows) {
        let text = style::fit(root, &row.caption, &quiet, 3 * SIDE + 2 * GAP);
        style::write(root, (MARGIN.cast_signed(), y.cast_signed()), &text, &quiet)?;
    }
    Ok(())
}

fn pixel(tile: &Tile, x: u32, y: u32) -> [u8; 3] {
    let at = (y * SIDE + x) as usize * 3;
    let pixels = tile.pixels();
    [pixels[at], pixels[at + 1], pixels[at + 2]]
}

/// The scale's colour over the tile in grey; higher values are more opaque.
fn over(tile: [u8; 3], share: f64) -> [u8; 3] {
    let grey = tile.iter().map(|value| f64::from(*value)).sum::<f64>() / 3.0;
    let weight = 0.25 + 0.5 * share.clamp(0.0, 1.0);
    heat(share).map(|value| (weight * f64::from(value) + (1.0 - weight) * grey).round() as u8)
}

/// The 99.5 % quantile of a map; never zero.
fn top(map: &[f32]) -> f64 {
    let mut values: Vec<f32> = map.iter().copied().filter(|value| value.is_finite()).collect();
    if values.is_empty() {
        return 1.0;
    }
    let at = ((values.len() - 1) as f64 * CLIP) as usize;
    let (_, &mut end, _) = values.select_nth_unstable_by(at, f32::total_cmp);
    f64::from(end).max(f64::from(f32::MIN_POSITIVE))
}
