//! The report: one HTML file that holds everything a run has to show, pictures and all, and that can be mailed or
//! archived as it is. Promises no script, no outside file, text for every picture, tables that a screen reader can
//! follow, and light and dark colours. What is in it comes from the caller; nothing is measured here.

mod latency;
mod metrics;
mod page;
mod parity;

use std::path::Path;

pub use latency::{Latency, LatencyResult};
pub(crate) use page::{figure_section, shell, table};
pub use parity::{OutputParity, Parity};

use crate::metrics::Metrics;
use crate::picture::{Picture, PictureError};

/// All that a report may hold. What is not given has no section.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The heading, such as `cnn on lc25000-colon`.
    pub title: String,
    /// What was done, in one or two sentences.
    pub summary: String,
    /// Short facts in order: data set, split, seed, versions.
    pub facts: Vec<(String, String)>,
    /// Figures on the evaluated split.
    pub metrics: Option<Metrics>,
    /// Pictures in order.
    pub figures: Vec<Figure>,
    /// How far ONNX Runtime is from burn.
    pub parity: Option<Parity>,
    /// How fast the bundle is.
    pub latency: Option<Latency>,
    /// The resolved configuration, as text.
    pub config: Option<String>,
}

/// A picture and its words.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Heading of the figure.
    pub title: String,
    /// What the picture shows, for those who cannot see it.
    pub alternative: String,
    /// How to read it.
    pub caption: String,
    /// The PNG.
    pub picture: Picture,
}

/// The whole HTML document.
#[must_use]
pub fn render(report: &Report) -> String {
    page::page(report)
}

/// Writes the report, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, report: &Report) -> Result<(), PictureError> {
    kiln_files::publish::write_file(path, render(report).as_bytes())
        .map_err(|source| PictureError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
