//! The direct reader returns OpenSlide's pixels, finds every damaged tile, and refuses hostile files.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::path::Path;
use std::sync::Arc;

use kiln_slide::{Direct, NotDirect, ReadError, Region, TileCache, WHITE};
use proptest::prelude::*;

use support::tiff::{Form, LevelFile, level, write};
use support::{SlideReference, openslide, python, run_shared, shared};

/// Opens bytes as a slide whose levels have the given sizes.
fn open(bytes: &[u8], sizes: &[(u64, u64)]) -> Result<Direct, NotDirect> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slide.tif");
    std::fs::write(&path, bytes).unwrap();
    Direct::open(&path, "generic-tiff", sizes, Arc::new(TileCache::default()))
}

const FORM: Form = Form { big: false, little_endian: true };

/// A colour for each block of 8 x 8 pixels, which JPEG keeps within one level.
fn colour(x: u32, y: u32) -> [u8; 3] {
    let (x, y) = (x / 8, y / 8);
    [(x * 7 % 200) as u8 + 20, (y * 5 % 200) as u8 + 20, ((x + y) * 3 % 200) as u8 + 20]
}

fn assert_shows(region: &Region, x: i64, y: i64, size: (u32, u32)) {
    let mut data = 0;
    for (index, pixel) in region.rgb.chunks_exact(3).enumerate() {
        let (column, row) = (index as u32 % region.width, index as u32 / region.width);
        let (x, y) = (x + i64::from(column), y + i64::from(row));
        let inside = (0..i64::from(size.0)).contains(&x) && (0..i64::from(size.1)).contains(&y);
        let expected = if inside { colour(x as u32, y as u32) } else { WHITE };
        data += u64::from(inside);
        let near = pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2);
        assert!(near, "{pixel:?}, expected {expected:?} at {x}, {y}");
    }
    assert_eq!(region.data_pixels, data);
}

