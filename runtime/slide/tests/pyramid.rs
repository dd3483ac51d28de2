//! Pyramids: read back by the `tiff` crate, by OpenSlide and by tifffile; levels, pixel sizes, pixels and refusals.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use kiln_slide::{
    Direct, PYRAMID_BLOCK, Place, PyramidError, PyramidOptions, PyramidSummary, TileCache, TileCompression, WHITE,
    write_pyramid, write_pyramid_file,
};
use proptest::prelude::*;
use tiff::decoder::{Decoder, DecodingResult};

/// A picture with smooth colours, edges and detail.
fn colour(x: u32, y: u32) -> [u8; 3] {
    let detail = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)) >> 28;
    let edge = if (x / 90 + y / 70).is_multiple_of(2) { 60 } else { 0 };
    [(x / 16 % 160) as u8 + edge, (y / 12 % 160) as u8 + edge, (120 + detail) as u8]
}

fn pixels(place: Place) -> Vec<u8> {
    let (left, top) = (place.minx as u32, place.miny as u32);
    let row = |y: u32| (left..left + place.width).flat_map(move |x| colour(x, y));
    (top..top + place.height).flat_map(row).collect()
}

fn written(size: (u32, u32), options: &PyramidOptions) -> (Vec<u8>, PyramidSummary) {
    let mut out = Cursor::new(Vec::new());
    let summary = write_pyramid(&mut out, size, options, &mut |place| Ok(pixels(place))).unwrap();
    (out.into_inner(), summary)
}

fn lossless(mpp: f64) -> PyramidOptions {
    PyramidOptions { compression: TileCompression::Deflate, ..PyramidOptions::new(mpp) }
}

/// The levels that a file contains: width, height and RGB.
fn levels_of(file: &[u8]) -> Vec<(u32, u32, Vec<u8>)> {
    let mut decoder = Decoder::new(Cursor::new(file)).unwrap();
    let mut levels = Vec::new();
    loop {
        let (width, height) = decoder.dimensions().unwrap();
        let DecodingResult::U8(rgb) = decoder.read_image().unwrap() else { panic!("not 8 bits") };
        levels.push((width, height, rgb));
        if !decoder.more_images() {
            return levels;
        }
        decoder.next_image().unwrap();
    }
}

