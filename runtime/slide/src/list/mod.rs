//! Tile lists: coordinates of tiles in slides as CSV, `tiles.csv`. A list has the columns `slide`, `minx`, `miny`, `width` and
//! `height` (the names of WSInfer), and optionally `label`, `group`, `split`, `level`, `tissue_fraction` and
//! `tumour_fraction`. Lists are untrusted: sizes are limited, and an error names line and column. Other columns are accepted
//! and ignored ([`TileList::extra_columns`]), unless their name is a misspelling of a known one.

mod columns;
mod error;
mod names;
mod read;
mod write;

use std::path::{Path, PathBuf};

use crate::Place;

use names::Names;

pub use error::ListError;
pub use read::ListLimits;
pub use write::{TileListWriter, slide_reference};

/// Largest width or height of a place in level-0 pixels.
const MAX_SIDE: u32 = 1_000_000;
/// Largest coordinate in level-0 pixels, in either direction.
const MAX_COORDINATE: i64 = 1_000_000_000;

/// A tile of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListedPlace<'a> {
    /// The slide as it is written in the list. [`TileList::slide_path`] is the path to open.
    pub slide: &'a str,
    /// The place on the slide.
    pub place: Place,
    /// The label; `None` if the tile is not labelled.
    pub label: Option<&'a str>,
    /// Tiles of one group are never split: the patient, for example.
    pub group: Option<&'a str>,
    /// The split: `train`, `val` or `test`.
    pub split: Option<&'a str>,
    /// The level of the slide that the tile was measured on.
    pub level: Option<u32>,
    /// Share of the place that is tissue, 0 to 1.
    pub tissue_fraction: Option<f64>,
    /// Share of the place that is tumour, 0 to 1.
    pub tumour_fraction: Option<f64>,
}

impl<'a> ListedPlace<'a> {
    /// A tile without a label and without any other detail.
    #[must_use]
    pub fn new(slide: &'a str, place: Place) -> Self {
        Self {
            slide,
            place,
            label: None,
            group: None,
            split: None,
            level: None,
            tissue_fraction: None,
            tumour_fraction: None,
        }
    }
}

/// A row in memory: 52 bytes, with numbers of names.
#[derive(Debug, Clone)]
struct Row {
    minx: i64,
    miny: i64,
    side: u32,
    slide: u32,
    label: u32,
    group: u32,
    split: u32,
    level: u32,
    /// NaN if absent.
    tissue: f32,
    /// NaN if absent.
    tumour: f32,
}

/// Number of an absent name or level.
const ABSENT: u32 = u32::MAX;

/// The tiles of a list, in its order.
#[derive(Debug, Clone)]
pub struct TileList {
    folder: PathBuf,
    slides: Names,
    labels: Names,
    groups: Names,
    splits: Names,
    rows: Vec<Row>,
    extra: Vec<String>,
}

impl TileList {
    /// Number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no tile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The tile `index`, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<ListedPlace<'_>> {
        let row = self.rows.get(index)?;
        Some(ListedPlace {
            slide: self.slides.get(row.slide)?,
            place: Place { minx: row.minx, miny: row.miny, width: row.side, height: row.side },
            label: self.labels.get(row.label),
            group: self.groups.get(row.group),
            split: self.splits.get(row.split),
            level: (row.level != ABSENT).then_some(row.level),
            tissue_fraction: fraction(row.tissue),
            tumour_fraction: fraction(row.tumour),
        })
    }

    /// The tiles in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = ListedPlace<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The slides as they are written in the list, in the order of their first tiles.
    pub fn slides(&self) -> impl Iterator<Item = &str> {
        self.slides.iter()
    }

    /// Number of the slide of tile `index` in [`Self::slides`].
    #[must_use]
    pub fn slide_of(&self, index: usize) -> Option<usize> {
        self.rows.get(index).map(|row| row.slide as usize)
    }

    /// The path of a slide: a relative one is relative to the folder of the list.
    #[must_use]
    pub fn slide_path(&self, slide: &str) -> PathBuf {
        self.folder.join(slide)
    }

    /// The folder of the list.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Columns that were ignored.
    #[must_use]
    pub fn extra_columns(&self) -> &[String] {
        &self.extra
    }
}

fn fraction(value: f32) -> Option<f64> {
    (!value.is_nan()).then(|| f64::from(value))
}
