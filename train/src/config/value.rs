//! Ranges of numbers, keys below a section, and errors: shared by the readers of every section.

use serde::de::DeserializeOwned;
use serde_yaml::Mapping;

use crate::Error;

/// The largest weight, rate or size of a key: far beyond any use, and far below the limit of f32.
const MOST: f64 = 1e6;

/// `value` is 0 to 1,000,000.
pub(crate) fn not_negative(value: f64) -> bool {
    (0.0..=MOST).contains(&value)
}

/// `value` is over 0, and at most 1,000,000.
pub(crate) fn positive(value: f64) -> bool {
    value > 0.0 && value <= MOST
}

/// An error of the configuration file, key or option `origin`.
pub(crate) fn config_error(origin: &str, reason: impl Into<String>) -> Error {
    Error::Config { origin: origin.to_owned(), reason: reason.into() }
}

/// Reads the keys below `section` through text, because only an error from text begins with the key that is wrong.
pub(crate) fn keyed<T: DeserializeOwned, E: serde::de::Error>(keys: &Mapping, section: &str) -> Result<T, E> {
    let text = serde_yaml::to_string(keys).map_err(E::custom)?;
    serde_yaml::from_str(&text).map_err(|error: serde_yaml::Error| {
        let message = error.to_string();
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        let is_key = |(key, _): &(&str, &str)| !key.contains(' ');
        let join = if reason.split_once(": ").is_some_and(|parts| is_key(&parts)) { "." } else { ": " };
        E::custom(format!("{section}{join}{reason}"))
    })
}
