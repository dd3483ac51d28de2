//! Rows out of a result file that [`RowWriter`](super::RowWriter) wrote, one at a time, in any format.

use std::fs::File;
use std::path::Path;

use super::format::RowsRead;
use super::{Columns, Format, ScoreRow};
use crate::{Error, Result};

/// Opens a result file with these columns. A row that contradicts itself is an error.
///
/// # Errors
/// If it cannot be read, or has other columns.
pub fn rows(path: &Path, format: Format, columns: &Columns) -> Result<RowsRead> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let rows = (format.codec().read)(file, columns.clone());
    let rows = rows.map_err(|reason| Error::Rows { path: path.to_owned(), reason })?;
    let classes = columns.classes().len();
    let checked = move |row: ScoreRow| match row.is_coherent(classes) {
        true => Ok(row),
        false => Err(format!(
            "the row of `{}` contradicts itself: status, score, label and probabilities do not fit",
            row.path
        )),
    };
    Ok(Box::new(rows.map(move |row| row.and_then(&checked))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(name: &str, text: &str) -> Vec<std::result::Result<ScoreRow, String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        rows(&path, Format::from_path(&path).unwrap(), &Columns::for_files(&["a".to_owned(), "b".to_owned()]))
            .unwrap()
            .collect()
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
