//! Results of scoring: the same rows in every format, batch and number of threads, in the order of the input; a file is
//! complete or absent.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};

use crate::support::{Kind, draw, fixture, kiln, names, read_csv, scratch};

const WITH_CLASSES: [&str; 6] = ["path", "score", "label", "status", "p_benign", "p_anomalous"];

#[test]
fn every_format_has_the_same_columns_and_rows_in_order() {
    let fixture = fixture();
    let folder = scratch();
    let tiles: Vec<PathBuf> = [5, 0, 143, 8].map(|number| fixture.tile(number)).to_vec();
    let missing = folder.path().join("missing.png");
    let score = |name: &str| {
        let out = folder.path().join(name);
        kiln!("score", fixture.bundle(Kind::Cnn), &tiles[0], &tiles[1], &missing, &tiles[2], &tiles[3], "--out", &out)
            .code(2);
        out
    };
    let (header, csv) = read_csv(&fs::read_to_string(score("a.csv")).unwrap());
    assert_eq!(header, WITH_CLASSES);
    let paths: Vec<_> = csv.iter().map(|row| row["path"].clone()).collect();
    let expected = [&tiles[0], &tiles[1], &missing, &tiles[2], &tiles[3]].map(|path| path.display().to_string());
    assert_eq!(paths, expected);
    let json = fs::read_to_string(score("a.jsonl")).unwrap();
    let json: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let parquet = read_parquet(&score("a.parquet"));
    assert_eq!(parquet.len(), csv.len());
    for ((csv, json), parquet) in csv.iter().zip(&json).zip(&parquet) {
        assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>().len(), WITH_CLASSES.len());
        for column in WITH_CLASSES {
            let text = &csv[column];
            match &json[column] {
                Value::Null => assert_eq!(text, ""),
                Value::String(value) => assert_eq!(text, value),
                Value::Number(value) => assert_eq!(text.parse::<f32>().unwrap(), value.as_f64().unwrap() as f32),
                other => panic!("{column} is {other}"),
            }
            assert_eq!(&parquet[column], text, "{column}");
        }
    }
    assert!(csv[2]["status"].starts_with("not_found") && csv[2]["score"].is_empty() && csv[2]["label"].is_empty());
    assert_eq!(names(folder.path()), ["a.csv", "a.jsonl", "a.parquet"], "no scratch file is left");
}

/// Rows as CSV would show them, and the columns in order.
fn read_parquet(path: &std::path::Path) -> Vec<BTreeMap<String, String>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let columns: Vec<_> =
        reader.metadata().file_metadata().schema_descr().columns().iter().map(|one| one.name().to_owned()).collect();
    assert_eq!(columns, WITH_CLASSES);
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Float(value) => value.to_string(),
        other => panic!("{other:?}"),
    };
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), text(field))).collect()).collect()
}

