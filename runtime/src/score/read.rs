//! Rows out of a result file that [`RowWriter`](super::RowWriter) wrote, one at a time, in any format.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use kiln_tile::text::one_line;
use parquet::file::reader::SerializedFileReader;
use parquet::record::{Field, Row};
use serde_json::{Map, Value};

use super::row::{COMMON, probability_columns};
use super::{Format, ScoreRow};
use crate::{Error, Result};

/// Rows of a file, each with the reason why it cannot be read if so.
type Rows = Box<dyn Iterator<Item = std::result::Result<ScoreRow, String>>>;

/// Opens a result file whose columns are those of a model with these classes.
///
/// # Errors
/// If it cannot be read, or has other columns.
pub(super) fn rows(path: &Path, format: Format, classes: &[String]) -> Result<Rows> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let columns: Vec<String> = COMMON.into_iter().map(str::to_owned).chain(probability_columns(classes)).collect();
    let rows = match format {
        Format::Csv => csv_rows(file, columns),
        Format::Jsonl => Ok(json_rows(file, columns)),
        Format::Parquet => parquet_rows(file, columns),
    };
    rows.map_err(|reason| Error::Argument { argument: path.display().to_string(), reason })
}

fn csv_rows(file: File, columns: Vec<String>) -> std::result::Result<Rows, String> {
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
            probabilities: probabilities.collect::<std::result::Result<_, _>>()?,
            digest: None,
        })
    };
    Ok(Box::new(reader.into_records().map(row)))
}

fn json_rows(file: File, columns: Vec<String>) -> Rows {
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
            probabilities: probabilities.filter_map(Result::transpose).collect::<std::result::Result<_, _>>()?,
            digest: None,
        })
    };
    Box::new(BufReader::new(file).lines().map(row))
}

fn parquet_rows(file: File, columns: Vec<String>) -> std::result::Result<Rows, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let row = move |row: parquet::errors::Result<Row>| {
        let row = row.map_err(|error| error.to_string())?;
        let cells: Vec<(&String, &Field)> = row.get_column_iter().collect();
        if cells.iter().map(|(name, _)| *name).ne(&columns) {
            return Err(format!("a row with other columns than {columns:?}"));
        }
        let text = |at: usize| match cells[at].1 {
            Field::Str(text) => Ok(Some(text.clone())),
            Field::Null => Ok(None),
            other => Err(format!("`{}` is {other}", columns[at])),
        };
        let number = |at: usize| match cells[at].1 {
            Field::Float(number) => Ok(Some(*number)),
            Field::Null => Ok(None),
            other => Err(format!("`{}` is {other}", columns[at])),
        };
        let probabilities = (COMMON.len()..columns.len()).map(number);
        Ok(ScoreRow {
            path: text(0)?.ok_or("a row without `path`")?,
            score: number(1)?,
            label: text(2)?,
            status: one_line(&text(3)?.ok_or("a row without `status`")?).into_owned(),
            probabilities: probabilities.filter_map(Result::transpose).collect::<std::result::Result<_, _>>()?,
            digest: None,
        })
    };
    Ok(Box::new(reader.into_iter().map(row)))
}
