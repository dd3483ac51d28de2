//! A split keeps groups whole, gives every label its share, and is the same for the same seed.

use std::collections::{BTreeMap, BTreeSet};

use kiln_train::data::{ContentDigests, DataError, Dataset, Entry, Split, SplitPlan, check_leaks};
use proptest::prelude::*;

use crate::imagined;

const FRACTIONS: [f64; 3] = SplitPlan::FRACTIONS;

/// Digests of tiles that are all different.
fn distinct(dataset: &Dataset) -> Vec<ContentDigests> {
    let digest = |entry: &Entry| ContentDigests { file: entry.path.display().to_string(), pixels: None, blank: false };
    dataset.entries.iter().map(digest).collect()
}

fn plan(dataset: &Dataset, seed: u64) -> Result<SplitPlan, DataError> {
    SplitPlan::with_digests(dataset, &distinct(dataset), FRACTIONS, seed)
}

/// Groups of the given sizes; each tile's label is drawn by its group's kind: one label alone, or both in turn.
fn grouped(groups: &[(usize, u8)]) -> Dataset {
    let mut dataset = imagined(&[]);
    for (number, (size, kind)) in groups.iter().enumerate() {
        for tile in 0..*size {
            let odd = match kind {
                0 => false,
                1 => true,
                _ => tile % 2 == 1,
            };
            dataset.entries.push(Entry {
                path: format!("g{number:03}/t{tile:03}.png").into(),
                label: if odd { "b" } else { "a" }.to_owned(),
                group: Some(format!("group {number}")),
                split: None,
            });
        }
    }
    dataset
}

