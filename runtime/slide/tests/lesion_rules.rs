//! Lesions, detections, regions and FROC against plain definitions on pixels, and the cases that have no figure.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use kiln_slide::Place;
use kiln_slide::lesion::{
    Detection, DetectionRule, FrocOptions, LesionBootstrap, LesionError, LesionMask, LesionOptions, Lesions, MaskScale,
    RegionOptions, SlideHits, detections, froc, left_out, region_rate,
};
use proptest::prelude::*;

/// A mask at level 5 of a slide with 0.25 µm/px: 8 µm per pixel, so that lesions grow by 4.69 pixels.
const SCALE: MaskScale = MaskScale { mpp: 0.25, downsample: 32.0 };

fn lesions(slide: &str, size: (u32, u32), boxes: &[(u32, u32, u32, u32)]) -> Lesions {
    let spans = boxes.iter().flat_map(|&(x0, y0, x1, y1)| (y0..y1).map(move |y| (y, x0, x1)));
    let mask = LesionMask::from_spans(size.0, size.1, spans).unwrap();
    Lesions::new(slide, &mask, SCALE, &LesionOptions::default()).unwrap()
}

fn at(x: i64, y: i64, score: f64) -> Detection {
    Detection { x: x * 32 + 16, y: y * 32 + 16, score }
}

fn tile(minx: i64, miny: i64, size: u32) -> Place {
    Place { minx, miny, width: size, height: size }
}

