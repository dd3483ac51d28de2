//! Lesions, FROC and detections against MONAI's functions: on committed cases everywhere, and on thousands of new ones where
//! Python has numpy, scipy and scikit-image and MONAI is installed or named by `KILN_SLIDE_MONAI` (a wheel or a folder).
//! `lesion/reference.py` makes both.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::Command;

use kiln_slide::Place;
use kiln_slide::lesion::{
    Detection, DetectionRule, FrocOptions, LesionBootstrap, LesionMask, LesionOptions, Lesions, MaskScale, SlideHits,
    detections, froc,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
    maps: Vec<Map>,
    interval: Case,
}

#[derive(Deserialize)]
struct Case {
    level: i32,
    spacing: f64,
    slides: Vec<Slide>,
    targets: usize,
    score: Option<f64>,
    fps: Vec<f64>,
    sensitivity: Option<Vec<f64>>,
    interval: Option<[f64; 2]>,
}

#[derive(Deserialize)]
struct Slide {
    name: String,
    size: [u32; 2],
    mask: Vec<(u32, u32, u32)>,
    labels: Vec<(u32, u32, u32, u32)>,
    isolated: Vec<u32>,
    axes_um: Vec<f64>,
    detections: Vec<(i64, i64, f64)>,
    fp: Vec<f64>,
    tp: Vec<f64>,
    targets: usize,
}

#[derive(Deserialize)]
struct Map {
    tile: u32,
    scores: Vec<Vec<f32>>,
    threshold: f64,
    reach: u32,
    sigma: f64,
    suppressed: Vec<(f64, u32, u32)>,
    regions: Vec<f64>,
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
}

fn check_slide(case: &Case, slide: &Slide, number: usize) -> SlideHits {
    let downsample = 2_f64.powi(case.level);
    let scale = MaskScale { mpp: case.spacing, downsample };
    let mask = LesionMask::from_spans(slide.size[0], slide.size[1], slide.mask.iter().copied()).unwrap();
    let mut pixels = vec![0; (slide.size[0] * slide.size[1]) as usize];
    for &(y, from, to) in &slide.mask {
        let row = (y * slide.size[0]) as usize;
        pixels[row + from as usize..row + to as usize].fill(if number.is_multiple_of(2) { 1 } else { 255 });
    }
    assert_eq!(mask, LesionMask::from_pixels(slide.size[0], slide.size[1], &pixels).unwrap());
    let lesions = Lesions::new(&slide.name, &mask, scale, &LesionOptions::default()).unwrap();

    let mut labels = vec![None; pixels.len()];
    for &(y, from, to, label) in &slide.labels {
        let row = (y * slide.size[0]) as usize;
        labels[row + from as usize..row + to as usize].fill(Some(label));
    }
    for (index, label) in labels.into_iter().enumerate() {
        let (x, y) = (index as u32 % slide.size[0], index as u32 / slide.size[0]);
        let level0 = |at: u32| (f64::from(at) * downsample) as i64;
        assert_eq!(lesions.at(level0(x), level0(y)), label, "pixel ({x}, {y}) of {}", slide.name);
        assert_eq!(lesions.at(level0(x + 1) - 1, level0(y + 1) - 1), label, "pixel ({x}, {y}) of {}", slide.name);
    }
    assert_eq!(lesions.lesions().len(), slide.axes_um.len());
    for (lesion, axis) in lesions.lesions().iter().zip(&slide.axes_um) {
        close(lesion.major_axis_um, *axis, "major axis");
        assert_eq!(lesion.isolated, slide.isolated.contains(&lesion.number));
    }

    let points: Vec<Detection> = slide.detections.iter().map(|&(x, y, score)| Detection { x, y, score }).collect();
    let hits = lesions.hits(&format!("patient {:02}", number / 2), &points).unwrap();
    assert_eq!(hits.false_positives, slide.fp);
    assert_eq!(hits.lesions.iter().filter(|hit| !hit.lesion.isolated).count(), slide.targets);
    for (hit, &expected) in hits.lesions.iter().zip(&slide.tp) {
        let counted = hit.score.filter(|_| !hit.lesion.isolated).unwrap_or(0.0);
        assert_eq!(f64::from(counted as f32), expected);
    }
    hits
}

fn check_case(case: &Case) -> Vec<SlideHits> {
    let slides = case.slides.iter().enumerate();
    let hits: Vec<SlideHits> = slides.map(|(number, slide)| check_slide(case, slide, number)).collect();
    let froc = froc(&hits, &FrocOptions { bootstrap: None, ..FrocOptions::default() }).unwrap();
    assert_eq!((froc.slides, froc.lesions), (case.slides.len(), case.targets));
    let (Some(score), Some(expected), Some(sensitivity)) = (froc.score, case.score, &case.sensitivity) else {
        // Without a lesion MONAI's score is NaN.
        assert_eq!((froc.score, case.score, froc.curve.len()), (None, None, 0));
        assert!(froc.status.starts_with("no_lesions: "), "{}", froc.status);
        return hits;
    };
    close(score, expected, "FROC score");
    let mean = froc.sensitivities.iter().map(|at| at.sensitivity).sum::<f64>() / 6.0;
    close(mean, expected, "mean of the sensitivities");
    assert_eq!(froc.curve.len(), case.fps.len());
    // MONAI's curve begins with the lowest threshold.
    for (point, (fps, sensitivity)) in froc.curve.iter().rev().zip(case.fps.iter().zip(sensitivity)) {
        close(point.false_positives_per_slide, *fps, "false positives per slide");
        close(point.sensitivity, *sensitivity, "sensitivity");
    }
    hits
}

