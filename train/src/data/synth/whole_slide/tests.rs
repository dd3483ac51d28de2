//! Promises of a synthetic slide: places, labels, texture and colours. Polygons are compared with pixels by rules that the
//! drawing does not use.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::data::random::{below, unit};

fn small(seed: u64) -> WholeSlideOptions {
    WholeSlideOptions { seed, side: 2048, ..WholeSlideOptions::default() }
}

/// Even-odd rule.
fn is_within(polygon: &[[f64; 2]], x: f64, y: f64) -> bool {
    let next = polygon.iter().cycle().skip(1);
    let crosses = |(a, b): (&[f64; 2], &[f64; 2])| {
        (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
    };
    polygon.iter().zip(next).filter(|edge| crosses(*edge)).count() % 2 == 1
}

fn is_tumour(lesions: &[Lesion], x: f64, y: f64) -> bool {
    let any = |polygons: &[Vec<[f64; 2]>]| polygons.iter().any(|polygon| is_within(polygon, x, y));
    lesions.iter().any(|lesion| any(&lesion.parts) && !any(&lesion.exclusions))
}

/// Distance of the closest points of two sets in µm.
fn gap(one: &[[f64; 2]], other: &[[f64; 2]]) -> f64 {
    let distances = one.iter().flat_map(|a| other.iter().map(move |b| (a[0] - b[0]).hypot(a[1] - b[1])));
    distances.fold(f64::MAX, f64::min) * MPP
}

#[test]
fn the_same_options_give_the_same_pixels_and_regions_join_without_seams() {
    let slide = WholeSlide::new(&small(5)).unwrap();
    let whole = slide.region(0, 0, 2048, 2048);
    let again = WholeSlide::new(&small(5)).unwrap();
    let mut rng = stream(1, b"test    ", 0, 0);
    for _ in 0..12 {
        let (left, top) = (below(&mut rng, 1700), below(&mut rng, 1700));
        let (width, height) = (1 + below(&mut rng, 300), 1 + below(&mut rng, 300));
        let part = again.region(left as u32, top as u32, width as u32, height as u32);
        for (row, pixels) in part.chunks_exact(3 * width).enumerate() {
            let at = 3 * ((top + row) * 2048 + left);
            assert!(whole[at..at + pixels.len()] == *pixels, "row {row} of {left} {top} {width} {height}");
        }
    }
    let other = WholeSlide::new(&small(6)).unwrap();
    assert!(other.lesions() != slide.lesions());
    assert!(other.region(900, 900, 200, 200) != slide.region(900, 900, 200, 200));
}

#[test]
fn lesions_have_the_sizes_and_gaps_of_their_kinds() {
    for seed in 0..12 {
        let options = WholeSlideOptions { seed, lesions: 6, ..WholeSlideOptions::default() };
        let layout = Layout::new(&options).unwrap();
        let polygons = |outlines: &[outline::Outline]| -> Vec<Vec<[f64; 2]>> {
            outlines.iter().map(outline::Outline::polygon).collect()
        };
        let lesions: Vec<Lesion> = layout
            .lesions
            .iter()
            .map(|one| Lesion { kind: one.kind, parts: polygons(&one.parts), exclusions: polygons(&one.exclusions) })
            .collect();
        let kinds: Vec<LesionKind> = lesions.iter().map(|lesion| lesion.kind).collect();
        use LesionKind::{IsolatedCells, Large, Small, TwoParts};
        assert_eq!(kinds, [Large, TwoParts, IsolatedCells, Small, Small, Small]);
        for lesion in &lesions {
            let points = lesion.parts.concat();
            let across =
                |point: &[f64; 2]| points.iter().map(|b| (point[0] - b[0]).hypot(point[1] - b[1])).fold(0.0, f64::max);
            let diameter = points.iter().map(across).fold(0.0, f64::max) * MPP;
            match lesion.kind {
                IsolatedCells => assert!((60.0..200.0).contains(&diameter), "{seed}: {diameter} µm"),
                TwoParts => {
                    let gap = gap(&lesion.parts[0], &lesion.parts[1]);
                    assert!((5.0..75.0).contains(&gap), "{seed}: {gap} µm");
                }
                Large => {
                    assert!(diameter > 500.0, "{seed}: {diameter} µm");
                    let hole = &lesion.exclusions[0];
                    assert!(hole.iter().all(|[x, y]| is_within(&lesion.parts[0], *x, *y)), "{seed}");
                }
                Small => assert!(diameter > 60.0, "{seed}: {diameter} µm"),
            }
            assert!(points.iter().all(|[x, y]| layout.tissue_depth(*x as f32, *y as f32) > 30.0), "{seed}");
            let others = lesions.iter().filter(|other| *other != lesion);
            assert!(others.clone().all(|other| gap(&points, &other.parts.concat()) > 75.0), "{seed}");
        }
    }
}

#[test]
fn four_lesions_fit_into_the_smallest_slide() {
    for seed in 0..30 {
        let layout = Layout::new(&small(seed)).unwrap();
        let holes: usize = layout.lesions.iter().map(|lesion| lesion.exclusions.len()).sum();
        assert_eq!((layout.lesions.len(), holes), (4, 1), "{seed}");
    }
}

#[test]
fn the_polygons_are_the_outlines_that_are_drawn() {
    let slide = WholeSlide::new(&small(3)).unwrap();
    let lesions = slide.lesions();
    let mut rng = stream(2, b"test    ", 0, 0);
    let mut inside = 0;
    for _ in 0..20_000 {
        let (x, y) = (2048.0 * unit(&mut rng), 2048.0 * unit(&mut rng));
        let depth = slide.layout.tumour_depth(x, y);
        let found = is_tumour(&lesions, f64::from(x), f64::from(y));
        inside += usize::from(found);
        assert!(found == (depth > 0.0) || depth.abs() < 0.5, "{x} {y}: {depth}");
    }
    assert!((800..8000).contains(&inside), "{inside}");
}

/// Windows of 64 pixels: mean of red and green, and the part of the variance of red within blocks of 16 pixels.
struct Windows {
    tumour: Vec<[f64; 3]>,
    normal: Vec<[f64; 3]>,
}

impl Windows {
    fn new(options: &WholeSlideOptions) -> Self {
        let slide = WholeSlide::new(options).unwrap();
        let (lesions, side) = (slide.lesions(), slide.side());
        let rgb = slide.region(0, 0, side, side);
        let mut windows = Self { tumour: Vec::new(), normal: Vec::new() };
        for (left, top) in (0..side).step_by(64).flat_map(|top| (0..side).step_by(64).map(move |left| (left, top))) {
            let corners = [(0, 0), (63, 0), (0, 63), (63, 63), (32, 32)];
            let places = corners.map(|(x, y)| (f64::from(left + x), f64::from(top + y)));
            let count = places.iter().filter(|(x, y)| is_tumour(&lesions, *x, *y)).count();
            let tissue = places.iter().all(|(x, y)| slide.layout.tissue_depth(*x as f32, *y as f32) > 20.0);
            if !tissue || !matches!(count, 0 | 5) {
                continue;
            }
            let list = if count == 5 { &mut windows.tumour } else { &mut windows.normal };
            let row = |row: u32| &rgb[3 * ((top + row) * side + left) as usize..][..3 * 64];
            list.push(features(&(0..64).flat_map(row).copied().collect::<Vec<_>>()));
        }
        assert!(windows.tumour.len() > 30 && windows.normal.len() > 100);
        windows
    }

    /// Probability that a tumour's feature exceeds one of normal tissue.
    fn auroc(&self, feature: usize) -> f64 {
        let pairs = self.tumour.iter().flat_map(|a| self.normal.iter().map(move |b| (a[feature] > b[feature]) as u64));
        pairs.sum::<u64>() as f64 / (self.tumour.len() * self.normal.len()) as f64
    }

    /// Difference of the means of a feature.
    fn shift(&self, feature: usize) -> f64 {
        let mean = |list: &[[f64; 3]]| list.iter().map(|features| features[feature]).sum::<f64>() / list.len() as f64;
        mean(&self.tumour) - mean(&self.normal)
    }
}

fn features(rgb: &[u8]) -> [f64; 3] {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let variance =
        |values: &[f64]| mean(&values.iter().map(|value| (value - mean(values)).powi(2)).collect::<Vec<_>>());
    let channel =
        |channel: usize| rgb.iter().skip(channel).step_by(3).map(|value| f64::from(*value)).collect::<Vec<_>>();
    let red = channel(0);
    let block = |number: usize| {
        let (x, y) = (number % 4 * 16, number / 4 * 16);
        variance(&(0..256).map(|at| red[(y + at / 16) * 64 + x + at % 16]).collect::<Vec<_>>())
    };
    let fine = mean(&(0..16).map(block).collect::<Vec<_>>()) / variance(&red);
    [mean(&red), mean(&channel(1)), fine]
}

#[test]
fn texture_separates_the_classes_and_colour_does_not() {
    let options = WholeSlideOptions { side: 3072, ..small(7) };
    let blind = Windows::new(&options);
    assert!(blind.auroc(2) > 0.8, "fine structure: {}", blind.auroc(2));
    for colour in 0..2 {
        assert!((0.3..0.7).contains(&blind.auroc(colour)), "colour {colour}: {}", blind.auroc(colour));
        assert!(blind.shift(colour).abs() < 6.0, "colour {colour}: {}", blind.shift(colour));
    }
    let stained = Windows::new(&WholeSlideOptions { colour_blind: false, ..options });
    assert!(stained.shift(0) < -8.0, "{}", stained.shift(0));
}

#[test]
fn bare_glass_is_light_and_even() {
    let slide = WholeSlide::new(&WholeSlideOptions { tissue: 0.0, lesions: 0, ..small(1) }).unwrap();
    let rgb = slide.region(300, 300, 700, 500);
    let range = |channel: usize| {
        rgb.iter().skip(channel).step_by(3).fold((255, 0), |(low, high), value| (low.min(*value), high.max(*value)))
    };
    for channel in 0..3 {
        let (low, high) = range(channel);
        assert!(low > 220 && high - low < 16, "{low} to {high}");
    }
    assert!(slide.asap_xml().contains("Group Name=\"_0\"") && !slide.asap_xml().contains("<Annotation "));
}

#[test]
fn a_third_of_the_slide_is_tissue() {
    for (seed, tissue) in [(0, 0.33), (1, 0.33), (2, 0.1), (3, 0.4)] {
        let options = WholeSlideOptions { seed, tissue, lesions: 0, ..WholeSlideOptions::default() };
        let layout = Layout::new(&options).unwrap();
        let step = 16;
        let centres =
            (0..8192 / step).flat_map(|y| (0..8192 / step).map(move |x| ((x * step) as f32, (y * step) as f32)));
        let share = centres.filter(|(x, y)| layout.tissue_depth(*x, *y) > 0.0).count() as f32 / (512.0 * 512.0);
        assert!((share - tissue).abs() < 0.01, "{seed}: {share}");
    }
}

#[test]
fn the_xml_has_each_polygon() {
    let slide = WholeSlide::new(&small(3)).unwrap();
    let xml = slide.asap_xml();
    let lesions = slide.lesions();
    assert_eq!(
        xml.matches("PartOfGroup=\"_0\"").count(),
        lesions.iter().map(|lesion| lesion.parts.len()).sum::<usize>()
    );
    assert_eq!(
        xml.matches("PartOfGroup=\"_2\"").count(),
        lesions.iter().map(|lesion| lesion.exclusions.len()).sum::<usize>()
    );
    let value = |line: &str, name: &str| -> f64 {
        let start = line.find(name).unwrap() + name.len();
        line[start..].split('"').next().unwrap().parse().unwrap()
    };
    let first: Vec<[f64; 2]> = xml
        .lines()
        .skip_while(|line| !line.contains("<Annotation "))
        .take_while(|line| !line.contains("</Coordinates>"))
        .filter(|line| line.contains("<Coordinate "))
        .map(|line| [value(line, "X=\""), value(line, "Y=\"")])
        .collect();
    assert_eq!(first, lesions[0].parts[0]);
}

#[test]
fn options_out_of_range_are_named() {
    let refused = |options: WholeSlideOptions| WholeSlide::new(&options).unwrap_err().to_string();
    assert!(refused(WholeSlideOptions { side: 1000, ..small(1) }).contains("side is 1000"));
    assert!(refused(WholeSlideOptions { lesions: 21, ..small(1) }).contains("lesions is 21"));
    assert!(refused(WholeSlideOptions { tissue: f32::NAN, ..small(1) }).contains("tissue is NaN"));
    assert!(refused(WholeSlideOptions { tissue: 0.0, ..small(1) }).contains("lesions is 4"));
    assert!(refused(WholeSlideOptions { lesions: 20, tissue: 0.1, ..small(1) }).contains("lesions is 20"));
}
