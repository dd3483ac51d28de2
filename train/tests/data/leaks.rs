//! The same image is never in two splits, whatever its files are called.

use kiln_files::Fault;
use kiln_tile::stain::{StainMethod, StainNormaliser};
use kiln_tile::{Decoder, TILE_BYTES, Tile};
use kiln_train::data::{DataError, Dataset, Split, SplitPlan, check_leaks, dataset_digest, tile_digests};

use crate::{save, tile};

/// Six tiles of each of two classes, in a folder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..12 {
        let label = if number % 2 == 0 { "a" } else { "b" };
        save(&tile(number), &folder.path().join(format!("{label}/{number:02}.png")));
    }
    folder
}

#[test]
fn the_same_pixels_in_another_format_stay_together() {
    let folder = folder();
    for copy in ["a/x1.bmp", "a/x2.png", "a/x3.tiff"] {
        save(&tile(0), &folder.path().join(copy));
    }
    let dataset = Dataset::open(folder.path()).unwrap();
    let digests = tile_digests(&dataset, &Decoder::default()).unwrap();
    for seed in 0..20 {
        let plan = SplitPlan::with_digests(&dataset, &digests, [0.5, 0.25, 0.25], seed).unwrap();
        check_leaks(&dataset, &plan, &digests).unwrap();
        let sides: Vec<Split> = (0..dataset.len())
            .filter(|at| {
                dataset.entries[*at].path.to_string_lossy().contains("/x")
                    || dataset.entries[*at].path.ends_with("00.png")
            })
            .map(|at| plan.assignments[at])
            .collect();
        assert_eq!(sides, [sides[0]; 4], "seed {seed}");
    }
}

#[test]
fn a_plan_that_parts_twins_is_refused_by_name() {
    let folder = folder();
    save(&tile(0), &folder.path().join("a/twin.bmp"));
    std::fs::copy(folder.path().join("b/01.png"), folder.path().join("b/copy.png")).unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    let digests = tile_digests(&dataset, &Decoder::default()).unwrap();
    let at = |name: &str| dataset.entries.iter().position(|entry| entry.path.ends_with(name)).unwrap();
    for (name, same) in [("twin.bmp", "pixels"), ("copy.png", "file content")] {
        let mut plan = SplitPlan { assignments: vec![Split::Train; dataset.len()], seed: 0 };
        plan.assignments[at(name)] = Split::Test;
        let error = check_leaks(&dataset, &plan, &digests).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(name) && message.contains(same) && message.contains("(train)"), "{message}");
        assert_eq!(error.fault(), Fault::Check);
    }
}

#[test]
fn one_image_under_two_labels_is_refused() {
    let folder = folder();
    save(&tile(0), &folder.path().join("b/wrong.bmp"));
    let dataset = Dataset::open(folder.path()).unwrap();
    let error = SplitPlan::new(&dataset, SplitPlan::FRACTIONS, 1).unwrap_err();
    assert!(matches!(error, DataError::ConflictingLabels { .. }));
    let message = error.to_string();
    assert!(message.contains("00.png") && message.contains("wrong.bmp") && message.contains("label `b`"), "{message}");
}

#[test]
fn a_missing_tile_is_named_and_a_damaged_one_waits_for_training() {
    let folder = folder();
    std::fs::write(folder.path().join("a/damaged.png"), b"no image").unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    let found = tile_digests(&dataset, &Decoder::default()).unwrap();
    assert_eq!(found.iter().filter(|digest| digest.pixels.is_none()).count(), 1);
    std::fs::remove_file(folder.path().join("b/03.png")).unwrap();
    let error = tile_digests(&dataset, &Decoder::default()).unwrap_err();
    assert!(error.to_string().contains("03.png") && error.to_string().contains("no such file"), "{error}");
    // A chain printer would otherwise say the reason twice.
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn the_data_digest_sees_content_labels_and_groups_and_not_the_order() {
    let folder = folder();
    let dataset = Dataset::open(folder.path()).unwrap();
    let tiles = tile_digests(&dataset, &Decoder::default()).unwrap();
    let before = dataset_digest(&dataset, &tiles);
    assert_eq!(before.len(), 64);
    let (mut turned, mut turned_tiles) = (dataset.clone(), tiles.clone());
    turned.entries.reverse();
    turned_tiles.reverse();
    assert_eq!(dataset_digest(&turned, &turned_tiles), before);
    let mut relabelled = dataset.clone();
    relabelled.entries[0].group = Some("g".to_owned());
    assert_ne!(dataset_digest(&relabelled, &tiles), before);
    save(&tile(99), &folder.path().join("a/00.png"));
    assert_ne!(dataset_digest(&dataset, &tile_digests(&dataset, &Decoder::default()).unwrap()), before);
}

#[test]
fn a_tile_is_itself_whatever_its_stains_are_brought_to() {
    let folder = folder();
    let dataset = Dataset::open(folder.path()).unwrap();
    let stain = StainNormaliser::fit(StainMethod::Reinhard, &[purple()]).unwrap();
    save(&pink(), &folder.path().join("a/00.png"));
    let decoder = Decoder::default().with_stain(Some(stain));
    assert_eq!(tile_digests(&dataset, &decoder).unwrap(), tile_digests(&dataset, &Decoder::default()).unwrap());
    assert_ne!(stain.apply(pink()), pink());
}

/// Tissue of one colour, with specks of another.
fn tissue(colour: [u8; 3]) -> Tile {
    let pixel = |at: usize| if at.is_multiple_of(5) { [90, 60, 140] } else { colour };
    Tile::from_pixels((0..TILE_BYTES / 3).flat_map(pixel).collect()).unwrap()
}

fn purple() -> Tile {
    tissue([150, 100, 180])
}

fn pink() -> Tile {
    tissue([220, 150, 190])
}
