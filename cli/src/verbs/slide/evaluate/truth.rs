//! The annotated slides of an evaluation that have no scores.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use kiln_slide::{GroupRole, SlideRow};

use super::super::annotations::{AnnotationArgs, files, find};

/// The annotation files with tumour whose slides are not in `table`. The figures are those of the other slides.
pub(super) fn without_scores(flags: &AnnotationArgs, table: &[SlideRow]) -> anyhow::Result<Vec<String>> {
    let Some(folder) = flags.folder() else { return Ok(Vec::new()) };
    let scored: BTreeSet<&OsStr> = table.iter().filter_map(|row| Path::new(&row.slide).file_stem()).collect();
    let mut without = Vec::new();
    for file in files(folder)? {
        let is_scored = file.file_stem().is_some_and(|stem| scored.contains(stem));
        if is_scored || file.file_name().is_some_and(kiln_tile::is_left_out) {
            continue;
        }
        // The file has the name of its slide. Two files of one slide are an error here too.
        let Some(file) = find(folder, &file)? else { continue };
        let annotations = match flags.read_file(&file, (0, 0)) {
            Ok(found) => found,
            // A `.json` file may be anything.
            Err(_) if file.extension().is_some_and(|ending| ending == "json") => continue,
            Err(error) => return Err(error),
        };
        if annotations.polygons().iter().any(|polygon| polygon.role == GroupRole::Tumour) {
            without.push(file.display().to_string());
        }
    }
    Ok(without)
}
