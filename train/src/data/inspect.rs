//! What a data set holds, before anything is learnt from it: counts, sizes, tiles that are there twice, files that
//! cannot be read, and whether colour alone tells the classes apart. Looks at every file and stops at none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kiln_files::digest;
use kiln_tile::{Decoder, Limits, Notes, SizePolicy, TileError};
use rayon::prelude::*;
use serde::Serialize;

use super::labels::{nearest, shown};
use super::leaks::{ContentDigests, same_image_pairs};
use super::{DataError, Dataset, Result, Split};
use crate::metrics::{Bootstrap, ColourBaseline, Interval, Scored, ThresholdRule, colour_features, measure};

/// Folds of the colour check.
const FOLDS: usize = 5;

/// A data set, looked through. The field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The list that was read, if there is one.
    pub list: Option<PathBuf>,
    /// Number of tiles.
    pub tiles: usize,
    /// Tiles and groups of each class, by label.
    pub classes: Vec<ClassCount>,
    /// Tiles of each group, by name; empty if no tile has a group.
    pub groups: Vec<GroupCount>,
    /// Tiles without a group: each counts as its own.
    pub without_group: usize,
    /// Tiles of each split; empty if the list assigns none.
    pub splits: Vec<SplitCount>,
    /// Sizes in pixels, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Tiles that are the same image as an earlier one.
    pub duplicates: Vec<TwinTiles>,
    /// Those of the duplicates that have another label than the earlier one: one of the two is wrong.
    pub label_conflicts: Vec<LabelConflict>,
    /// Files that are no tile, and why.
    pub unreadable: Vec<Unreadable>,
    /// Contents of files that decoding leaves aside.
    pub left_aside: LeftAside,
    /// Whether colour alone tells two classes apart; none if there are not exactly two with two groups each.
    pub colour: Option<ColourCheck>,
    /// SHA-256 over all tiles, labels and groups; none if a file cannot be read.
    pub data_sha256: Option<String>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class's label.
    pub label: String,
    /// Its tiles.
    pub tiles: usize,
    /// The groups that they are from; a tile without a group counts as one.
    pub groups: usize,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupCount {
    /// The group's name.
    pub group: String,
    /// Its tiles.
    pub tiles: usize,
    /// Its tiles of each label.
    pub labels: BTreeMap<String, usize>,
}

/// A split that the list assigns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitCount {
    /// Which.
    pub split: Split,
    /// Its tiles.
    pub tiles: usize,
}

/// A size that occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Tiles of that size.
    pub tiles: usize,
}

/// Two tiles that are one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TwinTiles {
    /// The later one in the list.
    pub path: PathBuf,
    /// The earlier one.
    pub same_as: PathBuf,
    /// What is the same: `file content` or `pixels`.
    pub same: &'static str,
}

/// Two tiles that are one image and have two labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelConflict {
    /// The two tiles.
    pub paths: [PathBuf; 2],
    /// Their labels, in the same order.
    pub labels: [String; 2],
}

/// A file that is no tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// A short name of the reason: `not_found`, `unreadable`, `too_large`, `truncated`, `unsupported`.
    pub status: &'static str,
    /// The reason in words.
    pub reason: String,
}

/// Numbers of tiles whose files hold more than pixels. Nothing of it is applied: a tile is used as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftAside {
    /// Tiles with an ICC profile.
    pub icc_profile: usize,
    /// Tiles with an orientation tag that turns or mirrors them.
    pub orientation: usize,
    /// Tiles with further, reduced images in their file.
    pub reduced_images: usize,
    /// Tiles with bytes behind the image.
    pub trailing_bytes: usize,
    /// Tiles with transparent pixels, which are laid over white.
    pub transparent: usize,
}

impl LeftAside {
    /// Each count with its name, for people.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, usize); 5] {
        [
            ("ICC profile, not applied", self.icc_profile),
            ("orientation tag, not applied", self.orientation),
            ("further reduced images, not used", self.reduced_images),
            ("bytes behind the image", self.trailing_bytes),
            ("transparent pixels, laid over white", self.transparent),
        ]
    }
}

/// How well a logistic regression on the mean and standard deviation of the three channels tells two classes apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColourCheck {
    /// Area under the ROC curve with its 95 % interval over groups; 0.5 is chance. Each tile is scored by a
    /// regression that saw no tile of its group.
    pub auroc: Interval,
    /// The class that a high score means.
    pub positive: String,
    /// The folds of the cross-validation.
    pub folds: usize,
}

/// What one look at a tile gives.
struct Look {
    size: Option<(u32, u32)>,
    file: Option<String>,
    pixels: Option<String>,
    features: Option<[f64; 6]>,
    notes: Option<Notes>,
    error: Option<TileError>,
}

