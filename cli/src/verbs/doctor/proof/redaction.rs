//! Removes from a report whatever names the user, the host or the data: a report is made to be sent to strangers.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The parents of home folders, with the character that ends a name in them.
const HOMES: [(&str, char); 3] = [("/home/", '/'), ("/Users/", '/'), ("\\Users\\", '\\')];

/// ONNX Runtime's CUDA errors contain the name of the host after these characters.
const HOST: &str = "hostname=";

/// Folders, each with the word that takes its place; longer paths first.
pub(super) struct Redaction {
    places: Vec<(String, &'static str)>,
}

impl Redaction {
    /// The folders are replaced as they are given and with their links resolved. A separator at the end of one, as macOS has it
    /// for the temporary folder, does not count.
    pub(super) fn new(folders: impl IntoIterator<Item = (PathBuf, &'static str)>) -> Self {
        let forms = |(path, word): (PathBuf, &'static str)| {
            let real = path.canonicalize().ok();
            let given = path.components().collect();
            [Some(given), real].into_iter().flatten().map(move |path: PathBuf| (path, word))
        };
        let is_named = |path: &Path| path.is_absolute() && path.file_name().is_some();
        let all = folders.into_iter().flat_map(forms).filter(|(path, _)| is_named(path.as_path()));
        let mut places: Vec<_> = all.map(|(path, word)| (path.display().to_string(), word)).collect();
        places.sort_by(|(one, _), (other, _)| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        Self { places }
    }

    /// Every text in a document; keys stay.
    pub(super) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str) -> String {
        let text = self.places.iter().fold(text.to_owned(), |text, (path, word)| replaced(&text, path, word));
        let text = HOMES.iter().fold(text, |text, (homes, end)| without_names(&text, homes, *end));
        without_host(&text)
    }
}

/// The text with a path replaced wherever it is not a part of a longer name.
fn replaced(text: &str, path: &str, word: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(path) {
        let (before, after) = (&rest[..at], &rest[at + path.len()..]);
        let ends_name = before.chars().next_back().or(result.chars().next_back()).is_some_and(is_of_name);
        let begins_name = after.chars().next().is_some_and(|c| is_of_name(c) && c != '.');
        result.push_str(before);
        result.push_str(if ends_name || begins_name { path } else { word });
        rest = after;
    }
    result + rest
}

/// The text with `~` for each home folder below `homes`.
fn without_names(text: &str, homes: &str, end: char) -> String {
    let mut parts = text.split(homes);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // A drive such as `C:` belongs to the home folder too.
        if homes.starts_with('\\') && result.ends_with(':') {
            result.pop();
            result.pop();
        }
        let name_ends = |c: char| c == end || c.is_whitespace() || matches!(c, ':' | ',' | ';' | '"' | '\'' | ')');
        result.push('~');
        result.push_str(&part[part.find(name_ends).unwrap_or(part.len())..]);
    }
    result
}

fn without_host(text: &str) -> String {
    let mut parts = text.split(HOST);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name_ends = |c: char| c.is_whitespace() || matches!(c, ';' | ',');
        result.push_str(HOST);
        result.push_str("HOST");
        result.push_str(&part[part.find(name_ends).unwrap_or(part.len())..]);
    }
    result
}

#[cfg(all(test, unix))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn folders_users_and_hosts_are_left_out_and_everything_else_stays() {
        let folders =
            [("/", "ROOT"), ("/var/kiln/", "~"), ("/var/kiln/.cache/kiln", "CACHE"), ("/data/smith/bundle", "BUNDLE")];
        let redaction = Redaction::new(folders.map(|(path, word)| (PathBuf::from(path), word)));
        let cases = [
            ("/var/kiln/.cache/kiln/onnxruntime/cpu-1.31.1/lib.so", "CACHE/onnxruntime/cpu-1.31.1/lib.so"),
            ("verify /data/smith/bundle --provider cpu", "verify BUNDLE --provider cpu"),
            ("cannot read /var/kiln.", "cannot read ~."),
            ("/var/kilnless /data/kiln /var/kiln-2", "/var/kilnless /data/kiln /var/kiln-2"),
            (concat!("/home", "/smith/lib/a.so: no such file"), "~/lib/a.so: no such file"),
            (concat!("in /home", "/smith: /Users/anna/x"), "in ~: ~/x"),
            ("C:\\Users\\smith\\kiln", "~\\kiln"),
            (
                "CUDA failure 100; GPU=-1 ; hostname=node17 ; file=x.cc",
                "CUDA failure 100; GPU=-1 ; hostname=HOST ; file=x.cc",
            ),
            ("libcudnn.so.9: cannot open shared object file", "libcudnn.so.9: cannot open shared object file"),
            ("/usr/lib/x.so", "/usr/lib/x.so"),
        ];
        for (text, expected) in cases {
            assert_eq!(redaction.text(text), expected);
        }
        let mut document =
            json!({ "/var/kiln": ["/var/kiln/a", 1, null, { "path": "/data/smith/bundle/model.onnx" }] });
        redaction.value(&mut document);
        assert_eq!(document, json!({ "/var/kiln": ["~/a", 1, null, { "path": "BUNDLE/model.onnx" }] }));
    }
}
