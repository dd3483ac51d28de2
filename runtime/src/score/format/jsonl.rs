//! Rows as JSON lines.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};

use kiln_files::text::one_line;
use serde_json::{Map, Value};

use super::codec::{Codec, RowsRead, WriteRows};
use crate::score::row::{COMMON, Named, ScoreRow};
use crate::score::target::Target;

pub(super) const CODEC: Codec = Codec {
    name: "jsonl",
    title: "JSON lines",
    extensions: &["jsonl", "ndjson"],
    streams: true,
    lacks: None,
    write: |target, columns| Ok(Box::new(JsonRows::new(target, columns.to_vec()))),
    read: |file, columns| Ok(json_rows(file, columns)),
};

/// One object a line; `null` for no value.
struct JsonRows {
    target: Target,
    probability_columns: Vec<String>,
    line: Vec<u8>,
}

impl JsonRows {
    fn new(target: Target, probability_columns: Vec<String>) -> Self {
        Self { target, probability_columns, line: Vec::new() }
    }
}

impl WriteRows for JsonRows {
    fn write(&mut self, row: &ScoreRow) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, &Named { row, probability_columns: &self.probability_columns })?;
        self.line.push(b'\n');
        self.target.write_all(&self.line)
    }

    fn finish(self: Box<Self>) -> io::Result<Target> {
        Ok(self.target)
    }
}

fn json_rows(file: File, columns: Vec<String>) -> RowsRead {
    let row = move |line: std::io::Result<String>| {
        let line = line.map_err(|error| error.to_string())?;
        let object: Map<String, Value> = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        let value = |name: &String| object.get(name).ok_or_else(|| format!("a row without `{name}`"));
        let text = |name: &String| Ok::<_, String>(value(name)?.as_str().map(str::to_owned));
        let number = |name: &String| Ok::<_, String>(value(name)?.as_f64().map(|number| number as f32));
        let [path, score, label, status] = [0, 1, 2, 3].map(|at| &columns[at]);
        let probabilities = columns[COMMON.len()..].iter().map(number);
        Ok(ScoreRow {
            path: text(path)?.ok_or("a row without `path`")?,
            score: number(score)?,
            label: text(label)?,
            status: one_line(&text(status)?.ok_or("a row without `status`")?).into_owned(),
            probabilities: probabilities.filter_map(Result::transpose).collect::<Result<_, _>>()?,
            digest: None,
        })
    };
    Box::new(BufReader::new(file).lines().map(row))
}
