//! The AUROC of each model over its training and inference time.

use std::ops::Range;

use plotters::prelude::*;

use super::canvas::Canvas;
use super::style::{self, Area, BLUE, FAINT, GREY, LABEL, SMALL, TITLE};
use super::{Picture, PictureError};
use crate::metrics::Interval;

const PANEL: u32 = 1000;
const HEIGHT: u32 = 900;

/// AUROC and time of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Name of the model.
    pub name: String,
    /// Area under the ROC curve.
    pub auroc: Interval,
    /// Seconds per training.
    pub training_s: f64,
    /// Milliseconds per tile, if measured.
    pub inference_ms: Option<f64>,
}

/// Draws AUROC over training time, and over inference time if measured, on logarithmic axes.
///
/// # Errors
/// No model with a time above 0.
pub fn quality_by_cost(costs: &[Cost]) -> Result<Picture, PictureError> {
    let points = |time: fn(&Cost) -> Option<f64>| -> Vec<(&Cost, f64)> {
        costs.iter().filter_map(|cost| Some((cost, time(cost).filter(|time| *time > 0.0)?))).collect()
    };
    let (training, inference) = (points(|cost| Some(cost.training_s)), points(|cost| cost.inference_ms));
    if training.is_empty() {
        return Err(PictureError::Nothing { picture: "quality by cost", reason: "no time was measured".to_owned() });
    }
    let mut canvas = Canvas::new(2 * PANEL, HEIGHT)?;
    canvas.draw(|root| {
        let panels = root.split_evenly((1, 2));
        panel(&panels[0], ["Quality by training time", "seconds per training"], &training)?;
        if inference.is_empty() {
            return Ok(());
        }
        panel(&panels[1], ["Quality by inference time", "milliseconds per tile (burn, decoding included)"], &inference)
    })?;
    canvas.finish(2)
}

fn panel(area: &Area<'_>, [title, axis]: [&str; 2], points: &[(&Cost, f64)]) -> Result<(), PictureError> {
    let ends = points.iter().flat_map(|(cost, _)| [cost.auroc.low, cost.auroc.high]);
    let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let margin = ((high - low) * 0.12).max(0.01);
    let times = span(points);
    let ticks = decimal_ticks(&times);
    let mut chart = ChartBuilder::on(area)
        .caption(title, style::bold(TITLE))
        .margin(24)
        .x_label_area_size(90)
        .y_label_area_size(130)
        .build_cartesian_2d(times.log_scale().with_key_points(ticks), low - margin..high + margin)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .axis_style(GREY)
        .x_desc(axis)
        .y_desc("AUROC")
        .x_labels(6)
        .y_labels(8)
        .x_label_formatter(&|time| label(*time))
        .y_label_formatter(&|auroc| format!("{auroc:.3}"))
        .label_style(style::font(SMALL))
        .axis_desc_style(style::font(LABEL))
        .draw()?;
    for (cost, time) in points {
        let interval = [(*time, cost.auroc.low), (*time, cost.auroc.high)];
        chart.draw_series([PathElement::new(interval, BLUE.stroke_width(4))])?;
        chart.draw_series([Circle::new((*time, cost.auroc.value), 9, BLUE.filled())])?;
        let (font, place) = (style::font(SMALL), chart.backend_coord(&(*time, cost.auroc.value)).0);
        let right = u32::try_from(area.get_pixel_range().0.end - place - 40).unwrap_or(0);
        let name = style::fit(area, &cost.name, &font, right);
        chart.draw_series([EmptyElement::at((*time, cost.auroc.value)) + Text::new(name, (16, -10), font)])?;
    }
    Ok(())
}

/// Ticks of a logarithmic axis: powers of ten over several decades, otherwise 1, 2 and 5 times these.
fn decimal_ticks(range: &Range<f64>) -> Vec<f64> {
    let decades = (range.end / range.start).log10();
    let steps: &[u32] = if decades > 3.0 { &[1] } else { &[1, 2, 5] };
    let powers = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
    let ticks = powers.flat_map(|power| steps.iter().map(move |step| f64::from(*step) * 10_f64.powi(power)));
    ticks.filter(|tick| range.contains(tick)).collect()
}

/// A tick of [`decimal_ticks`], with the decimals that it needs.
fn label(tick: f64) -> String {
    // Powers of ten are not exact, such as 0.000001.
    let decimals = usize::try_from(-(tick.log10() + 1e-9).floor() as i32).unwrap_or(0);
    format!("{tick:.decimals$}")
}

/// The range of times, with room for names on the right.
fn span(points: &[(&Cost, f64)]) -> Range<f64> {
    let (low, high) =
        points.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), (_, time)| (low.min(*time), high.max(*time)));
    low / 1.5..high * (high / low).powf(0.35).max(2.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range<f64>) -> Vec<String> {
        decimal_ticks(&range).into_iter().map(label).collect()
    }

    #[test]
    fn an_axis_has_labels_wherever_it_is() {
        assert_eq!(labels(1.3..4.9), ["2"]);
        assert_eq!(labels(2.1..9.0), ["5"]);
        assert_eq!(labels(0.004..0.07), ["0.005", "0.01", "0.02", "0.05"]);
        assert_eq!(labels(7.0..300.0), ["10", "20", "50", "100", "200"]);
        assert_eq!(labels(0.02..3000.0), ["0.1", "1", "10", "100", "1000"]);
        for low in 1..2000 {
            // The narrowest range, that of one time.
            let low = f64::from(low) / 100.0;
            assert!(!labels(low / 1.5..low * 2.5).is_empty(), "{low}");
        }
    }
}
