//! Generated tiles: the same seed gives the same bytes, and colour says nothing about the class.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_tile::{Decoder, Limits, SIDE, Tile};
use kiln_train::baseline::{ColourFeatures, ColourNeighbours};
use kiln_train::data::{Dataset, Split, SplitPlan, inspect, synth};
use kiln_train::metrics::{Scored, auroc};

fn write(folder: &Path, tiles: usize, seed: u64) -> Dataset {
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
        let decoded = dataset.tile(index, &Decoder::default()).unwrap();
        assert_eq!(decoded, synth::tile(8, index).unwrap(), "tile {index}");
    }
}

#[test]
fn the_tiles_of_a_pair_have_the_same_colours() {
    for pair in [0, 1, 7, 40] {
        let [benign, anomalous] = [2 * pair, 2 * pair + 1].map(|number| synth::tile(21, number).unwrap());
        assert!(benign != anomalous);
        let colours = [&benign, &anomalous].map(|tile| {
            let (pixels, _) = tile.pixels().as_chunks::<3>();
            let mut pixels = pixels.to_vec();
            pixels.sort_unstable();
            pixels
        });
        assert!(colours[0] == colours[1], "pair {pair}");
        let distinct = colours[0].chunk_by(|a, b| a == b).count();
        assert!(distinct > 1000, "pair {pair}: only {distinct} colours");
    }
}

#[test]
fn colour_does_not_tell_the_classes_apart() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = write(&folder.path().join("set"), 120, 21);
    let found = inspect(&dataset, None, Limits::default(), &|| {}).unwrap();
    let auroc = found.colour.unwrap().auroc;
    assert!((auroc.value - 0.5).abs() < 1e-9, "statistics: {auroc:?}");
    assert_eq!((found.groups.len(), found.duplicates.len(), found.unreadable.len()), (10, 0, 0));
    let tiles = decoded(&dataset);
    let histograms: Vec<_> = tiles.iter().map(|tile| ColourFeatures::new(tile).histogram).collect();
    // Fitted on the normal tiles of five slides, judged on the other five.
    let normal: Vec<&[f64]> = histograms[..60].iter().step_by(2).map(Vec::as_slice).collect();
    let held_out: Vec<&[f64]> = histograms[60..].iter().map(Vec::as_slice).collect();
    let scores = ColourNeighbours::fit(&normal).unwrap().score(&held_out).unwrap();
    let auroc = auroc_of(&scores);
    assert!((auroc - 0.5).abs() < 1e-9, "histograms: {auroc}");
}

/// A blur of 64 pixels loses more of an anomalous tile, but not of every one: what an autoencoder has to go by.
#[test]
fn fine_structure_tells_much_but_not_all() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = decoded(&write(&folder.path().join("set"), 120, 21));
    let lost: Vec<f64> = tiles.iter().map(|tile| variance_within_blocks(tile, 64)).collect();
    let auroc = auroc_of(&lost);
    assert!((0.65..0.95).contains(&auroc), "{auroc}");
}

fn decoded(dataset: &Dataset) -> Vec<Tile> {
    (0..dataset.len()).map(|index| dataset.tile(index, &Decoder::default()).unwrap()).collect()
}

/// Every second tile is anomalous.
fn auroc_of(scores: &[f64]) -> f64 {
    let scored = |(index, score): (usize, &f64)| Scored {
        score: *score,
        anomalous: index % 2 == 1,
        group: (index / synth::TILES_PER_SLIDE).to_string(),
    };
    auroc(&scores.iter().enumerate().map(scored).collect::<Vec<_>>()).unwrap()
}

/// Mean squared difference of the values from the mean of their block of `side` pixels.
fn variance_within_blocks(tile: &Tile, side: usize) -> f64 {
    let blocks = SIDE as usize / side;
    let block = |at: usize| ((at / 3 / SIDE as usize / side) * blocks + at / 3 % SIDE as usize / side) * 3 + at % 3;
    let mut sums = vec![(0.0, 0.0); 3 * blocks * blocks];
    for (at, value) in tile.pixels().iter().enumerate() {
        let (sum, squares): &mut (f64, f64) = &mut sums[block(at)];
        *sum += f64::from(*value);
        *squares += f64::from(*value) * f64::from(*value);
    }
    let count = (side * side) as f64;
    sums.iter().map(|(sum, squares)| squares / count - (sum / count) * (sum / count)).sum::<f64>() / sums.len() as f64
}

#[test]
fn the_groups_can_be_split() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = write(&folder.path().join("set"), 120, 5);
    let plan = SplitPlan::new(&dataset, SplitPlan::FRACTIONS, 7).unwrap();
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
