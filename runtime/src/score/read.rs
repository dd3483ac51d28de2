//! Rows out of a result file that [`RowWriter`](super::RowWriter) wrote, one at a time, in any format.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use kiln_files::text::one_line;
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
    let rows = rows.map_err(|reason| Error::Argument { argument: path.display().to_string(), reason })?;
    let classes = classes.len();
    Ok(Box::new(rows.map(move |row| row.and_then(|row| whole(row, classes)))))
}

/// Refuses a row that contradicts itself: a status of `ok` without a score, a score that is no number, or a probability
/// that is missing, so that the others would move to its place.
fn whole(row: ScoreRow, classes: usize) -> std::result::Result<ScoreRow, String> {
    let finite = row.score.iter().chain(&row.probabilities).all(|value| value.is_finite());
    let scored = row.score.is_some() && row.label.is_some();
    let unscored = row.score.is_none() && row.probabilities.is_empty();
    let complete = row.probabilities.is_empty() || row.probabilities.len() == classes;
    if finite && complete && if row.is_ok() { scored } else { unscored } {
        return Ok(row);
    }
    Err(format!("the row of `{}` contradicts itself: status, score, label and probabilities do not fit", row.path))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(name: &str, text: &str) -> Vec<std::result::Result<ScoreRow, String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        rows(&path, Format::of_path(&path).unwrap(), &["a".to_owned(), "b".to_owned()]).unwrap().collect()
    }

    /// Found by fuzzing: a missing probability let the next one take its place, and `ok` needed no score.
    #[test]
    fn a_row_that_contradicts_itself_is_refused() {
        let sound = ["t.png,0.5,a,ok,0.5,0.5", "t.png,0.5,a,ok,,", "t.png,,,truncated: early,,"];
        for row in sound {
            assert!(read("s.csv", &format!("path,score,label,status,p_a,p_b\n{row}\n"))[0].is_ok(), "{row}");
        }
        let broken = [
            "t.png,,,ok,0.5,0.5",
            "t.png,NaN,a,ok,0.5,0.5",
            "t.png,inf,a,ok,0.5,0.5",
            "t.png,0.5,a,ok,,0.5",
            "t.png,0.5,a,ok,nan,0.5",
            "t.png,0.5,a,truncated: early,,",
            "t.png,,,truncated: early,0.5,0.5",
        ];
        for row in broken {
            let reason = read("s.csv", &format!("path,score,label,status,p_a,p_b\n{row}\n")).remove(0).unwrap_err();
            assert!(reason.contains("`t.png` contradicts itself"), "{row}: {reason}");
        }
        for fields in [r#""score":1e39,"label":"a""#, r#""score":"1","label":"a""#, r#""score":1,"label":null"#] {
            let row = format!(r#"{{"path":"t.png","status":"ok",{fields},"p_a":0.5,"p_b":0.5}}"#);
            assert!(read("s.jsonl", &row)[0].is_err(), "{row}");
        }
    }
}
