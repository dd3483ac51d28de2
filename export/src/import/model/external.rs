//! Weights in files beside the model. Every reference must stay within the model's folder and within its file; the bundle
//! gets a copy of each file under a name of its own.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use burn_onnx_export::proto::{DataLocation, ModelProto, StringStringEntryProto, TensorProto};

use super::for_each_tensor;
use crate::import::ImportError;

/// A file with weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) struct ExternalFile {
    /// Its path.
    pub(in crate::import) source: PathBuf,
    /// Its name in the bundle.
    pub(in crate::import) name: String,
    /// Its length in bytes.
    pub(in crate::import) bytes: u64,
}

/// Checks every reference, and replaces its location by the file's name in the bundle.
pub(super) fn resolve(model: &Path, proto: &mut ModelProto) -> Result<Vec<ExternalFile>, ImportError> {
    let mut files: BTreeMap<String, ExternalFile> = BTreeMap::new();
    let mut problem = None;
    for_each_tensor(proto, &mut |tensor| {
        if problem.is_none() && tensor.is_external() {
            problem = reference(model, tensor, &mut files).err();
        }
    });
    match problem {
        Some(reason) => Err(ImportError::External { path: model.to_owned(), reason }),
        None => Ok(files.into_values().collect()),
    }
}

fn reference(model: &Path, tensor: &mut TensorProto, files: &mut BTreeMap<String, ExternalFile>) -> Result<(), String> {
    let of = format!("tensor `{}`", tensor.name.escape_debug());
    let mut entries: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in &tensor.external_data {
        if entries.insert(&entry.key, &entry.value).is_some() {
            return Err(format!("{of} states `{}` twice", entry.key.escape_debug()));
        }
    }
    let number = |key: &str| match entries.get(key) {
        None => Ok(None),
        Some(text) => text
            .parse::<u64>()
            .map(Some)
            .map_err(|_| format!("{of} has the {key} `{}`, which is no number of bytes", text.escape_debug())),
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let location = (*entries.get("location").ok_or_else(|| format!("{of} names no file (`location`)"))?).to_owned();
    if !files.contains_key(&location) {
        let name = match files.len() {
            0 => "model.onnx.data".to_owned(),
            more => format!("model.onnx.{more}.data"),
        };
        files.insert(location.clone(), file(model, &of, &location, name)?);
    }
    let Some(file) = files.get(&location) else { return Ok(()) };
    let (bytes, shown) = (file.bytes, location.escape_debug());
    // Without a length the tensor reads up to the end of the file.
    let needed = match length {
        Some(length) => length,
        None => bytes.saturating_sub(offset),
    };
    if offset.checked_add(needed).is_none_or(|end| end > bytes) {
        return Err(format!("{of} reads {needed} bytes from byte {offset} of `{shown}`, which has {bytes}"));
    }
    if let Some(expected) = size(tensor)
        && expected != needed
    {
        return Err(format!("{of} needs {expected} bytes and reads {needed} of `{shown}`"));
    }
    tensor.data_location = DataLocation::External.into();
    tensor.external_data = vec![
        StringStringEntryProto::new("location", &file.name),
        StringStringEntryProto::new("offset", offset.to_string()),
        StringStringEntryProto::new("length", needed.to_string()),
    ];
    Ok(())
}

/// The file of a location: plain, relative, in the model's folder, and no link out of it.
fn file(model: &Path, of: &str, location: &str, name: String) -> Result<ExternalFile, String> {
    let shown = location.escape_debug();
    let relative = Path::new(location);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if location.is_empty() || location.contains(['\\', '\0']) || !plain {
        return Err(format!("{of} reads `{shown}`, which may lead out of the model's folder; keep weights beside it"));
    }
    let folder = match model.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let missing = |error: std::io::Error| format!("{of} reads `{shown}`: {error}; copy the file beside the model");
    let source = folder.join(relative).canonicalize().map_err(missing)?;
    if !source.starts_with(folder.canonicalize().map_err(missing)?) {
        return Err(format!("{of} reads `{shown}`, which is a link out of the model's folder"));
    }
    let metadata = std::fs::metadata(&source).map_err(missing)?;
    if !metadata.is_file() {
        return Err(format!("{of} reads `{shown}`, which is not a regular file"));
    }
    Ok(ExternalFile { source, name, bytes: metadata.len() })
}

/// Bytes of a tensor by its shape; none for element types of less than a byte, and for sizes that overflow.
fn size(tensor: &TensorProto) -> Option<u64> {
    let bytes = match tensor.data_type {
        1 | 6 | 12 => 4,
        2 | 3 | 9 | 17..=20 | 24 => 1,
        4 | 5 | 10 | 16 => 2,
        7 | 11 | 13 | 14 => 8,
        _ => return None,
    };
    tensor.dims.iter().try_fold(bytes, |all: u64, size| all.checked_mul(u64::try_from(*size).ok()?))
}