/// Looks at every tile, on all cores. `positive` names the class that the colour check takes as anomalous; otherwise
/// it is the class called `anomalous`, or the last by name. `progress` is called once a tile, from any thread.
///
/// # Errors
/// A `positive` that is no label. A bad tile is a finding, not an error.
pub fn inspect(
    dataset: &Dataset,
    positive: Option<&str>,
    limits: Limits,
    progress: &(dyn Fn() + Sync),
) -> Result<Inspection> {
    let labels = dataset.labels();
    if let Some(positive) = positive.filter(|positive| !labels.iter().any(|label| label == positive)) {
        let near = nearest(positive, labels.iter().map(String::as_str)).map_or_else(String::new, shown);
        let reason = format!(
            "no tile has the label {}; there are {}; the nearest is {near}",
            shown(positive),
            labels.join(", ")
        );
        return Err(DataError::dataset(&dataset.root, reason));
    }
    // Resized, so that tiles of any size are compared as the model would see them; sizes are counted before that.
    let decoder = Decoder { limits, ..Decoder::new(SizePolicy::Resize) };
    let looks: Vec<Look> = (0..dataset.len())
        .into_par_iter()
        .map(|index| {
            let look = look_at(dataset, &decoder, index);
            progress();
            look
        })
        .collect();
    let (duplicates, label_conflicts) = twins(dataset, &looks);
    Ok(Inspection {
        root: dataset.root.clone(),
        list: dataset.list.clone(),
        tiles: dataset.len(),
        classes: classes(dataset, &labels),
        groups: groups(dataset),
        without_group: dataset.entries.iter().filter(|entry| entry.group.is_none()).count(),
        splits: splits(dataset),
        sizes: sizes(&looks),
        duplicates,
        label_conflicts,
        unreadable: unreadable(dataset, &looks),
        left_aside: left_aside(&looks),
        colour: colour(dataset, &labels, &looks, positive),
        data_sha256: data_sha256(dataset, &looks),
    })
}

fn look_at(dataset: &Dataset, decoder: &Decoder, index: usize) -> Look {
    let nothing = Look { size: None, file: None, pixels: None, features: None, notes: None, error: None };
    let bytes = match decoder.read_file(&dataset.full_path(index)) {
        Ok(bytes) => bytes,
        Err(error) => return Look { error: Some(error), ..nothing },
    };
    let size = match decoder.size(&bytes) {
        Err(error @ TileError::TooLarge { .. }) => return Look { error: Some(error), ..nothing },
        size => size.ok(),
    };
    let look = Look { size, file: Some(digest::sha256_hex(&bytes)), ..nothing };
    match decoder.decode_with_notes(&bytes) {
        Ok((tile, notes)) => {
            Look { pixels: Some(tile.sha256()), features: Some(colour_features(&tile)), notes: Some(notes), ..look }
        }
        Err(error) => Look { error: Some(error), ..look },
    }
}

fn left_aside(looks: &[Look]) -> LeftAside {
    let count = |holds: fn(&Notes) -> bool| looks.iter().filter_map(|look| look.notes).filter(holds).count();
    LeftAside {
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

fn sizes(looks: &[Look]) -> Vec<SizeCount> {
    let mut sizes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for size in looks.iter().filter_map(|look| look.size) {
        *sizes.entry(size).or_default() += 1;
    }
    let mut sizes: Vec<SizeCount> =
        sizes.into_iter().map(|((width, height), tiles)| SizeCount { width, height, tiles }).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.tiles));
    sizes
}

fn twins(dataset: &Dataset, looks: &[Look]) -> (Vec<TwinTiles>, Vec<LabelConflict>) {
    // A file without a digest is like no other; its own number stands in for the digest.
    let stand_in = |at: usize, look: &Look| ContentDigests {
        file: look.file.clone().unwrap_or_else(|| format!("unread {at}")),
        pixels: look.pixels.clone(),
    };
    let digests: Vec<ContentDigests> = looks.iter().enumerate().map(|(at, look)| stand_in(at, look)).collect();
    let (mut twins, mut conflicts, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (same, (first, later)) in same_image_pairs(&digests) {
        // Equal bytes decode to equal pixels: such a pair is told once.
        if !seen.insert(later) {
            continue;
        }
        let (first, later) = (&dataset.entries[first], &dataset.entries[later]);
        twins.push(TwinTiles { path: later.path.clone(), same_as: first.path.clone(), same });
        if first.label != later.label {
            let paths = [first.path.clone(), later.path.clone()];
            conflicts.push(LabelConflict { paths, labels: [first.label.clone(), later.label.clone()] });
        }
    }
    (twins, conflicts)
}

fn unreadable(dataset: &Dataset, looks: &[Look]) -> Vec<Unreadable> {
    let finding = |(entry, look): (&super::Entry, &Look)| {
        let error = look.error.as_ref()?;
        Some(Unreadable { path: entry.path.clone(), status: error.code(), reason: error.to_string() })
    };
    dataset.entries.iter().zip(looks).filter_map(finding).collect()
}

fn data_sha256(dataset: &Dataset, looks: &[Look]) -> Option<String> {
    let digest = |look: &Look| Some(ContentDigests { file: look.file.clone()?, pixels: None });
    let digests: Option<Vec<ContentDigests>> = looks.iter().map(digest).collect();
    digests.map(|digests| super::digest(dataset, &digests))
}

/// The out-of-fold colour baseline; none where it cannot be measured.
fn colour(dataset: &Dataset, labels: &[String], looks: &[Look], positive: Option<&str>) -> Option<ColourCheck> {
    let [first, second] = labels else { return None };
    let positive = positive.unwrap_or(if first == "anomalous" { first } else { second });
    let seen: Vec<usize> = (0..looks.len()).filter(|index| looks[*index].features.is_some()).collect();
    let features: Vec<[f64; 6]> = seen.iter().filter_map(|index| looks[*index].features).collect();
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
