//! The words of property names, and the shapes of values, that point to a person.

use super::FindingKind;

/// Words of a property's name and the kind they point to; the first match counts. Names are compared without separators
/// and case: `PIM_DP_SCANNER_OPERATOR_ID` contains `operator`.
const WORDS: &[(&str, FindingKind)] = &[
    ("patient", FindingKind::Person),
    ("physician", FindingKind::Person),
    ("operator", FindingKind::Person),
    ("experimenter", FindingKind::Person),
    ("pathologist", FindingKind::Person),
    ("performer", FindingKind::Person),
    ("username", FindingKind::Person),
    ("firstname", FindingKind::Person),
    ("middlename", FindingKind::Person),
    ("lastname", FindingKind::Person),
    ("givenname", FindingKind::Person),
    ("familyname", FindingKind::Person),
    ("surname", FindingKind::Person),
    ("institution", FindingKind::Person),
    ("hostcomputer", FindingKind::Person),
    ("artist", FindingKind::Person),
    ("author", FindingKind::Person),
    ("creator", FindingKind::Person),
    ("stationname", FindingKind::Person),
    ("barcode", FindingKind::Identifier),
    ("accession", FindingKind::Identifier),
    ("imageid", FindingKind::Identifier),
    ("slideid", FindingKind::Identifier),
    ("slidename", FindingKind::Identifier),
    ("slidelabel", FindingKind::Identifier),
    ("labeltext", FindingKind::Identifier),
    ("caseid", FindingKind::Identifier),
    ("casename", FindingKind::Identifier),
    ("specimenid", FindingKind::Identifier),
    ("specimenuid", FindingKind::Identifier),
    ("blockid", FindingKind::Identifier),
    ("containerid", FindingKind::Identifier),
    ("studyid", FindingKind::Identifier),
    ("studyinstanceuid", FindingKind::Identifier),
    ("seriesinstanceuid", FindingKind::Identifier),
    ("sopinstanceuid", FindingKind::Identifier),
    ("requestid", FindingKind::Identifier),
    ("projectname", FindingKind::Identifier),
    ("documentname", FindingKind::FilePath),
    ("filename", FindingKind::FilePath),
    ("filepath", FindingKind::FilePath),
    ("email", FindingKind::Email),
    ("date", FindingKind::Date),
    ("birth", FindingKind::Date),
    ("creationtime", FindingKind::Date),
    ("acquisitiontime", FindingKind::Date),
    ("scantime", FindingKind::Date),
];

/// Names that match whole.
const NAMES: &[(&str, FindingKind)] = &[
    ("user", FindingKind::Person),
    ("title", FindingKind::Identifier),
    ("dob", FindingKind::Date),
    ("mrn", FindingKind::Identifier),
    ("time", FindingKind::Date),
    ("contenttime", FindingKind::Date),
    ("studytime", FindingKind::Date),
    ("seriestime", FindingKind::Date),
];

/// Names that contain a word of the list but contain nothing about a person.
const HARMLESS: &[&str] =
    &["patientorientation", "instancecreatoruid", "classuid", "update", "updates", "datetimeoriginal"];

/// The kind of a property, by its name and then by its value. `None` if nothing points to a person.
pub(super) fn kind(key: &str, value: &str) -> Option<FindingKind> {
    if is_empty(value) {
        return None;
    }
    let plain = plain(key);
    if HARMLESS.iter().any(|word| plain.ends_with(word)) {
        return None;
    }
    kind_of_name(&plain).or_else(|| kind_of_value(value))
}

/// True if a property's name alone points to a person.
pub(super) fn is_named(key: &str) -> bool {
    kind_of_name(&plain(key)).is_some()
}

/// The last part of a property's name without separators and case.
fn plain(key: &str) -> String {
    let last = key.rsplit(['.', '/']).next().unwrap_or(key);
    last.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn kind_of_name(plain: &str) -> Option<FindingKind> {
    let named = NAMES.iter().find(|(name, _)| plain == *name);
    let found = named.or_else(|| WORDS.iter().find(|(word, _)| plain.contains(word)));
    found.map(|(_, kind)| *kind)
}

/// True for the ways of saying nothing: no text, carets of DICOM names, placeholders.
fn is_empty(value: &str) -> bool {
    let value = value.trim();
    value.chars().all(|c| matches!(c, '^' | '=' | '-' | '0' | ' '))
        || ["none", "null", "unknown", "n/a", "na", "anonymous", "anonymized", "removed"]
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word))
}

/// The kind of a value by its shape; its name does not matter.
fn kind_of_value(value: &str) -> Option<FindingKind> {
    let value = value.trim();
    if value.len() > 4_096 {
        return None;
    }
    if is_path(value) {
        return Some(FindingKind::FilePath);
    }
    if is_email(value) {
        return Some(FindingKind::Email);
    }
    is_date(value).then_some(FindingKind::Date)
}

fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let drive = bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":\\";
    let share = value.starts_with("\\\\") && value.len() > 4;
    let home = ["/home/", "/Users/", "/mnt/", "/media/", "/data/", "file://"];
    drive || share || home.iter().any(|start| value.starts_with(start))
}

fn is_email(value: &str) -> bool {
    let Some((user, host)) = value.split_once('@') else { return false };
    let named = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    named(user) && named(host) && host.contains('.') && !host.contains('@')
}

