//! Common parts of charts: axes from 0 to 1, and the legend.

use plotters::coord::CoordTranslate;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::PictureError;
use super::style::{self, Area, FAINT, GREY, LABEL, SMALL, TITLE};

/// A chart with two numeric axes.
pub(super) type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A chart from 0 to 1 on both axes, with title, x label and y label.
pub(super) fn unit_square<'a, 'b: 'a>(
    area: &Area<'b>,
    [title, x, y]: [&str; 3],
) -> Result<Chart<'a, 'b>, PictureError> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, style::bold(TITLE))
        .margin(24)
        .x_label_area_size(90)
        .y_label_area_size(120)
        .build_cartesian_2d(-0.02..1.02, -0.02..1.02)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .axis_style(GREY)
        .x_desc(x)
        .y_desc(y)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| format!("{value:.1}"))
        .y_label_formatter(&|value| format!("{value:.1}"))
        .label_style(style::font(SMALL))
        .axis_desc_style(style::font(LABEL))
        .draw()?;
    Ok(chart)
}

/// Draws the legend of all series so far; `width` is the size of a sample in pixels.
pub(super) fn legend<'a, 'b: 'a>(
    chart: &mut Chart<'a, 'b>,
    position: SeriesLabelPosition,
    width: u32,
) -> Result<(), PictureError> {
    legend_of(chart, position, width)
}

/// As [`legend`], for a chart with any axes.
pub(super) fn legend_of<'a, 'b: 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, BitMapBackend<'b>, C>,
    position: SeriesLabelPosition,
    width: u32,
) -> Result<(), PictureError> {
    chart
        .configure_series_labels()
        .position(position)
        .legend_area_size(width)
        .margin(16)
        .label_font(style::font(SMALL))
        .background_style(WHITE.filled())
        .border_style(FAINT)
        .draw()?;
    Ok(())
}
