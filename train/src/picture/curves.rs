//! Training curves: losses, and the validation AUROC if measured, by epoch.

use std::ops::Range;

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::canvas::Canvas;
use super::chart::{Chart, legend};
use super::style::{self, Area, BLUE, DASH, FAINT, GREY, LABEL, LINE, MARK, SMALL, TITLE, VERMILLION};
use super::{Picture, PictureError};

/// The result of an epoch: one line of `history.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: u64,
    /// Optimiser steps since training began.
    pub step: u64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's training batches.
    pub train_loss: f64,
    /// Mean loss over the validation split.
    pub val_loss: f64,
    /// Area under the ROC curve on the validation split, if it has both classes.
    pub val_auroc: Option<f64>,
    /// Wall-clock time of the epoch in seconds.
    pub seconds: f64,
}

const HEIGHT: u32 = 900;
const PANEL: u32 = 1000;

/// Fraction of a panel above the highest value, for the legend.
const HEADROOM: f64 = 0.26;

/// Largest number of points that are drawn with marks.
const MARKED: usize = 60;

/// A line through epochs.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    colour: RGBColor,
    dashed: bool,
}

/// Draws training and validation loss by epoch, with the epoch `kept` (from 1) marked, and the validation AUROC if
/// measured. An epoch whose loss is not finite leaves a gap. The kept epoch need not have the lowest loss: a training in
/// two stages keeps an epoch of the second.
///
/// # Errors
/// No epoch with a finite loss.
pub fn loss_curves(history: &[EpochRecord], kept: u64) -> Result<Picture, PictureError> {
    let losses = vec![
        curve(history, "training", BLUE, false, |epoch| Some(epoch.train_loss)),
        curve(history, "validation", VERMILLION, true, |epoch| Some(epoch.val_loss)),
    ];
    let auroc = curve(history, "validation AUROC", VERMILLION, true, |epoch| epoch.val_auroc);
    if losses.iter().all(|curve| curve.points.is_empty()) {
        let reason = format!("none of {} epochs has a finite loss", history.len());
        return Err(PictureError::Nothing { picture: "loss curves", reason });
    }
    let epochs = epoch_range(history);
    let of_kept = |curve: &Curve| curve.points.iter().copied().find(|point| point.0 == kept as f64);
    let with_auroc = !auroc.points.is_empty();
    let mut canvas = Canvas::new(if with_auroc { 2 * PANEL } else { PANEL + PANEL / 2 }, HEIGHT)?;
    canvas.draw(|root| {
        let panels = root.split_evenly((1, if with_auroc { 2 } else { 1 }));
        let range = value_range(&losses);
        let mark = of_kept(&losses[1]).map(|at| (at, format!("kept: epoch {kept}, validation loss {}", short(at.1))));
        draw_panel(&panels[0], ["Loss by epoch", "loss"], (epochs.clone(), range), &losses, mark)?;
        if with_auroc {
            let range = auroc_range(&auroc);
            let mark = of_kept(&auroc).map(|at| (at, format!("kept: epoch {kept}, {:.4}", at.1)));
            let words = ["Validation AUROC by epoch", "area under the ROC curve"];
            draw_panel(&panels[1], words, (epochs, range), &[auroc], mark)?;
        }
        Ok(())
    })?;
    canvas.finish(2)
}

fn curve(
    history: &[EpochRecord],
    name: &str,
    colour: RGBColor,
    dashed: bool,
    value: impl Fn(&EpochRecord) -> Option<f64>,
) -> Curve {
    let points = history.iter().filter_map(|epoch| {
        let value = value(epoch).filter(|value| value.is_finite())?;
        Some((epoch.epoch as f64, value))
    });
    Curve { name: name.to_owned(), points: points.collect(), colour, dashed }
}

/// Formats a loss with five digits.
fn short(loss: f64) -> String {
    let whole = loss.abs().max(1.0).log10() as usize;
    format!("{loss:.*}", 4_usize.saturating_sub(whole))
}

fn epoch_range(history: &[EpochRecord]) -> Range<f64> {
    let first = history.iter().map(|epoch| epoch.epoch).min().unwrap_or(1) as f64;
    let last = history.iter().map(|epoch| epoch.epoch).max().unwrap_or(1) as f64;
    let margin = ((last - first) * 0.03).max(0.4);
    first - margin..last + margin
}

