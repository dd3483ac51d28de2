//! The annotated slides of an evaluation that have no scores.

use std::path::Path;

use kiln_slide::{GroupRole, SlideRow};

use super::super::annotations::{AnnotationArgs, find, unused};

/// The annotation files with tumour whose slides are not in `table`. The figures are those of the other slides.
pub(super) fn without_scores(flags: &AnnotationArgs, table: &[SlideRow]) -> anyhow::Result<Vec<String>> {
    let Some(folder) = flags.folder() else { return Ok(Vec::new()) };
    let mut without = Vec::new();
    let unused = unused(folder, table.iter().map(|row| Path::new(&row.slide)))?;
    for file in &unused {
        // The file has the name of its slide. Two files of one slide are an error here too.
        let Some(file) = find(&unused, file)? else { continue };
        let annotations = match flags.read_file(file, (0, 0)) {
            Ok(found) => found,
            // A `.json` file may be anything.
            Err(_) if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) => continue,
            Err(error) => return Err(error),
        };
        if annotations.polygons().iter().any(|polygon| polygon.role == GroupRole::Tumour) {
            without.push(file.display().to_string());
        }
    }
    Ok(without)
}
