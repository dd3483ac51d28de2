//! Messages of the YAML parser, for people.

/// Bytes of an unknown key that is compared with the known ones: the comparison takes memory by the product of lengths.
const MAX_KEY: usize = 64;
/// Characters of a parser's message that are shown. It repeats keys and values of the file.
const MAX_MESSAGE: usize = 1_000;

/// Names of Rust's types in serde's messages, and the words for them.
const TYPES: [(&str, &str); 13] = [
    ("unit value", "no value"),
    ("expected unit", "expected no value"),
    ("expected u64", "expected a whole number"),
    ("expected u32", "expected a whole number"),
    ("expected usize", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected f32", "expected a number"),
    ("expected u8", "expected a whole number"),
    ("expected a sequence", "expected a list, [...]"),
    ("expected a map", "expected a mapping, {...}"),
    ("invalid type: map", "invalid type: a mapping"),
    ("there are no fields", "no other key belongs here"),
    (
        "deserializing from YAML containing more than one document is not supported",
        "the file has more than one YAML document; remove `---` and what does not belong to the configuration",
    ),
];

/// The message in the words of a configuration.
fn plain(message: &str) -> String {
    let message = match message.split_once("expected struct ") {
        Some((before, rest)) => {
            let after = rest.trim_start_matches(|letter: char| letter.is_alphanumeric());
            &format!("{before}expected a mapping, {{...}}{after}")
        }
        None => message,
    };
    TYPES.iter().fold(message.to_owned(), |message, (of_rust, word)| {
        // Not the beginning of a longer word.
        let whole = |rest: &str| !rest.starts_with(|letter: char| letter.is_alphanumeric());
        match message.split_once(of_rust) {
            Some((before, rest)) if whole(rest) => format!("{before}{word}{rest}"),
            _ => message,
        }
    })
}

/// A message without its middle if it is too long to read.
fn shortened(message: &str) -> String {
    let length = message.chars().count();
    if length <= MAX_MESSAGE {
        return message.to_owned();
    }
    let begin: String = message.chars().take(MAX_MESSAGE / 2).collect();
    let end: String = message.chars().skip(length - MAX_MESSAGE / 2).collect();
    format!("{begin} … {end}")
}

/// Adds the nearest known key to serde's message about an unknown one.
pub(crate) fn explain(message: &str) -> String {
    let message = plain(&shortened(message));
    let Some((_, rest)) = message.split_once("unknown field `") else {
        return message;
    };
    let Some((unknown, rest)) = rest.split_once('`') else {
        return message;
    };
    if unknown.len() > MAX_KEY {
        return message;
    }
    let known = rest.split('`').skip(1).step_by(2).filter(|name| name.len() <= MAX_KEY);
    let nearest = known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(unknown.len()) / 2);
    match nearest {
        Some((_, name)) => format!("{message}; did you mean `{name}`?"),
        None => message,
    }
}
