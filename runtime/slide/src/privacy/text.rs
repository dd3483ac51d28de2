//! Findings in free text: pairs such as `key = value` (Aperio) and `key: value`, dates, paths and addresses, the
//! elements and attributes of XML headers, and the members of JSON.

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::Value;

use super::{FindingKind, words};

/// Most parts of a text that are looked at.
const MAX_PARTS: usize = 100_000;
/// Separators of pairs.
const SEPARATORS: &[char] = &['|', ';', '\n', '\r'];
/// Separators of pairs in JSON that is damaged.
const JSON_SEPARATORS: &[char] = &['{', '}', ',', '|', ';', '\n', '\r'];
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
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let mut found = match start.chars().next() {
        Some('<') => xml(text),
        Some('{') => json(start),
        _ => pairs(text, SEPARATORS),
    };
    found.dedup();
    found
}

/// Pairs such as `User = abc` and `Patient Name: abc`, between bars or on lines, and values without a name.
fn pairs(text: &str, separators: &[char]) -> Vec<Inner> {
    text.split(separators).take(MAX_PARTS).flat_map(part).collect()
}

fn part(text: &str) -> Vec<Inner> {
    let mut found: Vec<_> = [pair(text, '=', ':'), pair(text, ':', '=')].into_iter().flatten().collect();
    if found.is_empty() {
        found.extend(inner(TEXT, text));
    }
    found
}

/// The pair around the first `separator`. The key begins after the `other` separator, if that comes earlier:
/// `DICOM:PatientName = abc`.
fn pair(text: &str, separator: char, other: char) -> Option<Inner> {
    let (before, value) = text.split_once(separator)?;
    let after_other = before.rsplit_once(other).map(|(_, key)| key);
    // JSON has its keys in quotes.
    let key = after_other.unwrap_or(before).trim().trim_matches(['{', '"', ',', ' ']);
    let found = inner(key, value)?;
    // The text before a colon may be a sentence, and the text after another separator a value. Both are shown only if
    // they are the name of a property.
    let most = if after_other.is_some() { 1 } else { MAX_WORDS };
    let is_name = words::is_named(key) && key.split_whitespace().count() <= most;
    let is_equation = separator == '=' && after_other.is_none();
    Some(if is_equation || is_name { found } else { Inner { key: TEXT.to_owned(), ..found } })
}

/// Members of all levels. Damaged JSON is read as pairs.
fn json(text: &str) -> Vec<Inner> {
    // Anything after the document, such as padding, is ignored.
    match serde_json::Deserializer::from_str(text).into_iter().next() {
        Some(Ok(document)) => {
            let mut found = Vec::new();
            members(&document, TEXT, &mut found);
            found
        }
        _ => pairs(text, JSON_SEPARATORS),
    }
}

/// The findings in a value whose nearest telling key is `name`: all members of `"patient"` are about a person.
fn members(value: &Value, name: &str, found: &mut Vec<Inner>) {
    match value {
        Value::Object(all) => {
            for (key, value) in all {
                members(value, if words::is_named(key) { key } else { name }, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|value| members(value, name, found)),
        Value::Number(number) => found.extend(inner(name, &number.to_string())),
        Value::String(text) => match inner(name, text) {
            Some(one) => found.push(one),
            None => found.extend(findings(text)),
        },
        Value::Null | Value::Bool(_) => {}
    }
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
        assert_eq!(keys("DICOM:PatientName = John Smith"), ["PatientName"]);
        assert_eq!(keys("Series 0: PatientName = John Smith"), ["PatientName"]);
        assert_eq!(keys("PatientName: John = Smith"), ["PatientName"]);
        assert_eq!(keys("Name: Smith, Date = 2009-12-29"), ["text"]);
        assert_eq!(keys("Date = 2009-12-29 10:59:15"), ["Date"]);
        assert_eq!(keys("John Smith: 1950-01-01"), ["text"]);
        assert_eq!(keys("the patient John Smith was scanned here: twice"), ["text"]);
        assert_eq!(keys("C:\\Scans\\Meier.svs\n2009-12-29"), ["text", "text"]);
        assert_eq!(keys("Time = 09:59:15|AppMag = 20|MPP: 0.5|Compression: JPEG"), ["Time"]);
    }

    #[test]
    fn members_of_json_are_found_wherever_they_are() {
        let keys = |text: &str| findings(text).into_iter().map(|inner| inner.key).collect::<Vec<_>>();
        assert_eq!(keys("{\"PatientName\": \"John\"}"), ["PatientName"]);
        assert_eq!(keys(" {\"mpp\": 0.5, \"PatientName\": \"John\", \"User\": null}\0"), ["PatientName"]);
        let nested = r#"{"a": [{"b": 1, "patient": {"name": "Smith", "height": 180}}], "Smith": "2009-12-29"}"#;
        let mut found = keys(nested);
        found.sort_unstable();
        assert_eq!(found, ["patient", "patient", "text"]);
        assert_eq!(keys(r#"{"description": "Aperio|User = anna", "PatientOrientation": "x"}"#), ["User"]);
        assert_eq!(keys(r#"{"mpp": 0.5, "PatientName": "Smith", "na"#), ["PatientName"]);
        assert!(keys(r#"{"mpp": 0.5, "levels": [1, 2]}"#).is_empty());
    }
}
