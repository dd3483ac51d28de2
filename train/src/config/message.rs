//! Messages of the YAML parser, for people.

/// Bytes of an unknown key that is compared with the known ones: the comparison takes memory by the product of lengths.
const MAX_KEY: usize = 64;
/// Characters of a parser's message that are shown. It repeats keys and values of the file.
const MAX_MESSAGE: usize = 1_000;

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
pub(super) fn explain(message: &str) -> String {
    let message = shortened(message);
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
