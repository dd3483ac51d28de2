//! Lists of slide tiles: what they give, and what is refused.

use std::fs;

use kiln_tile::{Decoder, Limits, TileSource as _};
use kiln_train::data::{Dataset, SlideOptions, dataset_digest, inspect, tile_digests};

use crate::{N, TILES, corner, slides, tiff};

#[test]
fn a_tile_has_the_pixels_of_its_place() {
    let Some(slides) = slides(2) else { return };
    let dataset = slides.open(&slides.list());
    assert_eq!((dataset.len(), dataset.labels()), (2 * TILES, vec!["normal".to_owned(), "tumour".to_owned()]));
    for index in 0..dataset.len() {
        let tile = dataset.tile(index, &Decoder::default()).unwrap();
        assert_eq!(tile, slides.tiles[index / TILES][index % TILES], "tile {index}");
    }
    assert_eq!(dataset.entries[1].path.to_str(), Some("slide-0.tif#256,0,256x256"));
    assert_eq!(dataset.entries[1].group.as_deref(), Some("slide-0.tif"));
    assert_eq!(dataset.files(), [slides.path("slide-0.tif"), slides.path("slide-1.tif")]);
    assert_eq!((dataset.file(0), dataset.slide_resolution()), (None, Some(0.5)));
    // The same tiles as the source of a scoring.
    let chosen = [17, 3];
    let source = dataset.tiles(&chosen, Decoder::default());
    assert_eq!(source.name(0), "slide-1.tif#256,0,256x256");
    assert_eq!(source.read(0).tile.unwrap(), slides.tiles[1][1]);
    assert_eq!(source.read(1).tile.unwrap(), slides.tiles[0][3]);
}

#[test]
fn a_coarser_tile_is_the_mean_of_its_area() {
    let Some(slides) = slides(1) else { return };
    let list = slides.write("coarse.csv", "slide,minx,miny,width,height,label\nslide-0.tif,256,256,512,512,tumour\n");
    let options = SlideOptions { micrometres_per_pixel: Some(1.0), ..slides.options() };
    let tile = Dataset::open_with(&list, &options).unwrap().tile(0, &Decoder::default()).unwrap();
    let at = |x: usize, y: usize, channel: usize| {
        let (x, y) = (x + 256, y + 256);
        u32::from(slides.tiles[0][y / N * crate::ACROSS + x / N].pixels()[3 * (y % N * N + x % N) + channel])
    };
    for (index, value) in tile.pixels().iter().enumerate() {
        let (x, y, channel) = (2 * (index / 3 % N), 2 * (index / 3 / N), index % 3);
        let sum = at(x, y, channel) + at(x + 1, y, channel) + at(x, y + 1, channel) + at(x + 1, y + 1, channel);
        assert!(u32::from(*value).abs_diff(sum.div_ceil(4)) <= 1, "{x}, {y}: {value} and {sum}/4");
    }
}

#[test]
fn rows_without_a_label_are_left_out_and_counted() {
    let Some(slides) = slides(1) else { return };
    let text = "slide,minx,miny,width,height,label,group,split\n\
                slide-0.tif,0,0,256,256,normal,p1,train\n\
                gone.tif,0,0,256,256,,,\n\
                slide-0.tif,256,0,256,256,,,\n\
                slide-0.tif,512,0,256,256,tumour,p1,train\n";
    let dataset = slides.open(&slides.write("tiles.csv", text));
    assert_eq!((dataset.len(), dataset.unlabelled), (2, 2));
    assert_eq!(dataset.tile(1, &Decoder::default()).unwrap(), slides.tiles[0][2]);
    assert_eq!(dataset.group_name(0), "p1");
    let reason = slides.refusal("slide,minx,miny,width,height\nslide-0.tif,0,0,256,256\n");
    assert!(reason.contains("no row has a label"), "{reason}");
}

