//! Weights of backbones that come from elsewhere: published files are imported with every tensor accounted for
//! ([`import`]), known ones are fetched by digest ([`fetch`]), and both become a burn record that [`load`] reads. What
//! the weights are used for, the models say.

mod fetch;
mod import;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Bytes, Device};
use kiln_files::digest::sha256_hex;
use kiln_files::publish;

pub use fetch::fetch;
pub use import::{Imported, import};

use crate::config::{BackboneConfig, Weights};
use crate::model::backbone::Backbone;
use crate::{Error, Result};

/// A file of a few hundred megabytes is no backbone that Kiln knows.
const MAX_BYTES: u64 = 1 << 29;

/// The backbone of `config` on `device` with its pretrained weights, and the SHA-256 of their file; `None` where
/// weights are drawn from the seed.
///
/// # Errors
/// [`Error::Weights`] if the file is damaged or of another backbone; [`Error::Fetch`] if it cannot be had.
pub fn pretrained(
    config: &BackboneConfig,
    device: &Device,
    on_step: &mut dyn FnMut(&str),
) -> Result<Option<(Backbone, String)>> {
    let path = match &config.weights {
        Weights::Random => return Ok(None),
        Weights::File(path) => path.clone(),
        Weights::Fetch => fetch(config.name, on_step)?,
    };
    load(&path, config, device).map(Some)
}

/// The backbone of `config` with the weights of a file that [`import`] wrote, and the file's SHA-256, which is compared
/// with the one noted beside it.
///
/// # Errors
/// [`Error::Weights`] if the file is missing, damaged or of another backbone.
pub fn load(path: &Path, config: &BackboneConfig, device: &Device) -> Result<(Backbone, String)> {
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    let length = fs::metadata(path).map_err(Error::io(path))?.len();
    if length > MAX_BYTES {
        return Err(wrong(format!("{length} bytes are too many for a backbone")));
    }
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let digest = sha256_hex(&bytes);
    if let Ok(noted) = fs::read_to_string(noted_digest(path))
        && noted.split_whitespace().next() != Some(digest.as_str())
    {
        return Err(wrong(format!(
            "SHA-256 {digest} is not the one noted beside it; import or fetch the weights again"
        )));
    }
    let fresh = Backbone::new(config.name, config.depth(), config.width, device);
    let refuse = |error: RecordError| {
        wrong(format!("no weights of {}: {error}; make them with `kiln weights import`", config.name))
    };
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(refuse)?;
    // Stages behind the last one that is used are in the file and not in the model.
    let backbone = fresh.try_load_record(record.allow_unused(true)).map_err(refuse)?;
    Ok((backbone, digest))
}

/// Writes a whole backbone and, beside it, its digest in the form of `sha256sum`; returns the digest.
fn save(path: &Path, backbone: Backbone) -> Result<String> {
    let wrong = |error: RecordError| Error::Weights { path: path.to_owned(), reason: error.to_string() };
    let bytes = backbone.into_record().into_bytes().map_err(wrong)?;
    let digest = sha256_hex(&bytes);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let note = noted_digest(path);
    publish::write_file(path, &bytes).map_err(Error::io(path))?;
    publish::write_file(&note, format!("{digest}  {name}\n").as_bytes()).map_err(Error::io(&note))?;
    Ok(digest)
}

/// Where the digest of a weights file is noted.
fn noted_digest(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".sha256");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
