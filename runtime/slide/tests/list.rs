//! Tile lists: round trips, strict reading, and lists of other tools.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use kiln_slide::{ListError, ListLimits, ListedPlace, Place, TileList, TileListWriter, slide_reference};
use proptest::prelude::*;
use tempfile::TempDir;

fn read(text: impl AsRef<[u8]>) -> Result<TileList, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiles.csv");
    fs::write(&path, text).unwrap();
    TileList::read(&path, &ListLimits::default())
        .map_err(|error| error.to_string().replace(path.to_str().unwrap(), "L"))
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    read(text).unwrap_err()
}

const HEADER: &str = "slide,minx,miny,width,height,label,group,split,level,tissue_fraction,tumour_fraction\n";

#[test]
fn coordinates_alone_are_enough_and_other_columns_are_named() {
    let list = read("slide,minx,miny,width,height\na.svs,0,512,256,256\nb.svs,-5,0,512,512\n").unwrap();
    assert_eq!(list.len(), 2);
    let expected = ListedPlace::new("b.svs", Place { minx: -5, miny: 0, width: 512, height: 512 });
    assert_eq!(list.get(1), Some(expected));
    assert_eq!(list.slides().collect::<Vec<_>>(), ["a.svs", "b.svs"]);
    let scores = "slide,minx,miny,width,height,score,label,status,prob_normal,prob_tumour,level,tissue_fraction,tumour_fraction\n\
                  a.svs,0,0,256,256,0.9,tumour,ok,0.1,0.9,1,0.75,\n";
    let list = read(scores).unwrap();
    assert_eq!(list.extra_columns(), ["score", "status", "prob_normal", "prob_tumour"]);
    let tile = list.get(0).unwrap();
    assert_eq!(
        (tile.label, tile.level, tile.tissue_fraction, tile.tumour_fraction),
        (Some("tumour"), Some(1), Some(0.75), None)
    );
}

#[test]
fn marks_line_ends_spaces_quotes_and_decimals_of_spreadsheets_are_accepted() {
    let text = "\u{feff}slide, minx ,miny,width,height,label\r\n\"a, b.svs\", 0,1.0,256.0,256,\" tumour \"\r\n\r\nc.svs,1,1,9,9,\r\n";
    let list = read(text).unwrap();
    let tile = list.get(0).unwrap();
    assert_eq!((tile.slide, tile.label, tile.place.miny), ("a, b.svs", Some("tumour"), 1));
    assert_eq!(list.get(1).unwrap().label, None);
}

#[test]
fn a_wrong_row_is_named_by_line_and_column() {
    let cases = [
        ("a.svs,0,0,256,256", "L: line 2: 5 fields, but the header has 11"),
        ("\n\r\n\ra.svs,0,0,256,256", "L: line 5: 5 fields, but the header has 11"),
        ("a.svs,0,0,9,9,,,,,,\r\r,0,0,9,9,,,,,,", "L: line 4, column `slide`: it is empty"),
        (",0,0,256,256,,,,,,", "L: line 2, column `slide`: it is empty"),
        ("a\0.svs,0,0,256,256,,,,,,", "column `slide`: a path cannot"),
        ("a.svs,x,0,256,256,,,,,,", "column `minx`: `x` is not a whole number"),
        ("a.svs,0.5,0,256,256,,,,,,", "column `minx`: `0.5` is not a whole number"),
        ("a.svs,,0,256,256,,,,,,", "column `minx`: it is empty"),
        ("a.svs,0,99999999999999999999,256,256,,,,,,", "column `miny`"),
        ("a.svs,0,2000000000,256,256,,,,,,", "column `miny`: 2000000000 is out of range"),
        ("a.svs,0,0,0,0,,,,,,", "column `width`: 0 is out of range"),
        ("a.svs,0,0,-256,256,,,,,,", "column `width`: `-256` is not a whole number"),
        ("a.svs,0,0,256,255,,,,,,", "column `height`: the height is 255 and the width 256"),
        ("a.svs,0,0,256,256,,,,65,,", "column `level`: 65 is out of range"),
        ("a.svs,0,0,256,256,,,,,1.5,", "column `tissue_fraction`: `1.5` is not a number from 0 to 1"),
        ("a.svs,0,0,256,256,,,,,,nan", "column `tumour_fraction`: `nan` is not"),
        (
            "a.svs,0,0,256,256,,,,,,\na.svs,256,0,512,512,,,,,,",
            "line 3, column `width`: 512, but the places of this slide are 256 wide since line 2",
        ),
        ("a.svs,0,0,9,9,,,,,,\nb.svs,0,0,9,9,,,,,,\na.svs,0,0,9,9,,,,,,", "L: line 4: this place is in line 2 already"),
    ];
    for (row, expected) in cases {
        let found = refusal(format!("{HEADER}{row}\n"));
        assert!(found.contains(expected), "{row}: {found}");
    }
    assert!(refusal(b"slide,minx,miny,width,height\na.svs,0,0,1,1\n\xff.svs,0,0,1,1\n").contains("line 3: not UTF-8"));
}

