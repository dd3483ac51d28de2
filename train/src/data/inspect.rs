//! Inspects a data set before training: counts, sizes, duplicates, unreadable files, and a check whether colour alone
//! separates the classes. Reads every file, and does not stop at an unreadable one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kiln_tile::{Decoder, Limits, Notes, SizePolicy, Tile};
use rayon::prelude::*;
use serde::Serialize;

use super::column_counts::ColumnCount;
use super::content::{self, ContentDigests, same_image_pairs};
use super::labels::{likely, shown};
use super::tiles::{TileFindings, is_blank};
use super::{DataError, Dataset, Result, Split};
use crate::metrics::{Bootstrap, ColourBaseline, Interval, Scored, ThresholdRule, colour_features, measure};

/// Folds of the colour check.
const FOLDS: usize = 5;

/// The report of an inspection. The field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The folder that paths are relative to.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub root: PathBuf,
    /// The list that was read, if any.
    #[serde(serialize_with = "kiln_files::text::lossy_option")]
    pub list: Option<PathBuf>,
    /// Number of tiles.
    pub tiles: usize,
    /// Number of tiles of the list that have no label; they are left out.
    pub unlabelled: usize,
    /// Resolution of the tiles in µm/px; `None` for image files.
    pub micrometres_per_pixel: Option<f64>,
    /// Tiles and groups of each class, by label.
    pub classes: Vec<ClassCount>,
    /// Tiles of each group, by name; empty if no tile has a group.
    pub groups: Vec<GroupCount>,
    /// Number of tiles without a group; each counts as a group.
    pub without_group: usize,
    /// Tiles of each split; empty if the list assigns none.
    pub splits: Vec<SplitCount>,
    /// Tiles of each value of the further columns of the list, such as `centre`; empty if it has none.
    pub columns: Vec<ColumnCount>,
    /// Sizes in pixels, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Tiles that are the same image as an earlier one.
    pub duplicates: Vec<DuplicateTiles>,
    /// The duplicates whose label differs from that of the earlier tile: one of the two is wrong.
    pub label_conflicts: Vec<LabelConflict>,
    /// Files that cannot be used as a tile, with the reason.
    pub unreadable: Vec<Unreadable>,
    /// Content of files that decoding ignores.
    pub left_aside: IgnoredContent,
    /// The check whether colour alone separates the classes; none unless there are exactly two classes with two groups
    /// each.
    pub colour: Option<ColourCheck>,
    /// SHA-256 over all tiles, labels and groups; none if a file cannot be read.
    pub data_sha256: Option<String>,
}

/// Number of tiles and groups of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The label.
    pub label: String,
    /// Number of its tiles.
    pub tiles: usize,
    /// Number of their groups; a tile without a group counts as one.
    pub groups: usize,
}

/// Number of tiles of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupCount {
    /// Name of the group.
    pub group: String,
    /// Number of its tiles.
    pub tiles: usize,
    /// Number of its tiles of each label.
    pub labels: BTreeMap<String, usize>,
}

/// Number of tiles of a split in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitCount {
    /// The split.
    pub split: Split,
    /// Number of its tiles.
    pub tiles: usize,
}

/// Number of tiles of a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Number of tiles.
    pub tiles: usize,
}

/// Two tiles with the same image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DuplicateTiles {
    /// The later one in the list.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// The earlier one.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub same_as: PathBuf,
    /// The part that is equal: `file content` or `pixels`.
    pub same: &'static str,
}

/// Two tiles with the same image and different labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelConflict {
    /// The two tiles.
    #[serde(serialize_with = "kiln_files::text::lossy_each")]
    pub paths: [PathBuf; 2],
    /// Their labels, in the same order.
    pub labels: [String; 2],
}

/// A file that cannot be used as a tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file, or the tile of a slide.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub path: PathBuf,
    /// Code of the reason: `not_found`, `unreadable`, `too_large`, `truncated`, `unsupported`; for a tile of a slide also
    /// those of scoring, such as `no_data`.
    pub status: String,
    /// The reason as a sentence.
    pub reason: String,
}

/// Numbers of tiles whose files have content that is ignored: the pixels are used as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IgnoredContent {
    /// Tiles with an ICC profile.
    pub icc_profile: usize,
    /// Tiles with an orientation tag that would rotate or mirror them.
    pub orientation: usize,
    /// Tiles with further, reduced images in their file.
    pub reduced_images: usize,
    /// Tiles with bytes after the image.
    pub trailing_bytes: usize,
    /// Tiles with transparent pixels, which are blended with white.
    pub transparent: usize,
}

