//! Weights in files beside the model. Every reference must stay within the model's folder and within its file; the bundle
//! gets a copy of each file under a name of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn_onnx_export::proto::{ExternalError, ModelProto, TensorProto};

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
    let named = |error: ExternalError| format!("tensor `{}` {error}", tensor.name.escape_debug());
    let Some(external) = tensor.external().map_err(named)? else { return Ok(()) };
    let range = external.locate(model.parent().unwrap_or(Path::new(""))).map_err(named)?;
    let name = match files.len() {
        0 => "model.onnx.data".to_owned(),
        more => format!("model.onnx.{more}.data"),
    };
    let new = || ExternalFile { source: range.path, name, bytes: range.file_bytes };
    let file = files.entry(external.location).or_insert_with(new);
    tensor.set_external(&file.name, range.offset, range.length);
    Ok(())
}