#[test]
fn wrong_headers_are_named() {
    assert!(refusal("").contains("no columns `slide`, `minx`"));
    assert!(refusal("minx,miny,width,height,prob_tumour\n0,0,1,1,0.5\n").contains("no column `slide`"));
    assert!(refusal(format!("label,{HEADER}")).contains("line 1: the column `label` occurs twice"));
    assert!(refusal("slide,minx,miny,width,height,spilt\n").contains("did you mean `split`?"));
    assert_eq!(read(HEADER).unwrap().len(), 0, "a slide of glass has no tiles");
}

#[test]
fn limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiles.csv");
    fs::write(&path, "slide,minx,miny,width,height\na,0,0,1,1\na,1,0,1,1\n").unwrap();
    let read = |bytes, tiles| TileList::read(&path, &ListLimits { bytes, tiles });
    assert!(read(100, 2).is_ok());
    assert!(matches!(read(100, 1), Err(ListError::TooLarge { what: "tiles", limit: 1, .. })));
    assert!(matches!(read(40, 2), Err(ListError::TooLarge { what: "bytes", limit: 40, .. })));
    assert!(TileList::read(folder.path(), &ListLimits::default()).is_err());
    assert!(TileList::read(&folder.path().join("none.csv"), &ListLimits::default()).is_err());
}

fn target() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lists/tiles.csv");
    (folder, path)
}

#[test]
fn nothing_remains_of_a_list_that_is_not_finished() {
    let (folder, path) = target();
    let place = Place { minx: 0, miny: 0, width: 256, height: 256 };
    let mut writer = TileListWriter::create(&path).unwrap();
    writer.write(&ListedPlace::new("a.svs", place)).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    let mut writer = TileListWriter::create(&path).unwrap();
    writer.write(&ListedPlace::new("a.svs", place)).unwrap();
    assert_eq!(writer.finish().unwrap(), 1);
    let first = fs::read(&path).unwrap();
    let mut writer = TileListWriter::create(&path).unwrap();
    let wide = Place { width: 512, height: 512, ..place };
    writer.write(&ListedPlace::new("a.svs", place)).unwrap();
    let wrong = [
        ListedPlace::new("a.svs", wide),
        ListedPlace::new("", place),
        ListedPlace::new("b.svs", Place { height: 255, ..place }),
        ListedPlace { label: Some(" tumour"), ..ListedPlace::new("a.svs", place) },
        ListedPlace { tissue_fraction: Some(f64::NAN), ..ListedPlace::new("a.svs", place) },
    ];
    for tile in wrong {
        let error = writer.write(&tile).unwrap_err().to_string();
        assert!(error.contains("tiles.csv: line 3, column `"), "{error}");
    }
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), first, "the old list stays");
    drop(folder);
}