fn check_map(map: &Map) {
    // A resolution at which a tile is as many micrometres wide as it has pixels.
    let (tile, mpp) = (f64::from(map.tile), 1.0);
    let mut tiles = Vec::new();
    for (row, scores) in (0..).zip(&map.scores) {
        for (column, &score) in (0..).zip(scores) {
            let place = Place {
                minx: i64::from(column * map.tile),
                miny: i64::from(row * map.tile),
                width: map.tile,
                height: map.tile,
            };
            tiles.push((place, score));
        }
    }
    // The order of the rows does not matter.
    tiles.reverse();
    let rule = DetectionRule::Suppression {
        threshold: map.threshold,
        radius_um: f64::from(map.reach) * tile,
        sigma_um: map.sigma * tile,
    };
    let found = detections("map", &tiles, mpp, &rule).unwrap();
    assert_eq!(found.len(), map.suppressed.len());
    for (found, &(score, x, y)) in found.iter().zip(&map.suppressed) {
        let centre = |index: u32| i64::from(index * map.tile + map.tile / 2);
        assert_eq!((found.x, found.y), (centre(x), centre(y)));
        close(found.score, score, "score of a detection");
    }
    let found = detections("map", &tiles, mpp, &DetectionRule::Regions { threshold: map.threshold }).unwrap();
    let scores: Vec<f64> = found.iter().map(|detection| detection.score).collect();
    assert_eq!(scores, map.regions);
}

fn check(reference: &Reference) {
    reference.cases.iter().for_each(|case| {
        check_case(case);
    });
    reference.maps.iter().for_each(check_map);
    let hits = check_case(&reference.interval);
    let bootstrap = Some(LesionBootstrap { resamples: 4000, seed: 3 });
    let interval = froc(&hits, &FrocOptions { bootstrap, ..FrocOptions::default() }).unwrap().interval.unwrap();
    let [low, high] = reference.interval.interval.unwrap();
    // Both draw 2000 or more resamples of 24 patients.
    assert!((interval.low - low).abs() < 0.03 && (interval.high - high).abs() < 0.03, "{interval:?}: {low} to {high}");
    assert_eq!((interval.groups, interval.resamples), (24, 4000));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lesion")
}

#[test]
fn committed_cases_give_the_figures_of_monai() {
    let text = std::fs::read_to_string(folder().join("cases.json")).unwrap();
    let reference: Reference = serde_json::from_str(&text).unwrap();
    assert!(reference.cases.len() > 20 && reference.maps.len() > 10);
    check(&reference);
}

/// New cases, or the reason why there are none.
fn generate(seed: u64, cases: usize, big: bool) -> Result<Reference, String> {
    let python = std::env::var_os("KILN_SLIDE_PYTHON").unwrap_or_else(|| "python3".into());
    let works = |code: &str| Command::new(&python).args(["-c", code]).output().is_ok_and(|run| run.status.success());
    if !works("import numpy, scipy, skimage") {
        return Err(format!("{} has no numpy, scipy and scikit-image", python.display()));
    }
    let monai = std::env::var_os("KILN_SLIDE_MONAI");
    if monai.is_none() && !works("import importlib.util as u, sys; sys.exit(u.find_spec('monai') is None)") {
        return Err("MONAI is not installed, and KILN_SLIDE_MONAI does not name its wheel".to_owned());
    }
    let folder_out = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder_out.path().join("cases.json");
    let mut command = Command::new(&python);
    command.arg(folder().join("reference.py")).arg(&out);
    command.args(["--seed", &seed.to_string(), "--cases", &cases.to_string(), "--maps", &(cases / 2).to_string()]);
    command.args(big.then_some("--big"));
    if let Some(monai) = monai {
        command.arg("--monai").arg(monai);
    }
    let run = command.output().map_err(|error| error.to_string())?;
    assert!(run.status.success(), "reference.py: {}", String::from_utf8_lossy(&run.stderr));
    let text = std::fs::read_to_string(&out).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

#[test]
fn new_random_cases_give_the_figures_of_monai() {
    for (seed, cases, big) in [(2, 2000, false), (3, 100, true)] {
        match generate(seed, cases, big) {
            Ok(reference) => check(&reference),
            Err(reason) => return eprintln!("skipped: {reason}"),
        }
    }
}