fn assignment_by_path(dataset: &Dataset, plan: &SplitPlan) -> BTreeMap<String, Split> {
    let path = |entry: &Entry| entry.path.display().to_string();
    dataset.entries.iter().map(path).zip(plan.assignments.iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn groups_stay_whole_and_every_split_has_every_label(
        groups in prop::collection::vec((2_usize..14, 0_u8..3), 12..60),
        seed in any::<u64>(),
    ) {
        // Three groups of each label at least.
        let mut groups = groups;
        groups.extend([(4, 0), (5, 0), (3, 0), (4, 1), (5, 1), (3, 1)]);
        let dataset = grouped(&groups);
        let plan = plan(&dataset, seed).unwrap();
        prop_assert!(check_leaks(&dataset, &plan, &distinct(&dataset)).is_ok());
        for split in Split::ALL {
            let labels: BTreeSet<&str> = plan.indices(split).iter().map(|at| dataset.entries[*at].label.as_str()).collect();
            prop_assert_eq!(labels.len(), 2, "{} lacks a label", split);
        }
    }

    #[test]
    fn shares_are_near_the_fractions(
        groups in prop::collection::vec((2_usize..10, 0_u8..3), 60..120),
        seed in any::<u64>(),
    ) {
        let dataset = grouped(&groups);
        let counts = plan(&dataset, seed).unwrap().counts(&dataset);
        for label in dataset.labels() {
            let total: usize = counts.values().filter_map(|labels| labels.get(&label)).sum();
            for (split, fraction) in Split::ALL.into_iter().zip(FRACTIONS) {
                let share = counts[&split][&label] as f64 / total as f64;
                prop_assert!((share - fraction).abs() < 0.04, "{} of {}: {}", label, split, share);
            }
        }
    }

    #[test]
    fn the_order_of_the_list_does_not_matter(
        groups in prop::collection::vec((2_usize..8, 0_u8..3), 20..40),
        seed in any::<u64>(),
        turn in 1_usize..50,
    ) {
        let dataset = grouped(&groups);
        let mut other = dataset.clone();
        let turn = turn % other.len();
        other.entries.rotate_left(turn);
        other.entries.reverse();
        if let (Ok(one), Ok(two)) = (plan(&dataset, seed), plan(&other, seed)) {
            prop_assert_eq!(assignment_by_path(&dataset, &one), assignment_by_path(&other, &two));
        }
    }
}

#[test]
fn another_seed_gives_another_split() {
    let dataset = grouped(&[(6, 2); 30]);
    assert_eq!(plan(&dataset, 1).unwrap(), plan(&dataset, 1).unwrap());
    assert_ne!(plan(&dataset, 1).unwrap().assignments, plan(&dataset, 2).unwrap().assignments);
}

#[test]
fn three_groups_are_enough_and_two_are_not() {
    let plan_of = |groups: &[(usize, u8)]| plan(&grouped(groups), 3);
    let three = plan_of(&[(10, 2), (10, 2), (10, 2)]).unwrap();
    assert_eq!(Split::ALL.map(|split| three.indices(split).len()), [10, 10, 10]);
    assert!(plan_of(&[(10, 0), (10, 0), (10, 0), (9, 1), (9, 1), (9, 1)]).is_ok());
    let message = plan_of(&[(10, 0), (10, 0), (10, 0), (9, 1), (9, 1)]).unwrap_err().to_string();
    assert!(message.contains("label `b` has 2 groups") && message.contains("at least 3"), "{message}");
}

#[test]
fn tiles_without_groups_are_split_one_by_one() {
    let mut dataset = grouped(&[(100, 0), (50, 1)]);
    dataset.entries.iter_mut().for_each(|entry| entry.group = None);
    let counts = plan(&dataset, 5).unwrap().counts(&dataset);
    let shares = Split::ALL.map(|split| (counts[&split]["a"], counts[&split]["b"]));
    assert_eq!(shares, [(80, 40), (10, 5), (10, 5)]);
}

#[test]
fn a_large_set_without_groups_is_split_in_a_moment() {
    let mut dataset = grouped(&[(60_000, 0), (40_000, 1)]);
    dataset.entries.iter_mut().for_each(|entry| entry.group = None);
    let start = std::time::Instant::now();
    let counts = plan(&dataset, 5).unwrap().counts(&dataset);
    assert_eq!((counts[&Split::Val]["a"], counts[&Split::Test]["b"]), (6_000, 4_000));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn a_fraction_of_zero_leaves_a_split_empty() {
    let dataset = grouped(&[(10, 2), (10, 2)]);
    let plan = SplitPlan::with_digests(&dataset, &distinct(&dataset), [0.5, 0.0, 0.5], 1).unwrap();
    assert_eq!(Split::ALL.map(|split| plan.indices(split).len()), [10, 0, 10]);
}

#[test]
fn fractions_that_are_none_are_refused() {
    let dataset = grouped(&[(10, 2); 4]);
    for fractions in [[0.8, 0.1, 0.2], [1.2, -0.1, -0.1], [f64::NAN, 0.5, 0.5], [0.0, 0.5, 0.5]] {
        let error = SplitPlan::with_digests(&dataset, &distinct(&dataset), fractions, 1).unwrap_err();
        assert!(error.to_string().contains("sum to 1"), "{error}");
    }
}

#[test]
fn a_split_column_is_honoured_and_checked() {
    let mut dataset = imagined(&[("1.png", "a", Some("x")), ("2.png", "a", Some("y")), ("3.png", "b", Some("z"))]);
    let splits = [Split::Test, Split::Train, Split::Test];
    dataset.entries.iter_mut().zip(splits).for_each(|(entry, split)| entry.split = Some(split));
    assert_eq!(plan(&dataset, 1).unwrap().assignments, splits);
    dataset.entries[1].group = Some("x".to_owned());
    let message = plan(&dataset, 1).unwrap_err().to_string();
    assert!(
        message.contains("`1.png` (test)") && message.contains("`2.png` (train)") && message.contains("`x`"),
        "{message}"
    );
}

#[test]
fn a_written_split_is_read_back_and_fits_its_data_set_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    let dataset = grouped(&[(6, 2); 10]);
    let plan = plan(&dataset, 9).unwrap();
    plan.write_csv(&dataset, &path).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("path,label,group,split\n"));
    assert_eq!(SplitPlan::read_csv(&dataset, &path).unwrap().assignments, plan.assignments);

    let refused = |change: &dyn Fn(&mut Dataset)| {
        let mut other = dataset.clone();
        change(&mut other);
        SplitPlan::read_csv(&other, &path).unwrap_err().to_string()
    };
    assert!(refused(&|other| other.entries[3].path = "new.png".into()).contains("`new.png` is not in the split"));
    assert!(refused(&|other| other.entries[3].label = "c".to_owned()).contains("another label or group"));
    assert!(
        refused(&|other| {
            other.entries.pop();
        })
        .contains("is not in the data set")
    );
}
