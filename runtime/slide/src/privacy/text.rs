//! Findings in free text: the `key = value` pairs of Aperio, and the elements and attributes of XML headers.

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::{FindingKind, words};

/// Most parts of a text that are looked at.
const MAX_PARTS: usize = 100_000;

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

/// Pairs such as `User = abc`, between bars or on lines.
fn pairs(text: &str) -> Vec<Inner> {
    let parts = text.split(['|', ';', '\n', '\r']).take(MAX_PARTS);
    parts.filter_map(|part| part.split_once('=')).filter_map(|(key, value)| inner(key.trim(), value)).collect()
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
        assert!(findings("").is_empty());
    }
}
