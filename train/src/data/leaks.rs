//! Checks that no image and no group is in two splits: a test tile that was also trained on proves nothing.

use std::collections::HashMap;

use super::content::{ContentDigests, check_lengths, same_group_pairs, same_image_pairs};
use super::plan::SplitPlan;
use super::{DataError, Dataset, Result, Split};

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
