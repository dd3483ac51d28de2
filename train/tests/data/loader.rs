//! A batch depends on seed, epoch and place alone, and an epoch can be taken up anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use kiln_tile::{Decoder, TILE_BYTES, Tile};
use kiln_train::data::stain::StainJitter;
use kiln_train::data::{Augmentation, DataError, Dataset, Loader, LoaderOptions, Sampling, Synthesis, TileBatch};

use crate::{save, tile};

struct Files {
    folder: tempfile::TempDir,
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
    Files { folder, dataset }
}

fn options(workers: usize) -> LoaderOptions {
    LoaderOptions {
        decoder: Decoder::default(),
        batch: 4,
        shuffle_seed: Some(11),
        augmentation: Some(Augmentation::default()),
        side: 256,
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
fn smaller_tiles_are_the_same_variations_at_a_smaller_scale() {
    let mut files = files();
    let smooth = |at: usize| {
        let (x, y) = ((at % 256) as f64, (at / 256) as f64);
        [x / 21.0, y / 17.0, (x + y) / 40.0].map(|turn| (140.0 + 80.0 * turn.sin()) as u8)
    };
    let waves = Tile::from_pixels((0..TILE_BYTES / 3).flat_map(smooth).collect()).unwrap();
    for index in 0..files.dataset.len() {
        save(&waves, &files.dataset.file(index).unwrap());
    }
    files.dataset = Arc::new(Dataset::open(files.folder.path()).unwrap());
    let varied = Augmentation {
        zoom: 0.3,
        elastic: 0.03,
        stain_jitter: StainJitter { factor: 0.3, shift: 0.05 },
        ..Augmentation::default()
    };
    // Mean and largest difference in levels. Colours that are varied before or after tiles become smaller differ by rounding
    // and by the curvature of optical density.
    for (augmentation, mean, largest) in [(None, 0.0, 0), (Some(varied), 1.0, 16)] {
        let with = |side| LoaderOptions { side, augmentation: augmentation.clone(), ..options(2) };
        let (whole, small) = (batches(&loader(&files, with(256)), 2, 0), batches(&loader(&files, with(96)), 2, 0));
        for (whole, small) in whole.iter().zip(&small) {
            assert_eq!((&small.indices, &small.labels, small.side), (&whole.indices, &whole.labels, 96));
            assert_eq!(small.pixels.len(), small.len() * 3 * 96 * 96);
            let reduced = whole
                .pixels
                .chunks_exact(TILE_BYTES)
                .flat_map(|tile| kiln_resize::bilinear(tile.to_vec(), (256, 256), (96, 96)).unwrap());
            let apart: Vec<u8> = reduced.zip(&small.pixels).map(|(a, b)| a.abs_diff(*b)).collect();
            let found = apart.iter().map(|level| f64::from(*level)).sum::<f64>() / apart.len() as f64;
            let worst = apart.iter().copied().max().unwrap();
            assert!(found <= mean && worst <= largest, "{found} on average, at most {worst}");
        }
    }
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
    for side in [0, 257] {
        assert!(refused(LoaderOptions { side, ..options(1) }, vec![0]).contains(&format!("side is {side}")));
    }
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
