//! Findings in free text: pairs such as `key = value` (Aperio) and `key: value`, dates, paths and addresses, and the elements
//! and attributes of XML headers.

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::{FindingKind, words};

/// Most parts of a text that are looked at.
const MAX_PARTS: usize = 100_000;
/// Most words of the name in front of a colon.
const MAX_WORDS: usize = 2;
/// Place of a finding without a name.
const TEXT: &str = "text";

/// A finding in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) kind: FindingKind,
    pub(super) key: String,
    pub(super) value: String,
}

pub(super) fn findings(text: &str) -> Vec<Inner> {
    let mut found =
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') { xml(text) } else { pairs(text) };
    found.dedup();
    found
}

/// Pairs such as `User = abc` and `Patient Name: abc`, between bars or on lines, and values without a name.
fn pairs(text: &str) -> Vec<Inner> {
    text.split(['|', ';', '\n', '\r']).take(MAX_PARTS).filter_map(part).collect()
}

fn part(text: &str) -> Option<Inner> {
    let pair = text.split_once(['=', ':']).and_then(|(key, value)| {
        let is_equation = text[key.len()..].starts_with('=');
        // Of JSON the key is in quotes.
        let key = key.trim().trim_matches(['{', '"', ',', ' ']);
        let found = inner(key, value)?;
        // The text before a colon may be a sentence, and is shown only if it is the name of a property.
        let is_name = words::is_named(key) && key.split_whitespace().count() <= MAX_WORDS;
        Some(if is_equation || is_name { found } else { Inner { key: TEXT.to_owned(), ..found } })
    });
    pair.or_else(|| inner(TEXT, text))
}

/// Attributes, and the text of elements. A damaged document is read as far as it goes.
fn xml(text: &str) -> Vec<Inner> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    let mut name = String::new();
    for _ in 0..MAX_PARTS {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                name = element.local_name().as_ref().to_owned();
                for attribute in element.attributes().with_checks(false).flatten() {
                    let key = format!("{name}/{}", attribute.key.local_name().as_ref());
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or_default();
                    found.extend(inner(&key, &value));
                }
            }
            Ok(Event::Text(text)) => found.extend(inner(&name, &text.xml10_content())),
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    found
}

fn inner(key: &str, value: &str) -> Option<Inner> {
    let value = value.trim();
    let kind = words::kind(key, value)?;
    Some(Inner { kind, key: key.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_attributes_of_a_header_are_found() {
        let text = r#"<?xml version="1.0"?><OME><Experimenter ID="E:1" UserName="anna" Email="a@b.example"/>
            <Image><AcquisitionDate>2009-12-29T09:59:15</AcquisitionDate><Pixels SizeX="7"/></Image></OME>"#;
        let keys: Vec<String> = findings(text).into_iter().map(|inner| inner.key).collect();
        assert_eq!(keys, ["Experimenter/UserName", "Experimenter/Email", "AcquisitionDate"]);
        assert_eq!(findings("<a User=\"anna\"><b").len(), 1);
        let names = r#"<OME><Experimenter ID="E:1" FirstName="Jane" MiddleName="A" LastName="Doe"/></OME>"#;
        let keys: Vec<String> = findings(names).into_iter().map(|inner| inner.key).collect();
        assert_eq!(keys, ["Experimenter/FirstName", "Experimenter/MiddleName", "Experimenter/LastName"]);
        assert!(findings("").is_empty());
    }

    #[test]
    fn plain_names_are_found_and_no_text_before_a_colon_is_shown() {
        let keys = |text: &str| findings(text).into_iter().map(|inner| inner.key).collect::<Vec<_>>();
        assert_eq!(keys("PatientName: John Smith"), ["PatientName"]);
        assert_eq!(keys("Patient Name: John Smith; DOB: 1950-01-01"), ["Patient Name", "DOB"]);
        assert_eq!(keys("{\"PatientName\": \"John\"}"), ["PatientName"]);
        assert_eq!(keys("John Smith: 1950-01-01"), ["text"]);
        assert_eq!(keys("the patient John Smith was scanned here: twice"), ["text"]);
        assert_eq!(keys("C:\\Scans\\Meier.svs\n2009-12-29"), ["text", "text"]);
        assert_eq!(keys("Time = 09:59:15|AppMag = 20|MPP: 0.5|Compression: JPEG"), ["Time"]);
    }
}
