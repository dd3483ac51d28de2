//! Untrusted text from files, names and servers, made safe for a line of a table or a terminal.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::{Serialize as _, Serializer};

/// Returns the text on one line: every run of white space and control characters becomes one space, and the ends are
/// trimmed. For reasons, which fill one cell of a table or one line of a terminal.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) && text.trim().len() == text.len() {
        return Cow::Borrowed(text);
    }
    let words: Vec<&str> = text.split(|c: char| c == ' ' || is_unsafe(c)).filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" ").trim().to_owned())
}

/// Returns the text with line breaks, control characters and characters that change the direction of writing escaped as
/// in Rust (`\n`, `\u{1b}`). For file names on a terminal: a name can contain any of these.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Returns the text on one line as a cell of a Markdown table: it cannot end the cell, begin a tag or quote code.
#[must_use]
pub fn markdown_cell(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('`', "'")
}

/// Returns the text as one word of a command line, for a command that a person copies: in quotes if the shell would split or
/// change it. Windows' shells read double quotes; all others single ones.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c) || (cfg!(windows) && c == '\\');
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let quoted = if cfg!(windows) { format!("\"{text}\"") } else { format!("'{}'", text.replace('\'', r"'\''")) };
    Cow::Owned(quoted)
}

/// Serialises a path as text, for `#[serde(serialize_with)]`. A part that is not Unicode becomes U+FFFD: a report must not
/// fail on a name after the work is done.
///
/// # Errors
/// The serialiser's error.
pub fn lossy<S: Serializer>(path: &impl AsRef<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.as_ref().to_string_lossy())
}

/// As [`lossy`], for a list of paths.
///
/// # Errors
/// The serialiser's error.
pub fn lossy_each<S: Serializer>(paths: &impl AsRef<[PathBuf]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.as_ref().iter().map(|path| path.to_string_lossy()))
}

/// As [`lossy`], for a path that may be absent.
///
/// # Errors
/// The serialiser's error.
pub fn lossy_option<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

/// Returns true for line breaks, control characters, and marks that reorder text on a terminal.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reason_is_one_line() {
        let cases = [
            ("plain: as it was", "plain: as it was"),
            ("ends in a break\n", "ends in a break"),
            ("\r\ntwo\r\n lines", "two lines"),
            ("a\u{1b}[31mred\u{7}\0", "a [31mred"),
            ("\u{85}next\u{2028}line", "next line"),
            ("\n", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_word_of_a_command_is_quoted_if_it_must_be() {
        for plain in ["bundle/", "data.batch=8", "@tiles.txt", "cuda,cpu", "Gewebe-ä"] {
            assert_eq!(shell_word(plain), plain);
        }
        let quoted = [("", "''"), ("sp ace/b", "'sp ace/b'"), ("it's", r"'it'\''s'"), ("$(x)", "'$(x)'"), ("~", "'~'")];
        for (text, expected) in quoted {
            assert_eq!(shell_word(text), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_unicode_is_text() {
        use std::os::unix::ffi::OsStrExt as _;

        #[derive(serde::Serialize)]
        struct Report {
            #[serde(serialize_with = "lossy")]
            one: PathBuf,
            #[serde(serialize_with = "lossy_each")]
            each: Vec<PathBuf>,
            #[serde(serialize_with = "lossy_option")]
            option: Option<PathBuf>,
        }
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"a\xff"));
        let report = Report { one: path.clone(), each: vec![path.clone()], option: Some(path) };
        let json = serde_json::to_value(report).unwrap();
        assert_eq!(json, serde_json::json!({ "one": "a\u{fffd}", "each": ["a\u{fffd}"], "option": "a\u{fffd}" }));
    }

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(markdown_cell("a|b\n<c> `d` \\"), "a\\|b &lt;c> 'd' \\\\");
    }

    #[test]
    fn a_name_shows_its_control_characters() {
        assert_eq!(escaped("tile 1.png"), "tile 1.png");
        assert_eq!(escaped("a\nb\u{1b}[2J.png"), "a\\nb\\u{1b}[2J.png");
        assert_eq!(escaped("\u{202e}gnp.exe"), "\\u{202e}gnp.exe");
        assert_eq!(escaped("Gewebe-ä.png"), "Gewebe-ä.png");
    }
}
