//! Values with their intervals, one line per model.

use std::ops::Range;

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::canvas::Canvas;
use super::style::{self, Area, BLUE, FAINT, GREY, LABEL, SMALL, TITLE};
use super::{Picture, PictureError};
use crate::metrics::Interval;

const WIDTH: u32 = 1700;
const ROW: u32 = 56;
const HEADER: u32 = 96;
const FOOTER: u32 = 110;
const NAMES: i32 = 640;
const RIGHT: i32 = 1660;

/// Draws one line per row: name, a dot at the value and a bar over the interval; a dashed line marks `mark`, such as the
/// value of the reference.
///
/// # Errors
/// No rows.
pub fn interval_rows(
    [title, axis]: [&str; 2],
    rows: &[(String, Interval)],
    mark: Option<f64>,
) -> Result<Picture, PictureError> {
    if rows.is_empty() {
        return Err(PictureError::Nothing { picture: "intervals", reason: "no row was given".to_owned() });
    }
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let range = range(rows, mark);
    let place = |value: f64| {
        let share = ((value - range.start) / (range.end - range.start)).clamp(0.0, 1.0);
        NAMES + (share * f64::from(RIGHT - NAMES)) as i32
    };
    let bottom = (HEADER + count * ROW).cast_signed();
    let mut canvas = Canvas::new(WIDTH, HEADER + count * ROW + FOOTER)?;
    canvas.draw(|root| {
        style::write(root, (24, 24), title, &style::bold(TITLE))?;
        scale(root, &range, bottom, &place)?;
        if let Some(mark) = mark {
            let line = [(place(mark), HEADER.cast_signed()), (place(mark), bottom)];
            root.draw(&DashedPathElement::new(line, 6, 8, GREY.stroke_width(3)))?;
        }
        for (at, (name, interval)) in (0..).zip(rows) {
            row(root, HEADER.cast_signed() + at * ROW.cast_signed(), name, *interval, &place)?;
        }
        style::write(root, (NAMES, bottom + 60), axis, &style::font(LABEL))
    })?;
    canvas.finish(2)
}

fn range(rows: &[(String, Interval)], mark: Option<f64>) -> Range<f64> {
    let ends = rows.iter().flat_map(|(_, interval)| [interval.low, interval.high, interval.value]).chain(mark);
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    let margin = ((high - low) * 0.06).max(0.002);
    low - margin..high + margin
}

fn scale(root: &Area<'_>, range: &Range<f64>, bottom: i32, place: &impl Fn(f64) -> i32) -> Result<(), PictureError> {
    let step = step(range.end - range.start);
    let first = (range.start / step).ceil() as i64;
    let decimals = (-step.log10()).ceil().max(0.0) as usize;
    for number in (first..).take_while(|number| *number as f64 * step <= range.end) {
        let (value, x) = (number as f64 * step, place(number as f64 * step));
        root.draw(&PathElement::new([(x, HEADER.cast_signed()), (x, bottom)], FAINT.stroke_width(2)))?;
        let (text, font) = (format!("{value:.decimals$}"), style::font(SMALL));
        let width = root.estimate_text_size(&text, &font)?.0.cast_signed();
        // The last label is moved left if it would cross the edge.
        let left = (x - width / 2).min(WIDTH.cast_signed() - width - 12);
        style::write(root, (left, bottom + 14), &text, &font)?;
    }
    Ok(())
}

/// A round step that divides a span into four to ten parts.
fn step(span: f64) -> f64 {
    let power = 10_f64.powf(span.log10().floor());
    [0.1, 0.2, 0.5, 1.0].into_iter().map(|part| part * power).find(|step| span / step <= 10.0).unwrap_or(power)
}

fn row(
    root: &Area<'_>,
    top: i32,
    name: &str,
    interval: Interval,
    place: &impl Fn(f64) -> i32,
) -> Result<(), PictureError> {
    let (font, middle) = (style::font(SMALL), top + ROW.cast_signed() / 2);
    let name = style::fit(root, name, &font, NAMES.cast_unsigned() - 60);
    style::write(root, (24, middle - 14), &name, &font)?;
    let (low, high) = (place(interval.low), place(interval.high));
    root.draw(&PathElement::new([(low, middle), (high, middle)], BLUE.stroke_width(4)))?;
    for end in [low, high] {
        root.draw(&PathElement::new([(end, middle - 9), (end, middle + 9)], BLUE.stroke_width(4)))?;
    }
    root.draw(&Circle::new((place(interval.value), middle), 9, BLUE.filled()))?;
    Ok(())
}