/// The mean of the pixels of level 0 under a pixel of a coarser level.
fn mean(base: &(u32, u32, Vec<u8>), level: u32, x: u32, y: u32, channel: usize) -> f64 {
    let (width, height, rgb) = base;
    let side = 1 << level;
    let (mut sum, mut count) = (0.0, 0.0);
    for y in y * side..((y + 1) * side).min(*height) {
        for x in x * side..((x + 1) * side).min(*width) {
            sum += f64::from(rgb[(y * width + x) as usize * 3 + channel]);
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn lossless_levels_are_area_averages_of_the_source() {
    for size in [(2600, 1700), (2049, 4097), (1025, 3), (256, 256), (1, 1), (5000, 257)] {
        let (file, summary) = written(size, &lossless(0.5));
        let levels = levels_of(&file);
        assert_eq!(levels.iter().map(|level| (level.0, level.1)).collect::<Vec<_>>(), summary.levels);
        assert_eq!(summary.levels[0], size);
        assert!(!summary.big);
        let last = summary.levels.last().unwrap();
        assert!(last.0.max(last.1) <= 1024 && (summary.levels.len() == 1 || last.0.max(last.1) > 512));
        let place = Place { minx: 0, miny: 0, width: size.0, height: size.1 };
        assert!(levels[0].2 == pixels(place), "{size:?}");
        for (level, (width, height, rgb)) in (0..).zip(&levels).skip(1) {
            assert_eq!((*width, *height), (size.0.div_ceil(1 << level), size.1.div_ceil(1 << level)));
            // At an edge that is not a multiple of the reduction the last pixels have other weights.
            let whole = |at: u32, side: u32| (at + 1) << level <= side;
            for (x, y) in (0..*height).step_by(7).flat_map(|y| (0..*width).step_by(5).map(move |x| (x, y))) {
                for channel in 0..3 {
                    let found = f64::from(rgb[(y * width + x) as usize * 3 + channel]);
                    let wanted = mean(&levels[0], level, x, y, channel);
                    let tolerance =
                        if whole(x, size.0) && whole(y, size.1) { 0.5 * f64::from(level) + 0.01 } else { 40.0 };
                    assert!((found - wanted).abs() <= tolerance, "{size:?} level {level} {x} {y}: {found} {wanted}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_cover_the_slide_once(width in 1_u32..6000, height in 1_u32..2500) {
        let mut covered = vec![false; (width as usize).div_ceil(16) * (height as usize).div_ceil(16)];
        let mut total = 0;
        write_pyramid(Cursor::new(Vec::new()), (width, height), &PyramidOptions::new(0.25), &mut |place| {
            let Place { minx, miny, width: w, height: h } = place;
            assert!(minx % i64::from(PYRAMID_BLOCK) == 0 && miny % i64::from(PYRAMID_BLOCK) == 0);
            assert!(w <= PYRAMID_BLOCK && h <= PYRAMID_BLOCK);
            total += u64::from(w) * u64::from(h);
            for y in (miny as usize / 16)..(miny as usize + h as usize).div_ceil(16) {
                for x in (minx as usize / 16)..(minx as usize + w as usize).div_ceil(16) {
                    let cell = &mut covered[y * (width as usize).div_ceil(16) + x];
                    assert!(!*cell);
                    *cell = true;
                }
            }
            Ok(vec![200; 3 * w as usize * h as usize])
        }).unwrap();
        prop_assert!(covered.iter().all(|covered| *covered));
        prop_assert_eq!(total, u64::from(width) * u64::from(height));
    }
}

#[test]
fn jpeg_levels_are_decoded_directly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slide.tif");
    let options = PyramidOptions { compression: TileCompression::Jpeg(95), ..PyramidOptions::new(0.5) };
    let summary = write_pyramid_file(&path, (1100, 700), &options, &mut |place| Ok(pixels(place))).unwrap();
    let sizes: Vec<(u64, u64)> =
        summary.levels.iter().map(|(width, height)| ((*width).into(), (*height).into())).collect();
    assert_eq!(sizes, [(1100, 700), (550, 350)]);
    let direct = Direct::open(&path, "generic-tiff", &sizes, Arc::new(TileCache::default())).unwrap();
    for (level, (width, height)) in (0..).zip(&summary.levels) {
        assert!(direct.not_direct(level).is_none(), "{:?}", direct.not_direct(level));
        let region = direct.read_level(level, 0, 0, (*width, *height), WHITE).unwrap().unwrap();
        assert_eq!(region.data_pixels, u64::from(*width) * u64::from(*height));
        if level == 0 {
            let wanted = pixels(Place { minx: 0, miny: 0, width: *width, height: *height });
            let off = |(found, wanted): (&u8, &u8)| u64::from(found.abs_diff(*wanted));
            let sum: u64 = region.rgb.iter().zip(&wanted).map(off).sum();
            assert!(sum < 3 * wanted.len() as u64, "{}", sum as f64 / wanted.len() as f64);
        }
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let options = PyramidOptions { description: Some("drawn".to_owned()), ..PyramidOptions::new(0.243) };
    assert!(written((1500, 1100), &options).0 == written((1500, 1100), &options).0);
    assert!(written((1500, 1100), &options).0 != written((1500, 1100), &PyramidOptions::new(0.243)).0);
}

#[test]
fn openslide_and_tifffile_read_the_levels_the_pixel_size_and_the_pixels() {
    const SCRIPT: &str = r#"
import sys, numpy as np, openslide, tifffile
path, raw, kind = sys.argv[1], sys.argv[2], sys.argv[3]
s = openslide.OpenSlide(path)
assert s.properties["openslide.vendor"] == "generic-tiff", s.properties["openslide.vendor"]
assert s.level_dimensions == ((2600, 1701), (1300, 851), (650, 426)), s.level_dimensions
for k, d in enumerate(s.level_downsamples): assert abs(d / 2**k - 1) < 0.002, s.level_downsamples
for p in ("openslide.mpp-x", "openslide.mpp-y"): assert abs(float(s.properties[p]) / 0.243 - 1) < 1e-6, s.properties[p]
assert s.get_best_level_for_downsample(2.0) == 1
base = np.fromfile(raw, np.uint8).reshape(1701, 2600, 3).astype(float)
with tifffile.TiffFile(path) as t:
    assert len(t.pages) == 3 and not t.is_bigtiff
    assert t.pages[0].description == "drawn by a test"
    for k, page in enumerate(t.pages):
        assert page.is_tiled and (page.tilewidth, page.tilelength) == (256, 256)
        assert int(page.tags["NewSubfileType"].value) == (1 if k else 0)
        assert int(page.compression) == (7 if kind == "jpeg" else 8)
        assert int(page.photometric) == (6 if kind == "jpeg" else 2)
        if kind == "jpeg": assert tuple(page.tags["YCbCrSubSampling"].value) == (1, 1)
        n, d = page.tags["XResolution"].value
        assert abs(10000 * d / n / (0.243 * 2**k) - 1) < 1e-9 and int(page.resolutionunit) == 3
        a = page.asarray().astype(float)
        w, h = s.level_dimensions[k]
        seen = np.asarray(s.read_region((0, 0), k, (w, h)).convert("RGB")).astype(float)
        assert abs(a - seen).max() <= 3, (k, abs(a - seen).max())
        f = 2**k
        even = base[: 1701 // f * f, : 2600 // f * f].reshape(1701 // f, f, 2600 // f, f, 3).mean((1, 3))
        off = abs(a[: even.shape[0], : even.shape[1]] - even)
        print(k, off.max(), off.mean())
        limit = (24, 3) if kind == "jpeg" else (0.5 * k + 0.01, 0.5)
        assert off.max() <= limit[0] and off.mean() <= limit[1], (k, off.max(), off.mean())
"#;
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let size = (2600, 1701);
    std::fs::write(&raw, pixels(Place { minx: 0, miny: 0, width: size.0, height: size.1 })).unwrap();
    for (kind, compression) in [("jpeg", TileCompression::Jpeg(95)), ("deflate", TileCompression::Deflate)] {
        let path = folder.path().join(format!("{kind}.tif"));
        let description = Some("drawn by a test".to_owned());
        let options = PyramidOptions { compression, description, ..PyramidOptions::new(0.243) };
        write_pyramid_file(&path, size, &options, &mut |place| Ok(pixels(place))).unwrap();
        if support::python(SCRIPT, &[&path, &raw, Path::new(kind)]).is_none() {
            return;
        }
    }
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_written() {
    let refused = |size, options: &PyramidOptions| {
        let mut out = Cursor::new(Vec::new());
        let error = write_pyramid(&mut out, size, options, &mut |_| panic!("read")).unwrap_err();
        assert!(out.into_inner().is_empty());
        error.to_string()
    };
    for mpp in [0.0, -1.0, 0.049, 20.1, f64::NAN, f64::INFINITY] {
        assert!(refused((100, 100), &PyramidOptions::new(mpp)).contains("µm/px"));
    }
    let with = |compression| PyramidOptions { compression, ..PyramidOptions::new(0.5) };
    assert!(refused((100, 100), &with(TileCompression::Jpeg(0))).contains("quality is 0"));
    assert!(refused((100, 100), &with(TileCompression::Jpeg(101))).contains("quality is 101"));
    for text in ["µ", "a\0b"] {
        let options = PyramidOptions { description: Some(text.to_owned()), ..PyramidOptions::new(0.5) };
        assert!(refused((100, 100), &options).contains("description contains"));
    }
    for size in [(0, 5), (5, 0), (1 << 20, 5), (5, u32::MAX)] {
        assert!(refused(size, &PyramidOptions::new(0.5)).contains("pixels cannot be written"));
    }
}

#[test]
fn an_error_of_the_source_names_the_region_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slide.tif");
    let options = PyramidOptions::new(0.5);
    let write = |source: &mut kiln_slide::RegionSource<'_>| {
        write_pyramid_file(&path, (3000, 100), &options, source).unwrap_err()
    };
    let error = write(&mut |place| if place.minx > 0 { Err("no more".into()) } else { Ok(pixels(place)) });
    assert_eq!(error.to_string(), "the pixels of region (2048, 0), 952 x 100 pixels, are missing: no more");
    let error = write(&mut |_| Ok(vec![0; 5]));
    assert!(matches!(error, PyramidError::Source { .. }) && error.to_string().contains("5 bytes"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
