//! Pretrained weights of backbones. [`import`] converts published files and accounts for every tensor, [`fetch`] downloads
//! pinned files by digest, and both write a burn record that [`load`] reads.
//! [`Run::write_backbone`](crate::training::Run::write_backbone) writes such a record too, with a list of the tiles of the run.

mod fetch;
mod import;

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
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
use crate::model::identity;
use crate::{Error, Result};

/// Largest size of a file: more than any supported backbone.
const MAX_BYTES: u64 = 1 << 29;

/// The backbone of `config` on `device` with its pretrained weights, and the SHA-256 of their file; `None` for random
/// weights.
///
/// # Errors
/// [`Error::Weights`] and [`Error::OtherBackbone`] for a damaged or wrong file; [`Error::Fetch`] and
/// [`Error::NotPublished`] if the file cannot be downloaded.
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

/// The backbone of `config` with the weights of a file that [`import`] or [`pretrain`](crate::pretraining::pretrain) wrote,
/// and the file's SHA-256, which is compared with the `.sha256` file.
///
/// # Errors
/// [`Error::Io`], [`Error::Weights`] and [`Error::OtherBackbone`] if the file is missing, damaged or of another backbone;
/// [`Error::ShallowWeights`] if it lacks the deepest stages of `config`.
pub fn load(path: &Path, config: &BackboneConfig, device: &Device) -> Result<(Backbone, String)> {
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    let length = fs::metadata(path).map_err(Error::io(path))?.len();
    if length > MAX_BYTES {
        return Err(wrong(format!("{length} bytes are too many for a backbone")));
    }
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let digest = sha256_hex(&bytes);
    if let Ok(noted) = fs::read_to_string(digest_file(path))
        && noted.split_whitespace().next() != Some(digest.as_str())
    {
        return Err(wrong(format!(
            "SHA-256 {digest} differs from the .sha256 file; import or fetch the weights again"
        )));
    }
    let refuse = |error: RecordError| Error::OtherBackbone {
        path: path.to_owned(),
        backbone: config.name.to_string(),
        reason: error.to_string(),
    };
    // The file may have more stages than the model.
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(refuse)?.allow_unused(true);
    let with_stages =
        |stages: usize| Backbone::new(config.name, stages, config.width, device).try_load_record(record.clone());
    let depth = config.depth();
    match with_stages(depth) {
        Ok(backbone) => Ok((backbone, digest)),
        Err(error) => Err(match (1..depth).rev().find(|stages| with_stages(*stages).is_ok()) {
            Some(stages) => Error::ShallowWeights {
                path: path.to_owned(),
                backbone: config.name.to_string(),
                stages,
                needed: depth,
            },
            None => refuse(error),
        }),
    }
}

/// Writes a backbone, a `.sha256` file in the format of `sha256sum`, and `seen`, the list of the tiles that the weights have
/// learnt from under supervision: lines of SHA-256 of their pixels. `None` for weights that have seen none; the list of an
/// earlier file is then removed. Returns the digest.
pub(crate) fn save(path: &Path, backbone: Backbone, seen: Option<&str>) -> Result<String> {
    let wrong = |error: RecordError| Error::Weights { path: path.to_owned(), reason: error.to_string() };
    // Parameters are named as in a backbone by itself, so that equal weights are equal files.
    let bytes = identity::by_path(backbone).into_record().into_bytes().map_err(wrong)?;
    let digest = sha256_hex(&bytes);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (note, list) = (digest_file(path), seen_file(path));
    // The list is written first and removed last: weights are never without the list that they need.
    if let Some(seen) = seen {
        publish::write_file(&list, seen.as_bytes()).map_err(Error::io(&list))?;
    }
    publish::write_file(path, &bytes).map_err(Error::io(path))?;
    publish::write_file(&note, format!("{digest}  {name}\n").as_bytes()).map_err(Error::io(&note))?;
    if seen.is_none()
        && let Err(error) = fs::remove_file(&list)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(Error::Io { path: list, source: error });
    }
    Ok(digest)
}

/// The list of the tiles that the weights of `config` have learnt from under supervision, a SHA-256 of pixels in each line;
/// `None` if there is none.
pub(crate) fn seen(config: &BackboneConfig) -> Result<Option<String>> {
    let Weights::File(path) = &config.weights else { return Ok(None) };
    let list = seen_file(path);
    match fs::read_to_string(&list) {
        Ok(lines) => Ok(Some(lines)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Io { path: list, source: error }),
    }
}

/// The `.sha256` file of a file of weights.
fn digest_file(path: &Path) -> PathBuf {
    beside(path, ".sha256")
}

/// The list of tiles of a file of weights.
fn seen_file(path: &Path) -> PathBuf {
    beside(path, ".seen.txt")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
