//! Problems of one label, group or path by itself, and labels as messages print them.

use std::fmt::Write as _;
use std::path::Path;

use super::spelling::{is_invisible, turns_text};

/// A label in backticks, with invisible characters as code points.
#[must_use]
pub fn shown(label: &str) -> String {
    let edge = label.len() - label.trim_start().len()..label.trim_end().len();
    let mut text = "`".to_owned();
    for (at, letter) in label.char_indices() {
        let plain = letter == ' ' || !letter.is_whitespace();
        if edge.contains(&at) && plain && !letter.is_control() && !is_invisible(letter) {
            text.push(letter);
        } else if letter.is_control() {
            text.extend(letter.escape_default());
        } else {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(letter));
        }
    }
    text.push('`');
    text
}

/// The problem with a label or a group, if any.
pub(in crate::data) fn problem(text: &str) -> Option<String> {
    let seen = || text.chars().filter(|letter| !letter.is_whitespace() && !is_invisible(*letter));
    if text.contains(char::is_control) {
        return Some(format!("{text:?} contains a control character"));
    }
    if text.contains(['\u{2028}', '\u{2029}']) {
        return Some(format!("{text:?} contains a line break"));
    }
    if text.contains(turns_text) {
        return Some(format!("{} contains a character that changes the direction of text", shown(text)));
    }
    if seen().next().is_none() {
        return Some(format!("{} has no visible character", shown(text)));
    }
    (text.trim() != text).then(|| format!("{} begins or ends with white space", shown(text)))
}

/// The problem with a label, if any.
pub(in crate::data) fn label_problem(label: &str) -> Option<String> {
    let missing = || format!("{} usually means a missing value", shown(label));
    problem(label).or_else(|| label.eq_ignore_ascii_case("nan").then(missing))
}

/// The problem with a path, if a CSV row cannot hold it.
pub(in crate::data) fn path_problem(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    if text.contains(char::is_control) || text.contains(['\u{2028}', '\u{2029}']) {
        return Some(format!(
            "the path {text:?} contains a control character or a line break\nhint: rename the file or folder"
        ));
    }
    None
}