/// The lesions of a mask by definition: distances of all pairs, a flood from outside, and components by repeated spreading.
fn naive(mask: &[bool], width: usize, grow: f64) -> Vec<Option<u32>> {
    let height = mask.len() / width;
    let position = |index: usize| ((index % width) as f64, (index / width) as f64);
    let grown: Vec<bool> = (0..mask.len())
        .map(|a| {
            (0..mask.len()).any(|b| {
                let ((ax, ay), (bx, by)) = (position(a), position(b));
                mask[b] && (a == b || ((ax - bx).powi(2) + (ay - by).powi(2)).sqrt() < grow)
            })
        })
        .collect();
    let near = |a: usize, b: usize, corners: bool| {
        let (dx, dy) = ((a % width).abs_diff(b % width), (a / width).abs_diff(b / width));
        if corners { dx.max(dy) == 1 } else { dx + dy == 1 }
    };
    let spread = |from: Vec<usize>, open: &dyn Fn(usize) -> bool, corners: bool| {
        let mut reached = vec![false; mask.len()];
        let mut pending = from;
        while let Some(index) = pending.pop() {
            if !std::mem::replace(&mut reached[index], true) {
                pending.extend((0..mask.len()).filter(|&other| open(other) && near(index, other, corners)));
            }
        }
        reached
    };
    let border = |index: &usize| {
        let (x, y) = (index % width, index / width);
        x == 0 || y == 0 || x == width - 1 || y == height - 1
    };
    let outside = spread((0..mask.len()).filter(|a| !grown[*a] && border(a)).collect(), &|a| !grown[a], false);
    let mut labels = vec![None; mask.len()];
    let mut next = 0;
    for index in 0..mask.len() {
        if !outside[index] && labels[index].is_none() {
            next += 1;
            let reached = spread(vec![index], &|a| !outside[a], true);
            labels.iter_mut().zip(reached).filter(|(_, reached)| *reached).for_each(|(label, _)| *label = Some(next));
        }
    }
    labels
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn lesions_are_those_of_the_definition(
        width in 1_usize..14, height in 1_usize..14, seed in prop::collection::vec(0_u8..20, 196), share in 1_u8..20,
        grow in prop_oneof![Just(0.0), Just(1.0), Just(2.0), 0.3_f64..5.0],
    ) {
        let mask: Vec<bool> = seed[..width * height].iter().map(|&value| value < share).collect();
        let pixels: Vec<u8> = mask.iter().map(|&tumour| u8::from(tumour)).collect();
        let scale = MaskScale { mpp: 1.0, downsample: 1.0 };
        let options = LesionOptions { grow_um: grow * 2.0, isolated_um: 0.0 };
        let mask_of = LesionMask::from_pixels(width as u32, height as u32, &pixels).unwrap();
        let lesions = Lesions::new("slide", &mask_of, scale, &options).unwrap();
        let expected = naive(&mask, width, grow);
        for (index, label) in expected.iter().enumerate() {
            prop_assert_eq!(lesions.at((index % width) as i64, (index / width) as i64), *label);
        }
        let areas: f64 = lesions.lesions().iter().map(|lesion| lesion.annotated_mm2).sum();
        let drawn = mask.iter().filter(|&&tumour| tumour).count();
        prop_assert!((areas * 1e6 - drawn as f64).abs() < 1e-6);
    }

    /// The share of a tile in a lesion, counted in level-0 pixels.
    #[test]
    fn tiles_are_in_lesions_by_their_share_of_pixels(
        pixels in prop::collection::vec(any::<bool>(), 144), minx in -9_i64..50, miny in -9_i64..50, size in 1_u32..20,
        least in 0.0_f64..1.0, any_overlap: bool,
    ) {
        let mask: Vec<u8> = pixels.iter().map(|&tumour| u8::from(tumour)).collect();
        let scale = MaskScale { mpp: 0.5, downsample: 4.0 };
        let options = LesionOptions { grow_um: 0.0, isolated_um: 0.0 };
        let lesions = Lesions::new("slide", &LesionMask::from_pixels(12, 12, &mask).unwrap(), scale, &options).unwrap();
        let least = if any_overlap { 0.0 } else { least };
        let options = RegionOptions { threshold: 0.5, least_overlap: least };
        let hits = lesions.regions("group", &[(tile(minx, miny, size), 0.7)], &options).unwrap();
        for hit in hits {
            let mut inside = 0_u32;
            for y in miny..miny + i64::from(size) {
                for x in minx..minx + i64::from(size) {
                    let drawn = (0..48).contains(&x) && (0..48).contains(&y) && pixels[(y / 4 * 12 + x / 4) as usize];
                    inside += u32::from(drawn && lesions.at(x, y) == Some(hit.lesion));
                }
            }
            let share = f64::from(inside) / f64::from(size * size);
            prop_assume!(least == 0.0 || (share - least).abs() > 1e-9);
            let expected = inside > 0 && share >= least;
            prop_assert_eq!((hit.tiles, hit.hits, hit.found), (usize::from(expected), usize::from(expected), expected));
            prop_assert_eq!(hit.score, expected.then_some(0.7));
        }
    }

    /// On irregular grids, with negative places: no two detections are near, and each tile above the threshold is near one
    /// that is as high.
    #[test]
    fn suppression_leaves_the_highest_of_each_neighbourhood(
        tiles in prop::collection::vec((-4_i64..30, -4_i64..30, 0_u8..10), 0..80), radius in 0_i64..2000,
    ) {
        let tiles: Vec<(Place, f32)> =
            tiles.iter().map(|&(x, y, score)| (tile(x * 300, y * 300, 512), f32::from(score) / 10.0)).collect();
        let rule = DetectionRule::Suppression { threshold: 0.4, radius_um: radius as f64 * 0.5, sigma_um: 0.0 };
        let found = detections("slide", &tiles, 0.5, &rule).unwrap();
        let near = |a: (i64, i64), b: (i64, i64)| (a.0 - b.0).abs() <= radius && (a.1 - b.1).abs() <= radius;
        for (index, a) in found.iter().enumerate() {
            prop_assert!(a.score >= 0.4);
            prop_assert!(found[..index].iter().all(|b| b.score >= a.score && !near((a.x, a.y), (b.x, b.y))));
        }
        for (place, score) in tiles.iter().filter(|tile| f64::from(tile.1) >= 0.4) {
            let centre = (place.minx + 256, place.miny + 256);
            prop_assert!(found.iter().any(|a| a.score >= f64::from(*score) && near(centre, (a.x, a.y))));
        }
    }
}