#[test]
fn slides_are_relative_to_the_folder_of_the_list() {
    assert_eq!(slide_reference(Path::new("/data/a.svs"), Path::new("out/tiles.csv")).unwrap(), "/data/a.svs");
    assert_eq!(slide_reference(Path::new("slides/a.svs"), Path::new("out/tiles.csv")).unwrap(), "../slides/a.svs");
    assert_eq!(slide_reference(Path::new("a.svs"), Path::new("tiles.csv")).unwrap(), "a.svs");
    assert_eq!(slide_reference(Path::new("./x/../out/a.svs"), Path::new("out/tiles.csv")).unwrap(), "a.svs");
    let list = read("slide,minx,miny,width,height\n../slides/a.svs,0,0,1,1\n/b.svs,0,0,1,1\n").unwrap();
    assert_eq!(list.slide_path("../slides/a.svs"), list.folder().join("../slides/a.svs"));
    assert_eq!(list.slide_path("/b.svs"), Path::new("/b.svs"));
}

#[test]
fn a_header_is_known_quoted_and_the_fault_of_one_that_is_nearly_right_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    let file = |text: &str| {
        fs::write(&path, text).unwrap();
        path.as_path()
    };
    for header in [
        "slide,minx,miny,width,height\n",
        "\"slide\",\"minx\",\"miny\",\"width\",\"height\"\r\n\"a.svs\",0,0,1,1\r\n",
        "\u{feff}\"minx\", miny,slide,width,height",
    ] {
        assert!(TileList::is_list(file(header)), "{header}");
        assert!(TileList::header_fault(file(header)).is_none(), "{header}");
    }
    for (header, reason) in [
        ("slide;minx;miny;width;height\n", "semicolons"),
        ("\"slide\"\t\"minx\"\t\"miny\"\t\"width\"\t\"height\"\n", "tabs"),
        ("minx,miny,width,height,label\n", "no column `slide`"),
        ("Slide,minx,miny,width,height\n", "did you mean `slide`?"),
        ("slide,minx,miny,x,y\n", "no columns `width`, `height`"),
    ] {
        let fault = TileList::header_fault(file(header)).map(|fault| fault.to_string()).unwrap_or_default();
        assert!(fault.contains(reason) && fault.contains("list.csv: line 1"), "{header}: {fault}");
    }
    for other in ["path,label,split\n", "slide,patient\n", "", "\u{0}\u{1}", "slide,x,y,width,w\n"] {
        assert!(!TileList::is_list(file(other)) && TileList::header_fault(file(other)).is_none(), "{other}");
    }
}

#[cfg(unix)]
#[test]
fn a_list_in_a_linked_folder_leads_to_its_slide() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir_in(".").unwrap();
    let here = folder.path().strip_prefix(std::env::current_dir().unwrap()).unwrap_or(folder.path()).to_owned();
    for part in ["site/data", "scratch/deep", "scratch/data", "store"] {
        fs::create_dir_all(here.join(part)).unwrap();
    }
    for file in ["site/data/x.tif", "scratch/data/x.tif", "store/y.tif"] {
        fs::write(here.join(file), file).unwrap();
    }
    symlink("../scratch/deep", here.join("site/out")).unwrap();
    symlink("../store", here.join("site/linked")).unwrap();
    symlink("../../store/y.tif", here.join("site/data/z.tif")).unwrap();
    let reference = |slide: &str, list: &str| slide_reference(&here.join(slide), &here.join(list)).unwrap();
    for slide in ["site/data/x.tif", "site/linked/y.tif", "site/data/z.tif", "site/linked/../store/y.tif"] {
        for list in ["site/out/tiles.csv", "site/tiles.csv", "scratch/tiles.csv", "new/folder/tiles.csv"] {
            let text = reference(slide, list);
            let list_folder = here.join(list).parent().unwrap().to_owned();
            fs::create_dir_all(&list_folder).unwrap();
            let found = fs::read(list_folder.join(&text)).unwrap_or_else(|error| panic!("{text} in {list}: {error}"));
            assert_eq!(found, fs::read(here.join(slide)).unwrap(), "{text} in {list}");
            assert!(!Path::new(&text).is_absolute(), "{text} in {list}");
        }
    }
    assert_eq!(reference("site/data/x.tif", "site/out/tiles.csv"), "../../site/data/x.tif");
    assert_eq!(reference("site/data/z.tif", "site/tiles.csv"), "data/z.tif");
    assert_eq!(reference("site/linked/y.tif", "site/tiles.csv"), "linked/y.tif");
}

