//! Checks that no image and no group is in two splits: a test tile that was also trained on proves nothing.

use std::collections::HashMap;
use std::path::PathBuf;

use kiln_tile::Decoder;

use super::content::{ContentDigests, check_lengths, same_group_pairs, same_image_pairs};
use super::plan::SplitPlan;
use super::tiles::is_blank;
use super::{DataError, Dataset, Result, Split};
use crate::parallel;

/// Refuses a split in which one group or one image is in two splits. A list of slide tiles without groups may divide slides
/// by its `split` column; see [`divided_slides`].
///
/// # Errors
/// [`DataError::ImageInTwoSplits`] and [`DataError::GroupInTwoSplits`], with both tiles; [`DataError::Length`] if the
/// plan or the digests are of another data set.
pub fn check_leaks(dataset: &Dataset, plan: &SplitPlan, digests: &[ContentDigests]) -> Result<()> {
    check_lengths(dataset, digests)?;
    if plan.assignments.len() != dataset.len() {
        let found = plan.assignments.len();
        return Err(DataError::Length { found, of: "assignments", tiles: dataset.len() });
    }
    let leaks = |&(a, b): &(usize, usize)| plan.assignments[a] != plan.assignments[b];
    if let Some((same, pair)) = same_image_pairs(digests).into_iter().find(|(_, pair)| leaks(pair)) {
        return Err(image_in_two_splits(dataset, plan, same, pair));
    }
    check_groups(dataset, plan, leaks)
}

/// Checks the tiles of a measurement: none of their images has two labels, and with a `plan`, no image and no group of theirs is
/// also in another split. Blank tiles, and tiles that cannot be read, are not compared. `known` are the digests of all tiles, if
/// they were computed before.
///
/// # Errors
/// [`DataError::ConflictingLabels`]; as [`check_leaks`].
pub fn check_measured(
    dataset: &Dataset,
    decoder: &Decoder,
    measured: &[usize],
    plan: Option<&SplitPlan>,
    known: Option<&[ContentDigests]>,
) -> Result<()> {
    let decoder = decoder.with_stain(None);
    let compared = if plan.is_some() { (0..dataset.len()).collect() } else { measured.to_vec() };
    let digest = |at: usize| {
        let index = compared[at];
        let digests = known.map_or_else(|| dataset.digests(index, &decoder).ok(), |all| all.get(index).cloned());
        Ok::<_, DataError>(digests.map(|digests| (index, digests)))
    };
    let found: Vec<Option<(usize, ContentDigests)>> = parallel::try_map(compared.len(), digest)?;
    let (indices, digests): (Vec<usize>, Vec<ContentDigests>) = found.into_iter().flatten().unzip();
    let mut is_measured = vec![false; dataset.len()];
    measured.iter().for_each(|index| is_measured[*index] = true);
    let on_two_sides = |&(a, b): &(usize, usize)| is_measured[a] != is_measured[b];
    let is_blank = |index: usize| dataset.tile(index, &decoder).is_ok_and(|tile| is_blank(&tile));
    for (same, (a, b)) in same_image_pairs(&digests) {
        let (a, b) = (indices[a], indices[b]);
        let [first, second] = [a, b].map(|index| &dataset.entries[index].label);
        if first != second && (is_measured[a] || is_measured[b]) && !is_blank(a) {
            let labels = [first, second].map(Clone::clone);
            return Err(DataError::ConflictingLabels { same, tiles: paths(dataset, (a, b)), labels });
        }
        if let Some(plan) = plan.filter(|_| on_two_sides(&(a, b)) && !is_blank(a)) {
            return Err(image_in_two_splits(dataset, plan, same, (a, b)));
        }
    }
    plan.map_or(Ok(()), |plan| check_groups(dataset, plan, on_two_sides))
}

/// Refuses a group with two tiles of which `leaks` is true.
fn check_groups(dataset: &Dataset, plan: &SplitPlan, leaks: impl Fn(&(usize, usize)) -> bool) -> Result<()> {
    if plan.is_of_list(dataset) && dataset.groups_are_slides() {
        // A list that divides slides and states no groups says what its author wants; `divided_slides` counts them.
        return Ok(());
    }
    let Some(pair) = same_group_pairs(dataset).into_iter().find(leaks) else { return Ok(()) };
    let group = dataset.entries[pair.0].group.clone().unwrap_or_default();
    Err(DataError::GroupInTwoSplits { group, tiles: paths(dataset, pair), splits: splits(plan, pair) })
}

fn image_in_two_splits(dataset: &Dataset, plan: &SplitPlan, same: &'static str, pair: (usize, usize)) -> DataError {
    DataError::ImageInTwoSplits { same, tiles: paths(dataset, pair), splits: splits(plan, pair) }
}

fn paths(dataset: &Dataset, (a, b): (usize, usize)) -> [PathBuf; 2] {
    [a, b].map(|index| dataset.entries[index].path.clone())
}

fn splits(plan: &SplitPlan, (a, b): (usize, usize)) -> [Split; 2] {
    [a, b].map(|index| plan.assignments[index])
}

/// Number of slides that have tiles in more than one split; 0 for image files. Figures on such a split are too good: tiles of
/// one slide resemble each other.
#[must_use]
pub fn divided_slides(dataset: &Dataset, plan: &SplitPlan) -> usize {
    let mut splits: HashMap<usize, Option<Split>> = HashMap::new();
    for (slide, split) in dataset.slide_numbers().into_iter().zip(&plan.assignments) {
        // `None` for a slide with several.
        splits.entry(slide).and_modify(|first| *first = first.filter(|first| first == split)).or_insert(Some(*split));
    }
    splits.values().filter(|split| split.is_none()).count()
}
