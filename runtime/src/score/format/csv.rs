//! Rows as CSV (RFC 4180).

use std::fs::File;
use std::io;

use kiln_files::text::one_line;

use super::codec::{Codec, RowsRead, WriteRows};
use crate::score::row::{COMMON, ScoreRow};
use crate::score::target::Target;

pub(super) const CODEC: Codec = Codec {
    name: "csv",
    title: "CSV",
    extensions: &["csv"],
    streams: true,
    lacks: None,
    write: |target, columns| Ok(Box::new(CsvRows::new(target, columns)?)),
    read: csv_rows,
};

/// Room for one row, so that a row to a stream is one write.
const ROW_BYTES: usize = 1 << 16;

/// A header line, `\n` at line ends, and an empty cell for no value.
struct CsvRows {
    writer: csv::Writer<Target>,
    classes: usize,
    stream: bool,
}

impl CsvRows {
    /// Writes the header.
    fn new(target: Target, probability_columns: &[String]) -> io::Result<Self> {
        let stream = target.is_stream();
        let mut writer = csv::WriterBuilder::new().buffer_capacity(ROW_BYTES).from_writer(target);
        writer.write_record(COMMON.into_iter().chain(probability_columns.iter().map(String::as_str)))?;
        Ok(Self { writer, classes: probability_columns.len(), stream })
    }
}

impl WriteRows for CsvRows {
    fn write(&mut self, row: &ScoreRow) -> io::Result<()> {
        let number = |value: Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
        self.writer.write_field(&row.path)?;
        self.writer.write_field(number(row.score))?;
        self.writer.write_field(row.label.as_deref().unwrap_or_default())?;
        self.writer.write_field(&row.status)?;
        for index in 0..self.classes {
            self.writer.write_field(number(row.probabilities.get(index).copied()))?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        if self.stream { self.writer.flush() } else { Ok(()) }
    }

    fn finish(self: Box<Self>) -> io::Result<Target> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}

fn csv_rows(file: File, columns: Vec<String>) -> Result<RowsRead, String> {
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(|error| error.to_string())?;
    if header.iter().ne(columns.iter().map(String::as_str)) {
        return Err(format!("has the columns {:?}, expected {columns:?}", header.iter().collect::<Vec<_>>()));
    }
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|error| error.to_string())?;
        let number = |text: &str| text.parse::<f32>().map_err(|error| format!("`{text}`: {error}"));
        let (score, label) = (&record[1], &record[2]);
        let probabilities = record.iter().skip(COMMON.len()).filter(|text| !text.is_empty()).map(number);
        Ok(ScoreRow {
            path: record[0].to_owned(),
            score: if score.is_empty() { None } else { Some(number(score)?) },
            label: (!score.is_empty()).then(|| label.to_owned()),
            status: one_line(&record[3]).into_owned(),
            probabilities: probabilities.collect::<Result<_, _>>()?,
            digest: None,
        })
    };
    Ok(Box::new(reader.into_records().map(row)))
}
