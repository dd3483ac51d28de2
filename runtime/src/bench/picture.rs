//! Chart of a benchmark: one row a measurement, from the median to the 99.9th percentile, which makes a long tail visible.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Measurement, Report, Verdict};
use crate::{Error, Result};

const WIDTH: u32 = 1400;
const HEAD: u32 = 90;
const ROW: u32 = 56;
const FOOT: u32 = 80;
/// Pixels between the left edge and the chart: room for the names.
const LEFT: i32 = 560;
/// Room for the judged figure.
const RIGHT: i32 = 230;
const FONT: &str = "DejaVu Sans";
/// Okabe and Ito's blue and vermillion, distinct for colour-blind readers.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(32, 32, 32);
const FAINT: RGBColor = RGBColor(222, 222, 222);

/// The bytes of a PNG file.
///
/// # Errors
/// [`Error::Picture`] if nothing was measured, or it cannot be drawn.
pub fn picture(report: &Report) -> Result<Vec<u8>> {
    if report.results.is_empty() {
        return Err(failed(&"nothing was measured"));
    }
    let fonts = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    fonts.map_err(|_| failed(&"the compiled-in font is damaged"))?;
    let rows = u32::try_from(report.results.len()).unwrap_or(u32::MAX).min(200);
    let height = HEAD + ROW * rows + FOOT;
    let mut pixels = vec![255; WIDTH as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)).into_drawing_area();
        draw(&area, report, height).map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png)
        .write_image(&pixels, WIDTH, height, ExtendedColorType::Rgb8)
        .map_err(|error| failed(&error))?;
    Ok(png.into_inner())
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn draw(area: &Area<'_>, report: &Report, height: u32) -> Drawn {
    let longest = report.results.iter().map(|result| result.latency.p999_ms).fold(0.0, f64::max);
    let step = step(longest);
    let ends = (longest / step).ceil() * step;
    let room = f64::from(WIDTH as i32 - LEFT - RIGHT);
    let x = |ms: f64| LEFT + (room * ms / ends) as i32;
    let verdict = match report.verdict {
        Verdict::Valid => "VALID".to_owned(),
        Verdict::Invalid => format!("INVALID: {} reasons, see the report", report.reasons.len()),
    };
    let colour = if report.verdict == Verdict::Valid { INK } else { VERMILLION };
    write(area, (24, 30), &format!("Latency of a query, p50 to p99.9.  {verdict}"), 26, &colour, HPos::Left)?;
    let (top, bottom) = (HEAD as i32 - 10, (height - FOOT) as i32);
    for tick in 0..=(ends / step).round() as i32 {
        let at = x(f64::from(tick) * step);
        area.draw(&PathElement::new(vec![(at, top), (at, bottom)], FAINT.stroke_width(2)))?;
        write(area, (at, bottom + 20), &number(f64::from(tick) * step), 20, &INK, HPos::Center)?;
    }
    write(area, (LEFT + (room / 2.0) as i32, bottom + 52), "milliseconds", 20, &INK, HPos::Center)?;
    for (i, result) in report.results.iter().take(200).enumerate() {
        row(area, result, HEAD as i32 + ROW as i32 * i as i32 + ROW as i32 / 2, &x)?;
    }
    Ok(())
}

fn row(area: &Area<'_>, result: &Measurement, y: i32, x: &dyn Fn(f64) -> i32) -> Drawn {
    let latency = &result.latency;
    write(area, (LEFT - 16, y), &result.name(), 19, &INK, HPos::Right)?;
    let line = vec![(x(latency.p50_ms), y), (x(latency.p999_ms), y)];
    area.draw(&PathElement::new(line, BLUE.stroke_width(3)))?;
    for ms in [latency.p90_ms, latency.p99_ms, latency.p999_ms] {
        area.draw(&PathElement::new(vec![(x(ms), y - 9), (x(ms), y + 9)], BLUE.stroke_width(3)))?;
    }
    area.draw(&Circle::new((x(latency.p50_ms), y), 8, BLUE.filled()))?;
    let (judged, unit) = result.judged();
    let figure = format!("{} {unit}", number(judged));
    write(area, (WIDTH as i32 - 24, y), &figure, 20, &INK, HPos::Right)
}

fn write(area: &Area<'_>, at: (i32, i32), text: &str, size: i32, colour: &RGBColor, anchor: HPos) -> Drawn {
    let style = TextStyle::from((FONT, size).into_font()).color(colour).pos(Pos::new(anchor, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}

/// A step of 1, 2 or 5 times a power of ten that gives about five ticks.
fn step(longest: f64) -> f64 {
    let rough = (longest / 5.0).max(1e-6);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    power * steps.into_iter().find(|step| step * power >= rough).unwrap_or(10.0)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Picture { reason: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::tests::measurement;
    use super::*;

    #[test]
    fn a_row_for_every_measurement() {
        let report = Report { results: vec![measurement(), measurement(), measurement()], ..Report::default() };
        let png = picture(&report).unwrap();
        let size = image::load_from_memory(&png).unwrap();
        assert_eq!((size.width(), size.height()), (WIDTH, HEAD + 3 * ROW + FOOT));
        assert!(picture(&Report::default()).is_err());
    }

    #[test]
    fn ticks_are_round_numbers() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * b;
        assert!(close(step(48.0), 10.0) && close(step(3.0), 1.0) && close(step(0.9), 0.2));
    }
}