/// Dates with separators: `2009-12-29`, `12/29/09`, `29.12.2009`, with or without a time after them. A version such as
/// `1.2.3` is none.
fn is_date(value: &str) -> bool {
    let head = value.split(['T', ' ']).next().unwrap_or(value);
    let Some(separator) = head.chars().find(|c| matches!(c, '-' | '/' | '.')) else { return false };
    let parts: Vec<&str> = head.split(separator).collect();
    let [a, b, c] = parts.as_slice() else { return false };
    let number = |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (Some(first), Some(second), Some(third)) = (number(a), number(b), number(c)) else { return false };
    let is_year = |text: &str, year: u32| text.len() == 4 && (1_900..2_100).contains(&year);
    let day_and_month =
        |one: u32, other: u32| (1..=31).contains(&one) && (1..=31).contains(&other) && one.min(other) <= 12;
    let short_year = c.len() == 2 && separator == '/' && day_and_month(first, second);
    (is_year(a, first) && day_and_month(second, third))
        || (is_year(c, third) && day_and_month(first, second))
        || short_year
}

/// True if a file's name, without its extension, looks like an accession number (`S19-12345`, `H2021.00123`), a long number
/// (six digits or more), or a person (`Meier_Anna`, `Meier, Anna`).
pub(super) fn is_telling_file_name(stem: &str) -> bool {
    is_person(stem) || has_long_number(stem) || has_accession(stem)
}

fn has_long_number(stem: &str) -> bool {
    stem.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= 6)
}

/// A year of two or four digits, with up to three letters before it, a separator, and a number of three digits or more.
fn has_accession(stem: &str) -> bool {
    let parts: Vec<&str> = stem.split(['-', '_', '.', ' ', '~']).collect();
    parts.windows(2).any(|pair| {
        let letters = pair[0].chars().take_while(char::is_ascii_alphabetic).count();
        let year = &pair[0][letters..];
        let is_year = letters <= 3 && matches!(year.len(), 2 | 4) && year.bytes().all(|c| c.is_ascii_digit());
        let digits = pair[1].bytes().take_while(u8::is_ascii_digit).count();
        is_year && digits >= 3
    })
}

/// Two or three capitalised words and nothing else but digits.
fn is_person(stem: &str) -> bool {
    let parts: Vec<&str> = stem.split(['-', '_', ',', ' ', '.']).filter(|part| !part.is_empty()).collect();
    let is_name = |part: &&&str| {
        let mut letters = part.chars();
        let first = letters.next().is_some_and(char::is_uppercase);
        first && part.chars().count() >= 3 && letters.all(char::is_lowercase)
    };
    let names = parts.iter().filter(is_name).count();
    let numbers = parts.iter().filter(|part| part.bytes().all(|c| c.is_ascii_digit())).count();
    (2..=3).contains(&names) && names + numbers == parts.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_vendor_are_known() {
        use FindingKind::{Date, FilePath, Identifier, Person};
        for (key, kind_of) in [
            ("ImageID", Identifier),
            ("User", Person),
            ("Date", Date),
            ("Time", Date),
            ("Filename", FilePath),
            ("PIM_DP_SCANNER_OPERATOR_ID", Person),
            ("PIM_DP_UFS_BARCODE", Identifier),
            ("DICOM_ACQUISITION_DATETIME", Date),
            ("PatientName", Person),
            ("AccessionNumber", Identifier),
            ("SpecimenDescriptionSequence[0].SpecimenIdentifier", Identifier),
            ("StudyInstanceUID", Identifier),
            ("GENERAL.SLIDE_NAME", Identifier),
            ("GENERAL.SLIDE_CREATIONDATETIME", Date),
            ("HostComputer", Person),
            ("ReferringPhysicianName", Person),
            ("InstitutionName", Person),
        ] {
            assert_eq!(kind(key, "x1"), Some(kind_of), "{key}");
        }
        for key in
            ["MPP", "AppMag", "Left", "StripeWidth", "SOPClassUID", "PatientOrientation", "Software", "Originalheight"]
        {
            assert_eq!(kind(key, "20"), None, "{key}");
        }
        for empty in ["", "^^^^", "  ", "Unknown", "anonymous"] {
            assert_eq!(kind("PatientName", empty), None, "{empty}");
        }
    }

    #[test]
    fn values_are_known_by_their_shape() {
        use FindingKind::{Date, Email, FilePath};
        for (value, expected) in [
            ("C:\\Scans\\Meier.svs", Some(FilePath)),
            ("\\\\server\\share\\a", Some(FilePath)),
            ("/Users/anna/a.svs", Some(FilePath)),
            ("anna@clinic.example", Some(Email)),
            ("2009-12-29T09:59:15", Some(Date)),
            ("12/29/09", Some(Date)),
            ("29.12.2009 09:59", Some(Date)),
            ("1.2.3", None),
            ("4.0.1", None),
            ("0.4990", None),
            ("1.3.6.1.4.1", None),
            ("46000x32914", None),
            ("99/99/99", None),
        ] {
            assert_eq!(kind_of_value(value), expected, "{value}");
        }
    }

    #[test]
    fn file_names_of_archives_are_telling() {
        for stem in
            ["S19-12345", "H-2021-00123_A1", "20-04567 B2", "Meier_Anna", "Meier, Anna 2", "12345678", "case1234567"]
        {
            assert!(is_telling_file_name(stem), "{stem}");
        }
        for stem in ["tumor_001", "normal_123", "CMU-1-Small-Region", "slide", "jpeg-big", "test_049", "a1", "HE_20x"] {
            assert!(!is_telling_file_name(stem), "{stem}");
        }
    }
}
