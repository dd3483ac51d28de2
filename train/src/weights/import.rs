//! Converts published files to a burn record. The names in the file are compared with those of each supported origin; then
//! every tensor must match: none missing, none left over except the classifier's, every shape equal.

use std::path::Path;

use burn::tensor::Device;
use burn_store::{
    ApplyError, ApplyResult, KeyRemapper, ModuleSnapshot, ModuleStore, PyTorchToBurnAdapter, PytorchStore,
    SafetensorsStore,
};

use super::{record, refuse_existing, save_record};
use crate::config::BackboneKind;
use crate::model::backbone::Backbone;
use crate::model::materialised;
use crate::{Error, Result};

/// A counter of PyTorch's batch norm, which inference does not use.
const COUNTER: &str = "num_batches_tracked";
/// Largest number of problems in an error.
const SHOWN: usize = 6;

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// The backbone.
    pub backbone: String,
    /// Number of imported tensors.
    pub tensors: usize,
    /// Names of tensors that were not imported: those of the classifier.
    pub left: Vec<String>,
    /// SHA-256 of the written file.
    pub sha256: String,
}

/// Reads PyTorch's `.pth` or `.pt`, or `.safetensors`, and writes the weights of a whole backbone to `out`.
///
/// # Errors
/// [`Error::WeightsExist`]; [`Error::Weights`] for another network, with the tensors that are missing, left over or of another shape.
pub fn import(file: &Path, kind: BackboneKind, out: &Path) -> Result<Imported> {
    refuse_existing(out)?;
    import_over(file, kind, out)
}

/// As [`import`], in place of a file that exists.
pub(super) fn import_over(file: &Path, kind: BackboneKind, out: &Path) -> Result<Imported> {
    let wrong = |reason: String| Error::Weights { path: file.to_owned(), reason };
    std::fs::metadata(file).map_err(Error::io(file))?;
    let names = Source::open(file, KeyRemapper::new()).names().map_err(wrong)?;
    let remapper = remapper(kind, &names).map_err(wrong)?;
    let mut backbone = materialised(Backbone::new(kind, kind.channels(1.0).len(), 1.0, &Device::flex()));
    let result = Source::open(file, remapper).apply(&mut backbone).map_err(wrong)?;
    let left = leftovers(kind, &result).map_err(wrong)?;
    let sha256 = save_record(out, record(backbone).map_err(wrong)?, None)?;
    Ok(Imported { backbone: kind.to_string(), tensors: result.applied.len(), left, sha256 })
}

/// A file by its format. Indices are part of a tensor's name, so they are not renumbered.
enum Source {
    PyTorch(PytorchStore),
    Safetensors(SafetensorsStore),
}

impl Source {
    fn open(file: &Path, remapper: KeyRemapper) -> Self {
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
            let store = SafetensorsStore::from_file(file).with_from_adapter(PyTorchToBurnAdapter);
            let store = store.allow_partial(true).validate(false).map_indices_contiguous(false);
            return Self::Safetensors(store.remap(remapper));
        }
        let store = PytorchStore::from_file(file).allow_partial(true).validate(false);
        Self::PyTorch(store.map_indices_contiguous(false).remap(remapper))
    }

    fn names(&mut self) -> std::result::Result<Vec<String>, String> {
        match self {
            Self::PyTorch(store) => store.keys().map_err(|error| error.to_string()),
            Self::Safetensors(store) => store.keys().map_err(|error| error.to_string()),
        }
    }

    /// Loads into the network itself, whose paths have no prefix.
    fn apply(&mut self, backbone: &mut Backbone) -> std::result::Result<ApplyResult, String> {
        match backbone {
            Backbone::EfficientNetLite0(network) => self.load(network),
            Backbone::ResNet18(network) => self.load(network),
        }
    }

    fn load<M: ModuleSnapshot>(&mut self, module: &mut M) -> std::result::Result<ApplyResult, String> {
        match self {
            Self::PyTorch(store) => module.load_from(store).map_err(|error| error.to_string()),
            Self::Safetensors(store) => module.load_from(store).map_err(|error| error.to_string()),
        }
    }
}

/// Maps the names of the best matching origin to those of burn's module.
fn remapper(kind: BackboneKind, names: &[String]) -> std::result::Result<KeyRemapper, String> {
    let table = kind.published_names();
    let starts =
        |layer: &str| names.iter().any(|name| name.strip_prefix(layer).is_some_and(|rest| rest.starts_with('.')));
    let matched = |column: usize| table.iter().filter(|row| starts(&row[column])).count();
    let column = if matched(1) >= matched(2) { 1 } else { 2 };
    if matched(column) == 0 {
        let some: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
        return Err(format!("has no layer of {kind}; it has {} tensors, such as {}", names.len(), some.join(", ")));
    }
    table.iter().try_fold(KeyRemapper::new(), |remapper, row| {
        let pattern = format!(r"^{}\.", row[column].replace('.', r"\."));
        remapper.add_pattern(pattern, format!("{}.", row[0])).map_err(|error| error.to_string())
    })
}

/// The names of the classifier's tensors; an error if anything else is left over or wrong.
fn leftovers(kind: BackboneKind, result: &ApplyResult) -> std::result::Result<Vec<String>, String> {
    let of_classifier = |name: &str| kind.classifier_names().iter().any(|start| name.starts_with(start));
    let unused = result.unused.iter().filter(|name| !name.ends_with(COUNTER));
    let (left, foreign): (Vec<&String>, Vec<&String>) = unused.partition(|name| of_classifier(name));
    let problems: Vec<String> = result
        .errors
        .iter()
        .map(described)
        .chain(result.missing.iter().map(|(path, _)| format!("`{path}` is missing")))
        .chain(foreign.iter().map(|name| format!("`{name}` has no place")))
        .collect();
    if problems.is_empty() {
        return Ok(left.into_iter().cloned().collect());
    }
    let more = problems.len().saturating_sub(SHOWN);
    let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
    Err(format!("is not {kind}: {}{rest}", problems[..problems.len().min(SHOWN)].join("; ")))
}

/// A tensor that does not fit, for people.
fn described(error: &ApplyError) -> String {
    match error {
        ApplyError::ShapeMismatch { path, expected, found } => {
            let [expected, found] = [expected, found].map(|shape| shape.iter().copied().collect::<Vec<usize>>());
            format!("`{path}` has the shape {found:?} instead of {expected:?}")
        }
        ApplyError::DTypeMismatch { path, .. } => format!("`{path}` has values of another type"),
        ApplyError::AdapterError { path, message } | ApplyError::LoadError { path, message } => {
            format!("`{path}`: {message}")
        }
    }
}
