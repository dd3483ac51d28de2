//! The patient of each slide, from a CSV file with the columns `slide` and `patient`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use crate::config::config_error;
use crate::{Error, Result};

/// Slides that an error names; it counts the others.
const NAMED: usize = 3;

/// Patients by slide. Figures over slides resample patients, because slides of one patient resemble each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patients(HashMap<String, String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    slide: String,
    patient: String,
}

impl Patients {
    /// Reads the file. A slide is named by its path, its file name, or that without the ending.
    ///
    /// # Errors
    /// Other columns, an empty field, or a slide that is listed twice.
    pub fn read(path: &Path) -> Result<Self> {
        let origin = path.display().to_string();
        let file = std::fs::File::open(path).map_err(Error::io(path))?;
        let mut patients = HashMap::new();
        for (index, row) in csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file).deserialize().enumerate() {
            let wrong = |reason: String| config_error(&origin, reason);
            let Row { slide, patient } = row.map_err(|error: csv::Error| {
                wrong(format!("expected a CSV file with the columns slide and patient: {error}"))
            })?;
            if slide.is_empty() || patient.is_empty() {
                return Err(wrong(format!("the slide or the patient of row {} is empty", index + 1)));
            }
            if patients.contains_key(&slide) {
                return Err(wrong(format!("the slide {slide:?} is listed twice")));
            }
            patients.insert(slide, patient);
        }
        Ok(Self(patients))
    }

    /// The patient of a slide, if it is listed.
    #[must_use]
    pub fn of_slide(&self, slide: &str) -> Option<&str> {
        names(slide).find_map(|name| self.0.get(name)).map(String::as_str)
    }

    /// Compares the list, which was read from `path`, with the slides of an evaluation. Intervals over patients are right only
    /// if every slide has its patient. The list may have further slides: it is often that of a whole cohort.
    ///
    /// # Errors
    /// Slides without a patient; beside them, as a hint, the listed slides that are none of these. The first of each are named.
    pub fn check(&self, path: &Path, slides: &[&str]) -> Result<()> {
        let without: Vec<&str> = slides.iter().copied().filter(|slide| self.of_slide(slide).is_none()).collect();
        if without.is_empty() {
            return Ok(());
        }
        let known: HashSet<&str> = slides.iter().flat_map(|slide| names(slide)).collect();
        let mut unknown: Vec<&str> = self.0.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
        unknown.sort_unstable();
        let parts = [(without, "without a patient"), (unknown, "listed, but not among the slides of the scores")];
        let parts = parts.into_iter().filter(|(slides, _)| !slides.is_empty());
        let parts: Vec<String> = parts.map(|(slides, what)| described(&slides, what)).collect();
        let reason = format!(
            "{}; name each slide by its path or file name, with or without the ending, and list all of them",
            parts.join("; ")
        );
        Err(config_error(&path.display().to_string(), reason))
    }
}

/// The names by which a slide may be listed: its path, its file name, and that without the ending.
fn names(slide: &str) -> impl Iterator<Item = &str> {
    let path = Path::new(slide);
    let names = [path.file_name(), path.file_stem()].map(|name| name.and_then(|name| name.to_str()));
    std::iter::once(slide).chain(names.into_iter().flatten())
}

/// `2 slides without a patient: a.tif, b.tif`.
fn described(slides: &[&str], what: &str) -> String {
    let noun = if slides.len() == 1 { "slide" } else { "slides" };
    let more = if slides.len() > NAMED { ", …" } else { "" };
    let named: Vec<&str> = slides.iter().copied().take(NAMED).collect();
    format!("{} {noun} {what}: {}{more}", slides.len(), named.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Patients> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("patients.csv");
        std::fs::write(&path, text).unwrap();
        Patients::read(&path)
    }

    #[test]
    fn a_slide_is_found_by_path_name_and_stem() {
        let patients = read("patient,slide\np1,a/1.svs\np2, 2.svs\np3,3\n").unwrap();
        let of = |slide| patients.of_slide(slide);
        assert_eq!(
            [of("a/1.svs"), of("b/2.svs"), of("c/3.tif"), of("b/1.svs")],
            [Some("p1"), Some("p2"), Some("p3"), None]
        );
    }

    #[test]
    fn slides_that_do_not_match_are_named() {
        let patients = read("slide,patient\na.svs,p1\nb,p1\nc.tif,p2\n").unwrap();
        let message = |slides: &[&str]| {
            let checked = patients.check(Path::new("patients.csv"), slides);
            checked.map_or_else(|error| error.to_string(), |()| String::new())
        };
        assert_eq!(message(&["x/a.svs", "x/b.tif", "c.tif"]), "");
        let both = message(&["x/a.tif", "x/b.tif", "c.tif"]);
        assert!(both.contains("1 slide without a patient: x/a.tif"), "{both}");
        assert!(both.contains("1 slide listed, but not among the slides of the scores: a.svs"), "{both}");
        assert_eq!(message(&["a.svs", "b.tif"]), "");
        assert!(
            message(&["a.svs", "b", "c.tif", "1", "2", "3", "4"]).contains("4 slides without a patient: 1, 2, 3, …")
        );
    }

    #[test]
    fn wrong_rows_are_named() {
        for (text, words) in [
            ("slide,group\n1,2\n", "columns slide and patient"),
            ("slide,patient\n1,\n", "row 1 is empty"),
            ("slide,patient\n1,a\n1,b\n", "listed twice"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("patients.csv"), "{message}");
        }
    }
}