#[test]
fn classic_and_big_tiffs_of_both_byte_orders_are_read() {
    for (big, little_endian) in [(false, false), (false, true), (true, false), (true, true)] {
        let levels = [level(530, 400, 240, colour), level(265, 200, 240, |x, y| colour(2 * x, 2 * y))];
        let direct = open(&write(Form { big, little_endian }, &levels), &[(530, 400), (265, 200)]).unwrap();
        let region = direct.read_level(0, 0, 0, (530, 400), WHITE).unwrap().unwrap();
        assert_shows(&region, 0, 0, (530, 400));
        let region = direct.read_level(1, 0, 0, (265, 200), WHITE).unwrap().unwrap();
        assert_eq!(region.data_pixels, 265 * 200);
        assert!(region.rgb[3 * 8].abs_diff(colour(16, 0)[0]) <= 40);
        assert!(direct.not_direct(2).is_some());
        assert!(direct.read_level(2, 0, 0, (1, 1), WHITE).unwrap().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_region_is_the_same_part_of_the_level(
        tile in 1_u32..20, x in -300_i64..500, y in -300_i64..400, width in 1_u32..400, height in 1_u32..400,
    ) {
        let direct = open(&write(FORM, &[level(301, 217, 16 * tile, colour)]), &[(301, 217)]).unwrap();
        let region = direct.read_level(0, x, y, (width, height), WHITE).unwrap().unwrap();
        prop_assert_eq!((region.width, region.height), (width, height));
        assert_shows(&region, x, y, (301, 217));
    }

    #[test]
    fn no_bytes_make_it_panic(position in 0_usize..1500, value: u8, length in 0_usize..1500) {
        let mut tiny = level(40, 40, 32, colour);
        tiny.tiles.truncate(4);
        let mut bytes = write(FORM, &[tiny]);
        let end = bytes.len();
        // Mostly the directory, which is at the end.
        let at = end.saturating_sub(position + 1);
        bytes[at] = value;
        bytes.truncate(end.saturating_sub(length % 300 * usize::from(value & 1)));
        if let Ok(direct) = open(&bytes, &[(40, 40)]) {
            let _ = direct.read_level(0, 0, 0, (40, 40), WHITE);
        }
    }
}

#[test]
fn regions_far_outside_are_glass_and_absurd_ones_are_refused() {
    let direct = open(&write(FORM, &[level(64, 64, 64, colour)]), &[(64, 64)]).unwrap();
    for (x, y) in [(i64::MAX, 0), (0, i64::MIN), (64, 64), (-8, -8)] {
        let region = direct.read_level(0, x, y, (8, 8), [1, 2, 3]).unwrap().unwrap();
        assert_eq!((region.data_pixels, &region.rgb[..3]), (0, &[1, 2, 3][..]), "{x} {y}");
    }
    for (width, height) in [(0, 8), (8, 0), (u32::MAX, u32::MAX), (1 << 14, 1 << 13)] {
        let error = direct.read_level(0, 0, 0, (width, height), WHITE).unwrap_err();
        assert!(matches!(error, ReadError::Size { .. }), "{error}");
    }
}

#[test]
fn a_damaged_tile_costs_one_tile() {
    let sound = level(512, 256, 256, colour);
    let stream = sound.tiles[0].clone();
    let half = stream.len() / 2;
    let zeroed = |range: std::ops::Range<usize>| {
        let mut tile = stream.clone();
        tile[range].fill(0);
        tile
    };
    let other = jpeg_of(128);
    for (what, tile) in [
        ("zeroed", zeroed(0..stream.len())),
        ("half zeroed", zeroed(half..stream.len())),
        ("a hole", zeroed(half..half + 400)),
        ("truncated", stream[..half].to_vec()),
        ("another size", other),
        ("no JPEG", b"not a JPEG stream".to_vec()),
        ("too short", vec![0xff]),
    ] {
        let mut level = level(512, 256, 256, colour);
        level.tiles[0] = tile;
        let direct = open(&write(FORM, &[level]), &[(512, 256)]).unwrap();
        for size in [(256, 256), (200, 100)] {
            assert!(direct.read_level(0, 0, 0, size, WHITE).is_err(), "{what}");
            let good = direct.read_level(0, 256, 0, size, WHITE).unwrap().unwrap();
            assert_eq!(good.data_pixels, u64::from(size.0) * u64::from(size.1), "{what}");
        }
    }
}

fn jpeg_of(side: u32) -> Vec<u8> {
    support::tiff::jpeg(&vec![90; 3 * (side * side) as usize], side, side, 90)
}

#[test]
fn a_missing_tile_is_glass() {
    let mut level = level(512, 256, 256, colour);
    level.tiles[0].clear();
    let direct = open(&write(FORM, &[level]), &[(512, 256)]).unwrap();
    assert_eq!(direct.read_level(0, 0, 0, (256, 256), WHITE).unwrap().unwrap().data_pixels, 0);
    let region = direct.read_level(0, 128, 0, (256, 256), WHITE).unwrap().unwrap();
    assert_eq!(region.data_pixels, 128 * 256);
    assert_eq!(&region.rgb[..3 * 128], &[255; 3 * 128]);
}

#[test]
fn aperio_levels_with_missing_tiles_are_left_to_openslide() {
    let levels = || vec![level(512, 512, 256, colour), level(256, 256, 256, colour), level(128, 128, 256, colour)];
    let open = |levels: &[LevelFile]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slide.svs");
        std::fs::write(&path, write(FORM, levels)).unwrap();
        let sizes = [(512, 512), (256, 256), (128, 128)];
        Direct::open(&path, "aperio", &sizes, Arc::new(TileCache::default())).unwrap()
    };
    let served = |direct: &Direct| [0, 1, 2].map(|level| direct.not_direct(level).is_none());
    assert_eq!(served(&open(&levels())), [true, true, true]);
    let mut missing = levels();
    missing[0].tiles[1].clear();
    assert_eq!(served(&open(&missing)), [true, false, false]);
    let mut missing = levels();
    missing[1].tiles[0].clear();
    assert_eq!(served(&open(&missing)), [true, false, false]);
}

#[test]
fn philips_levels_are_filled_up_to_whole_tiles() {
    let levels = [level(1024, 512, 512, colour), level(512, 512, 512, colour)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slide.tiff");
    std::fs::write(&path, write(FORM, &levels)).unwrap();
    let sizes = [(1024, 512), (472, 230)];
    let direct = Direct::open(&path, "philips", &sizes, Arc::new(TileCache::default())).unwrap();
    let region = direct.read_level(1, 300, 100, (256, 256), WHITE).unwrap().unwrap();
    assert_shows(&region, 300, 100, (472, 230));
    let error = Direct::open(&path, "generic-tiff", &[(472, 230)], Arc::default()).unwrap_err();
    assert_eq!(error, NotDirect::Directories { found: 0, width: 472, height: 230 });
}

#[test]
fn layouts_that_are_not_openslides_pixels_are_not_direct() {
    let plain = || level(96, 96, 64, colour);
    type Change = fn(&mut LevelFile);
    let changes: [(&str, Change); 14] = [
        ("compression", |one| one.tags.set(259, 3, vec![33005])),
        ("photometric", |one| one.tags.set(262, 3, vec![1])),
        ("no photometric", |one| one.tags.remove(262)),
        ("samples", |one| one.tags.set(277, 3, vec![4])),
        ("bits", |one| one.tags.set(258, 3, vec![16, 16, 16])),
        ("no bits", |one| one.tags.remove(258)),
        ("planar", |one| one.tags.set(284, 3, vec![2])),
        ("strips", |one| one.tags.remove(322)),
        ("tile of 0", |one| one.tags.set(322, 3, vec![0])),
        ("huge tile", |one| one.tags.set(322, 4, vec![1 << 31])),
        ("signed", |one| one.tags.set(339, 3, vec![2])),
        ("depth", |one| one.tags.set(32997, 3, vec![2])),
        ("too few tiles", |one| one.tags.set(325, 4, vec![10])),
        ("text for a number", |one| one.tags.set(259, 7, vec![7])),
    ];
    for (what, change) in changes {
        let mut level = plain();
        change(&mut level);
        assert!(open(&write(FORM, &[level]), &[(96, 96)]).is_err(), "{what}");
    }
    assert!(open(&write(FORM, &[plain()]), &[(96, 96)]).is_ok());
    // Two directories of one size: no rule determines which is the level.
    let error = open(&write(FORM, &[plain(), plain()]), &[(96, 96)]).unwrap_err();
    assert_eq!(error, NotDirect::Directories { found: 2, width: 96, height: 96 });
    for vendor in ["ventana", "leica", "hamamatsu", "mirax", "trestle", "dicom"] {
        let error = Direct::open(Path::new("none"), vendor, &[(96, 96)], Arc::default()).unwrap_err();
        assert_eq!(error, NotDirect::Vendor(vendor.to_owned()));
    }
}

#[test]
fn hostile_structures_are_refused_without_their_memory() {
    let sound = write(FORM, &[level(96, 96, 64, colour)]);
    let mut cycle = sound.clone();
    let first = u32::from_le_bytes(cycle[4..8].try_into().unwrap());
    let end = cycle.len();
    cycle[end - 4..].copy_from_slice(&first.to_le_bytes());
    let error = open(&cycle, &[(96, 96)]).unwrap_err();
    assert!(error.to_string().contains("cycle"), "{error}");

    let mut far = level(96, 96, 64, colour);
    far.tags.set(324, 4, vec![u32::MAX.into(); 4]);
    let direct = open(&write(FORM, &[far]), &[(96, 96)]).unwrap();
    assert!(matches!(direct.read_level(0, 0, 0, (8, 8), WHITE), Err(ReadError::Truncated)));

    let mut long = level(96, 96, 64, colour);
    long.tags.set(325, 4, vec![u32::MAX.into(); 4]);
    let direct = open(&write(FORM, &[long]), &[(96, 96)]).unwrap();
    assert!(matches!(direct.read_level(0, 0, 0, (8, 8), WHITE), Err(ReadError::Damaged(_))));

    let big = Form { big: true, little_endian: true };
    let mut many = level(96, 96, 64, colour);
    many.tags.set(324, 16, vec![u64::MAX; 4]);
    let direct = open(&write(big, &[many]), &[(96, 96)]).unwrap();
    assert!(matches!(direct.read_level(0, 0, 0, (8, 8), WHITE), Err(ReadError::Truncated)));
    for bytes in [&b""[..], b"II", b"II\x2a\0\xff\xff\xff\xff", b"MM\0\x2b\0\x08\0\0\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert!(open(bytes, &[(96, 96)]).is_err());
    }
    assert!(open(&sound[..sound.len() - 3], &[(96, 96)]).is_err());
}

#[test]
fn threads_share_a_reader() {
    let direct = open(&write(FORM, &[level(1000, 600, 240, colour)]), &[(1000, 600)]).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let direct = &direct;
            scope.spawn(move || {
                for at in 0..20_i64 {
                    let (x, y) = ((thread * 131 + at * 97) % 900, (at * 61) % 500);
                    let region = direct.read_level(0, x, y, (256, 256), WHITE).unwrap().unwrap();
                    assert_shows(&region, x, y, (1000, 600));
                }
            });
        }
    });
}

