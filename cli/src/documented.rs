//! The YAML of `docs/ci.md` parses, and every `kiln` line in it is accepted by the argument parser.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use clap::Parser as _;
use serde_yaml::Value;

use crate::Cli;

/// The YAML blocks of a document.
fn blocks(document: &str) -> Vec<Value> {
    let blocks = document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.map(|block| serde_yaml::from_str(block).unwrap_or_else(|error| panic!("{error}:\n{block}"))).collect()
}

/// The values of these keys, at every depth.
fn values<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<&'a str>) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                match (key.as_str(), value.as_str()) {
                    (Some(key), Some(text)) if keys.contains(&key) => found.push(text),
                    _ => values(value, keys, found),
                }
            }
        }
        Value::Sequence(list) => list.iter().for_each(|value| values(value, keys, found)),
        _ => {}
    }
}

#[test]
fn every_kiln_line_of_the_page_about_ci_is_accepted() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ci.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 3, "two workflows and a hook");
    let mut scripts = Vec::new();
    blocks.iter().for_each(|block| values(block, &["run", "entry"], &mut scripts));
    let joined: Vec<String> = scripts.iter().map(|script| script.replace("\\\n", " ")).collect();
    let lines: Vec<&str> = joined.iter().flat_map(|script| script.lines()).map(str::trim).collect();
    let kiln: Vec<&str> = lines.into_iter().filter(|line| line.starts_with("kiln ")).collect();
    assert!(kiln.len() >= 8, "{kiln:?}");
    for line in kiln {
        let parsed = Cli::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
    }
}