#[test]
fn json_lines_keep_the_order_of_the_columns() {
    let fixture = fixture();
    let said = kiln!("--json", "score", fixture.bundle(Kind::Cnn), fixture.tile(0)).code(0).stdout();
    let places: Vec<usize> = WITH_CLASSES.iter().map(|name| said.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn a_model_without_classes_has_no_probabilities() {
    let fixture = fixture();
    let (header, rows) = read_csv(&kiln!("score", fixture.bundle(Kind::Vae), fixture.tile(0)).code(0).stdout());
    assert_eq!(header, ["path", "score", "label", "status"]);
    assert!(["normal", "anomalous"].contains(&rows[0]["label"].as_str()), "{rows:?}");
}

#[test]
fn batch_threads_and_provider_words_change_no_score() {
    let fixture = fixture();
    let rows = |batch: &str, threads: &str| {
        let said = kiln!(
            "score",
            fixture.bundle(Kind::Hybrid),
            fixture.tiles().join("benign"),
            "--batch",
            batch,
            "--threads",
            threads
        );
        read_csv(&said.code(0).stdout()).1
    };
    let first = rows("1", "1");
    assert_eq!(first.len(), 72);
    let huge = kiln!("score", fixture.bundle(Kind::Hybrid), fixture.tile(0), "--batch", "99999999999");
    huge.code(2).says(&["--batch", "from 1 to 4096"]);
    let huge = kiln!("score", fixture.bundle(Kind::Hybrid), fixture.tile(0), "--threads", "99999999999");
    huge.code(2).says(&["--threads", "from 1 to 1024"]);
    for other in [rows("7", "2"), rows("64", "5")] {
        for (a, b) in first.iter().zip(&other) {
            assert_eq!((&a["path"], &a["label"]), (&b["path"], &b["label"]));
            let difference = a["score"].parse::<f64>().unwrap() - b["score"].parse::<f64>().unwrap();
            assert!(difference.abs() < 1e-5, "{a:?} {b:?}");
        }
    }
}

#[test]
fn probabilities_add_up_and_the_label_follows_the_threshold() {
    let fixture = fixture();
    let manifest = crate::support::read_json(&fixture.bundle(Kind::Cnn).join("manifest.json"));
    let threshold = manifest["threshold"]["value"].as_f64().unwrap();
    let (_, rows) = read_csv(&kiln!("score", fixture.bundle(Kind::Cnn), fixture.tiles()).code(0).stdout());
    assert_eq!(rows.len(), 144);
    for row in rows {
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert!((number("p_benign") + number("p_anomalous") - 1.0).abs() < 1e-5, "{row:?}");
        assert!((number("score") - number("p_anomalous")).abs() < 1e-6, "{row:?}");
        assert_eq!(row["label"] == "anomalous", number("score") >= threshold, "{row:?}");
    }
}

#[test]
fn bad_tiles_are_named_and_the_rest_is_scored() {
    use crate::support::{draw_bomb, draw_truncated};
    let fixture = fixture();
    let folder = scratch();
    let tiles = folder.path();
    draw(&tiles.join("a_good.png"), 256, 256);
    draw_bomb(&tiles.join("b_bomb.png"));
    fs::write(tiles.join("c_empty.png"), "").unwrap();
    fs::write(tiles.join("d_text.jpg"), "not an image at all").unwrap();
    draw_truncated(&tiles.join("e_truncated.png"));
    draw(&tiles.join("f_small.png"), 224, 224);
    draw(&tiles.join("g_good.jpg"), 256, 256);
    let said = kiln!("score", fixture.bundle(Kind::Cnn), tiles).code(2);
    let (_, rows) = read_csv(&said.stdout());
    let status: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| {
            let name = std::path::Path::new(&row["path"]).file_name().unwrap().to_str().unwrap();
            (name, row["status"].split(':').next().unwrap())
        })
        .collect();
    let expected = [
        ("a_good.png", "ok"),
        ("b_bomb.png", "too_large"),
        ("c_empty.png", "truncated"),
        ("d_text.jpg", "unsupported"),
        ("e_truncated.png", "truncated"),
        ("f_small.png", "wrong_size"),
        ("g_good.jpg", "ok"),
    ];
    assert_eq!(status, expected);
    assert!(rows.iter().all(|row| row["score"].is_empty() == (row["status"] != "ok")));
    let _ = said.says(&[
        "b_bomb.png",
        "c_empty.png",
        "d_text.jpg",
        "e_truncated.png",
        "f_small.png",
        "2 of 7 tiles scored",
    ]);
    // Another policy takes the tile of another size.
    for policy in ["resize", "center_crop"] {
        let small = draw(&tiles.join("f_small.png"), 300, 280);
        kiln!("score", fixture.bundle(Kind::Cnn), small, "--size-policy", policy).code(0);
    }
}

#[test]
fn a_result_file_is_replaced_whole_and_only_when_there_is_a_result() {
    let fixture = fixture();
    let folder = scratch();
    let out = folder.path().join("scores.csv");
    fs::write(&out, "what was there").unwrap();
    kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--out", &out, "--provider", "cuda").code(3);
    assert_eq!(fs::read_to_string(&out).unwrap(), "what was there");
    let report = kiln!("--json", "score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--out", &out).code(0).json();
    assert_eq!((&report["scored"], &report["failed"], &report["format"]), (&json!(1), &json!(0), &json!("csv")));
    assert_eq!(read_csv(&fs::read_to_string(&out).unwrap()).1.len(), 1);
    kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--out", folder.path())
        .code(2)
        .says(&["not a regular file"]);
    assert_eq!(names(folder.path()), ["scores.csv"]);
    kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--format", "parquet")
        .code(2)
        .says(&["Parquet cannot be streamed"]);
    kiln!("score", fixture.bundle(Kind::Cnn), fixture.tile(0), "--format", "xlsx")
        .code(2)
        .says(&["csv, jsonl, parquet"]);
}
