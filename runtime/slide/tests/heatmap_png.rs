//! The PNG heat map: planted scores are at their places, and the scale is stated.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "support/heatmaps.rs"]
mod support;

use image::Rgba;
use kiln_slide::Place;
use kiln_slide::heatmap::{FAILED, Heatmap, HeatmapError, PixelError, PngOptions, ScoredTile, ThumbnailOptions};
use proptest::prelude::*;
use support::{drawn, lattice, planted, slide};

/// The PNG, and the level-0 pixels per pixel as its text states them.
fn written(heatmap: &Heatmap<'_>, longer_side: u32) -> (image::RgbaImage, f64) {
    let mut bytes = Vec::new();
    let summary = heatmap.write_png(&mut bytes, &PngOptions { longer_side }).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let texts = &reader.info().uncompressed_latin1_text;
    let scale = texts.iter().find(|text| text.keyword == "Level0PixelsPerPixel").unwrap().text.parse().unwrap();
    assert_eq!(summary.scale, scale);
    let image = image::load_from_memory(&bytes).unwrap().into_rgba8();
    assert_eq!(image.dimensions(), (summary.width, summary.height));
    (image, scale)
}

#[test]
fn a_planted_score_is_right_everywhere() {
    for (width, height, footprint) in [(20_000, 12_000, 512), (4443, 3567, 527), (9000, 9000, 224), (300, 200, 100)] {
        let tiles = lattice(width, height, footprint, footprint);
        let slide = slide("planted", width, height, footprint, &tiles);
        let heatmap = Heatmap::new(&slide).unwrap();
        for longer_side in [2048, 64] {
            let (image, scale) = written(&heatmap, longer_side);
            assert_eq!(image.width(), (width as f64 / scale).ceil() as u32);
            let mut covered = 0;
            for tile in &tiles {
                let first = |at: i64| (at as f64 / scale).round() as u32;
                let Place { minx, miny, .. } = tile.place;
                let end = |at: i64, limit: u32| first(at + i64::from(footprint)).min(limit);
                for y in first(miny)..end(miny, image.height()) {
                    for x in first(minx)..end(minx, image.width()) {
                        covered += 1;
                        let Rgba([red, green, blue, alpha]) = *image.get_pixel(x, y);
                        assert_eq!(alpha, 255);
                        match tile.score {
                            Some(score) => assert_eq!([red, green, blue], slide.scale.colour(score)),
                            None => assert!(red == green || [red, green, blue] == FAILED),
                        }
                    }
                }
            }
            let outside = image.pixels().filter(|pixel| pixel.0[3] == 0).count();
            assert_eq!(covered + outside, (image.width() * image.height()) as usize, "each pixel is a tile or clear");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_grid_with_overlap_shows_the_mean_of_its_tiles(
        width in 1_u64..6000, height in 1_u64..6000, eighths in 8_u32..90, overlap in 0_u32..5,
    ) {
        let (footprint, stride) = (eighths * 8, eighths * (8 - overlap));
        let tiles = lattice(width, height, footprint, stride);
        let columns = (width * 3 / 4).div_ceil(stride.into());
        let slide = slide("any", width, height, stride, &tiles);
        let (image, scale) = written(&Heatmap::new(&slide).unwrap(), 512);
        let (footprint, stride) = (f64::from(footprint), f64::from(stride));
        // The tiles over a coordinate, along one side.
        let over = |at: f64, count: u64| {
            let first = ((at - footprint) / stride).floor().max(-1.0) as i64 + 1;
            first as u64..((at / stride) as u64 + 1).min(count)
        };
        for (x, y, pixel) in image.enumerate_pixels().step_by(7) {
            // A pixel of a cell that leaves the slide may have its centre beyond it.
            let centre = |at: u32, limit: u64| ((f64::from(at) + 0.5) * scale).min(limit as f64 - 0.01);
            let (across, down) = (over(centre(x, width), columns), over(centre(y, height), u64::MAX));
            let found: Vec<&ScoredTile<'_>> =
                down.flat_map(|row| across.clone().map(move |column| row * columns + column)).filter_map(|at| tiles.get(at as usize)).collect();
            let scores: Vec<f64> = found.iter().filter_map(|tile| tile.score.map(f64::from)).collect();
            let mean = (scores.iter().sum::<f64>() / scores.len() as f64) as f32;
            let Rgba([red, green, blue, alpha]) = *pixel;
            prop_assert_eq!(alpha == 255, !found.is_empty(), "at {} {}", x, y);
            if !scores.is_empty() {
                let expected = slide.scale.colour(mean);
                let apart = expected.iter().zip([red, green, blue]).map(|(a, b)| a.abs_diff(b)).max();
                prop_assert!(apart <= Some(1), "{:?} instead of {:?} at {} {}", pixel, expected, x, y);
            }
        }
    }
}

#[test]
fn a_failed_tile_is_told_from_score_0_and_from_glass() {
    let place = |minx| Place { minx, miny: 0, width: 100, height: 100 };
    let tile = |minx, score| ScoredTile { place: place(minx), score, label: None, status: "ok" };
    let tiles = [tile(0, Some(0.0)), tile(100, None), tile(200, Some(f32::NAN))];
    let slide = slide("failed", 400, 100, 100, &tiles);
    let (image, scale) = written(&Heatmap::new(&slide).unwrap(), 2048);
    let colours = |at: u32| {
        let first = (f64::from(at) / scale) as u32;
        let mut colours: Vec<[u8; 4]> = (0..8).map(|x| image.get_pixel(first + x, 1).0).collect();
        colours.sort_unstable();
        colours.dedup();
        colours
    };
    let [red, green, blue] = slide.scale.colour(0.0);
    assert_eq!(colours(0), [[red, green, blue, 255]]);
    assert_eq!(colours(100).len(), 2, "hatched");
    assert_eq!(colours(100), colours(200));
    assert_eq!(colours(300), [[0; 4]]);
}

#[test]
fn the_colour_is_the_score_s_and_not_its_rank() {
    let place = |minx| Place { minx, miny: 0, width: 10, height: 10 };
    let tile = |at: i64, score| ScoredTile { place: place(at * 10), score: Some(score), label: None, status: "ok" };
    let low: Vec<ScoredTile<'_>> = (0..9).map(|at| tile(at, 0.1)).chain([tile(9, 0.2)]).collect();
    let high: Vec<ScoredTile<'_>> = (0..9).map(|at| tile(at, 0.9)).chain([tile(9, 0.2)]).collect();
    let colour = |tiles: &[ScoredTile<'_>]| {
        let slide = slide("rank", 100, 10, 10, tiles);
        let (image, _) = written(&Heatmap::new(&slide).unwrap(), 10);
        *image.get_pixel(9, 0)
    };
    assert_eq!(colour(&low), colour(&high));
}

#[test]
fn a_thumbnail_has_the_map_over_the_slide_and_a_legend() {
    let tiles = lattice(20_000, 12_000, 512, 512);
    let slide = slide("thumbnail", 20_000, 12_000, 512, &tiles);
    let heatmap = Heatmap::new(&slide).unwrap();
    let mut bytes = Vec::new();
    let pixels = drawn(20_000, 12_000);
    let summary = heatmap.write_png_on_thumbnail(&mut bytes, &pixels, &ThumbnailOptions::default()).unwrap();
    let image = image::load_from_memory(&bytes).unwrap().into_rgb8();
    assert_eq!((summary.scale, image.dimensions()), (12.5, (1600, 960 + 64)));
    assert_eq!(image.get_pixel(1590, 5).0, [255; 3], "glass without a tile");
    let hot = image.get_pixel(1150, 700).0;
    assert!(hot[0] > hot[2], "a high score is red: {hot:?}");
    assert!(planted(14_400, 8_800, 20_000, 12_000) > 0.5);
    if let Ok(folder) = std::env::var("KILN_SLIDE_KEEP") {
        std::fs::write(format!("{folder}/thumbnail.png"), &bytes).unwrap();
    }
}

#[test]
fn an_unreadable_thumbnail_is_an_error_that_names_the_slide() {
    let slide = slide("glass.svs", 1000, 1000, 100, &[]);
    let unreadable =
        |_: &Place, _: u32, _: u32| -> Result<image::RgbImage, PixelError> { Err("damaged: a tile".into()) };
    let small = |_: &Place, _: u32, _: u32| -> Result<image::RgbImage, PixelError> { Ok(image::RgbImage::new(1, 1)) };
    let heatmap = Heatmap::new(&slide).unwrap();
    let error = heatmap.write_png_on_thumbnail(Vec::new(), &unreadable, &ThumbnailOptions::default()).unwrap_err();
    assert!(error.to_string().contains("glass.svs") && error.to_string().contains("damaged: a tile"), "{error}");
    let error = heatmap.write_png_on_thumbnail(Vec::new(), &small, &ThumbnailOptions::default()).unwrap_err();
    assert!(error.to_string().contains("1 x 1 pixels were returned"), "{error}");
}

#[test]
fn unusable_slides_are_refused() {
    let sound = slide("s", 10, 10, 5, &[]);
    Heatmap::new(&sound).unwrap();
    let mut empty = sound;
    empty.width = 0;
    assert!(matches!(Heatmap::new(&empty), Err(HeatmapError::Size { .. })));
    let mut huge = sound;
    huge.height = u64::MAX;
    assert!(matches!(Heatmap::new(&huge), Err(HeatmapError::Size { .. })));
    let mut without = sound;
    without.mpp = f64::NAN;
    assert!(matches!(Heatmap::new(&without), Err(HeatmapError::Resolution { .. })));
    let mut stride = sound;
    stride.stride = 0;
    assert!(matches!(Heatmap::new(&stride), Err(HeatmapError::Stride { .. })));
    let mut scale = sound;
    scale.scale.threshold = f32::NAN;
    assert!(matches!(Heatmap::new(&scale), Err(HeatmapError::Scale { .. })));
}
