//! Inspection, privacy findings and digest.

use std::fs;
use std::process::Command;

use kiln_slide::{FindingKind, Inspection, Reader};

use crate::support::{library, need, open, real_slides, variants};

#[test]
fn an_inspection_has_stable_names() {
    need!(library());
    let facts = Inspection::new(&open(&need!(variants()).join("jpeg.tif")));
    assert_eq!(facts.reader, Reader::OpenSlide);
    let json = serde_json::to_value(&facts).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    let expected = [
        "associated_images",
        "background",
        "bounds",
        "compression",
        "coverage",
        "doubts",
        "icc_bytes",
        "levels",
        "mpp",
        "mpp_error",
        "objective_power",
        "path",
        "reader",
        "vendor",
    ];
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    assert_eq!(json["mpp"]["source"], "openslide.mpp-x");
    assert_eq!(json["reader"], "openslide");
    assert_eq!(json["compression"], "JPEG");
    assert_eq!(json["levels"][1]["mpp"], 1.0);
    assert_eq!(json["coverage"], 1.0);
    assert_eq!(json["background"], "#ffffff");
}

/// A word of the one doubt that each slide must raise.
#[test]
fn every_doubt_is_stated() {
    need!(library());
    let folder = need!(variants());
    for (name, doubt) in [
        ("no-mpp.tif", "states no resolution"),
        ("dpi72.tif", "72 dpi"),
        ("aniso-mpp.tif", "more than 1 % apart"),
        ("jpeg.tif", "RGB instead of YCbCr"),
        ("ome-subifd.ome.tif", "2 smaller levels in sub-directories"),
        ("subifd-plain.tif", "2 smaller levels in sub-directories"),
    ] {
        let facts = Inspection::new(&open(&folder.join(name)));
        let is_stated = facts.doubts.iter().any(|found| found.contains(doubt));
        // tifffile writes YCbCr when it compresses RGB as JPEG, unless told otherwise.
        assert!(is_stated || name == "jpeg.tif", "{name}: {:?}", facts.doubts);
    }
    assert_eq!(Inspection::new(&open(&folder.join("deflate.tif"))).doubts, Vec::<String>::new());
    let real = need!(real_slides());
    let tcga = Inspection::new(&open(&real.join("tcga-cr-7395-01a-01-ts1.svs")));
    for doubt in ["states no resolution", "ICC profile of 3144 bytes", "downsample of 2.000506"] {
        assert!(tcga.doubts.iter().any(|found| found.contains(doubt)), "{doubt}: {:?}", tcga.doubts);
    }
    let cmu = Inspection::new(&open(&real.join("CMU-1-Small-Region.svs")));
    assert!(cmu.doubts.iter().any(|found| found.contains("RGB instead of YCbCr")), "{:?}", cmu.doubts);
    let names: Vec<&str> = cmu.associated_images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["label", "macro", "thumbnail"]);
}

#[test]
fn findings_name_places_and_never_values() {
    need!(library());
    let real = need!(real_slides());
    let slide = open(&real.join("CMU-1-Small-Region.svs"));
    let found = slide.privacy_findings(false);
    let has = |kind: FindingKind, place: &str| found.iter().any(|one| one.kind == kind && one.place == place);
    assert!(has(FindingKind::LabelImage, "associated image label"));
    assert!(has(FindingKind::LabelImage, "associated image macro"));
    assert!(has(FindingKind::Identifier, "aperio.ImageID"));
    assert!(has(FindingKind::Person, "aperio.User"));
    assert!(has(FindingKind::Date, "aperio.Date"));
    assert!(has(FindingKind::Date, "tiff.ImageDescription: Date"));
    let text = serde_json::to_string(&found).unwrap();
    for value in ["b414003d-95c6", "12/29/09", "1004486", "CMU-1"] {
        assert!(!text.contains(value), "{value} in {text}");
    }
    let revealed = serde_json::to_string(&slide.privacy_findings(true)).unwrap();
    assert!(revealed.contains("12/29/09"));
    assert!(!text.contains("thumbnail"));

    let dicom = open(&real.join("small/hd_sm_image.dcm")).privacy_findings(false);
    assert!(dicom.iter().any(|found| found.place == "dicom.StudyDate"), "{dicom:?}");
    let clean = open(&need!(variants()).join("jpeg.tif")).privacy_findings(false);
    assert!(clean.is_empty(), "{clean:?}");
}

#[test]
fn the_digest_of_a_file_is_that_of_sha256sum() {
    need!(library());
    let path = need!(variants()).join("jpeg.tif");
    let digest = open(&path).digest().unwrap().to_owned();
    assert_eq!(digest, kiln_files::digest::sha256_file(&path).unwrap());
    let Ok(output) = Command::new("sha256sum").arg(&path).output() else {
        println!("skipped: no sha256sum");
        return;
    };
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&digest));
    // Another slide has another digest, and so has a slide with one changed byte.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.tif");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&copy, bytes).unwrap();
    assert_ne!(open(&copy).digest().unwrap(), digest);
}