/// Largest and mean difference of the pixels that OpenSlide has; panics if the pixels that are missing differ.
fn difference(direct: &Direct, reference: &SlideReference, level: u32) -> (u8, f64) {
    let of = &reference.levels[level as usize];
    let (mut most, mut sum, mut count) = (0, 0_u64, 0_u64);
    for y in (0..of.height).step_by(256) {
        for x in (0..of.width).step_by(256) {
            let region = direct.read_level(level, x as i64, y as i64, (256, 256), WHITE).unwrap().unwrap();
            let mut data = 0;
            for (index, pixel) in region.rgb.chunks_exact(3).enumerate() {
                let (x, y) = (x + index as u64 % 256, y + index as u64 / 256);
                if x >= of.width || y >= of.height {
                    continue;
                }
                let expected = &of.rgba[4 * (y * of.width + x) as usize..][..4];
                if expected[3] == 0 {
                    assert_eq!(pixel, WHITE);
                    continue;
                }
                data += 1;
                for (a, b) in pixel.iter().zip(expected) {
                    most = most.max(a.abs_diff(*b));
                    sum += u64::from(a.abs_diff(*b));
                    count += 1;
                }
            }
            assert_eq!(region.data_pixels, data, "{x}, {y} of level {level}");
        }
    }
    (most, sum as f64 / count.max(1) as f64)
}

