//! One list of tiles in parts, scored on as many machines. A [`Shard`] is one of `count` runs of neighbours in the list, of
//! equal length to within one tile, so that parts joined in order are the list in order.

use std::ops::Range;

use crate::{Error, Result};

/// Variables of schedulers: the part's number, the number of parts, the lowest number and the step.
const SCHEDULERS: [[&str; 4]; 2] = [
    // Kubernetes Indexed Job: numbers from 0 on; the manifest sets the count, which Kubernetes does not provide.
    ["JOB_COMPLETION_INDEX", "KILN_SHARDS", "", ""],
    ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"],
];

/// One part of a list: `index` of `count`, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The part's number, from 0 on.
    pub index: usize,
    /// Number of parts.
    pub count: usize,
}

impl Shard {
    /// `I/N`, where I is 0 to N-1; or `auto`, from what a scheduler has set: `JOB_COMPLETION_INDEX` (Kubernetes Indexed
    /// Job) with the count in `KILN_SHARDS`, or the `SLURM_ARRAY_TASK_*` variables of a Slurm array. `variable` looks one up.
    ///
    /// # Errors
    /// [`Error::Shard`] with the expected form, or the missing variable.
    pub fn resolve(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if text == "auto" {
            return Self::from_scheduler(variable);
        }
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            Some((index, count)) => Err(wrong(
                text,
                &format!(
                    "there is no part {index} of {count}: parts are counted from 0, so the last one is {}/{count}",
                    count.saturating_sub(1)
                ),
            )),
            None => Err(wrong(
                text,
                "I/N is expected, counted from 0, such as 0/4 to 3/4; or auto, inside a Kubernetes Indexed Job or a Slurm array",
            )),
        }
    }

    fn from_scheduler(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |name: &str| -> Result<Option<usize>> {
            // A variable that is set and empty counts as unset.
            let Some(text) = variable(name).filter(|text| !name.is_empty() && !text.is_empty()) else {
                return Ok(None);
            };
            text.parse().map(Some).map_err(|_| wrong("auto", &format!("{name} is `{text}`, which is no number")))
        };
        for [id, count, lowest, step] in SCHEDULERS {
            let Some(index) = number(id)? else { continue };
            let count = number(count)?
                .ok_or_else(|| wrong("auto", &format!("{id} is set, and {count}, the number of parts, is not")))?;
            let lowest = number(lowest)?.unwrap_or(0);
            let step = number(step)?.unwrap_or(1).max(1);
            return match index.checked_sub(lowest).map(|above| above / step) {
                Some(index) if index < count => Ok(Self { index, count }),
                _ => Err(wrong("auto", &format!("{id} is {index}, which is none of {count} parts from {lowest} on"))),
            };
        }
        Err(wrong("auto", "neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set, so I/N is needed"))
    }

    /// The part's place in a list of `length`.
    #[must_use]
    pub fn range(self, length: usize) -> Range<usize> {
        // Without overflow for any list that a machine can hold.
        let bound = |index: usize| (index as u128 * length as u128 / self.count as u128) as usize;
        bound(self.index)..bound(self.index + 1)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

fn wrong(text: &str, reason: &str) -> Error {
    Error::Shard { shard: text.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn auto(variables: &[(&str, &str)]) -> Result<Shard> {
        Shard::resolve("auto", |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_complete_and_in_order(length in 0_usize..5_000, count in 1_usize..70) {
            let mut next = 0;
            for index in 0..count {
                let range = Shard { index, count }.range(length);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.len().abs_diff(length / count) <= 1);
                next = range.end;
            }
            prop_assert_eq!(next, length);
        }
    }

    #[test]
    fn parts_are_counted_from_zero_and_others_are_refused() {
        let shard = |text: &str| Shard::resolve(text, |_| None);
        assert_eq!(shard("0/1").unwrap(), Shard { index: 0, count: 1 });
        assert_eq!(shard("3/4").unwrap(), Shard { index: 3, count: 4 });
        assert!(shard("4/4").unwrap_err().to_string().contains("the last one is 3/4"));
        for text in ["", "1", "0/0", "-1/4", "1/", "a/b", "1/2/3"] {
            assert_eq!(shard(text).unwrap_err().fault(), kiln_files::Fault::Input, "{text}");
        }
    }

    #[test]
    fn schedulers_tell_the_part() {
        let kubernetes = [("JOB_COMPLETION_INDEX", "2"), ("KILN_SHARDS", "4")];
        assert_eq!(auto(&kubernetes).unwrap(), Shard { index: 2, count: 4 });
        let slurm = |id| {
            let step = ("SLURM_ARRAY_TASK_STEP", "5");
            auto(&[("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_COUNT", "3"), ("SLURM_ARRAY_TASK_MIN", "10"), step])
        };
        assert_eq!(slurm("10").unwrap(), Shard { index: 0, count: 3 });
        assert_eq!(slurm("20").unwrap(), Shard { index: 2, count: 3 });
        assert!(slurm("9").is_err() && slurm("25").is_err());
        assert!(auto(&kubernetes[..1]).unwrap_err().to_string().contains("KILN_SHARDS"));
        let empty = [("JOB_COMPLETION_INDEX", ""), ("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_COUNT", "2")];
        assert_eq!(auto(&empty).unwrap(), Shard { index: 1, count: 2 });
        assert!(auto(&[]).unwrap_err().to_string().contains("I/N"));
        assert!(auto(&[("JOB_COMPLETION_INDEX", "two")]).is_err());
    }
}
