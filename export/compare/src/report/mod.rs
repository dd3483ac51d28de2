//! The report of a comparison, and its forms: JSON by its field names, Markdown, JUnit XML, and one HTML page.

mod chart;
mod page;
mod tables;
mod text;
mod tile_row;
mod xml;

use serde::{Deserialize, Serialize};

use crate::decisions::Decisions;
use crate::diagnosis::Finding;
use crate::difference::OutputDifference;
use crate::facts::SideFacts;

pub use page::html;
pub use tables::markdown;
pub use xml::junit;

/// Version of the report's form.
pub(crate) const SCHEMA: u32 = 1;

/// The outcome of a comparison. Its field names are part of Kiln's JSON output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    /// Every candidate answers as the reference does, within its limits.
    pub passed: bool,
    /// Version of Kiln.
    pub kiln: String,
    /// The tiles.
    pub tiles: TilesReport,
    /// The reference.
    pub reference: SideReport,
    /// One entry for each candidate.
    pub comparisons: Vec<PairReport>,
}

/// The tiles of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TilesReport {
    /// Tiles that were compared.
    pub count: usize,
    /// Their origin.
    pub source: String,
    /// Tiles with a label.
    pub labelled: usize,
    /// Tiles that could not be read.
    pub failed: Vec<FailedTile>,
}

/// A tile that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTile {
    /// The tile's name.
    pub path: String,
    /// The reason.
    pub status: String,
}

/// A side with the time that it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SideReport {
    /// Its facts.
    #[serde(flatten)]
    pub facts: SideFacts,
    /// Time in answering, over all threads, in seconds; no benchmark. None if it was not asked.
    pub answer_seconds: Option<f64>,
}

/// A candidate beside the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    /// Every output and the decisions are within their limits.
    pub passed: bool,
    /// The candidate.
    pub candidate: SideReport,
    /// One entry for each output of either side, by name.
    pub outputs: Vec<OutputDifference>,
    /// The decisions; none if a side has no score or no threshold is known.
    pub decisions: Option<Decisions>,
    /// Explanations of the difference, the most certain first.
    pub findings: Vec<Finding>,
    /// The reason why the candidate could not answer.
    pub error: Option<String>,
}

impl PairReport {
    /// A candidate that could not be opened.
    pub(crate) fn unavailable(facts: SideFacts, reason: String) -> Self {
        Self {
            passed: false,
            candidate: SideReport { facts, answer_seconds: None },
            outputs: Vec::new(),
            decisions: None,
            findings: Vec::new(),
            error: Some(reason),
        }
    }
}
