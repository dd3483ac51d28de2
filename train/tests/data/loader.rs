//! A batch depends on seed, epoch and place alone, and an epoch can be taken up anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use kiln_tile::{Decoder, TILE_BYTES};
use kiln_train::data::{Augmentation, DataError, Dataset, Loader, LoaderOptions, Sampling, Synthesis, TileBatch};

use crate::{save, tile};

struct Files {
    _folder: tempfile::TempDir,
    dataset: Arc<Dataset>,
}

/// Eleven tiles of two classes.
fn files() -> Files {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..11 {
        let label = if number % 3 == 0 { "b" } else { "a" };
        save(&tile(number), &folder.path().join(format!("{label}/{number:02}.bmp")));
    }
    let dataset = Arc::new(Dataset::open(folder.path()).unwrap());
    Files { _folder: folder, dataset }
}

fn options(workers: usize) -> LoaderOptions {
    LoaderOptions {
        decoder: Decoder::default(),
        batch: 4,
        shuffle_seed: Some(11),
        augmentation: Some(Augmentation::default()),
        workers,
        classes: BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 1)]),
        sampling: Sampling::default(),
    }
}

fn loader(files: &Files, options: LoaderOptions) -> Loader {
    Loader::new(Arc::clone(&files.dataset), (0..files.dataset.len()).collect(), options).unwrap()
}

fn batches(loader: &Loader, epoch: u64, first: usize) -> Vec<TileBatch> {
    loader.epoch(epoch, first).map(Result::unwrap).collect()
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let files = files();
    let one = batches(&loader(&files, options(1)), 3, 0);
    for workers in [0, 2, 3, 8] {
        assert_eq!(batches(&loader(&files, options(workers)), 3, 0), one, "{workers} workers");
    }
}

#[test]
fn an_epoch_taken_up_gives_exactly_the_rest() {
    let files = files();
    let loader = loader(&files, options(2));
    let all = batches(&loader, 5, 0);
    assert_eq!((all.len(), loader.batches(), loader.tiles()), (3, 3, 11));
    for first in 0..5 {
        assert_eq!(batches(&loader, 5, first), all[first.min(3)..], "from batch {first}");
    }
}

#[test]
fn an_epoch_holds_every_tile_once_and_epochs_differ() {
    let files = files();
    let loader = loader(&files, options(2));
    let order = |epoch| batches(&loader, epoch, 0).iter().flat_map(|batch| batch.indices.clone()).collect::<Vec<_>>();
    let mut sorted = order(0);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..11).collect::<Vec<_>>());
    assert_ne!(order(0), order(1));
}

#[test]
fn without_a_seed_tiles_come_in_order_and_as_they_are() {
    let files = files();
    let plain = LoaderOptions { shuffle_seed: None, augmentation: None, ..options(2) };
    let all = batches(&loader(&files, plain), 0, 0);
    let mut at = 0;
    for batch in &all {
        assert_eq!(batch.pixels.len(), batch.len() * TILE_BYTES);
        for (place, index) in batch.indices.iter().enumerate() {
            assert_eq!(*index, at);
            let decoded = files.dataset.tile(at, &Decoder::default()).unwrap();
            assert_eq!(&batch.pixels[place * TILE_BYTES..(place + 1) * TILE_BYTES], decoded.pixels());
            assert_eq!(batch.labels[place], usize::from(files.dataset.entries[at].label == "b"));
            at += 1;
        }
    }
    assert_eq!((at, all[2].len()), (11, 3));
}

#[test]
fn a_damaged_tile_is_named_in_its_place_and_the_rest_comes() {
    let files = files();
    std::fs::write(files.dataset.file(5).unwrap(), b"BM but no more").unwrap();
    let plain = LoaderOptions { shuffle_seed: None, augmentation: None, ..options(2) };
    let results: Vec<_> = loader(&files, plain).epoch(0, 0).collect();
    assert!(results[0].is_ok() && results[2].is_ok());
    let Err(error @ DataError::Tile { .. }) = &results[1] else { panic!("{:?}", results[1]) };
    assert!(error.to_string().contains(files.dataset.entries[5].path.to_str().unwrap()), "{error}");
}

#[test]
fn an_epoch_may_be_left_at_any_time() {
    let files = files();
    let loader = loader(&files, options(3));
    for taken in 0..3 {
        drop(loader.epoch(0, 0).take(taken).collect::<Vec<_>>());
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let files = files();
    let refused = |options: LoaderOptions, indices: Vec<usize>| {
        Loader::new(Arc::clone(&files.dataset), indices, options).unwrap_err().to_string()
    };
    assert!(refused(LoaderOptions { batch: 0, ..options(1) }, vec![0]).contains("batch is 0"));
    assert!(refused(options(1), vec![]).contains("the split is empty"));
    assert!(refused(options(1), vec![11]).contains("tile 11 of 11"));
    let classes = BTreeMap::from([("a".to_owned(), 0)]);
    let at = files.dataset.entries.iter().position(|entry| entry.label == "b").unwrap();
    assert!(
        refused(LoaderOptions { classes, ..options(1) }, vec![at]).contains("label `b` is none of the classes `a`")
    );
    let augmentation = Some(Augmentation { zoom: f32::NAN, ..Augmentation::default() });
    assert!(refused(LoaderOptions { augmentation, ..options(1) }, vec![0]).contains("data.augmentation.zoom is NaN"));
}

#[test]
fn made_up_and_repeated_tiles_are_the_same_whatever_the_number_of_workers() {
    let files = files();
    let synthesis = Synthesis { cut_paste: 0.5, generated: 0.5 };
    let sampling = Sampling { oversampling: true, synthesis, normal: 1 };
    let with = |workers| loader(&files, LoaderOptions { sampling, ..options(workers) });
    let (one, many) = (with(1), with(3));
    // Seven tiles of `a`, four of `b`; four and four are made up, so `a` is the rarer one.
    assert_eq!((one.tiles(), one.batches()), (24, 6));
    let of_one = batches(&one, 2, 0);
    assert_eq!(of_one, batches(&many, 2, 0));
    assert_eq!(of_one[4..], batches(&many, 2, 4));
    assert_ne!(of_one, batches(&one, 3, 0));
    let labels: Vec<usize> = of_one.iter().flat_map(|batch| batch.labels.clone()).collect();
    assert_eq!(labels.iter().filter(|label| **label == 1).count(), 12);
    let tiles: std::collections::BTreeSet<&[u8]> =
        of_one.iter().flat_map(|batch| batch.pixels.chunks_exact(TILE_BYTES)).collect();
    assert_eq!(tiles.len(), 24, "no two are the same variation");
}
