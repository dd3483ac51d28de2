//! Sheets of tiles with scores and decisions, or with training labels.

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Rgb};
use kiln_tile::{SIDE, Tile};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::canvas::Canvas;
use super::style::{self, Area, BLUE, GREY, SHEET_LABEL, SHEET_SMALL, SHEET_TITLE, VERMILLION};
use super::{Picture, PictureError};
use crate::metrics::Scored;

/// Size of a tile on the sheet in pixels.
const SHOWN: u32 = 160;
const GAP: u32 = 20;
const CAPTION: u32 = 92;
const HEADER: u32 = 60;
const MARGIN: u32 = 16;
const FRAME: u32 = 4;
const COLUMNS: u32 = 6;

/// A tile with its score and truth.
#[derive(Debug, Clone)]
pub struct SheetTile {
    /// The pixels.
    pub tile: Tile,
    /// Name, usually the path; cut at the front if too long.
    pub name: String,
    /// The score; higher is more anomalous.
    pub score: f64,
    /// The truth.
    pub anomalous: bool,
}

/// Chooses at most `n` informative tiles: up to half of them wrong decisions of both kinds, furthest from the threshold
/// first, the rest spread evenly over the ranks of the score. Returns indices into `scored`, by ascending score.
#[must_use]
pub fn choose_tiles(scored: &[Scored], threshold: f64, n: usize) -> Vec<usize> {
    let mut by_score: Vec<usize> = (0..scored.len()).filter(|&at| scored[at].score.is_finite()).collect();
    by_score.sort_by(|&a, &b| scored[a].score.total_cmp(&scored[b].score));
    let is_wrong = |at: &usize| (scored[*at].score >= threshold) != scored[*at].anomalous;
    let (wrong, right): (Vec<usize>, Vec<usize>) = by_score.iter().copied().partition(is_wrong);
    // Missed anomalies come before false alarms of the same rank: they are usually fewer and more serious.
    let distance = |at: &usize| (scored[*at].score - threshold).abs();
    let (mut missed, mut raised): (Vec<usize>, Vec<usize>) = wrong.into_iter().partition(|&at| scored[at].anomalous);
    for wrong in [&mut missed, &mut raised] {
        wrong.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    }
    let pairs = (0..missed.len().max(raised.len())).flat_map(|at| [missed.get(at), raised.get(at)]);
    let limit = (n / 2).max(n.saturating_sub(right.len()));
    let wrong: Vec<usize> = pairs.flatten().copied().take(limit).collect();
    let wanted = (n - wrong.len()).min(right.len());
    let spread = (0..wanted).map(|at| right[at * (right.len() - 1) / wanted.saturating_sub(1).max(1)]);
    let mut chosen: Vec<usize> = spread.chain(wrong).collect();
    chosen.sort_by(|&a, &b| scored[a].score.total_cmp(&scored[b].score));
    chosen
}

/// A tile as in training, after augmentation.
#[derive(Debug, Clone)]
pub struct TrainingTile {
    /// The pixels.
    pub tile: Tile,
    /// Label in training.
    pub label: String,
    /// True if it is synthetic.
    pub made_up: bool,
    /// Name of its entry; for a synthetic tile, of the one that a piece was pasted into.
    pub name: String,
}

/// Draws tiles in the given order, six per row, each with its score and decision: a full blue frame and a tick if the
/// decision at `threshold` is correct, a dashed red frame and a cross if it is wrong.
///
/// # Errors
/// No tiles.
pub fn score_sheet(tiles: &[SheetTile], threshold: f64) -> Result<Picture, PictureError> {
    let title = format!("Tiles by score; anomalous at or above {}", number(threshold));
    sheet("score sheet", &title, tiles, |shown| &shown.tile, |root, at, shown| caption(root, at, shown, threshold))
}

/// Draws tiles in the given order, six per row, each with its label in training; synthetic tiles are marked.
///
/// # Errors
/// No tiles.
pub fn training_sheet(tiles: &[TrainingTile]) -> Result<Picture, PictureError> {
    sheet("training sheet", "Training tiles after augmentation", tiles, |shown| &shown.tile, training_caption)
}

