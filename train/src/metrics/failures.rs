//! Wrong decisions by label and by group: a rare kind of anomaly may be missed completely although the metrics are good,
//! and all errors may be on one slide.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scored;

/// Largest number of groups in the list.
const LISTED: usize = 20;

/// Wrong decisions by label and by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    /// Every label, in alphabetical order.
    pub classes: Vec<ClassFailures>,
    /// Groups with wrong decisions, the most first, at most 20.
    pub groups: Vec<GroupFailures>,
    /// Number of all groups with wrong decisions.
    pub groups_with_failures: usize,
}

/// Wrong decisions on one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassFailures {
    /// The label.
    pub label: String,
    /// True if its tiles are anomalous.
    pub anomalous: bool,
    /// Number of its tiles.
    pub n: usize,
    /// Number of wrong decisions.
    pub wrong: usize,
    /// Mean score of its tiles.
    pub mean_score: f64,
}

/// Wrong decisions in one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFailures {
    /// Name of the group.
    pub group: String,
    /// Number of its tiles.
    pub n: usize,
    /// Number of normal tiles that were classified as anomalous.
    pub false_positive: usize,
    /// Number of anomalous tiles that were classified as normal.
    pub false_negative: usize,
}

impl Failures {
    /// Counts wrong decisions; `labels` are the tiles' labels in the order of `scored`.
    #[must_use]
    pub fn new(scored: &[Scored], labels: &[&str], threshold: f64) -> Self {
        let mut classes = BTreeMap::<&str, ClassFailures>::new();
        let mut groups = BTreeMap::<&str, GroupFailures>::new();
        for (tile, label) in scored.iter().zip(labels) {
            let called = tile.score >= threshold;
            let class = classes.entry(label).or_insert_with(|| ClassFailures {
                label: (*label).to_owned(),
                anomalous: tile.anomalous,
                n: 0,
                wrong: 0,
                mean_score: 0.0,
            });
            class.n += 1;
            class.wrong += usize::from(called != tile.anomalous);
            class.mean_score += tile.score;
            let group = groups.entry(&tile.group).or_insert_with(|| GroupFailures {
                group: tile.group.clone(),
                n: 0,
                false_positive: 0,
                false_negative: 0,
            });
            group.n += 1;
            group.false_positive += usize::from(called && !tile.anomalous);
            group.false_negative += usize::from(!called && tile.anomalous);
        }
        let classes =
            classes.into_values().map(|class| ClassFailures { mean_score: class.mean_score / class.n as f64, ..class });
        let mut failed: Vec<GroupFailures> = groups.into_values().filter(|group| group.wrong() > 0).collect();
        let groups_with_failures = failed.len();
        // The sort is stable, so equal counts are in the order of their names.
        failed.sort_by_key(|group| std::cmp::Reverse(group.wrong()));
        failed.truncate(LISTED);
        Self { classes: classes.collect(), groups: failed, groups_with_failures }
    }
}

impl GroupFailures {
    /// Number of wrong decisions of both kinds.
    #[must_use]
    pub fn wrong(&self) -> usize {
        self.false_positive + self.false_negative
    }
}
