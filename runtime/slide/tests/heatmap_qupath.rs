//! GeoJSON and OME-TIFF, read back by shapely and tifffile.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "support/heatmaps.rs"]
mod support;

use std::io::Cursor;
use std::time::Instant;

use kiln_slide::Place;
use kiln_slide::heatmap::{GeoJsonOptions, Heatmap, OmeTiffOptions, OverlayPixels, ScoredTile, TileFeatures};
use serde_json::Value;
use support::{lattice, planted, python, run, slide};

const HOSTILE: &str = "a\"b</script><img src=x> & \u{0} µ \u{202e}gpj.svs";

fn geojson(heatmap: &Heatmap<'_>, tiles: TileFeatures, regions: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    heatmap.write_geojson(&mut bytes, &GeoJsonOptions { tiles, regions }).unwrap();
    bytes
}

#[test]
fn tiles_are_as_qupath_reads_them() {
    let place = Place { minx: 1000, miny: 2000, width: 512, height: 512 };
    let tiles = [
        ScoredTile { place, score: Some(0.75), label: Some("tumour"), status: "ok" },
        ScoredTile { place: Place { minx: 0, ..place }, score: Some(0.25), label: None, status: "ok" },
        ScoredTile { place: Place { minx: 512, ..place }, score: None, label: None, status: "truncated: x" },
    ];
    let mut slide = slide(HOSTILE, 100_000, 200_000, 512, &tiles);
    slide.bounds = Some(Place { minx: 300, miny: 500, width: 90_000, height: 90_000 });
    let heatmap = Heatmap::new(&slide).unwrap();
    let all: Value = serde_json::from_slice(&geojson(&heatmap, TileFeatures::All, false)).unwrap();
    let expected = serde_json::json!({
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [
                [[700, 1500], [1212, 1500], [1212, 2012], [700, 2012], [700, 1500]]]},
            "properties": {
                "objectType": "tile",
                "classification": {"name": "tumour", "color": [236, 112, 52]},
                "measurements": {"score": 0.75}}
        }, {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [
                [[-300, 1500], [212, 1500], [212, 2012], [-300, 2012], [-300, 1500]]]},
            "properties": {"objectType": "tile", "measurements": {"score": 0.25}}
        }]
    });
    assert_eq!(all, expected);
    let above: Value = serde_json::from_slice(&geojson(&heatmap, TileFeatures::AtOrAbove, true)).unwrap();
    let features = above["features"].as_array().unwrap();
    assert_eq!(features.len(), 2);
    assert_eq!(features[0]["properties"]["objectType"], "annotation");
    assert_eq!(features[0]["properties"]["isLocked"], true);
    let measurements = &features[0]["properties"]["measurements"];
    assert_eq!(measurements["Maximum score"], 0.75);
    let none: Value = serde_json::from_slice(&geojson(&heatmap, TileFeatures::None, false)).unwrap();
    assert_eq!(none["features"], serde_json::json!([]));
}

#[test]
fn a_slide_of_100_000_tiles_is_small_and_quick() {
    let tiles = lattice(512 * 422, 512 * 316, 512, 512);
    assert!(tiles.len() >= 100_000, "{}", tiles.len());
    let slide = slide("large", 512 * 422, 512 * 316, 512, &tiles);
    let heatmap = Heatmap::new(&slide).unwrap();
    for (tiles, most) in
        [(TileFeatures::All, 26_000_000), (TileFeatures::AtOrAbove, 14_000_000), (TileFeatures::None, 2_000_000)]
    {
        let began = Instant::now();
        let bytes = geojson(&heatmap, tiles, true);
        println!("{tiles:?}: {} bytes in {:?}", bytes.len(), began.elapsed());
        assert!(bytes.len() < most, "{tiles:?}: {} bytes", bytes.len());
    }
}

