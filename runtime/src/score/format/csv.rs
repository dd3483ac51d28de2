//! Rows as CSV (RFC 4180).

use std::fs::File;
use std::io;

use super::codec::{Codec, RowsRead, WriteRows};
use crate::score::ScoreRow;
use crate::score::columns::{Cell, Columns};
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
    columns: Columns,
    stream: bool,
}

impl CsvRows {
    /// Writes the header.
    fn new(target: Target, columns: &Columns) -> io::Result<Self> {
        let stream = target.is_stream();
        let mut writer = csv::WriterBuilder::new().buffer_capacity(ROW_BYTES).from_writer(target);
        writer.write_record(columns.names())?;
        Ok(Self { writer, columns: columns.clone(), stream })
    }
}

impl WriteRows for CsvRows {
    fn write(&mut self, row: &ScoreRow) -> io::Result<()> {
        for cell in self.columns.cells(row) {
            match cell {
                Cell::Empty => self.writer.write_field(""),
                Cell::Text(text) => self.writer.write_field(text.as_ref()),
                Cell::Float(number) => self.writer.write_field(number.to_string()),
                Cell::Integer(number) => self.writer.write_field(number.to_string()),
            }?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        if self.stream { self.writer.flush() } else { Ok(()) }
    }

    fn finish(self: Box<Self>) -> io::Result<Target> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }
}

fn csv_rows(file: File, columns: Columns) -> Result<RowsRead, String> {
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(|error| error.to_string())?;
    if header.iter().ne(columns.names()) {
        let expected: Vec<_> = columns.names().collect();
        return Err(format!("has the columns {:?}, expected {expected:?}", header.iter().collect::<Vec<_>>()));
    }
    let row = move |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|error| error.to_string())?;
        let kinds = columns.as_slice().iter().map(|column| column.kind);
        let cells = record.iter().zip(kinds).map(|(text, kind)| Cell::parse(text, kind));
        columns.row(cells.collect::<Result<_, _>>()?)
    };
    Ok(Box::new(reader.into_records().map(row)))
}