impl IgnoredContent {
    /// Each count with a description.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, usize); 5] {
        [
            ("ICC profile, not applied", self.icc_profile),
            ("orientation tag, not applied", self.orientation),
            ("further reduced images, not used", self.reduced_images),
            ("bytes after the image", self.trailing_bytes),
            ("transparent pixels, blended with white", self.transparent),
        ]
    }
}

/// The performance of a logistic regression on the mean and standard deviation of the three channels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColourCheck {
    /// Area under the ROC curve with its 95 % interval over groups; 0.5 is chance. Each tile is scored by a
    /// regression that was fitted without its group.
    pub auroc: Interval,
    /// The class of high scores.
    pub positive: String,
    /// Number of folds of the cross-validation.
    pub folds: usize,
}

/// The findings on one tile.
struct TileReport {
    size: Option<(u32, u32)>,
    file: Option<String>,
    pixels: Option<String>,
    blank: bool,
    features: Option<[f64; 6]>,
    notes: Option<Notes>,
    /// Code and reason.
    error: Option<(String, String)>,
}

/// Inspects every tile, on all cores. `positive` is the class that the colour check takes as anomalous; without it, the
/// class `anomalous`, or the last by name. `progress` is called once for each tile, from any thread.
///
/// # Errors
/// A `positive` that is not a label. An unreadable tile is a finding, not an error.
pub fn inspect(
    dataset: &Dataset,
    positive: Option<&str>,
    limits: Limits,
    progress: &(dyn Fn() + Sync),
) -> Result<Inspection> {
    let labels = dataset.labels();
    if let Some(positive) = positive.filter(|positive| !labels.iter().any(|label| label == positive)) {
        let near = likely(positive, labels.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; the nearest is {}", shown(near)));
        let reason = format!("no tile has the label {}; the labels are {}{near}", shown(positive), labels.join(", "));
        return Err(DataError::dataset(&dataset.root, reason));
    }
    // Tiles are resized as for the model, so that tiles of any size are compared; sizes are counted before that.
    let decoder = Decoder { limits, ..Decoder::new(SizePolicy::Resize) };
    let reports: Vec<TileReport> = (0..dataset.len())
        .into_par_iter()
        .map(|index| {
            let report = inspect_tile(dataset, &decoder, index);
            progress();
            report
        })
        .collect();
    let (duplicates, label_conflicts) = duplicates(dataset, &reports);
    Ok(Inspection {
        root: dataset.root.clone(),
        list: dataset.list.clone(),
        tiles: dataset.len(),
        unlabelled: dataset.unlabelled,
        micrometres_per_pixel: dataset.slide_resolution(),
        classes: classes(dataset, &labels),
        groups: groups(dataset),
        without_group: dataset.entries.iter().filter(|entry| entry.group.is_none()).count(),
        splits: splits(dataset),
        columns: dataset.columns().filter_map(|name| ColumnCount::new(dataset, name)).collect(),
        sizes: sizes(&reports),
        duplicates,
        label_conflicts,
        unreadable: unreadable(dataset, &reports),
        left_aside: ignored_content(&reports),
        colour: colour(dataset, &labels, &reports, positive),
        data_sha256: data_sha256(dataset, &reports),
    })
}

fn inspect_tile(dataset: &Dataset, decoder: &Decoder, index: usize) -> TileReport {
    let TileFindings { size, file, tile, notes, error } = dataset.findings(index, decoder);
    TileReport {
        size,
        file,
        pixels: tile.as_ref().map(Tile::sha256),
        blank: dataset.is_of_slides() && tile.as_ref().is_some_and(is_blank),
        features: tile.as_ref().map(colour_features),
        notes,
        error,
    }
}

fn ignored_content(reports: &[TileReport]) -> IgnoredContent {
    let count = |has: fn(&Notes) -> bool| reports.iter().filter_map(|report| report.notes).filter(has).count();
    IgnoredContent {
        icc_profile: count(|notes| notes.icc_profile),
        orientation: count(Notes::is_turned),
        reduced_images: count(|notes| notes.further_images > 0),
        trailing_bytes: count(|notes| notes.trailing_bytes),
        transparent: count(|notes| notes.transparent),
    }
}

fn classes(dataset: &Dataset, labels: &[String]) -> Vec<ClassCount> {
    let count = |label: &String| {
        let tiles: Vec<usize> = (0..dataset.len()).filter(|index| dataset.entries[*index].label == *label).collect();
        let groups: BTreeSet<String> = tiles.iter().map(|index| dataset.group_name(*index)).collect();
        ClassCount { label: label.clone(), tiles: tiles.len(), groups: groups.len() }
    };
    labels.iter().map(count).collect()
}

fn groups(dataset: &Dataset) -> Vec<GroupCount> {
    let mut groups: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for entry in &dataset.entries {
        if let Some(group) = &entry.group {
            *groups.entry(group).or_default().entry(entry.label.clone()).or_default() += 1;
        }
    }
    let count = |(group, labels): (&str, BTreeMap<String, usize>)| GroupCount {
        group: group.to_owned(),
        tiles: labels.values().sum(),
        labels,
    };
    groups.into_iter().map(count).collect()
}

fn splits(dataset: &Dataset) -> Vec<SplitCount> {
    let count = |split| dataset.entries.iter().filter(|entry| entry.split == Some(split)).count();
    let counts = Split::ALL.map(|split| SplitCount { split, tiles: count(split) });
    counts.into_iter().filter(|count| count.tiles > 0).collect()
}

fn sizes(reports: &[TileReport]) -> Vec<SizeCount> {
    let mut sizes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for size in reports.iter().filter_map(|report| report.size) {
        *sizes.entry(size).or_default() += 1;
    }
    let mut sizes: Vec<SizeCount> =
        sizes.into_iter().map(|((width, height), tiles)| SizeCount { width, height, tiles }).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.tiles));
    sizes
}