/// Compares each level of a slide; returns the number of levels that are decoded directly.
fn compare(path: &Path) -> Option<usize> {
    let reference = openslide(path)??;
    let sizes: Vec<_> = reference.levels.iter().map(|level| (level.width, level.height)).collect();
    let name = path.file_name().unwrap().display();
    let direct = match Direct::open(path, &reference.vendor, &sizes, Arc::default()) {
        Ok(direct) => direct,
        Err(reason) => {
            eprintln!("{name}: not direct: {reason}");
            return Some(0);
        }
    };
    let mut compared = 0;
    for level in 0..sizes.len() as u32 {
        if reference.levels[level as usize].rgba.is_empty() || direct.not_direct(level).is_some() {
            eprintln!("{name} level {level}: {:?}", direct.not_direct(level));
            continue;
        }
        let (most, mean) = difference(&direct, &reference, level);
        eprintln!("{name} level {level}: at most {most}, mean {mean:.4}");
        assert!(most <= 5 && mean <= 0.2, "{name} level {level}: {most} {mean}");
        compared += 1;
    }
    Some(compared)
}

#[test]
fn pixels_are_those_of_openslide() {
    let Some(slides) = shared("data/slides") else { return };
    let Some(compared) = compare(&slides.join("CMU-1-Small-Region.svs")) else { return };
    assert_eq!(compared, 1);
    assert_eq!(compare(&slides.join("tcga-cr-7395-01a-01-ts1.svs")), Some(0));
}

#[test]
fn pixels_of_the_variants_are_those_of_openslide() {
    let folder = tempfile::tempdir().unwrap();
    if run_shared("slides/mkslides.py", &[folder.path()]).is_none() {
        return;
    }
    for (name, levels) in [
        ("jpeg.tif", 3),
        ("jpeg-big.tif", 3),
        ("no-mpp.tif", 3),
        ("ome-subifd.ome.tif", 1),
        ("subifd-plain.tif", 1),
        ("one-level.tif", 1),
        ("tile512.tif", 3),
        ("tile240.tif", 3),
        ("tile-missing.tif", 3),
        // OpenSlide refuses level 0 of these.
        ("tile-zeroed.tif", 2),
        ("tile-half-zeroed.tif", 2),
        ("deflate.tif", 0),
        ("lzw.tif", 0),
        ("none.tif", 0),
        ("gray.tif", 0),
        ("planar.tif", 0),
        ("uint16.tif", 0),
    ] {
        if let Some(compared) = compare(&folder.path().join(name)) {
            assert_eq!(compared, levels, "{name}");
        }
    }
}

