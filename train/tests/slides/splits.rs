//! Splits of slides: whole slides, whole patients, the list's own split, and equal images.

use std::fmt::Write as _;
use std::fs;

use kiln_tile::{Decoder, Tile};
use kiln_train::data::{Dataset, Split, SplitPlan, check_leaks, divided_slides, tile_digests};

use crate::{N, Slides, TILES, corner, label, slides, tiff};

const HALVES: [f64; 3] = [0.5, 0.25, 0.25];

/// A list of all tiles with one more column.
fn list(slides: &Slides, column: &str, value: impl Fn(usize, usize) -> String) -> Dataset {
    let mut text = format!("slide,minx,miny,width,height,label,{column}\n");
    for slide in 0..slides.tiles.len() {
        for at in 0..TILES {
            let (x, y) = corner(at);
            writeln!(text, "slide-{slide}.tif,{x},{y},{N},{N},{},{}", label(at), value(slide, at)).unwrap();
        }
    }
    slides.open(&slides.write("tiles.csv", &text))
}

#[test]
fn slides_stay_whole_and_so_do_patients() {
    let Some(slides) = slides(6) else { return };
    let by_slide = slides.open(&slides.list());
    let plan = SplitPlan::new(&by_slide, HALVES, 1).unwrap();
    assert_eq!(divided_slides(&by_slide, &plan), 0);
    assert!(Split::ALL.iter().all(|split| plan.indices(*split).len().is_multiple_of(TILES)));
    let by_patient = list(&slides, "group", |slide, _| format!("patient {}", slide / 2));
    let plan = SplitPlan::new(&by_patient, HALVES, 1).unwrap();
    assert_eq!(Split::ALL.map(|split| plan.indices(split).len()), [2 * TILES; 3]);
    let patients = |split| plan.indices(split).into_iter().map(|index| index / (2 * TILES)).collect::<Vec<_>>();
    assert!(Split::ALL.iter().all(|split| patients(*split).windows(2).all(|pair| pair[0] == pair[1])));
    // The split is read back, by the identities of the tiles.
    let file = slides.path("split.csv");
    plan.write_csv(&by_patient, &file).unwrap();
    assert!(fs::read_to_string(&file).unwrap().contains("\"slide-0.tif#256,0,256x256\",tumour,patient 0,"));
    assert_eq!(SplitPlan::read_csv(&by_patient, &file).unwrap().assignments, plan.assignments);
}

#[test]
fn one_slide_needs_a_split_column_and_the_error_says_so() {
    let Some(slides) = slides(1) else { return };
    let alone = slides.open(&slides.list());
    let reason = SplitPlan::new(&alone, HALVES, 1).unwrap_err().to_string();
    assert!(reason.contains("has 1 slide of tiles") && reason.contains("more slides"), "{reason}");
    assert!(reason.contains("a `split` column"), "{reason}");
    let thirds = list(&slides, "split", |_, at| Split::ALL[at / 6].name().to_owned());
    let plan = SplitPlan::new(&thirds, HALVES, 1).unwrap();
    assert_eq!((plan.indices(Split::Train).len(), divided_slides(&thirds, &plan)), (6, 1));
    let digests = tile_digests(&thirds, &Decoder::default()).unwrap();
    check_leaks(&thirds, &plan, &digests).unwrap();
    // Another split that divides the slide is nobody's decision.
    let mut other = plan.clone();
    other.assignments.reverse();
    let reason = check_leaks(&thirds, &other, &digests).unwrap_err().to_string();
    assert!(reason.contains("both of group `slide-0.tif`"), "{reason}");
}

#[test]
fn a_patient_whose_slides_the_list_divides_is_a_leak() {
    let Some(slides) = slides(3) else { return };
    let mut text = "slide,minx,miny,width,height,label,group,split\n".to_owned();
    for slide in 0..3 {
        for at in 0..2 {
            writeln!(text, "slide-{slide}.tif,{},0,{N},{N},{},p1,{}", at * N, label(at), Split::ALL[slide]).unwrap();
        }
    }
    let dataset = slides.open(&slides.write("tiles.csv", &text));
    let reason = SplitPlan::new(&dataset, HALVES, 1).unwrap_err().to_string();
    assert!(reason.contains("both of group `p1`"), "{reason}");
}

#[test]
fn a_copied_slide_is_the_same_image_and_glass_is_not() {
    let Some(slides) = slides(4) else { return };
    // Slide 3 is a copy of slide 0; every slide has one tile of glass, under both labels.
    let glass = Tile::from_pixels(vec![255; 3 * N * N]).unwrap();
    for slide in [0, 1, 2, 3] {
        let mut tiles = slides.tiles[slide % 3].clone();
        tiles[2 + slide % 2] = glass.clone();
        if slide == 3 {
            tiles = slides.tiles[0].clone();
            tiles[2] = glass.clone();
        }
        fs::write(slides.path(&format!("slide-{slide}.tif")), tiff(&tiles)).unwrap();
    }
    let dataset = slides.open(&slides.list());
    let digests = tile_digests(&dataset, &Decoder::default()).unwrap();
    assert_eq!(digests.iter().filter(|digest| digest.blank).count(), 4);
    assert_eq!(digests[0].file, digests[3 * TILES].file);
    let plan = SplitPlan::with_digests(&dataset, &digests, HALVES, 1).unwrap();
    assert_eq!(plan.assignments[0], plan.assignments[3 * TILES]);
    let mut leaky = plan.clone();
    let elsewhere = Split::ALL.into_iter().find(|split| *split != plan.assignments[0]).unwrap();
    leaky.assignments[3 * TILES..].fill(elsewhere);
    let reason = check_leaks(&dataset, &leaky, &digests).unwrap_err().to_string();
    assert!(reason.contains("have the same file content"), "{reason}");
    // The copy with the other labels.
    let mut text = fs::read_to_string(slides.list()).unwrap();
    text = text.replace("slide-3.tif,0,0,256,256,normal", "slide-3.tif,0,0,256,256,tumour");
    let dataset = slides.open(&slides.write("tiles.csv", &text));
    let reason = SplitPlan::new(&dataset, HALVES, 1).unwrap_err().to_string();
    assert!(reason.contains("slide-3.tif#0,0,256x256") && reason.contains("correct the label"), "{reason}");
}
