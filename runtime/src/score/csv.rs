//! Rows as CSV.

use std::io;

use super::row::{COMMON, ScoreRow};
use super::target::Target;
use super::writer::Rows;

/// Room for one row, so that a row to a stream is one write.
const ROW_BYTES: usize = 1 << 16;

/// RFC 4180 with a header line and `\n` at line ends; an empty cell where there is no value.
pub(super) struct CsvRows {
    writer: csv::Writer<Target>,
    classes: usize,
    stream: bool,
}

impl CsvRows {
    /// Writes the header.
    pub(super) fn new(target: Target, probability_columns: &[String]) -> io::Result<Self> {
        let stream = target.is_stream();
        let mut writer = csv::WriterBuilder::new().buffer_capacity(ROW_BYTES).from_writer(target);
        writer.write_record(COMMON.into_iter().chain(probability_columns.iter().map(String::as_str)))?;
        Ok(Self { writer, classes: probability_columns.len(), stream })
    }
}

impl Rows for CsvRows {
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
