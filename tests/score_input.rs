//! Inputs of scoring: files, folders, patterns, lists, standard input. The order is the user's.

use std::fs;
use std::path::Path;

use crate::support::{Kind, command, draw, finish, finish_with_input, fixture, kiln, read_csv, save, scratch};

/// File names of the rows, in order.
fn scored(stdout: &str) -> Vec<String> {
    let (_, rows) = read_csv(stdout);
    assert!(rows.iter().all(|row| row["status"] == "ok"), "{stdout}");
    rows.iter().map(|row| Path::new(&row["path"]).file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// `t1.png`, `t2.jpg`, `t10.bmp`, `sub/u.webp`, `sub/v.tif`, and a file that is not a tile.
fn drawn(folder: &Path) {
    for name in ["t10.bmp", "t2.jpg", "t1.png", "sub/u.webp", "sub/v.tif"] {
        draw(&folder.join(name), 256, 256);
    }
    fs::write(folder.join("notes.txt"), "none").unwrap();
}

#[test]
fn files_keep_their_order_and_folders_are_searched_in_natural_order() {
    let bundle = fixture().bundle(Kind::Cnn);
    let folder = scratch();
    drawn(folder.path());
    let files = kiln!("score", &bundle, folder.path().join("t10.bmp"), folder.path().join("t1.png")).code(0);
    assert_eq!(scored(&files.stdout()), ["t10.bmp", "t1.png"]);
    let all = kiln!("score", &bundle, folder.path()).code(0);
    assert_eq!(scored(&all.stdout()), ["u.webp", "v.tif", "t1.png", "t2.jpg", "t10.bmp"]);
}

#[test]
fn a_table_that_lists_no_tiles_of_slides_is_refused_with_what_to_give_instead() {
    let bundle = fixture().bundle(Kind::Cnn);
    let folder = scratch();
    drawn(folder.path());
    let table = folder.path().join("tiles.csv");
    fs::write(&table, "path,label,split\nt1.png,benign,test\n").unwrap();
    let out = folder.path().join("scores.csv");
    let refused = kiln!("score", &bundle, &table, "--out", &out).code(2);
    refused.says(&["tiles.csv", "neither an image nor a list of tiles of slides", "@FILE", "kiln evaluate"]);
    assert!(!out.exists());
    // Found in a folder it is no tile, as any other file that is not an image.
    assert_eq!(scored(&kiln!("score", &bundle, folder.path()).code(0).stdout()).len(), 5);
}

#[test]
fn a_pattern_takes_what_it_matches() {
    let bundle = fixture().bundle(Kind::Cnn);
    let folder = scratch();
    drawn(folder.path());
    let matched = kiln!("score", &bundle, folder.path().join("t*.*")).code(0);
    assert_eq!(scored(&matched.stdout()), ["t1.png", "t2.jpg", "t10.bmp"]);
    let matched = kiln!("score", &bundle, folder.path().join("*/?.tif")).code(0);
    assert_eq!(scored(&matched.stdout()), ["v.tif"]);
    kiln!("score", &bundle, folder.path().join("x*.png")).code(2).says(&["x*.png"]);
}

#[test]
fn a_class_of_a_pattern_may_leave_out_characters_as_in_a_shell() {
    let (bundle, folder) = (fixture().bundle(Kind::Cnn), scratch());
    ["t1.png", "u1.png", "sub/t2.png"].iter().for_each(|name| drop(draw(&folder.path().join(name), 256, 256)));
    for pattern in ["[^t]*.png", "[!t]*.png"] {
        assert_eq!(scored(&kiln!("score", &bundle, folder.path().join(pattern)).code(0).stdout()), ["u1.png"]);
    }
    for pattern in ["[[:alpha:]]1.png", "*/[[:alpha:]]2.png"] {
        kiln!("score", &bundle, folder.path().join(pattern)).code(2).says(&["[:alpha:] is not supported", "[a-z]"]);
    }
}

#[test]
fn a_flag_for_another_kind_of_input_is_refused_by_name() {
    let (bundle, tile, folder) = (fixture().bundle(Kind::Cnn), fixture().tile(0), scratch());
    let flags: [&[&str]; 11] = [
        &["--mpp", "0.25"],
        &["--mpp-override", "0.25"],
        &["--mask", "no-such.png"],
        &["--overlap", "0.9"],
        &["--edge", "skip"],
        &["--min-tissue", "0.1"],
        &["--upsample"],
        &["--slide-rule", "top_mean:5"],
        &["--heatmap", "none"],
        &["--geojson-tiles", "all"],
        &["--openslide", "no-such.so"],
    ];
    for given in flags {
        let score = |more: &[&Path]| {
            let mut command = command();
            command.arg("score").arg(&bundle).args(given).args(more);
            let says =
                [given[0], ": only for slides, but the inputs are files of tiles\n", "hint: leave out ", given[0]];
            finish(command).code(2).says(&says);
        };
        score(&[&tile]);
        let out = folder.path().join("scores.csv");
        score(&[Path::new("--watch"), folder.path(), Path::new("--out"), &out]);
    }
    kiln!("score", &bundle, &tile, "--null").code(2).says(&["--null is for lists"]);
    kiln!("merge", "no.csv", "--out", "no.csv", "--list", &tile, "--null").code(2).says(&["--null is for lists"]);
    // A variable is no flag of this call.
    let mut variable = command();
    variable.arg("score").arg(&bundle).arg(&tile).env("KILN_OPENSLIDE", "no-such.so");
    finish(variable).code(0);
}

#[test]
fn a_list_comes_from_a_file_or_from_standard_input() {
    let bundle = fixture().bundle(Kind::Cnn);
    let folder = scratch();
    drawn(folder.path());
    let lines = ["t2.jpg", "sub/v.tif", "t1.png"].map(|name| folder.path().join(name).display().to_string());
    let text = format!("{}\r\n\n{}\n{}", lines[0], lines[1], lines[2]);
    let list = folder.path().join("list.txt");
    fs::write(&list, &text).unwrap();
    let from_file = kiln!("score", &bundle, format!("@{}", list.display())).code(0);
    assert_eq!(scored(&from_file.stdout()), ["t2.jpg", "v.tif", "t1.png"]);
    let mut command = command();
    command.arg("score").arg(&bundle).arg("-");
    let from_stdin = finish_with_input(command, text).code(0);
    assert_eq!(from_stdin.stdout(), from_file.stdout());
}

#[test]
fn relative_paths_are_shown_as_they_were_written() {
    let bundle = fs::canonicalize(fixture().bundle(Kind::Cnn)).unwrap();
    let folder = scratch();
    drawn(folder.path());
    let mut command = command();
    command.current_dir(folder.path()).arg("score").arg(bundle).args(["sub", "t1.png"]);
    let said = finish(command).code(0).stdout();
    let paths: Vec<String> = read_csv(&said).1.iter().map(|row| row["path"].clone()).collect();
    assert_eq!(paths, ["sub/u.webp", "sub/v.tif", "t1.png"]);
}

#[test]
fn nothing_to_score_is_the_users_mistake() {
    let bundle = fixture().bundle(Kind::Cnn);
    let folder = scratch();
    kiln!("score", &bundle, folder.path()).code(2).says(&["holds no PNG"]);
    kiln!("score", &bundle, format!("@{}/list.txt", folder.path().display())).code(2).says(&["list.txt"]);
    kiln!("score", &bundle).code(2).says(&["<INPUTS>"]);
    let mut command = command();
    command.arg("score").arg(&bundle).arg("-");
    finish_with_input(command, "").code(2).says(&["nothing to score"]);
    kiln!("score", folder.path().join("nowhere"), fixture().tile(0)).code(2).says(&["nowhere"]);
}

#[test]
fn the_same_tile_in_every_lossless_format_has_the_same_score() {
    let bundle = fixture().bundle(Kind::Cnn);
    let folder = scratch();
    let tile = image::open(fixture().tile(0)).unwrap().to_rgb8();
    for extension in ["png", "bmp", "tif", "webp"] {
        save(&tile, &folder.path().join(format!("tile.{extension}")));
    }
    // An alpha channel that hides nothing is no other tile.
    image::DynamicImage::from(tile).to_rgba8().save(folder.path().join("alpha.png")).unwrap();
    let (_, rows) = read_csv(&kiln!("score", &bundle, folder.path()).code(0).stdout());
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["score"] == rows[0]["score"]), "{rows:?}");
}