#[test]
fn lesions_that_grow_together_are_one() {
    // 9 pixels apart: both grow by 4.
    assert_eq!(lesions("a", (80, 40), &[(10, 10, 20, 20), (28, 10, 38, 20)]).lesions().len(), 1);
    assert_eq!(lesions("a", (80, 40), &[(10, 10, 20, 20), (29, 10, 39, 20)]).lesions().len(), 2);
}

#[test]
fn an_empty_mask_has_no_lesion_in_its_corner() {
    let none = lesions("a", (40, 40), &[]);
    assert_eq!((none.lesions().len(), none.at(0, 0)), (0, None));
    assert_eq!(none.hits("g", &[at(0, 0, 0.5)]).unwrap().false_positives, [0.5]);
}

#[test]
fn detections_outside_the_mask_are_false_positives() {
    let all = lesions("a", (40, 40), &[(0, 0, 40, 40)]);
    let outside = [at(-1, 3, 0.1), at(3, -1, 0.2), at(40, 3, 0.3), at(3, 40, 0.4), at(i64::MAX / 64, 1, 0.5)];
    let hits = all.hits("g", &outside).unwrap();
    assert_eq!(hits.false_positives.len(), 5);
    assert_eq!(hits.lesions[0].score, None);
}

#[test]
fn isolated_tumour_cells_count_for_nothing() {
    // 5 and 50 pixels of 8 µm: with growth about 110 and 460 µm.
    let both = lesions("a", (200, 100), &[(10, 10, 15, 15), (60, 20, 110, 60)]);
    assert_eq!(both.lesions().iter().map(|lesion| lesion.isolated).collect::<Vec<_>>(), [true, false]);
    let hits = both.hits("g", &[at(12, 12, 0.9), at(80, 40, 0.8), at(81, 41, 0.7)]).unwrap();
    assert!(hits.false_positives.is_empty());
    let figure = froc(&[hits], &FrocOptions::default()).unwrap();
    assert_eq!((figure.score, figure.lesions, figure.found, figure.isolated), (Some(1.0), 1, 1, 1));
    let only = lesions("a", (200, 100), &[(10, 10, 15, 15)]).hits("g", &[at(12, 12, 0.9)]).unwrap();
    let figure = froc(&[only], &FrocOptions::default()).unwrap();
    assert_eq!(figure.score, None);
    assert_eq!(figure.status, "no_lesions: all 1 lesions are isolated tumour cells, which do not count");
}

