//! The annotated slides of an evaluation that have no scores.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use kiln_slide::{GroupRole, SlideRow};

use super::super::annotations::AnnotationArgs;

/// Endings of files that are annotations and nothing else. A `.json` file may be anything.
const SURE: [&str; 2] = ["xml", "geojson"];

/// The annotation files with tumour whose slides are not in `table`. The figures are those of the other slides.
pub(super) fn without_scores(flags: &AnnotationArgs, table: &[SlideRow]) -> anyhow::Result<Vec<String>> {
    let Some(folder) = flags.path().filter(|path| path.is_dir()) else { return Ok(Vec::new()) };
    let scored: BTreeSet<&OsStr> = table.iter().filter_map(|row| Path::new(&row.slide).file_stem()).collect();
    let failed = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(failed)? {
        let file = entry.with_context(failed)?.path();
        let is_annotation = ending(&file).is_some_and(|ending| ending == "json" || SURE.contains(&ending));
        let is_scored = file.file_stem().is_some_and(|stem| scored.contains(stem));
        if is_annotation && !is_scored && !file.file_name().is_some_and(kiln_tile::is_left_out) {
            files.push(file);
        }
    }
    files.sort();
    let mut without = Vec::new();
    for file in files {
        // The files are found by the name of a slide, without its ending.
        let mut slide = OsString::from(file.file_stem().unwrap_or_default());
        slide.push(".slide");
        let annotations = match flags.read(Path::new(&slide), (0, 0), table.len() + 1) {
            Ok(found) => found,
            Err(error) if ending(&file).is_some_and(|ending| SURE.contains(&ending)) => return Err(error),
            Err(_) => continue,
        };
        let is_tumour =
            |found: &kiln_slide::Annotations| found.polygons().iter().any(|polygon| polygon.role == GroupRole::Tumour);
        if annotations.is_some_and(|found| is_tumour(&found)) {
            without.push(file.display().to_string());
        }
    }
    Ok(without)
}

/// The ending of an annotation file, as `kiln slide tile` looks for it.
fn ending(file: &Path) -> Option<&str> {
    file.extension().and_then(OsStr::to_str)
}
