//! Each of the drawn TIFFs, the Philips TIFF and the real slides has one expected result.

use kiln_slide::{Slide, SlideError};

use crate::support::{library, need, open, real_slides, variants};

/// Opens, with the number of levels, the µm/px or the code of its error, and the unreadable ones of the 80 regions of
/// 256 x 256 pixels of level 0.
const SOUND: &[(&str, usize, Result<f64, &str>, usize)] = &[
    ("jpeg.tif", 3, Ok(0.5), 0),
    ("jpeg-big.tif", 3, Ok(0.5), 0),
    ("no-mpp.tif", 3, Err("no_mpp"), 0),
    ("aniso-mpp.tif", 3, Err("anisotropic_mpp"), 0),
    ("zero-mpp.tif", 3, Err("no_mpp"), 0),
    ("unit-none.tif", 3, Err("no_mpp"), 0),
    ("dpi72.tif", 3, Err("absurd_mpp"), 0),
    ("ome-subifd.ome.tif", 1, Ok(0.5), 0),
    ("subifd-plain.tif", 1, Ok(0.5), 0),
    ("deflate.tif", 3, Ok(0.5), 0),
    ("lzw.tif", 3, Ok(0.5), 0),
    ("none.tif", 3, Ok(0.5), 0),
    ("zstd.tif", 3, Ok(0.5), 0),
    ("uint16.tif", 3, Ok(0.5), 0),
    ("gray.tif", 3, Ok(0.5), 0),
    ("planar.tif", 3, Ok(0.5), 0),
    ("one-level.tif", 1, Ok(0.5), 0),
    ("tile512.tif", 3, Ok(0.5), 0),
    ("tile240.tif", 3, Ok(0.5), 0),
    ("tile-zeroed.tif", 3, Ok(0.5), 1),
    ("tile-half-zeroed.tif", 3, Ok(0.5), 1),
    ("tile-missing.tif", 3, Ok(0.5), 0),
];

/// Refused, with the code of the error and a word of its message.
const REFUSED: &[(&str, &str, &str)] = &[
    ("webp.tif", "unreadable", "Unsupported TIFF compression: 50001"),
    ("jxl.tif", "unreadable", "Unsupported TIFF compression: 50002"),
    ("j2k.tif", "unreadable", "Unsupported TIFF compression: 34712"),
    ("lzma.tif", "unreadable", "Unsupported TIFF compression: 34925"),
    ("stripped.tif", "unsupported", "recognises no slide format"),
    ("truncated.tif", "unreadable", "2 of 80 tiles of image 0 are beyond the end of the file"),
    ("truncated-front.tif", "unreadable", "seems to be cut short"),
    ("empty.tif", "unreadable", "the file is empty"),
];

#[test]
fn each_variant_has_its_expected_result() {
    let library = need!(library());
    let folder = need!(variants());
    let made = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(made, SOUND.len() + REFUSED.len() + 1, "a variant without an expectation");
    for &(name, levels, mpp, unreadable) in SOUND {
        let slide = open(&folder.join(name));
        assert_eq!(slide.vendor(), "generic-tiff", "{name}");
        assert_eq!(slide.levels().len(), levels, "{name}");
        assert_eq!(slide.size(), (2048, 2560), "{name}");
        let found = slide.mpp();
        match mpp {
            Ok(mpp) => assert!((found.unwrap().mean() - mpp).abs() < 1e-6, "{name}"),
            Err(code) => {
                let error = found.unwrap_err();
                assert_eq!(error.code(), code, "{name}");
                assert!(error.to_string().contains(name), "{error}");
            }
        }
        let places = (0..80).map(|at| (at % 8 * 256, at / 8 * 256));
        let failed = places.filter(|&(x, y)| slide.read_level(0, x, y, 256, 256).is_err()).count();
        assert_eq!(failed, unreadable, "{name}");
    }
    for (name, code, text) in REFUSED {
        let error = Slide::open(&folder.join(name), &library).unwrap_err();
        assert_eq!(error.code(), *code, "{error}");
        assert!(error.to_string().contains(text) && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_missing_tile_is_background_without_data() {
    need!(library());
    let slide = open(&need!(variants()).join("tile-missing.tif"));
    let (x, y) = (27 % 8 * 256, 27 / 8 * 256);
    let missing = slide.read_level(0, x, y, 256, 256).unwrap();
    assert_eq!(missing.data_pixels, 0);
    assert!(missing.rgb.iter().all(|&sample| sample == 255));
    let half = slide.read_level(0, x - 128, y, 256, 256).unwrap();
    assert_eq!(half.data_pixels, 128 * 256);
}

#[test]
fn a_philips_tiff_has_the_spacing_of_its_header() {
    need!(library());
    let slide = open(&need!(variants()).join("philips.tiff"));
    assert_eq!(slide.vendor(), "philips");
    assert_eq!(slide.levels().len(), 3);
    assert!((slide.mpp().unwrap().mean() - 0.243).abs() < 1e-6);
    assert!((0..3).all(|level| slide.is_exact(level)));
}

#[test]
fn real_slides_open_or_are_refused() {
    let library = need!(library());
    let folder = need!(real_slides());
    for (name, vendor, size, mpp) in [
        ("CMU-1-Small-Region.svs", "aperio", (2220, 2967), Ok(0.499)),
        ("tcga-cr-7395-01a-01-ts1.svs", "aperio", (4443, 3567), Err("no_mpp")),
        ("small/small.svs", "aperio", (16, 16), Ok(0.499)),
        ("small/boxes.tiff", "generic-tiff", (300, 250), Err("absurd_mpp")),
        ("small/boxes_0.dcm", "dicom", (16, 16), Ok(0.499)),
        ("small/hd_sm_image.dcm", "dicom", (50, 50), Ok(0.499)),
    ] {
        let slide = open(&folder.join(name));
        assert_eq!((slide.vendor(), slide.size()), (vendor, size), "{name}");
        match mpp {
            Ok(mpp) => assert!((slide.mpp().unwrap().mean() - mpp).abs() < 1e-9, "{name}"),
            Err(code) => assert_eq!(slide.mpp().unwrap_err().code(), code, "{name}"),
        }
        let (width, height) = (slide.size().0.min(256), slide.size().1.min(256));
        let region = slide.read_level(0, 0, 0, width.try_into().unwrap(), height.try_into().unwrap()).unwrap();
        assert_eq!(region.data_pixels, region.pixels(), "{name}");
    }
    for name in ["broken.svs", "small/unopenable.tiff"] {
        let error = Slide::open(&folder.join(name), &library).unwrap_err();
        let is_refused =
            matches!(error, SlideError::Unsupported { .. } | SlideError::Damaged { .. } | SlideError::CutShort { .. });
        assert!(is_refused, "{error}");
    }
    let unreadable = open(&folder.join("small/unreadable.svs"));
    for _ in 0..3 {
        let error = unreadable.read_level(0, 0, 0, 16, 16).unwrap_err();
        assert_eq!(error.code(), "unreadable");
        assert!(!error.to_string().is_empty());
    }
}
