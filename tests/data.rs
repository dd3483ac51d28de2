//! Invalid data sets are refused with the line or the file; splits keep groups together; the same seed generates the same
//! tiles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::study::tiles_of_two_centres;
use crate::support::{Kind, contents, draw, draw_bomb, draw_truncated, fixture, kiln, read_csv, scratch};

#[test]
fn the_same_seed_draws_the_same_bytes_and_another_seed_other_ones() {
    let folder = scratch();
    let synth = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        kiln!("data", "synth", "--out", &out, "--tiles", "24", "--seed", seed).code(0);
        contents(&out)
    };
    let (first, again, other) = (synth("a", "3"), synth("b", "3"), synth("c", "4"));
    assert_eq!(first.len(), 25, "24 tiles and a list");
    assert_eq!(first, again);
    let list = PathBuf::from("tiles.csv");
    assert!(first.iter().filter(|(path, _)| **path != list).all(|(path, digest)| other[path] != *digest));
}

#[test]
fn drawing_into_a_folder_that_is_there_changes_nothing() {
    let fixture = fixture();
    let before = contents(&fixture.tiles());
    kiln!("data", "synth", "--out", fixture.tiles()).code(2).says(&["exists already"]);
    assert_eq!(contents(&fixture.tiles()), before);
}

#[test]
fn colour_alone_does_not_tell_generated_classes_apart() {
    let inspection = kiln!("--json", "data", "inspect", fixture().tiles()).code(0).json();
    let auroc = inspection["colour"]["auroc"]["value"].as_f64().unwrap();
    assert!((auroc - 0.5).abs() < 1e-9, "AUROC {auroc} by colour alone");
}

#[test]
fn a_list_that_is_wrong_is_refused_by_line() {
    let folder = scratch();
    draw(&folder.path().join("a.png"), 256, 256);
    let cases = [
        ("", "line 1"),
        ("path,label\n", "no tiles"),
        ("path,group\na.png,g\n", "no column `label`"),
        ("label,group\nbenign,g\n", "no column `path`"),
        ("path,label,grup\na.png,benign,g\n", "unknown column `grup`, nearest `group`"),
        ("path,label\na.png,benign\na.png,benign\n", "line 3"),
        ("path,label\na.png,benign\n./a.png,benign\n", "is in line 2 already"),
        ("path,label\n../a.png,benign\n", "is outside the list's folder"),
        ("path,label\n/etc/passwd,benign\n", "is outside the list's folder"),
        ("path,label\nsub/../../a.png,benign\n", "is outside the list's folder"),
        ("path,label\na.png\n", "line 2: 1 fields, but the header has 2"),
        ("path,label\na.png,\n", "line 2: the label is empty"),
        ("path,label,split\na.png,benign,training\n", "line 2"),
        ("path,label,split\na.png,benign,train\nb.png,benign,\n", "line 3: no split"),
        ("path,label\n\u{1}.png,benign\n", "control character"),
    ];
    for (number, (text, expected)) in cases.iter().enumerate() {
        let list = folder.path().join(format!("list-{number}.csv"));
        fs::write(&list, text).unwrap();
        kiln!("data", "inspect", &list).code(2).says(&[list.file_name().unwrap().to_str().unwrap(), expected]);
    }
    let list = folder.path().join("latin.csv");
    fs::write(&list, b"path,label\na.png,b\xe9nin\n").unwrap();
    kiln!("data", "inspect", &list).code(2).says(&["line 2", "UTF-8"]);
}

#[test]
fn a_folder_without_tiles_is_refused_by_every_verb_that_reads_data() {
    let folder = scratch();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::create_dir(folder.path().join("classes")).unwrap();
    fs::create_dir(folder.path().join("classes/benign")).unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "nothing").unwrap();
    for (data, expected) in [
        (empty, "no tiles"),
        (folder.path().join("classes"), "no tiles"),
        (text, "neither a folder nor a .csv list"),
        (folder.path().join("nowhere"), "No such file"),
    ] {
        let name = data.file_name().unwrap().to_str().unwrap().to_owned();
        kiln!("data", "inspect", &data).code(2).says(&[&name, expected]);
        kiln!("data", "split", &data).code(2).says(&[&name, expected]);
        let run = folder.path().join("run");
        kiln!("train", fixture().config(Kind::Cnn), "--data", &data, "--out", &run).code(2).says(&[&name, expected]);
        let _ = fs::remove_dir_all(run);
    }
}

