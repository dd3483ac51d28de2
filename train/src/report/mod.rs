//! The report of a run: one HTML file with all metrics and pictures, which can be mailed or archived. Guarantees no
//! scripts, no external files, alternative text for every picture, accessible tables, and light and dark colours. All
//! content comes from the caller.

mod html;
mod latency;
mod latent;
mod metrics;
mod page;
mod parity;
mod subgroups;

use std::path::Path;

pub use html::{figure_section, shell, table, verdict};
pub use latency::{Latency, LatencyResult};
pub use parity::{OutputParity, Parity};

use crate::metrics::Metrics;
use crate::picture::{Picture, PictureError};

/// The content of a report. Empty fields have no section.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The heading, such as `cnn on lc25000-colon`.
    pub title: String,
    /// One or two sentences about the run.
    pub summary: String,
    /// Short facts in order, such as data set, split, seed, versions.
    pub facts: Vec<(String, String)>,
    /// Metrics on the evaluated split.
    pub metrics: Option<Metrics>,
    /// Pictures in order.
    pub figures: Vec<Figure>,
    /// Comparison of ONNX Runtime with burn.
    pub parity: Option<Parity>,
    /// Latency of the bundle.
    pub latency: Option<Latency>,
    /// The resolved configuration, as text.
    pub config: Option<String>,
}

/// A picture with its texts.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Heading of the figure.
    pub title: String,
    /// Alternative text for screen readers.
    pub alternative: String,
    /// Explanation of the picture.
    pub caption: String,
    /// The PNG.
    pub picture: Picture,
}

/// Renders the report as an HTML document.
#[must_use]
pub fn render(report: &Report) -> String {
    page::page(report)
}

/// Writes the report, whole or not at all.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, report: &Report) -> Result<(), PictureError> {
    kiln_files::publish::write_file(path, render(report).as_bytes())
        .map_err(|source| PictureError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
