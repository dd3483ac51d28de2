//! The journal of a result file that grows, and the status file of the process that writes it.

use std::fs;
use std::time::Duration;

use kiln_files::FileDigest;
use kiln_runtime::score::{Columns, Format, Journal, ScoreRow};
use kiln_runtime::watch::Status;
use serde_json::{Value, json};

use crate::scratch;
use crate::target::Target;

pub(crate) const JOURNAL: Target = Target {
    name: "journal",
    run: journal,
    sound: || {
        let whole = lines(&[head(), line(0), line(1), line(2)]);
        let cut = whole[..whole.len() - 20].to_vec();
        vec![whole, cut, lines(&[head()]), lines(&[head(), line(0), line(2)])]
    },
    hostile: || {
        let changed = |number: Value, key: &str, value: Value| {
            let mut row = row(0);
            row[0] = number;
            row[1][key] = value;
            lines(&[head(), row.to_string()])
        };
        vec![
            changed(json!(u64::MAX), "score", json!(0.5)),
            changed(json!(0), "score", json!(1e300)),
            changed(json!(0), "status", json!("ok\nok")),
            changed(json!(0), "probabilities", Value::from(vec![0.5; 5_000])),
            lines(&[first(2, KEY), line(0)]),
            lines(&[first(1, "another"), line(0)]),
            [lines(&[head()]), "[".repeat(100_000).into_bytes()].concat(),
            b"path,score\n".to_vec(),
            vec![0; 4096],
        ]
    },
    words: &[
        "{\"watch\":1,",
        "\"run\":\"key\"}\n",
        "\"path\":",
        "\"score\":",
        "\"status\":\"ok\"",
        "\"digest\":",
        "[1,{",
        "]\n",
    ],
    rounds: 10_000,
    memory: 2 << 20,
};

pub(crate) const STATUS: Target = Target {
    name: "status",
    run: status,
    sound: || {
        let mut status = Status::starting("in".as_ref(), "scores.csv".as_ref(), "bundle".as_ref(), "00".to_owned());
        let first = serde_json::to_vec_pretty(&status).unwrap();
        status.fail("in/a.png: truncated: early".to_owned());
        status.last_scan = Some(status.started);
        vec![first, serde_json::to_vec(&status).unwrap()]
    },
    hostile: || {
        let status = Status::starting("in".as_ref(), "scores.csv".as_ref(), "bundle".as_ref(), "00".to_owned());
        let with = |key: &str, value: Value| {
            let mut document = serde_json::to_value(&status).unwrap();
            document[key] = value;
            document.to_string().into_bytes()
        };
        vec![
            with("schema", json!(2)),
            with("updated", json!("9999-99-99T99:99:99.999Z")),
            with("updated", json!("2026-03-01")),
            with("scored", json!(-1)),
            with("state", json!("asleep")),
            b"{}".to_vec(),
            "[".repeat(100_000).into_bytes(),
        ]
    },
    words: &[
        "\"schema\":1",
        "\"updated\":\"",
        "\"state\":\"waiting\"",
        "\"last_error\":null",
        "\"scored\":",
        "Z\"",
        "-",
        "}",
    ],
    rounds: 10_000,
    memory: 2 << 20,
};

const KEY: &str = "key";

/// The first line. Its keys are in this order.
fn head() -> String {
    first(1, KEY)
}

fn first(version: u32, key: &str) -> String {
    format!("{{\"watch\":{version},\"run\":\"{key}\"}}")
}

fn row(number: usize) -> Value {
    let row = ScoreRow {
        tile: None,
        path: format!("{number}.png"),
        score: Some(0.5),
        label: Some("b".to_owned()),
        status: "ok".to_owned(),
        probabilities: vec![0.5, 0.5],
        digest: Some(FileDigest::new(&[0])),
    };
    let digest = FileDigest::new(&serde_json::to_vec(&(number, &row)).unwrap());
    json!([number, row, digest])
}

fn line(number: usize) -> String {
    row(number).to_string()
}

fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// Opens a journal. Its rows are in the result file, once, and opening both again changes neither.
fn journal(bytes: &[u8]) -> bool {
    let target = scratch::folder().join("growing.csv");
    let path = Journal::path_of(&target);
    let _ = fs::remove_file(&target);
    fs::write(&path, bytes).unwrap();
    let columns = Columns::for_files(&["a".to_owned(), "b".to_owned()]);
    let open = || {
        let mut rows = 0;
        let journal = Journal::open(Journal::claim(&target, Format::Csv)?, &columns, KEY, &mut |_, _| rows += 1)?;
        Ok::<_, kiln_runtime::Error>((journal, rows))
    };
    let Ok((opened, rows)) = open() else { return false };
    assert_eq!(opened.len(), rows);
    drop(opened);
    let (result, whole) = (fs::read(&target).unwrap(), fs::read(&path).unwrap());
    let table = csv::Reader::from_reader(result.as_slice()).into_records().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(table.len(), rows, "{}", String::from_utf8_lossy(&result));
    drop(open().unwrap());
    assert_eq!((fs::read(&target).unwrap(), fs::read(&path).unwrap()), (result, whole));
    bytes.starts_with(&lines(&[head()]))
}

/// Reads a status file. An accepted one reads back unchanged.
fn status(bytes: &[u8]) -> bool {
    let Ok(status) = Status::read(&scratch::put("status.json", bytes)) else { return false };
    let _ = status.is_alive(Duration::from_secs(60));
    let again = scratch::put("status-again.json", &serde_json::to_vec(&status).unwrap());
    assert_eq!(Status::read(&again).unwrap(), status);
    true
}