#[test]
fn regions_are_valid_and_equal_the_union_of_tiles() {
    let python = match python("shapely, numpy") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slide.geojson");
    for (seed, footprint, stride) in [(1_u64, 256_u32, 256_u32), (2, 512, 256), (3, 527, 527), (4, 300, 200)] {
        // Every other tile, at random: pinches, holes and islands.
        let mut state = seed;
        let mut tiles = lattice(footprint as u64 * 40, footprint as u64 * 30, footprint, stride);
        for tile in &mut tiles {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            tile.score = Some(if state >> 40 & 7 < 4 { 0.9 } else { 0.1 });
        }
        let slide = slide("union", footprint as u64 * 40, footprint as u64 * 30, stride, &tiles);
        let heatmap = Heatmap::new(&slide).unwrap();
        std::fs::write(&path, geojson(&heatmap, TileFeatures::AtOrAbove, true)).unwrap();
        let told = run(
            &python,
            "
import json, sys
from shapely.geometry import shape, box
from shapely.ops import unary_union
features = json.load(open(sys.argv[1]))['features']
of = lambda kind: [f for f in features if f['properties']['objectType'] == kind]
regions, tiles = of('annotation'), of('tile')
shapes = [shape(f['geometry']) for f in regions]
assert all(s.is_valid and s.geom_type == 'Polygon' for s in shapes)
clip = box(0, 0, int(sys.argv[2]), int(sys.argv[3]))
union = unary_union([shape(f['geometry']) for f in tiles]).intersection(clip)
difference = unary_union(shapes).symmetric_difference(union).area
stated = sum(f['properties']['measurements']['Area mm^2'] for f in regions)
exact = sum(s.area for s in shapes) * 0.25 ** 2 * 1e-6
assert abs(stated - exact) < 1e-6 * len(regions), (stated, exact)
apart = all(a.intersection(b).area == 0 for i, a in enumerate(shapes) for b in shapes[i + 1:])
print(len(regions), len(tiles), difference / union.area, apart)
",
            &[&path, slide.width.to_string().as_ref(), slide.height.to_string().as_ref()],
        );
        println!("footprint {footprint}, stride {stride}: {told}");
        let words: Vec<&str> = told.split(' ').collect();
        assert!(words[2].parse::<f64>().unwrap() < 1e-9, "{told}");
        assert_eq!(words[3], "True");
    }
}

fn ome_tiff(heatmap: &Heatmap<'_>, options: &OmeTiffOptions) -> (Vec<u8>, kiln_slide::heatmap::OmeTiffSummary) {
    let mut out = Cursor::new(Vec::new());
    let summary = heatmap.write_ome_tiff(&mut out, options).unwrap();
    (out.into_inner(), summary)
}

#[test]
fn the_overlay_is_read_by_tifffile() {
    let python = match python("tifffile, imagecodecs, numpy") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overlay.ome.tiff");
    let (width, height, footprint) = (52_700_u64, 31_000_u64, 527_u32);
    let tiles = lattice(width, height, footprint, footprint);
    for bounds in [None, Some(Place { minx: 5270, miny: 1054, width: 30_000, height: 20_000 })] {
        for pixels in [OverlayPixels::Scores, OverlayPixels::Colours] {
            let mut slide = slide(HOSTILE, width, height, footprint, &tiles);
            slide.bounds = bounds;
            let heatmap = Heatmap::new(&slide).unwrap();
            let (bytes, summary) = ome_tiff(&heatmap, &OmeTiffOptions { pixels, longer_side: 4096 });
            assert!(!summary.big && summary.levels > 1, "{summary:?}");
            std::fs::write(&path, &bytes).unwrap();
            let told = run(
                &python,
                "
import sys, numpy, tifffile, xml.etree.ElementTree as ET
with tifffile.TiffFile(sys.argv[1]) as tif:
    assert tif.is_ome and len(tif.series) == 1, tif.series
    series = tif.series[0]
    assert series.kind == 'ome'
    assert tif.pages[0].is_tiled and tif.pages[0].compression == 8, tif.pages[0].compression
    root = ET.fromstring(tif.ome_metadata)
    pixels = root.find('.//{*}Pixels')
    assert pixels.get('PhysicalSizeXUnit') == '\\u00b5m'
    base = series.asarray()
    shapes = [level.shape for level in series.levels]
    for level in series.levels: level.asarray()
    numpy.save(sys.argv[2], base)
    print(len(shapes), pixels.get('PhysicalSizeX'), pixels.get('SizeX'), pixels.get('SizeY'), base.dtype, root.find('{*}Image').get('Name').replace(chr(0xfffd), '?'))
",
                &[&path, &folder.path().join("base.npy")],
            );
            let shown = slide.shown();
            let words: Vec<&str> = told.splitn(6, ' ').collect();
            assert_eq!(words[0], summary.levels.to_string());
            let size: f64 = words[1].parse().unwrap();
            assert_eq!(size, 0.25 * summary.scale);
            // The extent is the slide's, to less than a pixel.
            for (pixels, shown) in [(words[2], shown.width), (words[3], shown.height)] {
                let over = pixels.parse::<f64>().unwrap() * size - f64::from(shown) * 0.25;
                assert!((-1e-6..size).contains(&over), "{told}");
            }
            assert_eq!(words[5], HOSTILE.replace('\0', "?"));
            check_base(&folder.path().join("base.npy"), &slide, summary, pixels);
        }
    }
}