fn duplicates(dataset: &Dataset, reports: &[TileReport]) -> (Vec<DuplicateTiles>, Vec<LabelConflict>) {
    // A file without a digest equals no other; its number replaces the digest.
    let digests_of = |at: usize, report: &TileReport| ContentDigests {
        file: report.file.clone().unwrap_or_else(|| format!("unread {at}")),
        pixels: report.pixels.clone(),
        blank: report.blank,
    };
    let digests: Vec<ContentDigests> = reports.iter().enumerate().map(|(at, report)| digests_of(at, report)).collect();
    let (mut duplicates, mut conflicts, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (same, (first, later)) in same_image_pairs(&digests) {
        // Equal bytes decode to equal pixels: such a pair is reported once.
        if !seen.insert(later) {
            continue;
        }
        let (first, later) = (&dataset.entries[first], &dataset.entries[later]);
        duplicates.push(DuplicateTiles { path: later.path.clone(), same_as: first.path.clone(), same });
        if first.label != later.label {
            let paths = [first.path.clone(), later.path.clone()];
            conflicts.push(LabelConflict { paths, labels: [first.label.clone(), later.label.clone()] });
        }
    }
    (duplicates, conflicts)
}

fn unreadable(dataset: &Dataset, reports: &[TileReport]) -> Vec<Unreadable> {
    let finding = |(entry, report): (&super::Entry, &TileReport)| {
        let (status, reason) = report.error.clone()?;
        Some(Unreadable { path: entry.path.clone(), status, reason })
    };
    dataset.entries.iter().zip(reports).filter_map(finding).collect()
}

fn data_sha256(dataset: &Dataset, reports: &[TileReport]) -> Option<String> {
    let digest = |report: &TileReport| Some(ContentDigests { file: report.file.clone()?, pixels: None, blank: false });
    let digests: Option<Vec<ContentDigests>> = reports.iter().map(digest).collect();
    digests.map(|digests| content::dataset_digest(dataset, &digests))
}

/// The out-of-fold colour baseline; none where it cannot be measured.
fn colour(dataset: &Dataset, labels: &[String], reports: &[TileReport], positive: Option<&str>) -> Option<ColourCheck> {
    let [first, second] = labels else { return None };
    let positive = positive.unwrap_or(if first == "anomalous" { first } else { second });
    let seen: Vec<usize> = (0..reports.len()).filter(|index| reports[*index].features.is_some()).collect();
    let features: Vec<[f64; 6]> = seen.iter().filter_map(|index| reports[*index].features).collect();
    let anomalous: Vec<bool> = seen.iter().map(|index| dataset.entries[*index].label == positive).collect();
    let groups: Vec<String> = seen.iter().map(|index| dataset.group_name(*index)).collect();
    let scores = ColourBaseline::out_of_fold(&features, &anomalous, &groups, FOLDS).ok()?;
    let scored: Vec<Scored> = scores
        .into_iter()
        .zip(anomalous)
        .zip(groups)
        .map(|((score, anomalous), group)| Scored { score, anomalous, group })
        .collect();
    let threshold = ThresholdRule::MaxF1.choose(&scored).ok()?;
    let metrics = measure(&scored, threshold, None, Bootstrap::default()).ok()?;
    Some(ColourCheck { auroc: metrics.auroc, positive: positive.to_owned(), folds: FOLDS })
}
