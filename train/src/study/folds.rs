//! The splits of a study: one by fractions, or one per fold. Folds are split off one after the other by the stratified
//! split of the data module, so groups and identical tiles stay together and labels are spread evenly.

use super::config::StudySplit;
use crate::config::config_error;
use crate::data::{ContentDigests, DataError, Dataset, Split, SplitPlan};
use crate::{Error, Result};

/// The splits, one per fold.
pub(super) fn plans(dataset: &Dataset, digests: &[ContentDigests], split: &StudySplit) -> Result<Vec<SplitPlan>> {
    let Some(folds) = split.folds else {
        let fractions = [split.fractions.train, split.fractions.val, split.fractions.test];
        return Ok(vec![SplitPlan::with_digests(dataset, digests, fractions, split.seed)?]);
    };
    if dataset.entries.iter().any(|entry| entry.split.is_some()) {
        let reason = "the list of tiles has a split of its own; remove its split column, or set folds to null";
        return Err(config_error("split.folds", reason));
    }
    let fold_of = fold_of(dataset, digests, folds, split.seed)?;
    let plan = |test: usize| {
        let part = |fold: &usize| match *fold {
            fold if fold == test => Split::Test,
            fold if fold == (test + 1) % folds => Split::Val,
            _ => Split::Train,
        };
        SplitPlan { assignments: fold_of.iter().map(part).collect(), seed: split.seed }
    };
    Ok((0..folds).map(plan).collect())
}

/// The fold of every tile.
fn fold_of(dataset: &Dataset, digests: &[ContentDigests], folds: usize, seed: u64) -> Result<Vec<usize>> {
    let mut fold_of = vec![folds - 1; dataset.len()];
    let mut rest: Vec<usize> = (0..dataset.len()).collect();
    for fold in 0..folds - 1 {
        let part = dataset.select(&rest);
        let of_part: Vec<ContentDigests> = rest.iter().map(|&index| digests[index].clone()).collect();
        let share = 1.0 / (folds - fold) as f64;
        let plan = SplitPlan::with_digests(&part, &of_part, [1.0 - share, 0.0, share], seed.wrapping_add(fold as u64))
            .map_err(|error| too_few(error, folds))?;
        let (taken, left): (Vec<_>, Vec<_>) =
            rest.into_iter().zip(plan.assignments).partition(|(_, side)| *side == Split::Test);
        taken.into_iter().for_each(|(index, _)| fold_of[index] = fold);
        rest = left.into_iter().map(|(index, _)| index).collect();
    }
    Ok(fold_of)
}

fn too_few(error: DataError, folds: usize) -> Error {
    match error {
        DataError::TooFewGroups { .. } | DataError::Indivisible { .. } | DataError::ConflictingLabels { .. } => {
            config_error("split.folds", format!("{folds} folds cannot be made: {error}"))
        }
        other => other.into(),
    }
}
