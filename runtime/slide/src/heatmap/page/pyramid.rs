//! The slide's image in the page: levels of JPEG tiles, each level twice as detailed as the one before. The base is as
//! detailed as the budget permits.

use std::io::Write;

use serde::Serialize;

use super::{Reader, island};
use crate::Place;
use crate::heatmap::error::HeatmapError;
use crate::heatmap::slide::ScoredSlide;

/// Width and height of a tile without its overlap, in pixels.
const TILE: u64 = 512;
/// Pixels that a tile shares with each neighbour: no seams between scaled tiles.
const OVERLAP: u64 = 1;
/// The longer side of the image that the size of the others is estimated from.
const PROBE: u64 = 1024;
/// The most tiles of the base.
const MOST_TILES: u64 = 1024;

/// The levels of the page's image. A pixel of the most detailed one is `downsample` level-0 pixels wide; the first one
/// starts at (0, 0). The image is padded to whole pixels of the coarsest level.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Shape {
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) downsample: u64,
    pub(super) levels: u32,
    tile: u64,
    overlap: u64,
}

/// Writes the levels, the coarsest first: JSON arrays of base64, tiles row by row, separated by commas.
pub(super) fn write(
    out: &mut impl Write,
    slide: &ScoredSlide<'_>,
    reader: &mut Reader<'_>,
    budget: usize,
) -> Result<Shape, HeatmapError> {
    let mut shape = plan(slide, reader, budget)?;
    let mut total = 0;
    for level in 0..shape.levels {
        let unreadable = reader.unreadable;
        let spooled = level_json(&shape, level, reader)?;
        total += spooled.len();
        if level > 0 && total > budget + budget / 4 {
            // The estimate was too low: the level before is the most detailed one.
            reader.unreadable = unreadable;
            for _ in level..shape.levels {
                shape = Shape {
                    width: shape.width / 2,
                    height: shape.height / 2,
                    downsample: shape.downsample * 2,
                    levels: shape.levels - 1,
                    ..shape
                };
            }
            break;
        }
        if level > 0 {
            out.write_all(b",")?;
        }
        out.write_all(&spooled)?;
    }
    Ok(shape)
}

/// Chooses the resolution from the bytes per pixel of a small image.
fn plan(slide: &ScoredSlide<'_>, reader: &mut Reader<'_>, budget: usize) -> Result<Shape, HeatmapError> {
    let longer = slide.width.max(slide.height);
    let side = PROBE.min(longer);
    let fitted = |length: u64| (length * side).div_ceil(longer) as u32;
    let (width, height) = (fitted(slide.width), fitted(slide.height));
    let whole = Place { minx: 0, miny: 0, width: slide.width as u32, height: slide.height as u32 };
    let unreadable = reader.unreadable;
    let probe = reader.jpeg(&whole, width, height)?.len();
    reader.unreadable = unreadable;
    // Base64 takes 4/3 of the bytes; coarser levels add a third.
    let per_pixel = probe as f64 / (f64::from(width) * f64::from(height)) * 16.0 / 9.0;
    let most = (budget as f64 / per_pixel).min((MOST_TILES * TILE * TILE) as f64).max(1.0);
    let downsample = ((slide.width as f64 * slide.height as f64 / most).sqrt().ceil() as u64).max(1);
    let mut levels = 1;
    while longer.div_ceil(downsample << (levels - 1)) > TILE {
        levels += 1;
    }
    let coarsest = downsample << (levels - 1);
    let padded = |length: u64| length.div_ceil(coarsest) << (levels - 1);
    let (width, height) = (padded(slide.width), padded(slide.height));
    Ok(Shape { width, height, downsample, levels, tile: TILE, overlap: OVERLAP })
}

fn level_json(shape: &Shape, level: u32, reader: &mut Reader<'_>) -> Result<Vec<u8>, HeatmapError> {
    let steps = shape.levels - 1 - level;
    let (width, height) = (shape.width >> steps, shape.height >> steps);
    let downsample = shape.downsample << steps;
    // The first pixel of a tile and the one after its last, with the overlap.
    let span = |at: u64, limit: u64| ((at * TILE).saturating_sub(OVERLAP), ((at + 1) * TILE + OVERLAP).min(limit));
    let mut json = vec![b'['];
    for row in 0..height.div_ceil(TILE) {
        for column in 0..width.div_ceil(TILE) {
            let ((left, right), (top, bottom)) = (span(column, width), span(row, height));
            let place = Place {
                minx: (left * downsample) as i64,
                miny: (top * downsample) as i64,
                width: ((right - left) * downsample) as u32,
                height: ((bottom - top) * downsample) as u32,
            };
            let jpeg = reader.jpeg(&place, (right - left) as u32, (bottom - top) as u32)?;
            json.extend_from_slice(if json.len() == 1 { b"\n\"".as_slice() } else { b",\n\"".as_slice() });
            island::write_base64(&mut json, &jpeg)?;
            json.push(b'"');
        }
    }
    json.push(b']');
    Ok(json)
}