/// Draws tiles in rows under a title, each with a caption.
fn sheet<T>(
    picture: &'static str,
    title: &str,
    tiles: &[T],
    tile: impl Fn(&T) -> &Tile,
    caption: impl Fn(&Area<'_>, (i32, i32), &T) -> Result<(), PictureError>,
) -> Result<Picture, PictureError> {
    if tiles.is_empty() {
        return Err(PictureError::Nothing { picture, reason: "no tile was given".to_owned() });
    }
    let count = u32::try_from(tiles.len()).unwrap_or(u32::MAX);
    let columns = count.clamp(3, COLUMNS);
    let rows = count.div_ceil(columns);
    let width = 2 * MARGIN + columns * (SHOWN + GAP) - GAP;
    let mut canvas = Canvas::new(width, HEADER + rows * (SHOWN + CAPTION) + MARGIN)?;
    let corner = |at: usize| {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        (MARGIN + at % columns * (SHOWN + GAP), HEADER + at / columns * (SHOWN + CAPTION))
    };
    for (at, shown) in tiles.iter().enumerate() {
        let (x, y) = corner(at);
        let Some(whole) = ImageBuffer::<Rgb<u8>, _>::from_raw(SIDE, SIDE, tile(shown).pixels()) else { continue };
        let small = resize(&whole, SHOWN, SHOWN, FilterType::CatmullRom);
        canvas.paste(x, y, SHOWN, |column, row| small.get_pixel(column, row).0);
    }
    canvas.draw(|root| {
        style::write(root, (MARGIN.cast_signed(), 16), title, &style::bold(SHEET_TITLE))?;
        for (at, shown) in tiles.iter().enumerate() {
            let (x, y) = corner(at);
            caption(root, (x.cast_signed(), y.cast_signed()), shown)?;
        }
        Ok(())
    })?;
    canvas.finish(1)
}

fn training_caption(root: &Area<'_>, place: (i32, i32), shown: &TrainingTile) -> Result<(), PictureError> {
    let synthetic = if shown.made_up { "synthetic" } else { "" };
    let lines = [
        (shown.label.as_str(), style::bold(SHEET_LABEL)),
        (synthetic, style::font(SHEET_LABEL - 2).color(&VERMILLION)),
        (shown.name.as_str(), style::font(SHEET_SMALL).color(&GREY)),
    ];
    write_below(root, place, &lines)
}

fn caption(root: &Area<'_>, (x, y): (i32, i32), shown: &SheetTile, threshold: f64) -> Result<(), PictureError> {
    let right = (shown.score >= threshold) == shown.anomalous;
    frame(root, (x, y), right)?;
    let colour = if right { BLUE } else { VERMILLION };
    let verdict = match (right, shown.anomalous) {
        (true, true) => "✓ anomalous",
        (true, false) => "✓ normal",
        (false, true) => "✗ anomaly missed",
        (false, false) => "✗ false alarm",
    };
    let score = number(shown.score);
    let lines = [
        (score.as_str(), style::bold(SHEET_LABEL)),
        (verdict, style::font(SHEET_LABEL - 2).color(&colour)),
        (shown.name.as_str(), style::font(SHEET_SMALL).color(&GREY)),
    ];
    write_below(root, (x, y), &lines)
}

/// Writes lines of text below a tile, cut if too long.
fn write_below(root: &Area<'_>, (x, y): (i32, i32), lines: &[(&str, TextStyle<'_>)]) -> Result<(), PictureError> {
    let side = SHOWN.cast_signed();
    for (at, (text, style)) in (0..).zip(lines) {
        let text = style::fit(root, text, style, SHOWN);
        style::write(root, (x, y + side + 8 + at * 23), &text, style)?;
    }
    Ok(())
}

/// Draws a full frame around a correct decision, a dashed one around a wrong decision.
fn frame(root: &Area<'_>, (x, y): (i32, i32), right: bool) -> Result<(), PictureError> {
    let (low, high) = (-FRAME.cast_signed() / 2, SHOWN.cast_signed() + FRAME.cast_signed() / 2);
    let corners = [(low, low), (high, low), (high, high), (low, high), (low, low)].map(|(dx, dy)| (x + dx, y + dy));
    if right {
        root.draw(&PathElement::new(corners, BLUE.stroke_width(FRAME)))?;
    } else {
        root.draw(&DashedPathElement::new(corners, 14, 8, VERMILLION.stroke_width(FRAME)))?;
    }
    Ok(())
}

/// Formats a score with three decimals, in scientific notation if it is very small or large.
fn number(score: f64) -> String {
    if score != 0.0 && !(0.0005..1e5).contains(&score.abs()) { format!("{score:.2e}") } else { format!("{score:.3}") }
}
