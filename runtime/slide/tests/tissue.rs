//! Tissue on drawn and real slides, and masks given as files.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod reference;

use std::path::PathBuf;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{DynamicImage, GrayImage, ImageEncoder as _, Luma, Rgb, RgbImage};
use kiln_slide::{Place, TissueError, TissueMask, TissueOptions, TissueThumbnail};

/// µm per pixel of the drawn thumbnails.
const UM: f64 = 8.0;
const GLASS: [u8; 3] = [243, 241, 244];
const PALE: [u8; 3] = [238, 224, 232];
const STRONG: [u8; 3] = [190, 120, 175];

/// A picture of 400 x 300 pixels with noise, as a JPEG stores it.
fn drawn(noise: f64, colour: impl Fn(i64, i64) -> [u8; 3]) -> RgbImage {
    let mut state = 1_u64;
    let mut random = move || {
        // The sum of four uniform numbers is nearly normal.
        let sum: f64 = (0..4)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f64 / f64::from(1 << 24) - 0.5
            })
            .sum();
        sum * 3.0_f64.sqrt()
    };
    let picture = RgbImage::from_fn(400, 300, |x, y| {
        let colour = colour(x.into(), y.into());
        if colour == [255; 3] {
            Rgb(colour)
        } else {
            Rgb(colour.map(|value| (f64::from(value) + noise * random()).round() as u8))
        }
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 75)
        .write_image(&picture, 400, 300, image::ExtendedColorType::Rgb8)
        .unwrap();
    DynamicImage::from_decoder(JpegDecoder::new(std::io::Cursor::new(bytes)).unwrap()).unwrap().into_rgb8()
}

fn detect(picture: &RgbImage) -> TissueMask {
    let thumbnail =
        TissueThumbnail { rgb: picture.as_raw(), width: picture.width(), height: picture.height(), scale: [16.0; 2] };
    TissueMask::detect(&thumbnail, UM / 16.0, &TissueOptions::default()).unwrap()
}

/// Share of the pixels for which `within` is true that are tissue.
fn share(mask: &TissueMask, within: impl Fn(i64, i64) -> bool) -> f64 {
    let pixels = (0..300).flat_map(|y| (0..400).map(move |x| (x, y))).filter(|(x, y)| within(*x, *y));
    let flags: Vec<bool> = pixels.map(|(x, y)| mask.is_tissue(x as u32, y as u32)).collect();
    flags.iter().filter(|flag| **flag).count() as f64 / flags.len() as f64
}

fn disc(x: i64, y: i64, cx: i64, cy: i64, r: i64) -> bool {
    (x - cx).pow(2) + (y - cy).pow(2) < r * r
}

#[test]
fn bare_glass_is_no_tissue_whatever_its_noise_and_tint() {
    for glass in [GLASS, [255; 3], [220, 220, 222], [236, 240, 248], [246, 244, 232], [232, 238, 246], [205, 206, 204]]
    {
        for noise in [0.0, 2.0, 5.0, 10.0] {
            let mask = detect(&drawn(noise, |_, _| glass));
            assert!(mask.is_empty() && mask.share() == 0.0, "{glass:?} with noise {noise}: {}", mask.share());
        }
    }
    // Vignetting: glass that is darker towards a corner.
    let mask = detect(&drawn(3.0, |x, y| GLASS.map(|value| value - ((x + y) / 20) as u8)));
    assert!(mask.is_empty(), "{}", mask.share());
}

#[test]
fn pale_tissue_is_kept_alone_and_beside_strong_tissue() {
    for glass in [GLASS, [252, 252, 252], [236, 240, 248]] {
        for strong in [false, true] {
            let (pale, dark) = (|x, y| disc(x, y, 120, 150, 80), |x, y| disc(x, y, 300, 150, 70));
            let mask = detect(&drawn(4.0, |x, y| match () {
                () if pale(x, y) => PALE,
                () if strong && dark(x, y) => STRONG,
                () => glass,
            }));
            let threshold = mask.threshold();
            let found = share(&mask, pale);
            assert!(found > 0.97, "{glass:?} {strong}: {found} of the pale tissue at {threshold:?}");
            let glass_kept = share(&mask, |x, y| !disc(x, y, 120, 150, 84) && !disc(x, y, 300, 150, 74));
            assert!(glass_kept < 0.002, "{glass:?} {strong}: {glass_kept} of the glass at {threshold:?}");
            assert!(!strong || share(&mask, dark) > 0.99);
        }
    }
}

#[test]
fn a_slide_full_of_tissue_is_tissue() {
    let mask = detect(&drawn(12.0, |x, y| if (x / 9 + y / 7) % 3 == 0 { [150, 90, 160] } else { [215, 150, 190] }));
    assert!(mask.share() > 0.99, "{}", mask.share());
}

