//! Rows as JSON lines.

use std::io::{self, Write};

use super::row::{Named, ScoreRow};
use super::target::Target;
use super::writer::Rows;

/// One object a line; `null` where there is no value.
pub(super) struct JsonRows {
    target: Target,
    probability_columns: Vec<String>,
    line: Vec<u8>,
}

impl JsonRows {
    pub(super) fn new(target: Target, probability_columns: Vec<String>) -> Self {
        Self { target, probability_columns, line: Vec::new() }
    }
}

impl Rows for JsonRows {
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
