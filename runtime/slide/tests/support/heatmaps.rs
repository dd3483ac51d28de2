//! A drawn slide with planted scores, and Python as an independent reader.
// Each test uses a part.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};

use image::{Rgb, RgbImage};
use kiln_slide::Place;
use kiln_slide::heatmap::{PixelError, ScoreScale, ScoredSlide, ScoredTile, SlidePixels};

/// A planted score: a function of the place alone.
pub fn planted(minx: i64, miny: i64, width: u64, height: u64) -> f32 {
    let (x, y) = (minx as f32 / width as f32, miny as f32 / height as f32);
    (0.5 * x + 0.5 * y).clamp(0.0, 1.0)
}

/// Tiles over the left three quarters of a slide; each 17th has failed.
pub fn lattice(width: u64, height: u64, footprint: u32, stride: u32) -> Vec<ScoredTile<'static>> {
    let mut tiles = Vec::new();
    for miny in (0..height).step_by(stride as usize) {
        for minx in (0..width * 3 / 4).step_by(stride as usize) {
            let place = Place { minx: minx as i64, miny: miny as i64, width: footprint, height: footprint };
            let failed = tiles.len() % 17 == 16;
            let score = (!failed).then(|| planted(place.minx, place.miny, width, height));
            let status = if failed { "truncated: half a tile" } else { "ok" };
            tiles.push(ScoredTile { place, score, label: None, status });
        }
    }
    tiles
}

pub fn slide<'a>(name: &'a str, width: u64, height: u64, stride: u32, tiles: &'a [ScoredTile<'a>]) -> ScoredSlide<'a> {
    ScoredSlide {
        name,
        width,
        height,
        mpp: 0.25,
        bounds: None,
        stride,
        scale: ScoreScale::probability(0.5),
        positive: "tumour",
        classes: &["normal", "tumour"],
        tiles,
    }
}

/// A slide of pale pink tissue with darker cells on white glass.
pub fn drawn(width: u64, height: u64) -> impl SlidePixels {
    move |place: &Place, out_width: u32, out_height: u32| -> Result<RgbImage, PixelError> {
        let (across, down) =
            (f64::from(place.width) / f64::from(out_width), f64::from(place.height) / f64::from(out_height));
        Ok(RgbImage::from_fn(out_width, out_height, |x, y| {
            let x = place.minx as f64 + (f64::from(x) + 0.5) * across;
            let y = place.miny as f64 + (f64::from(y) + 0.5) * down;
            let (u, v) = (x / width as f64 * 2.0 - 1.0, y / height as f64 * 2.0 - 1.0);
            if u * u + v * v > 0.9 {
                return Rgb([255, 255, 255]);
            }
            let cell = (x / 37.0).sin() * (y / 41.0).cos() > 0.75;
            if cell { Rgb([110, 70, 150]) } else { Rgb([236, 190, 214]) }
        }))
    }
}

/// The Python with the readers, or the reason why it is missing.
pub fn python(modules: &str) -> Result<String, String> {
    let python = std::env::var("KILN_SLIDE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ran = Command::new(&python).args(["-c", &format!("import {modules}")]).stderr(Stdio::null()).status();
    match ran {
        Ok(status) if status.success() => Ok(python),
        _ => Err(format!("{python} does not have {modules}")),
    }
}

/// Runs a script with arguments and returns its output.
pub fn run(python: &str, script: &str, arguments: &[&Path]) -> String {
    let output = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
