//! Rows of result files, as [`super::merge`] reads them.

use std::path::Path;

use super::{Columns, Format, ScoreRow};
use crate::Result;

/// The rows of a result file of a model with these classes, each with the reason why it cannot be read if so. The first
/// row that cannot be read is the last one.
///
/// # Errors
/// If the file cannot be read, or has other columns.
pub fn rows(path: &Path, format: Format, classes: &[String]) -> Result<Vec<std::result::Result<ScoreRow, String>>> {
    let mut found = Vec::new();
    for row in super::read::rows(path, format, &Columns::for_files(classes))? {
        let ends = row.is_err();
        found.push(row);
        if ends {
            break;
        }
    }
    Ok(found)
}
