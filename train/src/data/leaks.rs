//! Checks that no image and no group is in two splits: a test tile that was also trained on proves nothing.

use super::content::{ContentDigests, check_lengths, same_group_pairs, same_image_pairs};
use super::plan::SplitPlan;
use super::{DataError, Dataset, Result};

/// Refuses a split in which one group or one image is in two splits.
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
    if let Some(pair) = same_group_pairs(dataset).into_iter().find(leaks) {
        let group = dataset.entries[pair.0].group.clone().unwrap_or_default();
        return Err(DataError::GroupInTwoSplits { group, tiles: tiles(pair), splits: splits(pair) });
    }
    Ok(())
}
