//! Rows of `slides.csv`: one for each slide, with its score.

use std::io;
use std::path::Path;

use kiln_files::publish;
use serde::{Deserialize, Serialize};

use crate::{Bounds, SlideRule, SlideScore};

/// A row of `slides.csv`. Cells without a value are empty in CSV and `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlideRow {
    /// Path of the slide as it was given.
    pub slide: String,
    /// The score by the rule of the bundle; none without a tile that has a score.
    pub score: Option<f32>,
    /// The label; none without a score.
    pub label: Option<String>,
    /// `ok`, or a short stable word, a colon and the reason: `no_tissue: …`.
    pub status: String,
    /// The highest score of a tile.
    pub max: Option<f32>,
    /// The mean of the ten highest scores, of all if there are fewer.
    pub top10_mean: Option<f32>,
    /// The area of the tiles at or above the threshold, in mm².
    pub tumour_area_mm2: Option<f64>,
    /// Number of tiles, with failed ones.
    pub tiles: u64,
    /// Number of tiles without a score.
    pub failed: u64,
    /// Micrometres per level-0 pixel; none if the slide could not be opened.
    pub mpp: Option<f64>,
    /// The reader: `openslide` or `direct`; none if the slide could not be opened.
    pub reader: Option<String>,
    /// Left edge of the slide's bounds in level-0 pixels, the origin of QuPath's coordinates; none without bounds.
    #[serde(default)]
    pub bounds_minx: Option<u64>,
    /// Top edge of the slide's bounds in level-0 pixels; none without bounds.
    #[serde(default)]
    pub bounds_miny: Option<u64>,
    /// Width of level 0 in pixels; none if the slide could not be opened.
    #[serde(default)]
    pub width: Option<u64>,
    /// Height of level 0 in pixels; none if the slide could not be opened.
    #[serde(default)]
    pub height: Option<u64>,
    /// The rule of the score; none if the slide was not scored.
    #[serde(default)]
    pub rule: Option<SlideRule>,
}

impl SlideRow {
    /// The row of a slide with a score.
    #[must_use]
    pub fn new(slide: &str, score: SlideScore, mpp: f64, reader: &str) -> Self {
        Self {
            score: score.score,
            label: score.label,
            max: score.max,
            top10_mean: score.top10_mean,
            tumour_area_mm2: score.tumour_area_mm2,
            tiles: score.tiles,
            failed: score.failed,
            mpp: Some(mpp),
            reader: Some(reader.to_owned()),
            ..Self::failed(slide, &score.status)
        }
    }

    /// The row with the origin of the slide's bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Option<Bounds>) -> Self {
        let (bounds_minx, bounds_miny) = (bounds.map(|bounds| bounds.x), bounds.map(|bounds| bounds.y));
        Self { bounds_minx, bounds_miny, ..self }
    }

    /// The row with the size of level 0 in pixels.
    #[must_use]
    pub fn with_size(self, (width, height): (u64, u64)) -> Self {
        Self { width: Some(width), height: Some(height), ..self }
    }

    /// The row with the rule of its score.
    #[must_use]
    pub fn with_rule(self, rule: SlideRule) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// The row of a slide with tiles that gave no score, with their numbers.
    #[must_use]
    pub fn with_tiles(self, tiles: u64, failed: u64) -> Self {
        Self { tiles, failed, ..self }
    }

    /// The size of level 0 in pixels; none if the slide could not be opened, or in files of earlier versions.
    #[must_use]
    pub fn size(&self) -> Option<(u64, u64)> {
        self.width.zip(self.height)
    }

    /// The origin of the slide's bounds in level-0 pixels; (0, 0) without bounds.
    #[must_use]
    pub fn origin(&self) -> (u64, u64) {
        (self.bounds_minx.unwrap_or(0), self.bounds_miny.unwrap_or(0))
    }

    /// The row of a slide that could not be used. `status` is a short stable word, a colon and the reason.
    #[must_use]
    pub fn failed(slide: &str, status: &str) -> Self {
        Self {
            slide: slide.to_owned(),
            score: None,
            label: None,
            status: one_line(status),
            max: None,
            top10_mean: None,
            tumour_area_mm2: None,
            tiles: 0,
            failed: 0,
            mpp: None,
            reader: None,
            bounds_minx: None,
            bounds_miny: None,
            width: None,
            height: None,
            rule: None,
        }
    }

    /// True if the slide has a score that can be relied on.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }
}

fn one_line(text: &str) -> String {
    kiln_files::text::one_line(text).into_owned()
}

/// Writes rows as CSV (RFC 4180), with a header, `\n` at line ends, and empty cells for no value.
///
/// # Errors
/// The target cannot be written.
pub fn write_slides(target: impl io::Write, rows: &[SlideRow]) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(target);
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()
}

/// The columns of `slides.csv`.
const COLUMNS: [&str; 16] = [
    "slide",
    "score",
    "label",
    "status",
    "max",
    "top10_mean",
    "tumour_area_mm2",
    "tiles",
    "failed",
    "mpp",
    "reader",
    "bounds_minx",
    "bounds_miny",
    "width",
    "height",
    "rule",
];

/// Number of columns of files of earlier versions, which lack the last ones.
const EARLIER_COLUMNS: usize = 11;

/// Writes `slides.csv`; an existing file is replaced at once or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_slides_file(path: &Path, rows: &[SlideRow]) -> io::Result<()> {
    let mut bytes = Vec::new();
    write_slides(&mut bytes, rows)?;
    publish::write_file(path, &bytes)
}

/// Reads `slides.csv`.
///
/// # Errors
/// The source cannot be read, or its columns or values are not those of `slides.csv`.
pub fn read_slides(source: impl io::Read) -> io::Result<Vec<SlideRow>> {
    let mut reader = csv::Reader::from_reader(source);
    let headers = reader.headers()?;
    let is_known = headers.iter().eq(COLUMNS.into_iter().take(headers.len()))
        && [EARLIER_COLUMNS, COLUMNS.len()].contains(&headers.len());
    if !is_known {
        let found: Vec<&str> = reader.headers()?.iter().collect();
        let text = format!("the list of slides has the columns {found:?}, expected {COLUMNS:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}