#[test]
fn pen_and_borders_are_not_tissue() {
    let tissue = |x, y| disc(x, y, 200, 150, 60);
    for (name, colour) in
        [("black", [25, 25, 28]), ("dark grey", [62, 60, 58]), ("green", [60, 160, 90]), ("blue", [30, 60, 200])]
    {
        let pen = |x: i64, y: i64| disc(x, y, 200, 150, 100) && !disc(x, y, 200, 150, 92) || x < 12;
        let mask = detect(&drawn(3.0, |x, y| match () {
            () if pen(x, y) => colour,
            () if tissue(x, y) => STRONG,
            () => GLASS,
        }));
        let kept = share(&mask, pen);
        assert!(kept < 0.2, "{name}: {kept} of the pen");
        assert!(share(&mask, tissue) > 0.99, "{name}");
        println!("{name}: {kept:.3} of the pen is kept, {:?}", mask.doubts());
    }
    // A stain that looks like pen everywhere is a stain.
    let mask = detect(&drawn(3.0, |x, y| if tissue(x, y) { [60, 160, 90] } else { GLASS }));
    assert!(share(&mask, tissue) > 0.99 && mask.doubts()[0].contains("counts as tissue"));
}

#[test]
fn dust_goes_holes_close_and_strands_stay() {
    let big = |x, y| disc(x, y, 150, 150, 100);
    let (small_hole, large_hole) = (|x, y| disc(x, y, 110, 150, 6), |x, y| disc(x, y, 190, 150, 25));
    let dust = |x: i64, y: i64| (x - 330).abs() < 3 && (y - 50).abs() < 3;
    let strand = |x: i64, y: i64| x > 280 && (y - 250 - (x - 280) / 6).abs() <= 1;
    let mask = detect(&drawn(3.0, |x, y| match () {
        () if small_hole(x, y) || large_hole(x, y) => GLASS,
        () if big(x, y) || dust(x, y) || strand(x, y) => STRONG,
        () => GLASS,
    }));
    assert!(share(&mask, small_hole) > 0.99);
    assert!(share(&mask, |x, y| disc(x, y, 190, 150, 21)) < 0.01);
    assert!(share(&mask, |x, y| disc(x, y, 330, 50, 20)) == 0.0);
    assert!(share(&mask, strand) > 0.95, "{}", share(&mask, strand));
}

#[test]
fn missing_data_beside_tinted_glass_is_neither() {
    let scanned = |x: i64, _: i64| x >= 150;
    let mask = detect(&drawn(2.0, |x, y| match () {
        () if disc(x, y, 280, 150, 60) => PALE,
        () if scanned(x, y) => [232, 238, 246],
        () => [255; 3],
    }));
    assert!(share(&mask, |x, y| disc(x, y, 280, 150, 58)) > 0.97);
    assert!(share(&mask, |x, y| !disc(x, y, 280, 150, 64)) < 0.01);
}

#[test]
fn wrong_thumbnails_and_options_are_errors() {
    let detect = |rgb: &[u8], width, height, mpp, options: &TissueOptions| {
        TissueMask::detect(&TissueThumbnail { rgb, width, height, scale: [32.0; 2] }, mpp, options)
            .map_err(|error| error.to_string())
    };
    let usual = TissueOptions::default();
    assert!(detect(&[0; 12], 2, 2, 0.25, &usual).is_ok());
    assert!(detect(&[200, 100, 150], 1, 1, 0.25, &usual).is_ok());
    assert!(detect(&[0; 11], 2, 2, 0.25, &usual).unwrap_err().contains("has 11 bytes, expected 12"));
    assert!(detect(&[], 0, 0, 0.25, &usual).is_err());
    assert!(detect(&[0; 12], u32::MAX, u32::MAX, 0.25, &usual).is_err());
    assert!(detect(&[0; 12], 2, 2, 0.5, &usual).is_ok(), "16 µm/px, as a slide may have");
    assert!(detect(&[0; 12], 2, 2, 0.75, &usual).unwrap_err().contains("24.0 µm/px"));
    assert!(detect(&[0; 12], 2, 2, f64::NAN, &usual).is_err());
    assert!(detect(&[0; 12], 2, 2, 1e-12, &usual).unwrap_err().contains("check the resolution"));
    assert!(
        detect(&[0; 12], 2, 2, 0.25, &TissueOptions { min_saturation: 40, ..usual })
            .unwrap_err()
            .contains("min_saturation")
    );
    assert!(
        detect(&[0; 12], 2, 2, 0.25, &TissueOptions { closing_um: f64::NAN, ..usual })
            .unwrap_err()
            .contains("closing_um")
    );
}

