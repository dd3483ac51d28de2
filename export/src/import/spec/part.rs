//! Reads keys of another tool's JSON. A value that does not fit is an error that names its key.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Interpolation;
use crate::import::ImportError;

/// A mapping of a configuration, and its place in the file.
pub(super) struct Part<'a> {
    json: &'a Value,
    /// The file and the keys above.
    origin: String,
}

impl<'a> Part<'a> {
    /// The whole file.
    pub(super) fn root(json: &'a Value, origin: &str) -> Self {
        Self { json, origin: format!("{origin}: ") }
    }

    /// The mapping under a key; `None` if the key is missing or null.
    pub(super) fn part(&self, key: &str) -> Result<Option<Part<'a>>, ImportError> {
        let Some(json) = self.value(key) else { return Ok(None) };
        if !json.is_object() {
            return Err(self.wrong(key, "a mapping is expected"));
        }
        Ok(Some(Part { json, origin: format!("{}{key}.", self.origin) }))
    }

    /// The value of a key; `None` if the key is missing or null.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str, expected: &str) -> Result<Option<T>, ImportError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let value = serde_json::from_value(value.clone());
        value.map(Some).map_err(|_| self.wrong(key, format!("{expected} is expected")))
    }

    /// The same for text.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ImportError> {
        self.get(key, "text")
    }

    /// The same for three numbers.
    pub(super) fn three(&self, key: &str) -> Result<Option<[f64; 3]>, ImportError> {
        self.get(key, "a list of three numbers")
    }

    /// The same for the name of an interpolation.
    pub(super) fn interpolation(&self, key: &str) -> Result<Option<Interpolation>, ImportError> {
        let name = self.text(key)?.map(|name| name.to_lowercase().parse());
        name.transpose().map_err(|reason: String| self.wrong(key, reason))
    }

    /// The value of a key as it is; `None` if the key is missing or null.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    /// Refuses keys beside the known ones.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ImportError> {
        let mut keys = self.json.as_object().into_iter().flat_map(|keys| keys.keys());
        match keys.find(|key| !known.contains(&key.as_str())) {
            Some(unknown) => {
                Err(self.wrong(&unknown.escape_debug().to_string(), format!("unknown; known: {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// The error of a key.
    pub(super) fn wrong(&self, key: &str, reason: impl Into<String>) -> ImportError {
        ImportError::spec(format!("{}{key}", self.origin), reason)
    }
}