/// The range of values: from 0 if that wastes little space, else from just below the lowest value.
fn value_range(curves: &[Curve]) -> Range<f64> {
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let margin = ((high - low) * 0.08).max(high.abs() * 0.02).max(1e-6);
    let bottom = if low >= 0.0 && low < high * 0.4 { 0.0 } else { low - margin };
    bottom..high + margin + (high - bottom) * HEADROOM
}

fn auroc_range(curve: &Curve) -> Range<f64> {
    let low = curve.points.iter().map(|point| point.1).fold(1.0, f64::min);
    let bottom = if low > 0.95 {
        0.9
    } else if low > 0.5 {
        0.5
    } else {
        0.0
    };
    bottom..1.0 + (1.0 - bottom) * HEADROOM
}

fn draw_panel(
    area: &Area<'_>,
    [title, value]: [&str; 2],
    (epochs, values): (Range<f64>, Range<f64>),
    curves: &[Curve],
    mark: Option<((f64, f64), String)>,
) -> Result<(), PictureError> {
    let (bottom, top) = (values.start, values.end);
    // There are no labels beside the legend, where no value can be.
    let highest = top - (top - bottom) * HEADROOM / (1.0 + HEADROOM) + (top - bottom) * 1e-6;
    let decimals = match top - bottom {
        span if span < 0.05 => 4,
        span if span < 1.0 => 2,
        span if span < 20.0 => 1,
        _ => 0,
    };
    let mut chart = ChartBuilder::on(area)
        .caption(title, style::bold(TITLE))
        .margin(24)
        .x_label_area_size(90)
        .y_label_area_size(130)
        .build_cartesian_2d(epochs, values)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .axis_style(GREY)
        .x_desc("epoch")
        .y_desc(value)
        .x_labels(12)
        .x_label_formatter(&|epoch| {
            if (epoch - epoch.round()).abs() < 1e-6 { format!("{epoch:.0}") } else { String::new() }
        })
        .y_label_formatter(&|at| if *at <= highest { format!("{at:.decimals$}") } else { String::new() })
        .label_style(style::font(SMALL))
        .axis_desc_style(style::font(LABEL))
        .draw()?;
    if let Some((at, words)) = mark {
        let line = [(at.0, bottom), (at.0, top)];
        chart
            .draw_series(DashedLineSeries::new(line, 4, 8, GREY.stroke_width(3)))?
            .label(words)
            .legend(|(x, y)| DashedPathElement::new([(x, y), (x + 50, y)], 4, 8, GREY.stroke_width(3)));
    }
    for curve in curves {
        curve.draw(&mut chart)?;
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight, 64)
}

impl Curve {
    /// Draws a full line with round marks, or a dashed line with triangles.
    fn draw<'a, 'b: 'a>(&self, chart: &mut Chart<'a, 'b>) -> Result<(), PictureError> {
        let (stroke, fill, points) = (self.colour.stroke_width(LINE), self.colour.filled(), self.points.clone());
        let marked = points.len() <= MARKED;
        if self.dashed {
            let dashes = DashedLineSeries::new(points, DASH, DASH / 2, stroke);
            chart.draw_series(dashes)?.label(&self.name).legend(move |(x, y)| {
                let line = DashedPathElement::new([(x, y), (x + 50, y)], DASH, DASH / 2, stroke);
                EmptyElement::at((0, 0)) + line + TriangleMarker::new((x + 25, y), MARK + 3, fill)
            });
            if marked {
                chart.draw_series(self.points.iter().map(|&at| TriangleMarker::new(at, MARK + 3, fill)))?;
            }
        } else {
            chart.draw_series(LineSeries::new(points, stroke))?.label(&self.name).legend(move |(x, y)| {
                let line = PathElement::new([(x, y), (x + 50, y)], stroke);
                EmptyElement::at((0, 0)) + line + Circle::new((x + 25, y), MARK, fill)
            });
            if marked {
                chart.draw_series(self.points.iter().map(|&at| Circle::new(at, MARK, fill)))?;
            }
        }
        Ok(())
    }
}