#[test]
fn pixels_of_a_philips_slide_are_those_of_openslide() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("philips.tiff");
    if run_shared("slides/mkphilips.py", &[&path]).is_some() {
        assert_eq!(compare(&path), Some(3));
    }
}

/// JPEG streams of every sampling and colour space, whose markers contradict the tags, too.
#[test]
fn the_tags_decide_about_colour_as_in_openslide() {
    const SCRIPT: &str = r#"
import io, sys, numpy as np, tifffile, imagecodecs
from PIL import Image
rng = np.random.default_rng(5)
def picture(n):
    y, x = np.mgrid[0:n, 0:n]
    a = np.stack([128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 13), 128 + 90 * np.sin((x + y) / 11)], -1)
    return np.clip(a + rng.normal(0, 4, a.shape), 0, 255).astype(np.uint8)
base = picture(512)
def adobe(stream, transform):
    return stream[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform]) + stream[2:]
def bare(stream):
    at = stream.find(b"\xff\xe0")
    return stream if at < 0 else stream[:at] + stream[at + 2 + int.from_bytes(stream[at + 2:at + 4], "big"):]
for out in ["rgb", "ycbcr"]:
    for subsampling in ["444", "422", "420", "440", "411"]:
        if out == "rgb" and subsampling != "444": continue
        for photometric in ["rgb", "ycbcr"]:
            for marker in ["own", "none", "adobe0", "adobe1", "restart"]:
                pillow = {"444": 0, "422": 1, "420": 2}.get(subsampling)
                if marker == "restart" and (out == "rgb" or pillow is None): continue
                def restart(part):
                    stream = io.BytesIO()
                    Image.fromarray(part).save(stream, "JPEG", quality=85, subsampling=pillow, restart_marker_blocks=7)
                    return stream.getvalue()
                def tiles():
                    for y in range(0, 512, 256):
                        for x in range(0, 512, 256):
                            s = imagecodecs.jpeg8_encode(np.ascontiguousarray(base[y:y+256, x:x+256]), level=85, colorspace="rgb", outcolorspace=out, subsampling=subsampling)
                            if marker == "restart": s = restart(base[y:y+256, x:x+256])
                            elif marker != "own": s = bare(s)
                            if marker.startswith("adobe"): s = adobe(bare(s), int(marker[-1]))
                            yield s
                name = f"{sys.argv[1]}/{out}-{subsampling}-{photometric}-{marker}.tif"
                with tifffile.TiffWriter(name) as t:
                    t.write(tiles(), shape=(512, 512, 3), dtype=np.uint8, tile=(256, 256), photometric="rgb", compression="jpeg", metadata=None)
                with tifffile.TiffFile(name, mode="r+b") as t:
                    t.pages[0].tags[262].overwrite(2 if photometric == "rgb" else 6)
"#;
    let folder = tempfile::tempdir().unwrap();
    if python(SCRIPT, &[folder.path()]).is_none() {
        return;
    }
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(!names.is_empty());
    for path in names {
        let name = path.file_name().unwrap().display().to_string();
        let reference = openslide(&path).unwrap().unwrap();
        let sizes = [(512, 512)];
        let direct = Direct::open(&path, &reference.vendor, &sizes, Arc::default()).unwrap();
        match (direct.read_level(0, 0, 0, (512, 512), WHITE), reference.levels[0].rgba.is_empty()) {
            (Ok(None), _) => eprintln!("{name}: left to OpenSlide"),
            (Ok(Some(_)), false) => {
                let (most, mean) = difference(&direct, &reference, 0);
                eprintln!("{name}: at most {most}, mean {mean:.4}");
                assert!(most <= 5 && mean <= 0.2, "{name}: {most} {mean}");
            }
            (Ok(Some(_)), true) => panic!("{name}: OpenSlide refuses it"),
            (Err(error), refused) => assert!(refused, "{name}: {error}"),
        }
    }
}

#[test]
fn pixels_of_the_large_slide_are_those_of_openslide() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.tif");
    if run_shared("slides/mkbig.py", &[&path, Path::new("4096")]).is_some() {
        assert_eq!(compare(&path), Some(4));
    }
}
