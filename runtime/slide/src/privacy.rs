//! Findings in a slide that could identify a person: images of the label, and properties, free text and file names with
//! names, dates, numbers and paths. Values are not repeated unless the caller requests them. The list is a help for a
//! check, and no proof that a slide is anonymous: names can be anywhere, and tissue itself identifies.

mod text;
mod words;

use serde::Serialize;

use crate::slide::Slide;
use crate::tiff_header::label_images;

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An image of the label, or one that may show it.
    LabelImage,
    /// A patient, physician, operator or institution.
    Person,
    /// A barcode, accession number, case, slide or study identifier.
    Identifier,
    /// A date or time.
    Date,
    /// A path on somebody's computer.
    FilePath,
    /// An e-mail address.
    Email,
    /// A file name that looks like a person or an accession number.
    FileName,
}

/// Something in a slide that could identify a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// Its place: a property, an associated image or the file name.
    pub place: String,
    /// Number of characters of the value; 0 for an image.
    pub length: usize,
    /// The value, if the caller asked for it.
    pub value: Option<String>,
}

/// `openslide.comment: User (person, 7 characters)`; with the value if it was asked for.
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            FindingKind::LabelImage => "may show the label",
            FindingKind::Person => "person",
            FindingKind::Identifier => "identifier",
            FindingKind::Date => "date",
            FindingKind::FilePath => "file path",
            FindingKind::Email => "e-mail address",
            FindingKind::FileName => "looks like a name or number of a patient",
        };
        write!(f, "{} ({kind}", self.place)?;
        if self.length > 0 {
            write!(f, ", {} characters", self.length)?;
        }
        match &self.value {
            Some(value) => write!(f, ": {value})"),
            None => f.write_str(")"),
        }
    }
}

impl Slide {
    /// Lists content of the slide that could identify a person. With `reveal`, the findings contain the values.
    #[must_use]
    pub fn privacy_findings(&self, reveal: bool) -> Vec<Finding> {
        let mut found = Vec::new();
        for image in self.associated_images() {
            // A thumbnail shows the tissue alone.
            if !image.name.eq_ignore_ascii_case("thumbnail") {
                let place = format!("associated image {}", image.name);
                found.push(Finding { kind: FindingKind::LabelImage, place, length: 0, value: None });
            }
        }
        let is_listed = |name: &str| self.associated_images().iter().any(|image| image.name.eq_ignore_ascii_case(name));
        for (directory, name) in label_images(self.path()).into_iter().filter(|(_, name)| !is_listed(name)) {
            let place = format!("image {directory} of the TIFF, described as `{name}`");
            found.push(Finding { kind: FindingKind::LabelImage, place, length: 0, value: None });
        }
        for (name, value) in self.properties() {
            found.extend(of_property(name, value, reveal));
        }
        let stem = self.path().file_stem().unwrap_or_default().to_string_lossy();
        if words::is_telling_file_name(&stem) {
            found.push(finding(FindingKind::FileName, "file name".to_owned(), &stem, reveal));
        }
        found
    }
}

/// The findings in one property.
fn of_property(name: &str, value: &str, reveal: bool) -> Vec<Finding> {
    let value = value.trim();
    // OpenSlide's own properties are numbers and its digest, except the comment.
    if name.starts_with("openslide.") && name != "openslide.comment" {
        return Vec::new();
    }
    if matches!(name, "openslide.comment" | "tiff.ImageDescription" | "tiff.XMLPacket" | "dicom.ImageComments") {
        return text::findings(value)
            .into_iter()
            .map(|inner| finding(inner.kind, format!("{name}: {}", inner.key), &inner.value, reveal))
            .collect();
    }
    let key = name.split_once('.').map_or(name, |(_, key)| key);
    words::kind(key, value).map(|kind| finding(kind, name.to_owned(), value, reveal)).into_iter().collect()
}

fn finding(kind: FindingKind, place: String, value: &str, reveal: bool) -> Finding {
    Finding { kind, place, length: value.chars().count(), value: reveal.then(|| value.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_only_on_request() {
        let found = of_property("aperio.User", "Dr. Secret", false);
        assert_eq!(
            found,
            [Finding { kind: FindingKind::Person, place: "aperio.User".to_owned(), length: 10, value: None }]
        );
        assert_eq!(of_property("aperio.User", "Dr. Secret", true)[0].value.as_deref(), Some("Dr. Secret"));
    }

    #[test]
    fn free_text_is_searched_by_its_keys() {
        let text = "Aperio Image Library\n1x1 (240x240) JPEG|AppMag = 20|User = abc|Date = 12/29/09";
        let found = of_property("openslide.comment", text, false);
        let places: Vec<&str> = found.iter().map(|found| found.place.as_str()).collect();
        assert_eq!(places, ["openslide.comment: User", "openslide.comment: Date"]);
        let text = "PatientName: John Smith\nPatient Name: John Smith; DOB: 1950-01-01";
        let found = of_property("tiff.ImageDescription", text, false);
        let places: Vec<&str> = found.iter().map(|found| found.place.as_str()).collect();
        let keys = ["PatientName", "Patient Name", "DOB"].map(|key| format!("tiff.ImageDescription: {key}"));
        assert_eq!(places, keys);
    }
}
