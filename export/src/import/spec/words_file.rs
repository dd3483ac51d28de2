//! Reads a description from a file, and finds out which tool wrote it.

use std::path::Path;

use serde_json::Value;

use super::{Spec, timm, wsinfer};
use crate::import::ImportError;

/// The longest description, in bytes. timm's configurations have some 600.
const LIMIT: u64 = 1 << 20;

pub(super) fn read(path: &Path) -> Result<Spec, ImportError> {
    let origin = path.display().to_string();
    let failed = |error: std::io::Error| ImportError::spec(&origin, error.to_string());
    let bytes = std::fs::File::open(path).and_then(|file| kiln_files::read_at_most(file, LIMIT)).map_err(failed)?;
    let too_long = || ImportError::spec(&origin, format!("longer than {LIMIT} bytes; a description has a few lines"));
    let text = String::from_utf8(bytes.ok_or_else(too_long)?);
    let text = text.map_err(|_| ImportError::spec(&origin, "it is not UTF-8"))?;
    parse(&text, &origin)
}

pub(super) fn parse(text: &str, origin: &str) -> Result<Spec, ImportError> {
    let wrong = |reason: String| ImportError::spec(origin, reason);
    // JSON is read as JSON: its numbers and escapes are not quite YAML's.
    if let Ok(json) = serde_json::from_str::<Value>(text)
        && let Some(keys) = json.as_object()
    {
        if keys.contains_key("transform") || keys.contains_key("patch_size_pixels") {
            return wsinfer::read(&json, origin);
        }
        if keys.contains_key("pretrained_cfg") || keys.contains_key("architecture") || keys.contains_key("crop_pct") {
            return timm::read(&json, origin);
        }
    }
    let spec: Spec = serde_yaml::from_str(text).map_err(|error| wrong(with_nearest(&error.to_string())))?;
    check(&spec, origin)?;
    Ok(spec)
}

/// Values that no model can have.
fn check(spec: &Spec, origin: &str) -> Result<(), ImportError> {
    let wrong = |key: &str, reason: &str| Err(ImportError::spec(format!("{origin}: {key}"), reason));
    match &spec.name {
        Some(name) if name.trim().is_empty() => wrong("name", "an empty name"),
        _ => Ok(()),
    }
}

/// Adds the key that an unknown one resembles most: `unknown field `meen`, expected one of `mean`, …`.
fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.contains("unknown field") => {
            let nearest = kiln_train::data::nearest(unknown, known.iter().copied());
            nearest.map_or_else(|| message.to_owned(), |nearest| format!("{message}; did you mean `{nearest}`?"))
        }
        _ => message.to_owned(),
    }
}
