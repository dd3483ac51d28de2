//! One bad tile fails the reads that touch it and no other ones, also with several threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::{library, need, open, variants};

#[test]
fn a_bad_tile_harms_no_other_read() {
    need!(library());
    let folder = need!(variants());
    let sound = open(&folder.join("jpeg.tif"));
    let damaged = open(&folder.join("tile-zeroed.tif"));
    let failures = AtomicUsize::new(0);
    let (threads, rounds) = (6, 4);
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (sound, damaged, failures, barrier) = (&sound, &damaged, &failures, &barrier);
            scope.spawn(move || {
                for round in 0..rounds {
                    barrier.wait();
                    for at in 0..80 {
                        // Each thread begins elsewhere, so the bad tile is met at many moments.
                        let tile = i64::try_from((at + thread * 13 + round * 7) % 80).unwrap();
                        let (x, y) = (tile % 8 * 256, tile / 8 * 256);
                        match damaged.read_level(0, x, y, 256, 256) {
                            Ok(region) => {
                                assert_ne!(tile, 27);
                                assert_eq!(region, sound.read_level(0, x, y, 256, 256).unwrap(), "tile {tile}");
                            }
                            Err(error) => {
                                assert_eq!(tile, 27, "{error}");
                                failures.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                }
            });
        }
    });
    assert_eq!(failures.load(Ordering::Relaxed), threads * rounds);
}

#[test]
fn a_slide_that_is_replaced_gives_errors_and_never_pixels_of_another() {
    need!(library());
    let folder = need!(variants());
    let copies = tempfile::tempdir().unwrap();
    let path = copies.path().join("slide.tif");
    std::fs::copy(folder.join("tile-zeroed.tif"), &path).unwrap();
    let slide = open(&path);
    std::fs::copy(folder.join("philips.tiff"), copies.path().join("other")).unwrap();
    std::fs::rename(copies.path().join("other"), &path).unwrap();
    // The bad tile kills the handle; the new one is of another slide.
    let _ = slide.read_level(0, 27 % 8 * 256, 27 / 8 * 256, 256, 256);
    let error = slide.read_level(0, 0, 0, 256, 256).unwrap_err();
    assert_eq!(error.code(), "changed", "{error}");
}
