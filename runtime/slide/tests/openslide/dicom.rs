//! DICOM slides: one file, or the folder of a series.

use std::fs;
use std::process::Command;

use kiln_slide::Slide;

use crate::support::{library, need, open, python, real_slides, rectangles, reference, variants};

#[test]
fn a_folder_of_one_series_is_a_slide() {
    let library = need!(library());
    let small = need!(real_slides()).join("small");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(small.join("boxes_0.dcm"), folder.path().join("b.dcm")).unwrap();
    fs::write(folder.path().join("a.txt"), "notes").unwrap();
    let slide = open(folder.path());
    assert_eq!((slide.vendor(), slide.size()), ("dicom", (16, 16)));
    assert_eq!(slide.main_file(), folder.path().join("b.dcm"));
    let by_file = open(&folder.path().join("b.dcm"));
    assert_eq!(slide.digest().unwrap(), by_file.digest().unwrap());
    fs::copy(small.join("hd_sm_image.dcm"), folder.path().join("c.dcm")).unwrap();
    let error = Slide::open(folder.path(), &library).unwrap_err();
    assert_eq!(error.code(), "several_series", "{error}");
    assert!(error.to_string().contains("2 DICOM series"), "{error}");
}

#[test]
fn a_pyramid_in_dicom_is_read_like_openslide_python_reads_it() {
    need!(library());
    let source = need!(variants()).join("jpeg.tif");
    let python = need!(python("wsidicomizer, openslide"));
    let folder = tempfile::tempdir().unwrap();
    let code = "import sys; from wsidicomizer import WsiDicomizer\n\
                WsiDicomizer.convert(sys.argv[1], sys.argv[2], include_label=False, \
                include_overview=False)";
    let status = Command::new(python).args(["-c", code]).args([&source, folder.path()]).status().unwrap();
    assert!(status.success());
    let slide = open(folder.path());
    assert_eq!((slide.vendor(), slide.size()), ("dicom", (2048, 2560)));
    assert!(slide.levels().len() > 1);
    assert!((slide.mpp().unwrap().mean() - 0.5).abs() < 1e-6);
    let mut rectangles = rectangles(&slide, 20, false);
    rectangles.retain(|found| slide.levels()[found.0 as usize].downsample.fract() == 0.0);
    let references = need!(reference("openslide", slide.main_file(), &rectangles));
    for (&(level, x, y, width, height), reference) in rectangles.iter().zip(&references) {
        let region = slide.read_level(level, x, y, width, height).unwrap();
        assert!(region.rgb == *reference, "level {level} at {x}, {y}");
    }
}