#[test]
fn slides_without_lesions_have_no_score_and_no_nan() {
    let normal = |name: &str| SlideHits::without_lesions(name, name, &[at(1, 1, 0.5)]).unwrap();
    let figure = froc(&[normal("a"), normal("b")], &FrocOptions::default()).unwrap();
    assert_eq!((figure.score, figure.interval.is_none(), figure.false_positives), (None, true, 2));
    assert_eq!(figure.status, "no_lesions: none of the 2 slides has a lesion");
    let json = serde_json::to_string(&figure).unwrap();
    assert!(json.contains(r#""score":null"#) && !json.contains("NaN"), "{json}");
    assert_eq!(froc(&[], &FrocOptions::default()), Err(LesionError::NoSlides { left_out: 0 }));
}

#[test]
fn no_detections_are_a_score_of_zero() {
    let hits = lesions("a", (200, 100), &[(60, 20, 110, 60)]).hits("g", &[]).unwrap();
    let figure = froc(&[hits], &FrocOptions::default()).unwrap();
    assert_eq!((figure.score, figure.found, figure.curve.len()), (Some(0.0), 0, 1));
}

#[test]
fn a_model_without_a_miss_loses_its_lowest_score_as_in_camelyon16() {
    let slide = lesions("a", (400, 100), &[(60, 20, 110, 60), (200, 20, 250, 60)]);
    let hits = slide.hits("g", &[at(80, 40, 0.9), at(220, 40, 0.8)]).unwrap();
    let figure = froc(&[hits], &FrocOptions::default()).unwrap();
    assert_eq!((figure.score, figure.complete_score, figure.found), (Some(0.5), Some(1.0), 2));
    let hits = slide.hits("g", &[at(80, 40, 0.9)]).unwrap();
    let figure = froc(&[hits], &FrocOptions::default()).unwrap();
    assert_eq!((figure.score, figure.complete_score, figure.found), (Some(0.5), Some(0.5), 1));
}

#[test]
fn slides_that_camelyon16_takes_out_are_left_out_and_said() {
    for name in ["test_049.tif", "/data/CAMELYON16/Test_114.svs", r"C:\slides\test_049.tif", "test_114"] {
        assert!(left_out(name).is_some(), "{name}");
    }
    for name in ["test_049b.tif", "test_001.tif", "test_0490", "test_114/tumor_1.tif", ""] {
        assert!(left_out(name).is_none(), "{name}");
    }
    let tumour = lesions("tumor_1.tif", (200, 100), &[(60, 20, 110, 60)]);
    let tumour = tumour.hits("g", &[at(80, 40, 0.9), at(1, 1, 0.1)]).unwrap();
    let missed = lesions("test_114.tif", (200, 100), &[(60, 20, 110, 60)]).hits("h", &[]).unwrap();
    let figure = froc(&[tumour.clone(), missed.clone()], &FrocOptions::default()).unwrap();
    assert_eq!((figure.score, figure.slides), (Some(1.0), 1));
    assert_eq!(figure.left_out[0].slide, "test_114.tif");
    let options = FrocOptions { keep_left_out: true, ..FrocOptions::default() };
    let figure = froc(&[tumour, missed.clone()], &options).unwrap();
    assert_eq!((figure.score, figure.slides, figure.left_out.len()), (Some(0.5), 2, 0));
    assert_eq!(froc(&[missed], &FrocOptions::default()), Err(LesionError::NoSlides { left_out: 1 }));
}

#[test]
fn scores_that_froc_cannot_count_are_refused() {
    let tumour = lesions("a", (200, 100), &[(60, 20, 110, 60)]);
    for score in [-0.1, f64::NAN, f64::INFINITY, 1e300] {
        assert!(matches!(tumour.hits("g", &[at(1, 1, score)]), Err(LesionError::Score { .. })), "{score}");
        assert!(SlideHits::without_lesions("a", "g", &[at(1, 1, score)]).is_err());
    }
    for score in [-0.1, f32::NAN, f32::INFINITY] {
        assert!(detections("a", &[(tile(0, 0, 512), score)], 0.25, &DetectionRule::default()).is_err());
    }
    // A negative zero is zero.
    let zero = tumour.hits("g", &[at(80, 40, -0.0)]).unwrap();
    assert_eq!(zero.lesions[0].score.map(f64::to_bits), Some(0));
}

#[test]
fn wrong_input_is_refused_by_name() {
    let text = |error: LesionError| error.to_string();
    let mask = LesionMask::from_pixels(4, 2, &[0; 8]).unwrap();
    assert!(mask.is_empty());
    assert_eq!(
        text(LesionMask::from_pixels(4, 2, &[0; 7]).unwrap_err()),
        "a mask of 4 x 2 pixels has 7 values, expected 8"
    );
    for (width, height) in [(0, 4), (4, 0), (u32::MAX, u32::MAX), (1 << 21, 1)] {
        assert!(matches!(LesionMask::from_pixels(width, height, &[]), Err(LesionError::MaskSize { .. })));
        assert!(matches!(LesionMask::from_spans(width, height, []), Err(LesionError::MaskSize { .. })));
    }
    for span in [(2, 0, 1), (0, 3, 5), (0, 2, 2), (0, 3, 2), (u32::MAX, 0, u32::MAX)] {
        assert!(matches!(LesionMask::from_spans(4, 2, [span]), Err(LesionError::Span { .. })), "{span:?}");
    }
    for mpp in [0.0, -0.25, f64::NAN, f64::INFINITY, 352.8] {
        let scale = MaskScale { mpp, downsample: 32.0 };
        let error = Lesions::new("a.svs", &mask, scale, &LesionOptions::default()).unwrap_err();
        assert!(text(error).starts_with("slide `a.svs`: "));
        assert!(detections("a.svs", &[], mpp, &DetectionRule::default()).is_err());
    }
    for downsample in [0.0, f64::NAN, 1e9] {
        let scale = MaskScale { mpp: 0.25, downsample };
        assert!(Lesions::new("a", &mask, scale, &LesionOptions::default()).is_err());
    }
    for options in [
        LesionOptions { grow_um: f64::NAN, ..LesionOptions::default() },
        LesionOptions { isolated_um: -1.0, ..LesionOptions::default() },
    ] {
        assert!(Lesions::new("a", &mask, SCALE, &options).is_err());
    }
    let normal = SlideHits::without_lesions("a", "a", &[]).unwrap();
    for rates in [vec![], vec![f64::NAN], vec![-1.0]] {
        assert!(froc(std::slice::from_ref(&normal), &FrocOptions { rates, ..FrocOptions::default() }).is_err());
    }
    let bootstrap = Some(LesionBootstrap { resamples: 39, seed: 0 });
    let options = FrocOptions { bootstrap, ..FrocOptions::default() };
    assert!(text(froc(std::slice::from_ref(&normal), &options).unwrap_err()).contains("`resamples` is 39"));
    let twice = froc(&[normal.clone(), normal], &FrocOptions::default()).unwrap_err();
    assert_eq!(text(twice), "slide `a` occurs twice; give all its detections at once");
    for (threshold, radius_um, sigma_um) in [(f64::NAN, 1.0, 0.0), (-0.1, 1.0, 0.0), (0.5, -1.0, 0.0), (0.5, 1.0, 1e9)]
    {
        let rule = DetectionRule::Suppression { threshold, radius_um, sigma_um };
        assert!(detections("a", &[], 0.25, &rule).is_err());
    }
}

#[test]
fn ncrf_parameters_suppress_the_neighbours_of_a_tile_of_128_um() {
    let place = |x: i64, y: i64| tile(x * 512, y * 512, 512);
    let tiles = [(place(0, 0), 0.6), (place(1, 1), 0.9), (place(2, 2), 0.7), (place(3, 1), 0.8), (place(1, 5), 0.4)];
    let found = detections("a", &tiles, 0.25, &DetectionRule::default()).unwrap();
    let places: Vec<_> = found.iter().map(|found| (found.x / 512, found.y / 512)).collect();
    assert_eq!(places, [(1, 1), (3, 1)]);
    // Tiles at the threshold count, as everywhere in Kiln.
    let found = detections("a", &[(place(0, 0), 0.5)], 0.25, &DetectionRule::default()).unwrap();
    assert_eq!((found[0].x, found[0].y), (256, 256));
    assert!(detections("a", &[], 0.25, &DetectionRule::default()).unwrap().is_empty());
}

#[test]
fn regions_touch_at_corners_also_where_tiles_overlap() {
    for step in [512, 256, 301] {
        let place = |x: i64, y: i64| tile(x * step, y * step, 512);
        let tiles: Vec<(Place, f32)> = [(0, 0, 0.6), (1, 1, 0.9), (0, 1, 0.1), (1, 0, 0.2), (3, 1, 0.8), (2, 1, 0.3)]
            .map(|(x, y, score)| (place(x, y), score))
            .to_vec();
        let found = detections("a", &tiles, 0.25, &DetectionRule::Regions { threshold: 0.5 }).unwrap();
        let scores: Vec<f32> = found.iter().map(|found| found.score as f32).collect();
        assert_eq!(scores, [0.9, 0.8], "step {step}");
    }
}

#[test]
fn the_rate_of_regions_counts_lesions_and_tiles() {
    let slide = lesions("a", (400, 100), &[(10, 10, 15, 15), (60, 20, 110, 60), (200, 20, 250, 60)]);
    // Tiles of 16 x 16 pixels of the mask.
    let scored = |x: i64, y: i64, score: f32| (tile(x * 512, y * 512, 512), score);
    let tiles = [scored(0, 0, 0.9), scored(4, 2, 0.5), scored(5, 2, 0.4), scored(13, 2, 0.2), scored(20, 0, 0.99)];
    let hits = slide.regions("g", &tiles, &RegionOptions { threshold: 0.5, least_overlap: 0.0 }).unwrap();
    let table: Vec<_> = hits.iter().map(|hit| (hit.isolated, hit.tiles, hit.hits, hit.score, hit.found)).collect();
    assert_eq!(table, [(true, 1, 1, Some(0.9), true), (false, 2, 1, Some(0.5), true), (false, 1, 0, Some(0.2), false)]);
    let rate = region_rate(&hits, Some(LesionBootstrap::default())).unwrap();
    assert_eq!((rate.rate, rate.lesions, rate.found), (Some(0.5), 2, 1));
    assert_eq!((rate.isolated, rate.isolated_found, rate.tile_rate), (1, 1, Some(0.5)));
    let interval = rate.interval.unwrap();
    assert_eq!((interval.low, interval.high, interval.resamples), (0.0, 1.0, 0));
    assert_eq!(interval.caution.as_deref(), Some("lesions are in one group only, so the spread is unknown"));
    let none = region_rate(&[], None).unwrap();
    assert_eq!((none.rate, none.tile_rate, none.status.as_str()), (None, None, "no_lesions: no slide has a lesion"));
}

#[test]
fn intervals_are_seeded_and_independent_of_the_order_of_slides() {
    let slide = |number: i64| {
        let lesion = lesions(&format!("slide {number:02}"), (200, 100), &[(60, 20, 110, 60)]);
        let points = if number % 3 == 0 { vec![] } else { vec![at(80, 40, 0.3 + 0.01 * number as f64)] };
        let wrong = (0..number % 4).map(|k| at(k, 90, 0.35 + 0.1 * k as f64));
        let points: Vec<Detection> = points.into_iter().chain(wrong).collect();
        lesion.hits(&format!("patient {:02}", number / 2), &points).unwrap()
    };
    let mut slides: Vec<SlideHits> = (0..30).map(slide).collect();
    let with = |slides: &[SlideHits], seed: u64| {
        let bootstrap = Some(LesionBootstrap { resamples: 500, seed });
        froc(slides, &FrocOptions { bootstrap, ..FrocOptions::default() }).unwrap().interval.unwrap()
    };
    let first = with(&slides, 1);
    assert!(first.low < first.value && first.value < first.high && first.caution.is_none(), "{first:?}");
    assert_ne!((first.low, first.high), (with(&slides, 2).low, with(&slides, 2).high));
    slides.reverse();
    let again = with(&slides, 1);
    assert_eq!((first.low, first.high, first.groups), (again.low, again.high, 15));
    // Few groups are said.
    assert!(with(&slides[..6], 1).caution.unwrap().contains("3 groups"));
}

#[test]
fn a_mask_of_a_whole_slide_is_quick_and_small() {
    // Level 5 of 100,000 x 200,000 pixels, with a lesion, a ring and a hundred specks.
    let (width, height) = (3_125, 6_250);
    let ring = (500..2500_u32).flat_map(|y| {
        if (1000..2000).contains(&y) { vec![(y, 300, 400), (y, 900, 1000)] } else { vec![(y, 300, 1000)] }
    });
    let specks = (0..100_u32).map(|k| (3000 + 30 * k, 31 * k, 31 * k + 3));
    let mask = LesionMask::from_spans(width, height, ring.chain(specks)).unwrap();
    let lesions = Lesions::new("a", &mask, SCALE, &LesionOptions::default()).unwrap();
    assert_eq!(lesions.lesions().len(), 101);
    // The hole of the ring is filled.
    assert_eq!(lesions.at(650 * 32, 1500 * 32), Some(1));
}
