//! ROC and precision-recall curves, with the threshold marked on both.

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::canvas::Canvas;
use super::chart::{Chart, legend, unit_square};
use super::style::{self, Area, BLUE, DASH, GREY, LINE, VERMILLION};
use super::{Picture, PictureError};
use crate::metrics::{Confusion, Metrics, Scored, pr_curve, roc_curve};

const PANEL: u32 = 1000;
const HEIGHT: u32 = 1040;

/// A curve with its style.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    stroke: ShapeStyle,
    /// Length of a dash in pixels; none for a full line.
    dash: Option<i32>,
}

/// Content of one panel.
struct Panel<'a> {
    words: [&'a str; 3],
    curves: Vec<Curve>,
    /// Position and label of the threshold.
    threshold: ((f64, f64), String),
    legend: SeriesLabelPosition,
}

/// Draws the ROC and the precision-recall curve of `scored`, with `metrics` of the same tiles in the legend, and the ROC
/// curve of the colour baseline if given.
///
/// # Errors
/// No tiles, one class only, or a score that is not finite.
pub fn roc_and_pr(scored: &[Scored], baseline: Option<&[Scored]>, metrics: &Metrics) -> Result<Picture, PictureError> {
    let panels = [roc_panel(scored, baseline, metrics)?, pr_panel(scored, metrics)?];
    let mut canvas = Canvas::new(2 * PANEL, HEIGHT)?;
    canvas.draw(|root| {
        for (area, panel) in root.split_evenly((1, 2)).iter().zip(&panels) {
            panel.draw(area)?;
        }
        Ok(())
    })?;
    canvas.finish(2)
}

fn roc_panel<'a>(scored: &[Scored], baseline: Option<&[Scored]>, metrics: &Metrics) -> Result<Panel<'a>, PictureError> {
    let points = |scored: &[Scored]| -> Result<Vec<(f64, f64)>, PictureError> {
        Ok(roc_curve(scored)?.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect())
    };
    let mut curves = vec![chance("chance", vec![(0.0, 0.0), (1.0, 1.0)])];
    if let Some(baseline) = baseline {
        let figure = metrics.baseline.colour_auroc.map(|figure| figure.to_string()).unwrap_or_default();
        let name = format!("colour alone, AUROC {figure}");
        curves.push(Curve {
            name,
            points: points(baseline)?,
            stroke: VERMILLION.stroke_width(LINE - 1),
            dash: Some(DASH),
        });
    }
    curves.push(Curve {
        name: format!("model, AUROC {}", metrics.auroc),
        points: points(scored)?,
        stroke: BLUE.stroke_width(LINE + 1),
        dash: None,
    });
    // A curve below chance would be hidden by the legend in its usual corner.
    let hidden = curves.iter().flat_map(|curve| &curve.points).any(|&(x, y)| y < 0.19 && x > 0.2 && y < x - 0.15);
    let (sensitivity, specificity) = (metrics.recall.value, metrics.specificity.value);
    let words =
        format!("threshold {}: sensitivity {sensitivity:.3}, specificity {specificity:.3}", short(metrics.threshold));
    Ok(Panel {
        words: ["ROC", "false positive rate (1 − specificity)", "true positive rate (sensitivity)"],
        curves,
        threshold: ((1.0 - specificity, sensitivity), words),
        legend: if hidden { SeriesLabelPosition::UpperLeft } else { SeriesLabelPosition::LowerRight },
    })
}

fn pr_panel<'a>(scored: &[Scored], metrics: &Metrics) -> Result<Panel<'a>, PictureError> {
    // Average precision uses the precision of each step, so the curve is drawn in steps as well.
    let (mut steps, mut recall) = (Vec::new(), 0.0);
    for point in pr_curve(scored)? {
        if point.recall > recall {
            steps.extend([(recall, point.precision), (point.recall, point.precision)]);
            recall = point.recall;
        }
    }
    let hidden = steps.iter().any(|&(x, y)| y < 0.16 && x < 0.7);
    let share = metrics.anomalous as f64 / metrics.n as f64;
    let model = Curve {
        name: format!("model, AUPR {}", metrics.aupr),
        points: steps,
        stroke: BLUE.stroke_width(LINE + 1),
        dash: None,
    };
    let Confusion { true_positive, false_positive, .. } = metrics.confusion;
    let at = (metrics.recall.value, metrics.precision.value);
    let words = if true_positive + false_positive == 0 {
        format!("threshold {}: no tile is anomalous", short(metrics.threshold))
    } else {
        format!("threshold {}: precision {:.3}, recall {:.3}", short(metrics.threshold), at.1, at.0)
    };
    Ok(Panel {
        words: ["Precision and recall", "recall (sensitivity)", "precision"],
        curves: vec![chance(&format!("chance ({share:.2} anomalous)"), vec![(0.0, share), (1.0, share)]), model],
        threshold: (at, words),
        legend: if hidden { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerLeft },
    })
}

fn chance(name: &str, points: Vec<(f64, f64)>) -> Curve {
    Curve { name: name.to_owned(), points, stroke: GREY.stroke_width(2), dash: Some(5) }
}

/// Formats a threshold with four digits, in scientific notation if it is very small or large.
fn short(threshold: f64) -> String {
    if threshold != 0.0 && !(0.01..1e4).contains(&threshold.abs()) {
        format!("{threshold:.3e}")
    } else {
        format!("{threshold:.4}")
    }
}

impl Panel<'_> {
    fn draw(&self, area: &Area<'_>) -> Result<(), PictureError> {
        let mut chart = unit_square(area, self.words)?;
        for curve in &self.curves {
            curve.draw(&mut chart)?;
        }
        self.mark_threshold(&mut chart)?;
        legend(&mut chart, self.legend.clone(), 64)
    }

    fn mark_threshold(&self, chart: &mut Chart<'_, '_>) -> Result<(), PictureError> {
        let (at, words) = &self.threshold;
        let ring = |at, size| Circle::new(at, size, style::INK.stroke_width(LINE));
        chart.draw_series([Circle::new(*at, 14, WHITE.filled())])?;
        chart
            .draw_series([ring(*at, 14)])?
            .label(words)
            .legend(move |(x, y)| Circle::new((x + 25, y), 12, style::INK.stroke_width(LINE)));
        Ok(())
    }
}

impl Curve {
    fn draw(&self, chart: &mut Chart<'_, '_>) -> Result<(), PictureError> {
        let (stroke, points) = (self.stroke, self.points.clone());
        match self.dash {
            Some(dash) => chart
                .draw_series(DashedLineSeries::new(points, dash, dash, stroke))?
                .label(&self.name)
                .legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 50, y)], dash, dash, stroke)),
            None => chart
                .draw_series(LineSeries::new(points, stroke))?
                .label(&self.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 50, y)], stroke)),
        };
        Ok(())
    }
}
