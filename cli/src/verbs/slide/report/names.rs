//! Names of the slides' folders in a folder of results.

use std::path::Path;

/// Beginnings of the names of result files, in lower case.
const RESULTS: [&str; 2] = ["tiles.", "slides."];

/// The name of a slide's folder: that of its file, with a number if another slide has it or a file has this name. Names that
/// differ in case alone are one name on some file systems. The name is added to `taken`.
pub(super) fn folder_name(slide: &str, results: &Path, taken: &mut Vec<String>) -> String {
    let stem = Path::new(slide).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let lower = stem.to_lowercase();
    let stem = match RESULTS.iter().any(|beginning| lower.starts_with(beginning)) || stem.is_empty() {
        true => format!("slide-{stem}"),
        false => stem,
    };
    let is_free = |name: &String| {
        let path = results.join(name);
        !taken.contains(&name.to_lowercase()) && (path.is_dir() || path.symlink_metadata().is_err())
    };
    let mut names = std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}")));
    let name = names.find(is_free).unwrap_or(stem);
    taken.push(name.to_lowercase());
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_different_names_that_no_result_file_has() {
        let results = tempfile::tempdir().unwrap();
        std::fs::write(results.path().join("rows"), "").unwrap();
        std::fs::create_dir(results.path().join("c")).unwrap();
        let mut taken = Vec::new();
        let names = [
            "1/a.tif",
            "2/a.svs",
            "3/A.tif",
            "a-2.tif",
            "tiles.csv.tif",
            "Slides.CSV.tif",
            "slides.tif",
            "rows.tif",
            "c.tif",
        ]
        .map(|slide| folder_name(slide, results.path(), &mut taken));
        let expected = ["a", "a-2", "A-3", "a-2-2", "slide-tiles.csv", "slide-Slides.CSV", "slides", "rows-2", "c"];
        assert_eq!(names, expected);
    }
}
