//! A sheet of tiles with their scores and what the model made of them: where figures become something to look at.

use kiln_tile::{SIDE, Tile};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::canvas::{Area, Canvas};
use super::style::{self, BLUE, GREY, SMALL, TITLE, VERMILLION};
use super::{Picture, PictureError};
use crate::metrics::Scored;

/// Size of a tile on the sheet in pixels.
const SHOWN: u32 = 256;
const GAP: u32 = 28;
const CAPTION: u32 = 116;
const HEADER: u32 = 84;
const MARGIN: u32 = 24;
const FRAME: u32 = 6;
const COLUMNS: u32 = 6;

/// A tile, its score and its truth.
#[derive(Debug, Clone)]
pub struct SheetTile {
    /// The pixels.
    pub tile: Tile,
    /// Its name, usually the path; cut at the front where it is too long.
    pub name: String,
    /// Higher is more anomalous.
    pub score: f64,
    /// The truth.
    pub anomalous: bool,
}

impl SheetTile {
    fn called_anomalous(&self, threshold: f64) -> bool {
        self.score >= threshold
    }
}

/// Picks at most `n` tiles that tell most: up to half of them the wrong calls that lie furthest from the threshold,
/// the rest spread evenly over the ranks of the score. Gives indices into `scored`, by ascending score.
#[must_use]
pub fn choose_tiles(scored: &[Scored], threshold: f64, n: usize) -> Vec<usize> {
    let mut by_score: Vec<usize> = (0..scored.len()).filter(|&at| scored[at].score.is_finite()).collect();
    by_score.sort_by(|&a, &b| scored[a].score.total_cmp(&scored[b].score));
    let is_wrong = |at: &usize| (scored[*at].score >= threshold) != scored[*at].anomalous;
    let (mut wrong, right): (Vec<usize>, Vec<usize>) = by_score.iter().copied().partition(is_wrong);
    let distance = |at: usize| (scored[at].score - threshold).abs();
    wrong.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
    wrong.truncate((n / 2).max(n.saturating_sub(right.len())));
    let wanted = (n - wrong.len()).min(right.len());
    let spread = (0..wanted).map(|at| right[at * (right.len() - 1) / wanted.saturating_sub(1).max(1)]);
    let mut chosen: Vec<usize> = spread.chain(wrong).collect();
    chosen.sort_by(|&a, &b| scored[a].score.total_cmp(&scored[b].score));
    chosen
}

/// Draws tiles in the given order, six a row, each with its score and a verdict: a full blue frame and a tick where
/// the call at `threshold` is right, a broken red frame and a cross where it is wrong.
///
/// # Errors
/// When there are no tiles.
pub fn score_sheet(tiles: &[SheetTile], threshold: f64) -> Result<Picture, PictureError> {
    if tiles.is_empty() {
        return Err(PictureError::Nothing { picture: "score sheet", reason: "no tile was given".to_owned() });
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
        let pixels = shown.tile.pixels();
        canvas.paste(x, y, SHOWN, SIDE, |column, row| {
            let at = (row * SIDE + column) as usize * 3;
            [pixels[at], pixels[at + 1], pixels[at + 2]]
        });
    }
    canvas.draw(|root| {
        let title = format!("Tiles by score; anomalous from {} on", number(threshold));
        style::write(root, (MARGIN.cast_signed(), 20), &title, &style::bold(TITLE))?;
        for (at, shown) in tiles.iter().enumerate() {
            let (x, y) = corner(at);
            caption(root, (x.cast_signed(), y.cast_signed()), shown, threshold)?;
        }
        Ok(())
    })?;
    canvas.finish()
}

fn caption(root: &Area<'_>, (x, y): (i32, i32), shown: &SheetTile, threshold: f64) -> Result<(), PictureError> {
    let called = shown.called_anomalous(threshold);
    let word = |anomalous| if anomalous { "anomalous" } else { "normal" };
    let right = called == shown.anomalous;
    let side = SHOWN.cast_signed();
    frame(root, (x, y), right)?;
    let colour = if right { BLUE } else { VERMILLION };
    let verdict = if right { format!("✓ {}", word(called)) } else { format!("✗ {}, is {}", word(called), word(!called)) };
    let lines = [
        (number(shown.score), style::bold(SMALL)),
        (verdict, style::font(SMALL - 2).color(&colour)),
        (shown.name.clone(), style::font(SMALL - 6).color(&GREY)),
    ];
    for (at, (text, style)) in (0..).zip(&lines) {
        let text = style::fit(root, text, style, SHOWN);
        style::write(root, (x, y + side + 12 + at * 32), &text, style)?;
    }
    Ok(())
}

/// A full frame round a right call, a broken one round a wrong call.
fn frame(root: &Area<'_>, (x, y): (i32, i32), right: bool) -> Result<(), PictureError> {
    let (low, high) = (-FRAME.cast_signed() / 2, SHOWN.cast_signed() + FRAME.cast_signed() / 2);
    let corners = [(low, low), (high, low), (high, high), (low, high), (low, low)].map(|(dx, dy)| (x + dx, y + dy));
    if right {
        root.draw(&PathElement::new(corners, BLUE.stroke_width(FRAME)))?;
    } else {
        root.draw(&DashedPathElement::new(corners, 22, 12, VERMILLION.stroke_width(FRAME)))?;
    }
    Ok(())
}

/// A score with three digits behind the point, or in powers of ten where that would say nothing.
fn number(score: f64) -> String {
    if score != 0.0 && !(0.0005..1e5).contains(&score.abs()) { format!("{score:.2e}") } else { format!("{score:.3}") }
}
