//! Tiles from slides through OpenSlide and the direct reader: one bad tile costs one tile, slides are opened a few at a
//! time, and memory stays flat.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiln_slide::openslide::Library;
use kiln_slide::{Outside, Place, ReadOptions, Reader, Resampling, Slide, SlideTiles, TileCache};
use kiln_tile::TileSource;

use support::{library, run_shared, shared};

fn grid(size: (u64, u64), side: u32) -> Vec<Place> {
    let step = i64::from(side);
    let (columns, rows) = (size.0 as i64 / step, size.1 as i64 / step);
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (column, row)))
        .map(|(column, row)| Place { minx: column * step, miny: row * step, width: side, height: side })
        .collect()
}

fn source(library: &Library, paths: &[PathBuf], tiles: Vec<(u32, Place)>, options: ReadOptions) -> SlideTiles {
    let slides = paths.iter().map(|path| (path.file_name().unwrap().display().to_string(), path.clone())).collect();
    SlideTiles::new(library.clone(), slides, tiles, options).unwrap()
}

/// The variants of `mkslides.py`; `None` without OpenSlide, Python or the script.
fn variants() -> Option<(Library, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    run_shared("slides/mkslides.py", &[folder.path()])?;
    Some((library()?, folder))
}

#[test]
fn a_bad_tile_costs_one_tile_with_both_readers() {
    let Some((library, folder)) = variants() else { return };
    for (name, statuses) in [
        ("tile-zeroed.tif", ["unreadable"; 2]),
        // The direct reader finds the end of the data, OpenSlide that they are damaged.
        ("tile-half-zeroed.tif", ["unreadable", "truncated"]),
        ("tile-missing.tif", ["no_data"; 2]),
    ] {
        let path = folder.path().join(name);
        for direct in [false, true] {
            let slide = Slide::open(&path, &library).unwrap();
            let slide = if direct { slide.with_direct(Arc::default()) } else { slide };
            let reader = if direct { Reader::Direct } else { Reader::OpenSlide };
            assert_eq!(slide.reader(0), reader, "{name}: {:?}", slide.not_direct(0));
            let plan = kiln_slide::ReadPlan::new(slide.levels(), 0.5, 0.5, false).unwrap();
            let mut bad = Vec::new();
            for (index, place) in grid(slide.size(), 256).into_iter().enumerate() {
                if let Err(error) = plan.read(&slide, place, Outside::Refused) {
                    bad.push((index, error.code()));
                }
            }
            assert_eq!(bad.len(), 1, "{name} {reader:?}: {bad:?}");
            assert_eq!((bad[0].0, bad[0].1), (27, statuses[usize::from(direct)]), "{name} {reader:?}");
        }
    }
}

#[test]
fn a_slide_that_cannot_be_opened_costs_its_tiles() {
    let Some((library, folder)) = variants() else { return };
    let names =
        ["jpeg.tif", "empty.tif", "nowhere.tif", "no-mpp.tif", "dpi72.tif", "tile240.tif", "truncated-front.tif"];
    let paths: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
    let place = Place { minx: 512, miny: 256, width: 256, height: 256 };
    let tiles = (0..3).flat_map(|_| (0..names.len() as u32).map(|slide| (slide, place))).collect();
    let options = ReadOptions { open_slides: 1, ..ReadOptions::new(0.5) };
    let tiles = source(&library, &paths, tiles, options);
    assert_eq!((tiles.len(), tiles.slides()), (3 * names.len(), names.len()));
    assert_eq!(tiles.name(7), "jpeg.tif#512,256,256x256");
    let mut first = Vec::new();
    for index in 0..tiles.len() {
        let read = tiles.read(index);
        let name = names[index % names.len()];
        match name {
            "jpeg.tif" | "tile240.tif" => {
                assert!(read.tile.is_ok(), "{name}: {:?}", read.tile);
                assert!(read.digest.is_some());
            }
            _ => {
                let status = read.tile.clone().unwrap_err();
                let (code, reason) = status.split_once(": ").unwrap();
                assert!(reason.contains(name), "{status}");
                assert!(code.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{status}");
            }
        }
        // The same after each reopening.
        if index < names.len() {
            first.push(read);
        } else {
            assert_eq!(read, first[index % names.len()]);
        }
    }
    assert_ne!(first[0].digest, first[5].digest);
    let overruled = ReadOptions { slide_mpp: Some(0.5), ..ReadOptions::new(0.5) };
    let tiles = source(&library, &paths[3..5], vec![(0, place), (1, place)], overruled);
    assert!((0..2).all(|index| tiles.read(index).tile.is_ok()));
    assert!(SlideTiles::new(library, Vec::new(), vec![(0, place)], ReadOptions::new(0.5)).is_err());
}

#[test]
fn threads_read_the_same_tiles_as_one() {
    let Some((library, folder)) = variants() else { return };
    let paths: Vec<_> = ["jpeg.tif", "tile512.tif", "deflate.tif"].iter().map(|n| folder.path().join(n)).collect();
    for (target, side) in [(0.5, 256), (0.7, 358), (1.0, 512)] {
        let places = (0..3).flat_map(|slide| grid((2048, 2560), side).into_iter().map(move |place| (slide, place)));
        let options = || ReadOptions { open_slides: 2, ..ReadOptions::new(target) };
        let tiles = source(&library, &paths, places.collect(), options());
        let alone: Vec<_> = (0..tiles.len()).map(|index| tiles.read(index)).collect();
        let shared = source(&library, &paths, (0..tiles.len()).map(|i| tile(&tiles, &paths, i)).collect(), options());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (alone, shared) = (&alone, &shared);
                scope.spawn(move || {
                    for index in (thread..alone.len()).step_by(4) {
                        assert_eq!(shared.read(index), alone[index], "{index}");
                    }
                });
            }
        });
    }
}

