//! Reconstructions by an autoencoder: input, reconstruction and error map side by side, with one scale for all rows.

use colorous::INFERNO;
use kiln_tile::{SIDE, Tile};
use plotters::prelude::*;

use super::canvas::Canvas;
use super::style::{self, Area, GREY, SHEET_LABEL, SHEET_SMALL, SHEET_TITLE};
use super::{Picture, PictureError};

const GAP: u32 = 20;
const MARGIN: u32 = 16;
const HEADER: u32 = 92;
const CAPTION: u32 = 44;
const SCALE: u32 = 190;
const BAR: u32 = 32;
const PIXELS: usize = (SIDE * SIDE) as usize;

/// Quantile of all errors that is the end of the colour scale, so that one outlier does not darken all maps.
const CLIP: f64 = 0.995;

/// A tile, its reconstruction and its error map.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    /// The input.
    pub tile: Tile,
    /// The reconstruction.
    pub reconstruction: Tile,
    /// Squared error of each pixel, mean over the channels with intensities in `0..=1`, `[256, 256]`.
    pub error_map: Vec<f32>,
    /// Line below the row, such as name and score.
    pub caption: String,
}

/// Draws one row per tile. Error maps share one perceptually uniform scale (inferno), drawn at the right.
///
/// # Errors
/// No rows, or an error map without 65,536 values.
pub fn reconstruction_sheet(rows: &[Reconstruction]) -> Result<Picture, PictureError> {
    const NAME: &str = "reconstruction sheet";
    if rows.is_empty() {
        return Err(PictureError::Nothing { picture: NAME, reason: "no tile was given".to_owned() });
    }
    if let Some((row, found)) = rows.iter().map(|row| row.error_map.len()).enumerate().find(|&(_, len)| len != PIXELS) {
        return Err(PictureError::Shape { picture: NAME, row, found, expected: PIXELS });
    }
    let top = scale_end(rows);
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let width = 2 * MARGIN + 3 * SIDE + 3 * GAP + SCALE;
    let mut canvas = Canvas::new(width, HEADER + count * (SIDE + CAPTION) + MARGIN)?;
    let left = |column: u32| MARGIN + column * (SIDE + GAP);
    for (y, row) in (0..count).map(|at| HEADER + at * (SIDE + CAPTION)).zip(rows) {
        for (column, tile) in [(0, &row.tile), (1, &row.reconstruction)] {
            let pixels = tile.pixels();
            canvas.paste(left(column), y, SIDE, |x, y| {
                let at = (y * SIDE + x) as usize * 3;
                [pixels[at], pixels[at + 1], pixels[at + 2]]
            });
        }
        canvas.paste(left(2), y, SIDE, |x, y| heat(f64::from(row.error_map[(y * SIDE + x) as usize]) / top));
    }
    canvas.paste(left(3), HEADER, SIDE, |x, y| {
        if x < BAR { heat(1.0 - f64::from(y) / f64::from(SIDE - 1)) } else { [255; 3] }
    });
    canvas.draw(|root| {
        words(root, rows, left)?;
        scale(root, (left(3) + BAR).cast_signed(), top)
    })?;
    canvas.finish(1)
}

fn words(root: &Area<'_>, rows: &[Reconstruction], left: impl Fn(u32) -> u32) -> Result<(), PictureError> {
    style::write(root, (MARGIN.cast_signed(), 16), "Reconstructions", &style::bold(SHEET_TITLE))?;
    for (column, name) in (0..).zip(["input", "reconstruction", "squared error"]) {
        style::write(root, (left(column).cast_signed(), 62), name, &style::font(SHEET_LABEL))?;
    }
    let quiet = style::font(SHEET_SMALL).color(&GREY);
    for (y, row) in (0..).map(|at| HEADER + at * (SIDE + CAPTION) + SIDE + 6).zip(rows) {
        let text = style::fit(root, &row.caption, &quiet, 3 * SIDE + 2 * GAP);
        style::write(root, (MARGIN.cast_signed(), y.cast_signed()), &text, &quiet)?;
    }
    Ok(())
}

/// Ticks and numbers beside the colour bar.
fn scale(root: &Area<'_>, x: i32, top: f64) -> Result<(), PictureError> {
    let (height, start) = (f64::from(SIDE - 1), HEADER.cast_signed());
    for at in 0..=4 {
        let share = f64::from(at) / 4.0;
        let y = start + ((1.0 - share) * height) as i32;
        root.draw(&PathElement::new([(x, y), (x + 8, y)], style::INK.stroke_width(2)))?;
        let sign = if at == 4 { "≥ " } else { "" };
        style::write(root, (x + 14, y - 10), &format!("{sign}{}", number(share * top)), &style::font(SHEET_LABEL - 1))?;
    }
    for (at, line) in (0..).zip(["mean over RGB of", "(input − reconstr.)²,", "intensity 0 to 1"]) {
        let at = (x - BAR.cast_signed(), start + SIDE.cast_signed() + 14 + at * 20);
        style::write(root, at, line, &style::font(SHEET_SMALL).color(&GREY))?;
    }
    Ok(())
}

fn number(error: f64) -> String {
    if error == 0.0 {
        "0".to_owned()
    } else if error < 1e-2 {
        format!("{error:.1e}")
    } else {
        format!("{error:.3}")
    }
}

/// The 99.5 % quantile of all errors; never zero.
fn scale_end(rows: &[Reconstruction]) -> f64 {
    let mut errors: Vec<f32> = rows.iter().flat_map(|row| &row.error_map).copied().filter(|e| e.is_finite()).collect();
    if errors.is_empty() {
        return 1.0;
    }
    let at = ((errors.len() - 1) as f64 * CLIP) as usize;
    let (_, &mut end, _) = errors.select_nth_unstable_by(at, f32::total_cmp);
    f64::from(end).max(f64::from(f32::MIN_POSITIVE))
}

/// Colour at a fraction of the scale; NaN has the colour of its end.
pub(super) fn heat(share: f64) -> [u8; 3] {
    let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
    let colour = INFERNO.eval_continuous(share);
    [colour.r, colour.g, colour.b]
}
