//! Rows as JSON lines.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::codec::{Codec, RowsRead, WriteRows};
use crate::score::ScoreRow;
use crate::score::columns::{Cell, Columns, Kind};
use crate::score::target::Target;

pub(super) const CODEC: Codec = Codec {
    name: "jsonl",
    title: "JSON lines",
    extensions: &["jsonl", "ndjson"],
    streams: true,
    lacks: None,
    write: |target, columns| Ok(Box::new(JsonRows::new(target, columns.clone()))),
    read: |file, columns| Ok(json_rows(file, columns)),
};

/// One object a line; `null` for no value.
struct JsonRows {
    target: Target,
    columns: Columns,
    line: Vec<u8>,
}

impl JsonRows {
    fn new(target: Target, columns: Columns) -> Self {
        Self { target, columns, line: Vec::new() }
    }
}

impl WriteRows for JsonRows {
    fn write(&mut self, row: &ScoreRow) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, &Named { row, columns: &self.columns })?;
        self.line.push(b'\n');
        self.target.write_all(&self.line)
    }

    fn finish(self: Box<Self>) -> io::Result<Target> {
        Ok(self.target)
    }
}

/// A row under its column names, with every column present whatever the status.
struct Named<'a> {
    row: &'a ScoreRow,
    columns: &'a Columns,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = self.columns.cells(self.row);
        let mut map = serializer.serialize_map(Some(cells.len()))?;
        for (name, cell) in self.columns.names().zip(cells) {
            match cell {
                Cell::Empty => map.serialize_entry(name, &()),
                Cell::Text(text) => map.serialize_entry(name, &text),
                Cell::Float(number) => map.serialize_entry(name, &number),
                Cell::Integer(number) => map.serialize_entry(name, &number),
            }?;
        }
        map.end()
    }
}

fn json_rows(file: File, columns: Columns) -> RowsRead {
    let row = move |line: std::io::Result<String>| {
        let line = line.map_err(|error| error.to_string())?;
        let object: Map<String, Value> = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        let mut cells = Vec::with_capacity(columns.as_slice().len());
        for column in columns.as_slice() {
            let name = column.name.as_ref();
            let value = object.get(name).ok_or_else(|| format!("a row without `{name}`"))?;
            cells.push(cell(value, column.kind).ok_or_else(|| format!("`{name}` is {value}"))?);
        }
        columns.row(cells)
    };
    Box::new(BufReader::new(file).lines().map(row))
}

fn cell(value: &Value, kind: Kind) -> Option<Cell<'_>> {
    match (value, kind) {
        (Value::Null, _) => Some(Cell::Empty),
        (Value::String(text), Kind::Text) => Some(Cell::Text(text.into())),
        (Value::Number(number), Kind::Float) => number.as_f64().map(|number| Cell::Float(number as f32)),
        (Value::Number(number), Kind::Integer) => number.as_i64().map(Cell::Integer),
        _ => None,
    }
}