#[test]
fn masks_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, image: DynamicImage| -> PathBuf {
        let path = folder.path().join(name);
        image.save(&path).unwrap();
        path
    };
    // The right half is tissue, as a 1 among zeros.
    let gray = GrayImage::from_fn(40, 30, |x, _| Luma([u8::from(x >= 20)]));
    let pictures = [
        ("gray.png", DynamicImage::ImageLuma8(gray.clone())),
        ("gray.bmp", DynamicImage::ImageLuma8(gray.clone())),
        ("rgb.png", DynamicImage::ImageRgb8(RgbImage::from_fn(40, 30, |x, _| Rgb([0, 0, u8::from(x >= 20)])))),
        ("deep.png", DynamicImage::ImageLuma8(gray.clone()).into_luma16().into()),
        ("alpha.png", DynamicImage::ImageLuma8(gray.clone()).into_luma_alpha8().into()),
    ];
    for (name, picture) in pictures {
        let path = save(name, picture);
        let mask = TissueMask::read(&path, (4000, 3010)).unwrap();
        assert_eq!((mask.share(), mask.threshold()), (0.5, None), "{name}");
        assert_eq!(mask.fraction(Place { minx: 1950, miny: 0, width: 100, height: 100 }), 0.5);
        assert_eq!(
            mask.fraction(Place { minx: 3950, miny: 0, width: 100, height: 100 }),
            0.5,
            "half is beyond the slide"
        );
    }
    let path = save("m.png", DynamicImage::ImageLuma8(gray.clone()));
    let error = TissueMask::read(&path, (4000, 3100)).unwrap_err();
    assert!(matches!(error, TissueError::Shape { mask: (40, 30), .. }), "{error}");
    assert!(error.to_string().contains("differ by 3.3 %"), "{error}");
    let jpeg = save("m.jpg", DynamicImage::ImageLuma8(gray));
    assert!(TissueMask::read(&jpeg, (4000, 3000)).unwrap_err().to_string().contains("JPEG"));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(TissueMask::read(&path, (4000, 3000)).is_err());
    std::fs::write(&path, b"no picture").unwrap();
    assert!(TissueMask::read(&path, (4000, 3000)).unwrap_err().to_string().contains("save the mask as PNG"));
    assert!(
        TissueMask::read(folder.path(), (4, 3)).is_err()
            && TissueMask::read(&folder.path().join("no.png"), (4, 3)).is_err()
    );
}

/// A thumbnail at about 8 µm/px, written as raw RGB, and a mask by scikit-image: mean over 20 µm, saturation from 8.
const THUMBNAIL: &str = r#"
import sys
import numpy as np, openslide
from PIL import Image
from scipy.ndimage import uniform_filter
slide = openslide.OpenSlide(sys.argv[1])
w, h = slide.dimensions
f = 8 / float(slide.properties.get("openslide.mpp-x", .25))
size = (round(w / f), round(h / f))
rgb = np.asarray(slide.get_thumbnail((w, h)).convert("RGB").resize(size, Image.BOX))
open(sys.argv[2], "wb").write(rgb.tobytes())
mean = uniform_filter(rgb.astype(float), (3, 3, 0))
v = mean.max(2)
s = (v - mean.min(2)) / np.maximum(v, 1) * 255
open(sys.argv[3], "wb").write(((s >= 8) & (v > 40)).astype(np.uint8).tobytes())
print(*size, w / size[0], h / size[1], 8 / f)
"#;

#[test]
fn tissue_of_real_slides_is_found() {
    let Some(python) = reference::python("openslide, scipy, numpy, PIL") else { return };
    for name in ["CMU-1-Small-Region.svs", "tcga-cr-7395-01a-01-ts1.svs"] {
        let Some(path) = reference::shared(&format!("slides/{name}")) else { return };
        let folder = tempfile::tempdir().unwrap();
        let [rgb, flags] = ["rgb", "flags"].map(|file| folder.path().join(file));
        let arguments = [&path, &rgb, &flags].map(|path| path.to_str().unwrap());
        let output = reference::run(&python, THUMBNAIL, &arguments);
        let numbers: Vec<f64> = output.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [width, height] = [numbers[0] as u32, numbers[1] as u32];
        let rgb = std::fs::read(rgb).unwrap();
        let thumbnail = TissueThumbnail { rgb: &rgb, width, height, scale: [numbers[2], numbers[3]] };
        let mask = TissueMask::detect(&thumbnail, numbers[4], &TissueOptions::default()).unwrap();
        let expected: Vec<bool> = std::fs::read(flags).unwrap().into_iter().map(|flag| flag == 1).collect();
        let found = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mask.is_tissue(x, y));
        let pairs: Vec<(bool, bool)> = found.zip(expected).collect();
        let count = |wanted: fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| wanted(pair)).count() as f64;
        let iou = count(|pair| pair.0 && pair.1) / count(|pair| pair.0 || pair.1);
        let plain = count(|pair| pair.1) / pairs.len() as f64;
        println!(
            "{name}: {:.3} tissue at {:?}, saturation alone {plain:.3}, IoU {iou:.3}",
            mask.share(),
            mask.threshold()
        );
        assert!(iou > 0.85, "{name}");
    }
}

#[test]
#[ignore = "a measurement; run with --release --ignored --nocapture"]
fn measure_a_large_thumbnail() {
    let rgb: Vec<u8> =
        (0..6250 * 6250).flat_map(|i| if i / 6250 % 700 > i % 6250 / 10 { PALE } else { GLASS }).collect();
    let thumbnail = TissueThumbnail { rgb: &rgb, width: 6250, height: 6250, scale: [32.0; 2] };
    let start = std::time::Instant::now();
    let mask = TissueMask::detect(&thumbnail, 0.25, &TissueOptions::default()).unwrap();
    println!("a thumbnail of 6250 x 6250 px in {:.2} s, {:.3} tissue", start.elapsed().as_secs_f64(), mask.share());
}
