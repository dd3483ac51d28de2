//! Pixels are the stored ones, on each level's own grid.

use std::path::Path;

use kiln_slide::openslide::{Library, LibraryFile};
use kiln_slide::{ReadError, Slide};

use crate::support::{Rectangle, library, need, open, real_slides, rectangles, reference, run_python, variants};

/// Largest difference of one sample.
fn difference(slide: &Slide, rectangles: &[Rectangle], references: &[Vec<u8>]) -> u8 {
    let mut largest = 0;
    for (&(level, x, y, width, height), reference) in rectangles.iter().zip(references) {
        let region = slide.read_level(level, x, y, width, height).unwrap();
        assert_eq!((region.width, region.height), (width, height));
        let here = region.rgb.iter().zip(reference).map(|(one, other)| one.abs_diff(*other)).max().unwrap();
        largest = largest.max(here);
    }
    largest
}

#[test]
fn pixels_equal_those_of_openslide_python() {
    need!(library());
    let (folder, real) = (need!(variants()), need!(real_slides()));
    let drawn = ["jpeg.tif", "lzw.tif", "gray.tif", "planar.tif", "uint16.tif", "tile240.tif", "philips.tiff"];
    let real_names = ["CMU-1-Small-Region.svs", "small/boxes.tiff", "small/small.svs", "small/boxes_0.dcm"];
    let paths = drawn.iter().map(|name| folder.join(name)).chain(real_names.iter().map(|name| real.join(name)));
    for path in paths {
        let slide = open(&path);
        // Elsewhere a read by openslide-python interpolates.
        let mut exact = rectangles(&slide, 12, false);
        exact.retain(|found| slide.levels()[found.0 as usize].downsample.fract() == 0.0);
        let references = need!(reference("openslide", &path, &exact));
        assert_eq!(difference(&slide, &exact, &references), 0, "{}", path.display());
    }
}

/// Decoded whole by another library, cut at whole pixels of the level, outside white.
#[test]
fn every_level_is_read_on_its_own_grid() {
    need!(library());
    let folder = need!(variants());
    // libjpeg-turbo is inside both; its versions may round chroma differently.
    for (name, allowed) in [
        ("deflate.tif", 0),
        ("lzw.tif", 0),
        ("none.tif", 0),
        ("zstd.tif", 0),
        ("planar.tif", 0),
        ("uint16.tif", 0),
        ("gray.tif", 1),
        ("jpeg.tif", 1),
        ("jpeg-big.tif", 1),
        ("tile240.tif", 1),
        ("tile512.tif", 1),
        ("philips.tiff", 1),
    ] {
        let path = folder.join(name);
        let slide = open(&path);
        let rectangles = rectangles(&slide, 25, true);
        let references = need!(reference("tifffile", &path, &rectangles));
        let found = difference(&slide, &rectangles, &references);
        assert!(found <= allowed, "{name}: {found} levels apart");
    }
}

/// Draws lossless pyramids of noise whose downsamples are not whole.
const FRACTIONAL: &str = r#"
import sys, numpy as np, tifffile
rng = np.random.default_rng(0)
for out, sizes in ((sys.argv[1], ((4001, 3001), (2000, 1500))), (sys.argv[2], ((2500, 2000), (1000, 800), (125, 100)))):
    with tifffile.TiffWriter(out) as tiff:
        for i, (width, height) in enumerate(sizes):
            tiff.write(rng.integers(0, 256, (height, width, 3), np.uint8), tile=(256, 256), photometric="rgb",
                       compression="zlib", subfiletype=1 if i else 0, metadata=None)
"#;

