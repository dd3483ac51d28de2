//! The progress file of an interrupted scoring.

use std::fs;
use std::path::PathBuf;

use kiln_files::FileDigest;
use kiln_runtime::score::{Columns, Format, Found, Listed, ListedTiles, ResumableFile, Resume, ScoreRow};
use kiln_tile::Decoder;
use serde_json::{Value, json};

use crate::scratch;
use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "progress",
    run,
    sound: || {
        let whole = lines(&[head(), row(0), row(1), row(2)]);
        let cut = whole[..whole.len() - 20].to_vec();
        vec![whole, cut, lines(&[head()]), lines(&[head(), row(2), row(2), row(0)])]
    },
    hostile: || {
        let changed = |place: Value, key: &str, value: Value| {
            let mut row = row(1);
            row[0] = place;
            row[1][key] = value;
            lines(&[head(), row])
        };
        vec![
            changed(json!(u64::MAX), "score", json!(0.5)),
            changed(json!(-1), "score", json!(0.5)),
            changed(json!(1), "score", json!(1e300)),
            changed(json!(1), "status", json!("ok\nok")),
            changed(json!(1), "probabilities", Value::from(vec![0.5; 5_000])),
            changed(json!(1), "digest", json!("00")),
            changed(json!(1), "path", json!("../b.png")),
            lines(&[json!({ "progress": 3, "run": KEY, "tiles": u64::MAX })]),
            lines(&[json!({ "progress": 2, "run": KEY, "tiles": 3 })]),
            [lines(&[head()]), "[".repeat(100_000).into_bytes()].concat(),
            b"path,score\n".to_vec(),
            vec![0; 4096],
        ]
    },
    words: &[
        "{\"progress\":3,",
        "{\"run\":\"",
        "\"tiles\":3}\n",
        "\"path\":",
        "\"score\":",
        "\"label\":",
        "\"status\":\"ok\"",
        "\"probabilities\":",
        "\"digest\":",
        "null",
        "[1,{",
        "}]\n",
        "NaN",
        "1e39",
    ],
    rounds: 20_000,
    memory: 2 << 20,
};

const KEY: &str = "key";
const TILES: [&str; 3] = ["a.png", "b.png", "c.png"];

fn head() -> Value {
    json!({ "progress": 3, "run": KEY, "tiles": TILES.len() })
}

/// Makes a row of a tile; the content of each tile's file is its name.
fn row(place: usize) -> Value {
    let row = ScoreRow {
        tile: None,
        path: path(place).to_string_lossy().into_owned(),
        score: Some(0.5),
        label: Some("b".to_owned()),
        status: "ok".to_owned(),
        probabilities: vec![0.5, 0.5],
        digest: Some(FileDigest::new(TILES[place].as_bytes())),
    };
    let digest = FileDigest::new(&serde_json::to_vec(&(place, &row)).unwrap());
    json!([place, row, digest])
}

fn path(place: usize) -> PathBuf {
    scratch::folder().join(TILES[place])
}

fn lines(values: &[Value]) -> Vec<u8> {
    values.iter().map(|value| format!("{value}\n")).collect::<String>().into_bytes()
}

/// Resumes the run. Every kept row is of the tile in its place, and the finished file has one row per tile.
fn run(bytes: &[u8]) -> bool {
    let tiles: Vec<Listed> = (0..TILES.len()).map(|place| Listed { path: path(place), refused: None }).collect();
    for (tile, name) in tiles.iter().zip(TILES) {
        if !tile.path.is_file() {
            fs::write(&tile.path, name).unwrap();
        }
    }
    let target = scratch::folder().join("scores.csv");
    fs::write(ResumableFile::progress_of(&target), bytes).unwrap();
    let resume = Resume { restart: false, workers: 1, on_tile: &|| () };
    let columns = Columns::for_files(&["a".to_owned(), "b".to_owned()]);
    let source = ListedTiles::new(&tiles, Decoder::default());
    let Ok((mut file, found)) = ResumableFile::open(&target, Format::Csv, &columns, KEY, &source, &resume) else {
        return false;
    };
    let Found::Rows(kept) = found else { return false };
    let todo = file.todo().to_vec();
    assert_eq!(kept.rows + todo.len(), TILES.len());
    assert!(kept.changed + kept.without_score <= todo.len());
    for place in &todo {
        file.write(&ScoreRow::failed(path(*place).to_string_lossy().into_owned(), "missing: no such file")).unwrap();
    }
    let digests = file.finish().unwrap();
    for (place, digest) in digests.iter().enumerate() {
        let kept = !todo.contains(&place);
        assert_eq!(*digest, kept.then(|| FileDigest::new(TILES[place].as_bytes())), "tile {place}");
    }
    let written = fs::read_to_string(&target).unwrap();
    let mut rows = csv::Reader::from_reader(written.as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), TILES.len(), "{written}");
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(row[0], path(place).to_string_lossy(), "{written}");
        let scored = row[3] == *"ok";
        assert_eq!(scored, !todo.contains(&place), "{written}");
        assert_eq!(scored, row[1].parse::<f32>().is_ok_and(f32::is_finite), "{written}");
    }
    true
}