/// Compares each pixel of the base with the planted score of the tile at its centre.
fn check_base(
    path: &std::path::Path,
    slide: &kiln_slide::heatmap::ScoredSlide<'_>,
    summary: kiln_slide::heatmap::OmeTiffSummary,
    pixels: OverlayPixels,
) {
    let bytes = std::fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values = &bytes[10 + header..];
    let (shown, footprint) = (slide.shown(), i64::from(slide.stride));
    let columns = (slide.width * 3 / 4).div_ceil(u64::from(slide.stride)) as i64;
    for y in 0..summary.height {
        for x in 0..summary.width {
            let centre = |at: u32, start: i64| start + ((f64::from(at) + 0.5) * summary.scale) as i64;
            let (column, row) = (centre(x, shown.minx) / footprint, centre(y, shown.miny) / footprint);
            let inside = column < columns && (row * footprint) < slide.height as i64;
            let failed = (row * columns + column) % 17 == 16;
            let score = planted(column * footprint, row * footprint, slide.width, slide.height);
            let at = (y * summary.width + x) as usize;
            if pixels == OverlayPixels::Scores {
                let found = f32::from_le_bytes(values[at * 4..at * 4 + 4].try_into().unwrap());
                if inside && !failed { assert_eq!(found, score, "{x} {y}") } else { assert!(found.is_nan(), "{x} {y}") }
            } else {
                let found = &values[at * 3..at * 3 + 3];
                match (inside, failed) {
                    (true, false) => assert_eq!(found, slide.scale.colour(score), "{x} {y}"),
                    (true, true) => assert_eq!(found, kiln_slide::heatmap::FAILED),
                    (false, _) => assert_eq!(found, [255; 3]),
                }
            }
        }
    }
}

#[test]
fn a_small_slide_and_an_empty_one_are_written() {
    for (width, height, stride) in [(1, 1, 1), (100, 3, 256), (5000, 5000, 256)] {
        let slide = slide("small", width, height, stride, &[]);
        let heatmap = Heatmap::new(&slide).unwrap();
        let (bytes, summary) = ome_tiff(&heatmap, &OmeTiffOptions::default());
        assert!(summary.width >= 1 && summary.height >= 1 && bytes.len() < 20_000, "{summary:?} {}", bytes.len());
    }
}

#[test]
fn equal_input_gives_equal_bytes() {
    let tiles = lattice(20_000, 10_000, 512, 256);
    let slide = slide("same", 20_000, 10_000, 256, &tiles);
    let all = || {
        let heatmap = Heatmap::new(&slide).unwrap();
        (geojson(&heatmap, TileFeatures::All, true), ome_tiff(&heatmap, &OmeTiffOptions::default()).0)
    };
    assert!(all() == all());
}