fn tile(tiles: &SlideTiles, paths: &[PathBuf], index: usize) -> (u32, Place) {
    let (path, place) = tiles.place(index).unwrap();
    (paths.iter().position(|other| other == path).unwrap() as u32, place)
}

#[test]
fn both_readers_return_the_same_tiles_at_every_resolution() {
    let (Some(slides), Some(library)) = (shared("data/slides"), library()) else { return };
    let path = slides.join("CMU-1-Small-Region.svs");
    let openslide = Slide::open(&path, &library).unwrap();
    let direct = Slide::open(&path, &library).unwrap().with_direct(Arc::default());
    assert_eq!((openslide.reader(0), direct.reader(0)), (Reader::OpenSlide, Reader::Direct));
    let mpp = direct.mpp().unwrap().mean();
    for target in [0.5, 0.7, 1.0, 2.0] {
        let plan = kiln_slide::ReadPlan::new(direct.levels(), mpp, target, false).unwrap();
        assert_eq!(plan.resampling == Resampling::Copied, target == 0.5);
        for place in grid(direct.size(), plan.footprint()) {
            let a = plan.read(&direct, place, Outside::Refused).unwrap();
            let b = plan.read(&openslide, place, Outside::Refused).unwrap();
            let most = a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(most <= 5, "{target} {place:?} {most}");
        }
    }
}

/// The value of a line of `/proc/self/status` in KiB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Processor time of this thread in milliseconds.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn big(folder: &Path) -> Option<PathBuf> {
    let path = folder.join("big.tif");
    run_shared("slides/mkbig.py", &[&path])?;
    Some(path)
}

/// Run by itself: `cargo test --release -p kiln-slide --test tiles -- --ignored --nocapture memory`.
#[test]
#[ignore = "measures the memory of this process, so it must run alone"]
fn memory_is_flat_from_tile_1000_to_tile_9000() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(path), Some(library)) = (big(folder.path()), library()) else { return };
    for (target, side) in [(0.25, 256), (0.25, 255), (0.35, 358)] {
        let places = grid((24576, 24576), side).into_iter().map(|place| (0, place)).collect();
        let tiles = source(&library, std::slice::from_ref(&path), places, ReadOptions::new(target));
        let mut early = 0;
        for index in 0..tiles.len().min(9000) {
            tiles.read(index).tile.unwrap();
            if index == 1000 {
                early = status("VmRSS");
            }
        }
        let late = status("VmRSS");
        eprintln!("{target} µm/px, {side} px: {early} KiB at tile 1,000, {late} KiB at the end");
        assert!(late < early + 10 * 1024);
    }
}

/// Run by itself: `cargo test --release -p kiln-slide --test tiles -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures time"]
fn speed_of_both_readers() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(slides), Some(library)) = (shared("data/slides"), library()) else { return };
    let Some(path) = big(folder.path()) else { return };
    let philips = folder.path().join("philips.tiff");
    run_shared("slides/mkphilips.py", &[&philips]).unwrap();
    for (path, mpp, most) in
        [(slides.join("CMU-1-Small-Region.svs"), 0.499, 80), (philips, 0.243, 80), (path, 0.25, 2000)]
    {
        for factor in [1.0, 1.5, 2.0] {
            for direct in [false, true, false, true] {
                let slide = Slide::open(&path, &library).unwrap();
                let cache = Arc::new(TileCache::default());
                let slide = if direct { slide.with_direct(cache) } else { slide };
                // Level 0 only, so that a factor of 2 reads 512 pixels.
                let plan = kiln_slide::ReadPlan::new(&slide.levels()[..1], mpp, mpp * factor, false).unwrap();
                let places = grid(slide.size(), plan.footprint());
                let _ = slide.reader(0);
                // Runs of neighbours, spread over the slide.
                let step = (places.len() / most).max(1);
                let (start, mut count) = (processor(), 0);
                for place in places.chunks(8).step_by(step).flatten() {
                    count += u32::from(plan.read(&slide, *place, Outside::Refused).is_ok());
                }
                let each = (processor() - start) / f64::from(count);
                let reader = slide.reader(0);
                eprintln!("{} x{factor} {reader:?}: {each:.3} ms a tile, {count} tiles", path.display());
            }
        }
    }
}
