//! The growth of an error over the values of a graph, in the order of execution.

use plotters::prelude::*;

use super::canvas::Canvas;
use super::chart::legend_of;
use super::style::{self, BLUE, FAINT, GREY, LABEL, LINE, MARK, SMALL, TITLE, VERMILLION};
use super::{Picture, PictureError};

const WIDTH: u32 = 2000;
const HEIGHT: u32 = 900;
/// Share of the axis that the legend takes, in units of the errors' range.
const LEGEND: f64 = 0.25;

/// The errors of one value, each relative to the value's largest magnitude.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueError {
    /// Error as carried along from the input, if it was measured.
    pub carried: Option<f64>,
    /// Error of the node alone, if it was measured.
    pub own: Option<f64>,
    /// The sides part here.
    pub parted: bool,
}

/// Draws both errors over the position of the value, from 1 on, on a logarithmic axis. A carried error of 0 lies on the floor of
/// the chart; a node's own error of 0, that of most nodes, is left out.
///
/// # Errors
/// No value.
pub fn error_growth(title: &str, values: &[ValueError]) -> Result<Picture, PictureError> {
    if values.is_empty() {
        return Err(PictureError::Nothing { picture: "error growth", reason: "no value was compared".to_owned() });
    }
    let all = || values.iter().flat_map(|value| [value.carried, value.own]).flatten();
    let finite = || all().filter(|error| error.is_finite() && *error > 0.0);
    let high = finite().fold(1e-6_f64, f64::max).min(1e6) * 3.0;
    let floor = finite().fold(1e-6_f64, f64::min).max(1e-12) / 3.0;
    let place = |error: f64| if error.is_finite() { error.clamp(floor, high) } else { high };
    // Room for the legend above the errors.
    let top = high * (high / floor).powf(LEGEND);
    let last = values.len() as f64;
    let mut canvas = Canvas::new(WIDTH, HEIGHT)?;
    canvas.draw(|root| {
        let mut chart = ChartBuilder::on(root)
            .caption(style::fit(root, title, &style::bold(TITLE), WIDTH - 100), style::bold(TITLE))
            .margin(24)
            .x_label_area_size(90)
            .y_label_area_size(150)
            .build_cartesian_2d(0.0..last + 1.0, (floor..top).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .axis_style(GREY)
            .x_desc("number of the value, in the order of execution")
            .y_desc("largest error / largest magnitude")
            .x_labels(10)
            .y_labels(8)
            .x_label_formatter(&|at| format!("{at:.0}"))
            .y_label_formatter(&|error| format!("{error:.0e}"))
            .label_style(style::font(SMALL))
            .axis_desc_style(style::font(LABEL))
            .draw()?;
        let points = |pick: fn(&ValueError) -> Option<f64>| -> Vec<(f64, f64)> {
            let point = |(at, value): (usize, &ValueError)| Some((at as f64 + 1.0, place(pick(value)?)));
            values.iter().enumerate().filter_map(point).collect()
        };
        let carried = points(|value| value.carried);
        let stroke = BLUE.stroke_width(LINE);
        chart
            .draw_series(LineSeries::new(carried, stroke))?
            .label("as carried along")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 50, y)], stroke));
        // A line would fall to the floor behind every node that only moves numbers, so each node has its own stem.
        let own = points(|value| value.own.filter(|error| *error > 0.0));
        let (stroke, dot) = (GREY.stroke_width(LINE), GREY.filled());
        chart.draw_series(own.iter().map(|(at, error)| PathElement::new([(*at, floor), (*at, *error)], stroke)))?;
        chart
            .draw_series(own.iter().map(|point| Circle::new(*point, MARK, dot)))?
            .label("of the node alone")
            .legend(move |(x, y)| Circle::new((x + 25, y), MARK, dot));
        let parted: Vec<(f64, f64)> = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.parted)
            .map(|(at, value)| (at as f64 + 1.0, place(value.own.or(value.carried).unwrap_or(high))))
            .collect();
        if !parted.is_empty() {
            let mark = VERMILLION.filled();
            chart
                .draw_series(parted.into_iter().map(|point| TriangleMarker::new(point, 14, mark)))?
                .label("beyond rounding")
                .legend(move |(x, y)| TriangleMarker::new((x + 25, y), 14, mark));
        }
        legend_of(&mut chart, SeriesLabelPosition::UpperLeft, 64)
    })?;
    canvas.finish(2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_errors_can_be_drawn() {
        let value = |carried, own, parted| ValueError { carried, own, parted };
        for values in [
            vec![value(Some(0.0), Some(0.0), false)],
            vec![value(None, Some(f64::INFINITY), true), value(Some(1e-7), None, false)],
            vec![
                value(Some(1e-7), Some(0.0), false),
                value(Some(0.3), Some(0.3), true),
                value(Some(f64::NAN), None, false),
            ],
        ] {
            assert_eq!(error_growth("burn against ONNX Runtime", &values).unwrap().size(), (WIDTH, HEIGHT));
        }
        assert!(error_growth("nothing", &[]).is_err());
    }
}