#[test]
fn one_class_alone_cannot_be_trained_on() {
    let folder = scratch();
    for number in 0..8 {
        draw(&folder.path().join(format!("tiles/benign/{number}.png")), 256, 256 - number);
    }
    let run = folder.path().join("run");
    kiln!("train", fixture().config(Kind::Cnn), "--data", folder.path().join("tiles"), "--out", run)
        .code(2)
        .says(&["every label", "benign"]);
}

#[test]
fn inspect_names_each_file_that_is_no_tile_and_counts_the_rest() {
    let folder = scratch();
    let tiles = folder.path().join("tiles");
    for label in ["anomalous", "benign"] {
        draw(&tiles.join(label).join("sound.jpg"), 256, if label == "benign" { 256 } else { 200 });
    }
    draw_truncated(&tiles.join("benign/truncated.png"));
    draw_bomb(&tiles.join("benign/bomb.png"));
    fs::write(tiles.join("benign/text.png"), "not an image").unwrap();
    fs::write(tiles.join("benign/empty.jpg"), "").unwrap();
    let found = kiln!("--json", "data", "inspect", &tiles).code(2).json();
    assert_eq!(found["tiles"], 6);
    let bad: BTreeMap<&str, &str> = found["unreadable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["reason"].as_str().unwrap()))
        .collect();
    let names: Vec<_> = bad.keys().copied().collect();
    assert_eq!(names, ["benign/bomb.png", "benign/empty.jpg", "benign/text.png", "benign/truncated.png"]);
    assert!(bad.values().all(|reason| !reason.is_empty()));
    assert!(bad["benign/bomb.png"].contains("100000"), "{}", bad["benign/bomb.png"]);
    // Sizes are what the headers say, the hostile one's too.
    assert!(found["sizes"].as_array().unwrap().contains(&serde_json::json!({"width": 256, "height": 200, "tiles": 1})));
    let shown = kiln!("data", "inspect", &tiles).code(2).stdout();
    assert!(shown.contains("unreadable benign/truncated.png"), "{shown}");
}

#[test]
fn one_image_under_two_labels_is_refused() {
    let folder = scratch();
    let tiles = folder.path().join("tiles");
    draw(&tiles.join("benign/a.png"), 256, 256);
    draw(&tiles.join("anomalous/b.png"), 256, 256);
    let found = kiln!("--json", "data", "inspect", &tiles).code(2).json();
    assert_eq!(found["label_conflicts"].as_array().unwrap().len(), 1);
    kiln!("data", "split", &tiles).code(2).says(&["benign/a.png", "anomalous/b.png", "label"]);
}

#[test]
fn a_split_keeps_groups_whole_and_follows_its_seed() {
    let fixture = fixture();
    let folder = scratch();
    let split = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        kiln!("data", "split", fixture.tiles(), "--out", &out, "--seed", seed).code(0);
        fs::read_to_string(out).unwrap()
    };
    let first = split("a.csv", "7");
    assert_eq!(first, split("b.csv", "7"));
    assert_ne!(first, split("c.csv", "8"));
    assert_no_group_crosses(&first);
    let (header, rows) = read_csv(&first);
    assert_eq!(header, ["path", "label", "group", "split"]);
    assert_eq!(rows.len(), 144);
    let target = folder.path().join("a.csv");
    kiln!("data", "split", fixture.tiles(), "--out", &target, "--seed", "9").code(2).says(&["--force"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), first);
    kiln!("data", "split", fixture.tiles(), "--out", &target, "--seed", "9", "--force").code(0);
    assert_ne!(fs::read_to_string(&target).unwrap(), first);
}

