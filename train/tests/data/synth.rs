//! Generated tiles: the same seed gives the same bytes, and colour says nothing about the class.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_tile::{Decoder, Limits};
use kiln_train::data::{Split, SplitPlan, inspect, synth};
use kiln_train::metrics::colour_features;

fn write(folder: &Path, tiles: usize, seed: u64) -> kiln_train::data::Dataset {
    synth::write(folder, &synth::SynthOptions { tiles, seed }, &|| {}).unwrap()
}

fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = synth::LABELS.iter().flat_map(|label| fs::read_dir(folder.join(label)).unwrap());
    let paths = files.map(|file| file.unwrap().path()).chain([folder.join("tiles.csv")]);
    paths.map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_a_larger_set_begins_with_the_smaller() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("one"), 9, 3);
    write(&folder.path().join("two"), 9, 3);
    write(&folder.path().join("larger"), 14, 3);
    write(&folder.path().join("other"), 9, 4);
    let [one, two, larger, other] = ["one", "two", "larger", "other"].map(|name| content(&folder.path().join(name)));
    assert_eq!(one.len(), 10);
    assert!(one == two);
    let tiles = |path: &Path| path.extension().is_some_and(|extension| extension == "png");
    assert!(one.iter().filter(|(path, _)| tiles(path)).all(|(path, bytes)| larger[path] == *bytes));
    assert!(one.iter().filter(|(path, _)| tiles(path)).all(|(path, bytes)| other[path] != *bytes));
}

#[test]
fn a_tile_can_be_drawn_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = write(&folder.path().join("set"), 4, 8);
    for index in 0..4 {
        let decoded = Decoder::default().decode_file(&dataset.full_path(index)).unwrap();
        assert_eq!(decoded, synth::tile(8, index).unwrap(), "tile {index}");
    }
}

#[test]
fn colour_does_not_tell_the_classes_apart() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = write(&folder.path().join("set"), 120, 21);
    let found = inspect(&dataset, None, Limits::default(), &|| {}).unwrap();
    let auroc = found.colour.unwrap().auroc;
    assert!((0.35..=0.65).contains(&auroc.value), "{auroc:?}");
    assert_eq!((found.groups.len(), found.duplicates.len(), found.unreadable.len()), (10, 0, 0));
    // Not by luck: the two tiles of a pair have the same mean and deviation in each channel.
    for pair in 0..60 {
        let features = [2 * pair, 2 * pair + 1]
            .map(|index| colour_features(&Decoder::default().decode_file(&dataset.full_path(index)).unwrap()));
        for (a, b) in features[0].iter().zip(&features[1]) {
            assert!((a - b).abs() < 0.01, "pair {pair}: {features:?}");
        }
    }
}

#[test]
fn the_groups_can_be_split() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = write(&folder.path().join("set"), 120, 5);
    let plan = SplitPlan::make(&dataset, SplitPlan::FRACTIONS, 7).unwrap();
    assert_eq!(Split::ALL.map(|split| plan.indices(split).len()), [96, 12, 12]);
}

#[test]
fn nothing_is_overwritten_and_no_half_folder_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, tiles| {
        let options = synth::SynthOptions { tiles, seed: 1 };
        synth::write(&folder.path().join(name), &options, &|| {}).unwrap_err().to_string()
    };
    fs::create_dir(folder.path().join("there")).unwrap();
    assert!(refused("there", 4).contains("exists already"));
    assert!(refused("none", 1).contains("tiles is 1"));
    assert!(refused("huge", 1_000_000).contains("tiles is 1000000"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
