//! Every `kiln` line in the code blocks of the documents, and in the YAML of `docs/ci.md`, is accepted by the argument
//! parser.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use serde_yaml::Value;

use crate::Cli;

/// The name of the binary in the lines of a document.
const NAMES: [&str; 3] = ["kiln ", "target/release/kiln ", "cargo run --release -- "];

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The pages of `docs` and the documents beside it, with their names.
fn documents() -> Vec<(String, String)> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let pages = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    paths.sort();
    let read = |path: &PathBuf| (path.display().to_string(), std::fs::read_to_string(path).unwrap());
    paths.iter().map(read).collect()
}

/// The lines of the code blocks without a language, with continued ones joined.
fn lines_of_blocks(document: &str) -> Vec<String> {
    let (mut lines, mut language) = (Vec::new(), None::<String>);
    for line in document.replace("\\\n", " ").lines().map(str::trim) {
        if let Some(word) = line.strip_prefix("```") {
            language = if language.is_none() { Some(word.to_owned()) } else { None };
        } else if matches!(language.as_deref(), Some("" | "sh")) {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// The words of a call as a shell would split them, up to a pipe, a redirection or a comment.
fn words(call: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for character in call.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '|' | ';' | '>' | '<' | '&') => break,
            (None, '#') if word.is_none() => break,
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_kiln_line_of_the_documents_is_accepted() {
    let mut tried = 0;
    for (name, document) in documents() {
        for line in lines_of_blocks(&document) {
            let line = line.strip_prefix("$ ").unwrap_or(&line);
            let Some(call) = NAMES.iter().find_map(|name| line.strip_prefix(name)) else { continue };
            tried += 1;
            // With `--help` at the end, lines with words for values (`BUNDLE`) need not be complete.
            let arguments = ["kiln".to_owned()].into_iter().chain(words(call)).chain(["--help".to_owned()]);
            let kind = Cli::try_parse_from(arguments).map_err(|error| (error.kind(), error.to_string())).err();
            assert!(kind.as_ref().is_some_and(|(kind, _)| *kind == ErrorKind::DisplayHelp), "{name}: {line}: {kind:?}");
        }
    }
    assert!(tried > 100, "{tried} lines");
}

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
    let page = root().join("docs/ci.md");
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
