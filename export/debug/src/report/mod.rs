//! Reports of a comparison: the curve of the errors, a Markdown file, one HTML page. Text on a terminal is the binary's.

mod html;
mod markdown;

use kiln_train::picture::{Picture, ValueError, error_growth};

pub use html::page;
pub use markdown::{markdown, table};

use crate::error::Result;
use crate::figures::Figures;
use crate::layers::{LayersReport, Row};

/// The curve of both errors over the values, in the order of execution.
///
/// # Errors
/// If no value was compared.
pub fn curve(report: &LayersReport) -> Result<Picture> {
    let error = |figures: &Option<Figures>| figures.as_ref().map(Figures::relative_to_magnitude);
    let value =
        |row: &Row| ValueError { carried: error(&row.carried), own: error(&row.own), parted: row.verdict.is_beyond() };
    let values: Vec<ValueError> = report.rows.iter().map(value).collect();
    Ok(error_growth(&format!("{} against {}", report.b, report.a), &values)?)
}

/// A short form of an error: `3.1e-7`, `0`, or `-` if it was not measured.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) => format!("{value:.1e}"),
    }
}

/// The cells of a row, as in every report: value, operator, shape, carried (largest, mean, relative, cosine, signal to
/// noise), own (largest, allowed), verdict.
#[must_use]
pub fn cells(row: &Row) -> [String; 11] {
    let carried = row.carried.as_ref();
    let snr = match carried {
        None => "-".to_owned(),
        Some(figures) => figures.snr_db.map_or("inf".to_owned(), |snr| format!("{snr:.0}")),
    };
    let verdict = match (row.verdict.is_beyond(), row.between, row.equalised) {
        (true, _, _) => "BEYOND",
        (false, true, _) => "ok, between",
        (false, false, true) => "ok, equalised",
        (false, false, false) => "ok",
    };
    [
        row.value.clone(),
        row.operator.clone(),
        format!("{:?}", row.shape),
        number(carried.map(|figures| figures.max_abs)),
        number(carried.map(|figures| figures.mean_abs)),
        number(carried.map(|figures| figures.max_rel)),
        carried.map_or("-".to_owned(), |figures| format!("{:.7}", figures.cosine)),
        snr,
        number(row.own.as_ref().map(|figures| figures.max_abs)),
        number(Some(row.allowed)),
        verdict.to_owned(),
    ]
}

/// The headings of [`cells`].
pub const HEADINGS: [&str; 11] = [
    "value", "operator", "shape", "max abs", "mean abs", "max rel", "cosine", "snr dB", "own max", "allowed", "verdict",
];
