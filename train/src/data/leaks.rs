//! Checks that no image and no group is in two splits: a test tile that was also trained on proves nothing.

use std::collections::HashMap;

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
    let tiles = |(a, b): (usize, usize)| [a, b].map(|index| dataset.entries[index].path.clone());
    let splits = |(a, b): (usize, usize)| [a, b].map(|index| plan.assignments[index]);
    if let Some((same, pair)) = same_image_pairs(digests).into_iter().find(|(_, pair)| leaks(pair)) {
        return Err(DataError::ImageInTwoSplits { same, tiles: tiles(pair), splits: splits(pair) });
    }
    if plan.is_of_list(dataset) && dataset.groups_are_slides() {
        // A list that divides slides and states no groups says what its author wants; `divided_slides` counts them.
        return Ok(());
    }
    if let Some(pair) = same_group_pairs(dataset).into_iter().find(leaks) {
        let group = dataset.entries[pair.0].group.clone().unwrap_or_default();
        return Err(DataError::GroupInTwoSplits { group, tiles: tiles(pair), splits: splits(pair) });
    }
    Ok(())
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
    let tiles = |(a, b): (usize, usize)| [a, b].map(|index| dataset.entries[index].path.clone());
    let on_two_sides = |&(a, b): &(usize, usize)| is_measured[a] != is_measured[b];
    let is_blank = |index: usize| dataset.tile(index, &decoder).is_ok_and(|tile| is_blank(&tile));
    for (same, (a, b)) in same_image_pairs(&digests) {
        let (a, b) = (indices[a], indices[b]);
        let [first, second] = [a, b].map(|index| &dataset.entries[index].label);
        if first != second && (is_measured[a] || is_measured[b]) && !is_blank(a) {
            let labels = [first, second].map(Clone::clone);
            return Err(DataError::ConflictingLabels { same, tiles: tiles((a, b)), labels });
        }
        if let Some(plan) = plan.filter(|_| on_two_sides(&(a, b)) && !is_blank(a)) {
            let splits = [a, b].map(|index| plan.assignments[index]);
            return Err(DataError::ImageInTwoSplits { same, tiles: tiles((a, b)), splits });
        }
    }
    let Some(plan) = plan.filter(|plan| !(plan.is_of_list(dataset) && dataset.groups_are_slides())) else {
        return Ok(());
    };
    if let Some((a, b)) = same_group_pairs(dataset).into_iter().find(on_two_sides) {
        let group = dataset.entries[a].group.clone().unwrap_or_default();
        let splits = [a, b].map(|index| plan.assignments[index]);
        return Err(DataError::GroupInTwoSplits { group, tiles: tiles((a, b)), splits });
    }
    Ok(())
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