#[test]
fn every_refusal_names_its_cause() {
    let Some(slides) = slides(1) else { return };
    let header = "slide,minx,miny,width,height,label";
    let row = "slide-0.tif,0,0,256,256,normal";
    fs::write(slides.path("text.tif"), "no slide").unwrap();
    for (text, words) in [
        (format!("{header}\n{row}\nslide-0.tif,0,0,256,256,tumour\n"), "line 3"),
        (format!("{header}\ngone.tif,0,0,256,256,normal\n"), "gone.tif"),
        (format!("{header}\ntext.tif,0,0,256,256,normal\n"), "text.tif"),
        (format!("{header}\n{row}\n./slide-0.tif,256,0,256,256,tumour\n"), "are one file"),
        (format!("{header}\nslide-0.tif,0,0,512,512,normal\n"), "`micrometres_per_pixel` is 0.5"),
        (format!("{header},split\n{row},validation\n"), "unknown split `validation`"),
        (format!("{header},split\n{row},train\nslide-0.tif,256,0,256,256,tumour,\n"), "has no split, but 1 other"),
        (format!("{header}\n{row}\nslide-0.tif,256,0,256,256,Normal\n"), "differ only in"),
        (format!("{header}\nslide-0.tif,0,0,256,256,nan\n"), "usually means a missing value"),
        (format!("{header},score,status\n{row},0.2,ok\n"), "decisions of a model"),
        (format!("{header},prob_tumour\n{row},0.2\n"), "decisions of a model"),
        (format!("{header},gruop\n{row},p1\n"), "did you mean `group`?"),
        (format!("{header}\n"), "a header and no rows"),
    ] {
        let reason = slides.refusal(&text);
        assert!(reason.contains(words), "{text}: {reason}");
    }
    let options = SlideOptions { openslide: Some("/nowhere/libopenslide.so".into()), ..slides.options() };
    let error = Dataset::open_with(&slides.list(), &options).unwrap_err();
    assert!(error.to_string().contains("/nowhere/libopenslide.so"), "{error}");
}

#[test]
fn the_resolution_of_a_list_is_found_and_an_override_replaces_the_stated_one() {
    let Some(slides) = slides(1) else { return };
    let list = slides.list();
    let open = |options: SlideOptions| Dataset::open_with(&list, &options);
    let found = open(SlideOptions { micrometres_per_pixel: None, ..slides.options() }).unwrap();
    assert_eq!(found.slide_resolution(), Some(0.5));
    let other = SlideOptions { mpp_override: Some(0.25), ..slides.options() };
    assert!(open(other.clone()).unwrap_err().to_string().contains("0.25"));
    let other = SlideOptions { micrometres_per_pixel: Some(0.25), ..other };
    assert_eq!(open(other).unwrap().tile(5, &Decoder::default()).unwrap(), slides.tiles[0][5]);
    // Within 1 %.
    assert!(open(SlideOptions { micrometres_per_pixel: Some(0.504), ..slides.options() }).is_ok());
}

#[test]
fn the_digest_of_the_data_is_the_same_where_list_and_slides_have_moved() {
    let Some(slides) = slides(2) else { return };
    let digest = |dataset: &Dataset| dataset_digest(dataset, &tile_digests(dataset, &Decoder::default()).unwrap());
    let before = digest(&slides.open(&slides.list()));
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["slide-0.tif", "slide-1.tif"] {
        fs::copy(slides.path(name), elsewhere.path().join(name)).unwrap();
    }
    let mut text = "height,width,slide,label,miny,minx\n".to_owned();
    for at in (0..TILES).rev() {
        for slide in 0..2 {
            let ((x, y), path) = (corner(at), elsewhere.path().join(format!("slide-{slide}.tif")));
            text += &format!("{N},{N},{},{},{y},{x}\n", path.display(), crate::label(at));
        }
    }
    let moved = slides.write("moved.csv", &text);
    assert_eq!(digest(&slides.open(&moved)), before);
    // Another slide under the same name has another digest.
    let mut other = slides.tiles[0].clone();
    other.swap(0, 2);
    fs::write(elsewhere.path().join("slide-0.tif"), tiff(&other)).unwrap();
    assert_ne!(digest(&slides.open(&moved)), before);
}

#[test]
fn inspection_reads_slides_and_goes_on_after_a_bad_tile() {
    let Some(slides) = slides(2) else { return };
    let mut text = fs::read_to_string(slides.list()).unwrap();
    text += "slide-1.tif,9000,9000,256,256,tumour\n";
    let dataset = slides.open(&slides.write("tiles.csv", &text));
    let found = inspect(&dataset, None, Limits::default(), &|| {}).unwrap();
    assert_eq!((found.tiles, found.groups.len(), found.micrometres_per_pixel), (2 * TILES + 1, 2, Some(0.5)));
    assert_eq!(found.unreadable.len(), 1);
    assert_eq!(found.unreadable[0].path.to_str(), Some("slide-1.tif#9000,9000,256x256"));
    assert!(found.unreadable[0].status == "no_data" || found.unreadable[0].status == "outside", "{found:?}");
    assert!(found.duplicates.is_empty() && found.colour.is_some() && found.data_sha256.is_some());
}