#[test]
fn a_downsample_that_is_not_whole_is_read_on_the_grid_of_the_level() {
    need!(library());
    let folder = tempfile::tempdir().unwrap();
    let (slow, half) = (folder.path().join("2.0005.tif"), folder.path().join("2.5.tif"));
    need!(run_python("tifffile, numpy", FRACTIONAL, &[&slow, &half]));
    // 2.5 and 20: every second pixel, or every pixel, of the level begins at a whole pixel of level 0.
    let slide = open(&half);
    assert!((0..3).all(|level| slide.is_exact(level)));
    let all = rectangles(&slide, 40, true);
    let references = need!(reference("tifffile", &half, &all));
    assert_eq!(difference(&slide, &all, &references), 0);
    // 2.0005: the first pixels are exact, and the level is known not to be.
    let slide = open(&slow);
    assert!(slide.is_exact(0) && !slide.is_exact(1));
    let first = [(1, 0, 0, 300, 300), (1, 7, 5, 200, 200), (1, 60, 60, 9, 9)];
    let references = need!(reference("tifffile", &slow, &first));
    assert_eq!(difference(&slide, &first, &references), 0);
    // Elsewhere they are recovered. Interpolated, noise is more than 100 levels off.
    let mut all = rectangles(&slide, 40, true);
    // Far from pixels that OpenSlide reads exactly.
    let middle = (1, 900, 700, 200, 200);
    all.push(middle);
    let references = need!(reference("tifffile", &slow, &all));
    let largest = difference(&slide, &all, &references);
    assert!(largest <= 6, "{largest}");
    let (level, x, y, width, height) = middle;
    let whole = slide.read_level(level, x, y, width, height).unwrap();
    let apart = whole.rgb.iter().zip(references.last().unwrap()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
    let mean = apart as f64 / whole.rgb.len() as f64;
    println!("recovered at 2.0005: largest difference {largest}, mean {mean:.3}");
    assert!(mean < 0.6 && whole.data_pixels == whole.pixels(), "{mean}");
}

#[test]
fn regions_may_exceed_the_slide_and_large_ones_are_whole() {
    need!(library());
    let slide = open(&need!(variants()).join("deflate.tif"));
    let outside = slide.read_level(0, -500, -500, 100, 100).unwrap();
    assert_eq!(outside.data_pixels, 0);
    assert!(outside.rgb.iter().all(|&sample| sample == 255));
    let far = slide.read_level(0, i64::MAX - 5, i64::MIN + 5, 100, 100).unwrap();
    assert_eq!(far.data_pixels, 0);
    let whole = slide.read_level(0, -10, -10, 2_068, 2_580).unwrap();
    assert_eq!(whole.data_pixels, 2_048 * 2_560);
    let part = slide.read_level(0, 1_900, 2_000, 148, 100).unwrap();
    for row in 0..100 {
        let from = ((2_010 + row) * 2_068 + 1_910) * 3;
        assert_eq!(whole.rgb[from..from + 148 * 3], part.rgb[row * 148 * 3..(row + 1) * 148 * 3]);
    }
}

#[test]
fn impossible_regions_are_errors() {
    need!(library());
    let slide = open(&need!(variants()).join("jpeg.tif"));
    assert!(matches!(slide.read_level(3, 0, 0, 1, 1), Err(ReadError::NoLevel { level: 3, levels: 3 })));
    assert!(matches!(slide.read_level(u32::MAX, 0, 0, 1, 1), Err(ReadError::NoLevel { .. })));
    for (width, height) in [(0, 1), (1, 0), (u32::MAX, u32::MAX), (1 << 20, 1 << 20)] {
        assert!(matches!(slide.read_level(0, 0, 0, width, height), Err(ReadError::Size { .. })));
    }
}

#[test]
fn thumbnails_show_the_slide_and_name_what_is_unreadable() {
    need!(library());
    let folder = need!(variants());
    let sound = open(&folder.join("jpeg.tif")).thumbnail(320).unwrap();
    assert_eq!((sound.region.width, sound.region.height, sound.level), (256, 320, 2));
    assert_eq!(sound.region.data_pixels, 256 * 320);
    // One level: made from level 0, and close to the one that was made from level 2.
    let large = open(&folder.join("one-level.tif")).thumbnail(320).unwrap();
    let apart: u64 = sound.region.rgb.iter().zip(&large.region.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(apart / (sound.region.rgb.len() as u64) < 3, "{apart}");
    let missing = open(&folder.join("tile-missing.tif")).thumbnail(2_560).unwrap();
    assert_eq!(missing.region.data_pixels, 2_048 * 2_560 - 256 * 256);
    let damaged = open(&folder.join("tile-zeroed.tif"));
    // Pieces are halved to 256 x 160 pixels: the damaged tile of 256 x 256 touches three of them, and no other is lost.
    let pieces = damaged.thumbnail(2_560).unwrap();
    assert!((1..=3).contains(&pieces.unreadable.len()), "{:?}", pieces.unreadable);
    assert!(pieces.region.data_pixels >= 2_048 * 2_560 - 3 * 256 * 160, "{}", pieces.region.data_pixels);
    assert!(damaged.thumbnail(320).unwrap().unreadable.is_empty());
    assert!(damaged.thumbnail(0).is_err() && damaged.thumbnail(100_000).is_err());
    let tiny = need!(real_slides()).join("small/small.svs");
    assert_eq!(open(Path::new(&tiny)).thumbnail(512).unwrap().region.width, 16);
}

/// Tiles are decoded ahead into the cache, if there is one with room.
#[test]
fn a_thumbnail_does_not_depend_on_the_cache() {
    let library = need!(library());
    let file = LibraryFile { path: library.path().to_owned(), origin: library.origin() };
    let [without, with] = [0, 64 << 20].map(|bytes| Library::load(&file, bytes).unwrap());
    let (folder, real) = (need!(variants()), need!(real_slides()));
    let drawn = ["jpeg.tif", "one-level.tif", "tile240.tif", "tile-missing.tif", "tile-zeroed.tif"];
    let drawn = drawn.iter().map(|name| folder.join(name));
    // JPEG 2000, and a level that OpenSlide interpolates.
    let real = Some(real.join("tcga-cr-7395-01a-01-ts1.svs")).filter(|path| path.exists());
    for path in drawn.chain(real) {
        let thumbnail = |library| Slide::open(&path, library).unwrap().thumbnail(320).unwrap();
        assert_eq!(thumbnail(&with), thumbnail(&without), "{}", path.display());
    }
}
