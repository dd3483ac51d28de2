//! The providers that the loaded library was built with. They need not run on this machine: a library with CUDA in it
//! lists CUDA everywhere.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::error::{Error, Result};

/// The provider that every official library has and that runs no graph: it sends requests to a cloud service.
const AZURE: &str = "AzureExecutionProvider";

/// ONNX Runtime's names of the providers in the loaded library, in its order of preference.
pub(super) fn built_with() -> Result<Vec<String>> {
    let mut names: *mut *mut c_char = ptr::null_mut();
    let mut count = 0;
    // SAFETY: both out-pointers are valid; ONNX Runtime fills them or returns an error.
    checked(unsafe { (ort::api().GetAvailableProviders)(&raw mut names, &raw mut count) })?;
    let found = (0..usize::try_from(count).unwrap_or(0))
        // SAFETY: the array holds `count` NUL-terminated strings.
        .map(|i| unsafe { CStr::from_ptr(*names.add(i)) }.to_string_lossy().into_owned())
        .filter(|name| name != AZURE)
        .collect();
    // SAFETY: the array came from GetAvailableProviders with this count, and nothing points into it any more.
    checked(unsafe { (ort::api().ReleaseAvailableProviders)(names, count) })?;
    Ok(found)
}

fn checked(status: ort::sys::OrtStatusPtr) -> Result<()> {
    // SAFETY: the status comes straight from ONNX Runtime and is given up here.
    unsafe { ort::Error::result_from_status(status) }
        .map_err(|source| Error::Runtime { action: "listing the providers it was built with", source })
}