#[test]
fn centres_are_counted_and_a_split_keeps_them() {
    let folder = scratch();
    let tiles = tiles_of_two_centres(folder.path());
    let shown = kiln!("data", "inspect", &tiles).code(0).stdout();
    for centre in ["north", "south"] {
        let line = format!("centre         72 tiles of     6 groups, 50 % anomalous  {centre}\n");
        assert!(shown.contains(&line), "{line} is not in:\n{shown}");
    }
    let found = kiln!("--json", "data", "inspect", &tiles).code(0).json();
    let labels = serde_json::json!({"anomalous": 36, "benign": 36});
    let value = |name: &str| serde_json::json!({"value": name, "tiles": 72, "groups": 6, "labels": labels});
    let column = serde_json::json!({"column": "centre", "values": [value("north"), value("south")], "empty": 0});
    assert_eq!(found["columns"], serde_json::json!([column]));

    let out = folder.path().join("split.csv");
    kiln!("data", "split", &tiles, "--out", &out).code(0);
    let (header, rows) = read_csv(&fs::read_to_string(&out).unwrap());
    assert_eq!(header, ["path", "label", "group", "split", "centre"]);
    assert_eq!(rows.iter().filter(|row| row["centre"] == "north").count(), 72);
    // The file takes the place of the list, and its split is used.
    fs::copy(&out, tiles.join("tiles.csv")).unwrap();
    let again = kiln!("--json", "data", "inspect", &tiles).code(0).json();
    assert_eq!(again["columns"], found["columns"]);
    assert_eq!(again["splits"].as_array().unwrap().len(), 3);
}

#[test]
fn a_given_split_that_leaks_is_refused_with_both_tiles() {
    let fixture = fixture();
    let folder = scratch();
    let tiles = folder.path();
    let split = fs::read_to_string(fixture.run(Kind::Cnn).join("split.csv")).unwrap();
    let (_, rows) = read_csv(&split);
    for row in &rows {
        let target = tiles.join(&row["path"]);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::hard_link(fixture.tiles().join(&row["path"]), target).unwrap();
    }
    // One tile of a slide moves to another split.
    let (moved, other) = (&rows[0], if rows[0]["split"] == "test" { "train" } else { "test" });
    let line = |row: &BTreeMap<String, String>, group: &str, split: &str| {
        format!("{},{},{group},{split}\n", row["path"], row["label"])
    };
    let text =
        rows.iter().enumerate().map(|(at, row)| line(row, &row["group"], if at == 0 { other } else { &row["split"] }));
    assert_leak(tiles, &text.collect::<String>(), &[&moved["path"], &moved["group"]]);
    // A copy of a training tile stands in the test split, under a name and a group of its own.
    let train = rows.iter().find(|row| row["split"] == "train").unwrap();
    fs::copy(tiles.join(&train["path"]), tiles.join("copy.png")).unwrap();
    let text: String = rows.iter().map(|row| line(row, &row["path"], &row["split"])).collect();
    let text = format!("{text}copy.png,{},other,test\n", train["label"]);
    assert_leak(tiles, &text, &[&train["path"], "copy.png", "same"]);
}

fn assert_leak(tiles: &Path, rows: &str, words: &[&str]) {
    let list = tiles.join("given.csv");
    fs::write(&list, format!("path,label,group,split\n{rows}")).unwrap();
    let words = [words, &["the split leaks"]].concat();
    let run = tiles.join("run");
    kiln!("train", fixture().config(Kind::Cnn), "--data", &list, "--out", &run).code(1).says(&words);
    assert!(!run.join("model.bpk").exists());
    let _ = fs::remove_dir_all(run);
    kiln!("data", "split", &list, "--out", tiles.join("split.csv")).code(1).says(&words);
    assert!(!tiles.join("split.csv").exists());
}

/// Fails if a group of this split file is in two splits.
pub fn assert_no_group_crosses(split: &str) {
    let mut splits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in read_csv(split).1 {
        splits.entry(row["group"].clone()).or_default().insert(row["split"].clone());
    }
    let crossing: Vec<_> = splits.iter().filter(|(_, splits)| splits.len() > 1).collect();
    assert!(crossing.is_empty(), "{crossing:?}");
    let seen: BTreeSet<String> = splits.into_values().flatten().collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["test", "train", "val"]);
}