type Details = (Option<String>, Option<String>, Option<u32>, Option<f64>);

fn details() -> impl Strategy<Value = Details> {
    let name = || proptest::option::of("[a-zA-Zäµ\",;'#][ a-z\",\n]{0,6}[a-z\"]");
    (name(), name(), proptest::option::of(0_u32..10), proptest::option::of(0.0_f64..=1.0))
}

proptest! {
    #[test]
    fn lists_are_read_as_written(rows in proptest::collection::vec((0_usize..3, -5000_i64..5000, details()), 0..40)) {
        let slides = ["a.svs", "sub folder/b, \"c\".tiff", "/abs/µ.ndpi"];
        let (_folder, path) = target();
        let tiles: Vec<ListedPlace<'_>> = rows.iter().enumerate().map(|(index, (slide, minx, (label, group, level, share)))| ListedPlace {
            slide: slides[*slide],
            place: Place { minx: *minx, miny: index as i64, width: 256 << slide, height: 256 << slide },
            label: label.as_deref(),
            group: group.as_deref(),
            split: None,
            level: *level,
            tissue_fraction: *share,
            tumour_fraction: share.map(|share| 1.0 - share),
        }).collect();
        let mut writer = TileListWriter::create(&path).unwrap();
        tiles.iter().for_each(|tile| writer.write(tile).unwrap());
        prop_assert_eq!(writer.finish().unwrap(), tiles.len() as u64);
        let list = TileList::read(&path, &ListLimits::default()).unwrap();
        prop_assert_eq!(list.len(), tiles.len());
        for (found, tile) in list.iter().zip(&tiles) {
            for (found, share) in [(found.tissue_fraction, tile.tissue_fraction), (found.tumour_fraction, tile.tumour_fraction)] {
                prop_assert_eq!(found.is_some(), share.is_some());
                prop_assert!((found.unwrap_or(0.0) - share.unwrap_or(0.0)).abs() < 1e-6);
            }
            let plain = |tile: &ListedPlace<'_>| format!("{:?}", ListedPlace { tissue_fraction: None, tumour_fraction: None, ..*tile });
            prop_assert_eq!(plain(&found), plain(tile));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), with_header in any::<bool>()) {
        let header = if with_header { HEADER.as_bytes() } else { b"" };
        let _ = read([header, &bytes].concat());
    }

    #[test]
    fn arbitrary_fields_do_no_harm(fields in proptest::collection::vec("[-0-9.eE,\"\nans ]{0,5}", 11)) {
        let _ = read(format!("{HEADER}{}\n", fields.join(",")));
    }
}

#[test]
#[ignore = "a measurement; run with --release --ignored --nocapture"]
fn measure_a_million_rows() {
    let (_folder, path) = target();
    let start = std::time::Instant::now();
    let mut writer = TileListWriter::create(&path).unwrap();
    for index in 0..1_000_000_i64 {
        let slide = format!("slides/patient_{:03}/slide_{:04}.svs", index / 20_000, index / 5_000);
        let place = Place { minx: index % 5000 % 71 * 512, miny: index % 5000 / 71 * 512, width: 512, height: 512 };
        let tile = ListedPlace {
            label: Some("normal"),
            group: Some("p"),
            level: Some(1),
            tissue_fraction: Some(0.123_456),
            ..ListedPlace::new(&slide, place)
        };
        writer.write(&tile).unwrap();
    }
    writer.finish().unwrap();
    println!("written in {:.2} s", start.elapsed().as_secs_f64());
    let resident = || {
        fs::read_to_string("/proc/self/statm")
            .map_or(0, |statm| statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) / 256)
    };
    let (before, start) = (resident(), std::time::Instant::now());
    let list = TileList::read(&path, &ListLimits::default()).unwrap();
    println!("{} rows read in {:.2} s, {} MiB", list.len(), start.elapsed().as_secs_f64(), resident() - before);
}
