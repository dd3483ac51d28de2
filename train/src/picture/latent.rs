//! The latent space of an autoencoder: a map of tiles, and interpolations between two tiles.

use std::ops::Range;

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Rgb};
use kiln_tile::{SIDE, Tile};
use plotters::prelude::*;

use super::canvas::Canvas;
use super::chart::legend;
use super::style::{self, BLUE, FAINT, GREY, LABEL, SHEET_LABEL, SHEET_TITLE, SMALL, TITLE, VERMILLION};
use super::{Picture, PictureError};

const MAP: u32 = 1200;
const SHOWN: u32 = 128;
const GAP: u32 = 8;
const MARGIN: u32 = 16;
const HEADER: u32 = 60;
const CAPTION: u32 = 34;

/// Position of a tile on two axes of the latent space, and its truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentPoint {
    /// Position on the first axis.
    pub x: f64,
    /// Position on the second axis.
    pub y: f64,
    /// The truth.
    pub anomalous: bool,
}

/// Draws tiles in two dimensions: normal ones as blue circles, anomalous ones as red triangles. `explained` is the
/// fraction of variance that the two axes explain.
///
/// # Errors
/// No points.
pub fn latent_map(points: &[LatentPoint], explained: f64) -> Result<Picture, PictureError> {
    if points.is_empty() {
        return Err(PictureError::Nothing { picture: "latent map", reason: "no tile was given".to_owned() });
    }
    let mut canvas = Canvas::new(MAP, MAP)?;
    canvas.draw(|root| {
        let mut chart = ChartBuilder::on(root)
            .caption("Latent space of the test tiles", style::bold(TITLE))
            .margin(24)
            .x_label_area_size(90)
            .y_label_area_size(110)
            .build_cartesian_2d(range(points, |place| place.x), range(points, |place| place.y))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .axis_style(GREY)
            .x_desc(format!("first principal axis; both explain {:.0} % of the variance", 100.0 * explained))
            .y_desc("second principal axis")
            .x_labels(6)
            .y_labels(6)
            .label_style(style::font(SMALL))
            .axis_desc_style(style::font(LABEL))
            .draw()?;
        let of = |anomalous: bool| points.iter().filter(move |place| place.anomalous == anomalous);
        let circles = of(false).map(|place| Circle::new((place.x, place.y), 6, BLUE.stroke_width(2)));
        chart.draw_series(circles)?.label("normal").legend(|(x, y)| Circle::new((x + 25, y), 7, BLUE.stroke_width(2)));
        let triangles = of(true).map(|place| TriangleMarker::new((place.x, place.y), 8, VERMILLION.filled()));
        chart
            .draw_series(triangles)?
            .label("anomalous")
            .legend(|(x, y)| TriangleMarker::new((x + 25, y), 9, VERMILLION.filled()));
        legend(&mut chart, SeriesLabelPosition::UpperRight, 50)
    })?;
    canvas.finish(2)
}

fn range(points: &[LatentPoint], of: impl Fn(&LatentPoint) -> f64) -> Range<f64> {
    let ends = points.iter().map(of);
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    let margin = ((high - low) * 0.06).max(1e-6);
    low - margin..high + margin
}

/// Draws one strip per row: decoded points between two tiles. Strips have equally many tiles.
///
/// # Errors
/// No strips, or only empty ones.
pub fn interpolation_strips(strips: &[(String, Vec<Tile>)]) -> Result<Picture, PictureError> {
    let longest = strips.iter().map(|(_, tiles)| tiles.len()).max().unwrap_or(0);
    if longest == 0 {
        return Err(PictureError::Nothing { picture: "interpolation strips", reason: "no tile was given".to_owned() });
    }
    let (columns, rows) = (u32::try_from(longest).unwrap_or(u32::MAX), u32::try_from(strips.len()).unwrap_or(u32::MAX));
    let width = (2 * MARGIN + columns * (SHOWN + GAP) - GAP).max(760);
    let mut canvas = Canvas::new(width, HEADER + rows * (SHOWN + CAPTION) + MARGIN)?;
    for (y, (_, tiles)) in (0..rows).map(|at| HEADER + at * (SHOWN + CAPTION)).zip(strips) {
        for (x, tile) in (0..columns).map(|at| MARGIN + at * (SHOWN + GAP)).zip(tiles) {
            let Some(whole) = ImageBuffer::<Rgb<u8>, _>::from_raw(SIDE, SIDE, tile.pixels()) else { continue };
            let small = resize(&whole, SHOWN, SHOWN, FilterType::CatmullRom);
            canvas.paste(x, y, SHOWN, |column, row| small.get_pixel(column, row).0);
        }
    }
    canvas.draw(|root| {
        style::write(
            root,
            (MARGIN.cast_signed(), 16),
            "Interpolation between two tiles in the latent space",
            &style::bold(SHEET_TITLE),
        )?;
        for (y, (name, _)) in (0..rows).map(|at| HEADER + at * (SHOWN + CAPTION) + SHOWN + 4).zip(strips) {
            let text = style::fit(root, name, &style::font(SHEET_LABEL - 2), width - 2 * MARGIN);
            let at = (MARGIN.cast_signed(), y.cast_signed());
            style::write(root, at, &text, &style::font(SHEET_LABEL - 2).color(&GREY))?;
        }
        Ok(())
    })?;
    canvas.finish(1)
}
