//! The patient of each slide, from a CSV file with the columns `slide` and `patient`.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::config::config_error;
use crate::{Error, Result};

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
        let path = Path::new(slide);
        let names = [
            Some(slide),
            path.file_name().and_then(|name| name.to_str()),
            path.file_stem().and_then(|name| name.to_str()),
        ];
        names.into_iter().flatten().find_map(|name| self.0.get(name)).map(String::as_str)
    }
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
