//! Pretrained weights of backbones. [`import`] converts published files and accounts for every tensor, [`fetch`] downloads
//! pinned files by digest, and both write a burn record that [`load`] reads.
//! [`Run::write_backbone`](crate::training::Run::write_backbone) and a pre-training write such a record too, with a list of the
//! tiles that it has learnt from, whose digest is in the record's metadata.

mod fetch;
mod import;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Bytes, DType, Device, TensorData};
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
/// [`Error::Weights`], [`Error::Io`] and [`Error::OtherBackbone`] if the file is missing, damaged or of another backbone;
/// [`Error::ShallowWeights`] if it lacks the deepest stages of `config`.
pub fn load(path: &Path, config: &BackboneConfig, device: &Device) -> Result<(Backbone, String)> {
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    let length = fs::metadata(path).map_err(unreadable(path))?.len();
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
        reason: match error {
            // A list of all tensors, over many lines.
            RecordError::Validation(_) => {
                "tensors are missing or have other shapes, as in a file of another backbone or backbone.width"
                    .to_owned()
            }
            RecordError::Io(reason) => reason,
        },
    };
    let bytes = Bytes::from_bytes_vec(bytes);
    // A file that is no record gets burn's words about it.
    let bytes = if burn_pack::Reader::from_bytes(bytes.clone()).is_ok() {
        sound(bytes).map_err(|reason| wrong(format!("{reason}; make, fetch or import the weights again")))?
    } else {
        bytes
    };
    // The file may have more stages than the model.
    let record = ModuleRecord::from_bytes(bytes).map_err(refuse)?.allow_unused(true);
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

/// The error for a file of weights that cannot be read. A name that is neither `fetch` nor `random` is taken for a path.
fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| match source.kind() {
        ErrorKind::NotFound => {
            let reason =
                "there is no such file; backbone.weights is `fetch`, `random` or the path of a file".to_owned();
            Error::Weights { path, reason }
        }
        _ => Error::Io { path, source },
    }
}

/// Refuses a file of weights that exists already, and one whose neighbours, which [`save`] writes, do.
pub(crate) fn refuse_existing(path: &Path) -> Result<()> {
    let files = [path.to_owned(), digest_file(path), seen_file(path)];
    match files.into_iter().find(|file| file.symlink_metadata().is_ok()) {
        Some(path) => Err(Error::WeightsExist { path }),
        None => Ok(()),
    }
}

/// Writes a backbone, a `.sha256` file in the format of `sha256sum`, and `seen`, the list of the tiles that the weights have
/// learnt from, with labels or without: see [`with_seen`]. `None` for weights that have seen none; the list of an earlier
/// file is then removed. Returns the digest.
pub(crate) fn save(path: &Path, backbone: Backbone, seen: Option<&str>) -> Result<String> {
    let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
    save_record(path, record(backbone).map_err(wrong)?, seen)
}

/// The record of a backbone, with sound values of 32 bits.
fn record(backbone: Backbone) -> std::result::Result<Bytes, String> {
    // Parameters are named as in a backbone by itself, so that equal weights are equal files.
    let bytes = identity::by_path(backbone).into_record().into_bytes().map_err(|error| error.to_string())?;
    sound(bytes)
}

/// As [`save`], of the backbone's record.
fn save_record(path: &Path, bytes: Bytes, seen: Option<&str>) -> Result<String> {
    let wrong = |error: burn_pack::Error| Error::Weights { path: path.to_owned(), reason: error.to_string() };
    let bytes = match seen {
        Some(seen) => noting(bytes, &sha256_hex(seen.as_bytes())).map_err(wrong)?,
        None => bytes,
    };
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

/// The list of tiles that weights have learnt from once they have learnt from `own` too: the SHA-256 of each tile's pixels,
/// sorted, one per line. `config` is the backbone that they begin with.
pub(crate) fn with_seen(config: Option<&BackboneConfig>, own: &[&str]) -> Result<String> {
    let inherited = config.map_or(Ok(None), seen)?.unwrap_or_default();
    let mut lines: BTreeSet<&str> = inherited.lines().collect();
    lines.extend(own);
    Ok(Vec::from_iter(lines).join("\n") + "\n")
}

/// Key in the metadata of a file of weights: the SHA-256 of the list of the tiles that they have learnt from.
const SEEN: &str = "kiln.seen_sha256";

/// A record with a note of its list of tiles.
fn noting(record: Bytes, list_sha256: &str) -> Result<Bytes, burn_pack::Error> {
    let tensors = burn_pack::Reader::from_bytes(record)?.into_tensors()?;
    burn_pack::Writer::new(tensors).with_metadata(SEEN, list_sha256).into_bytes()
}

/// The record with all weights in 32 bits, in which models compute: published files have 16 or 64 as well. A value that is
/// not finite in 32 bits, or a running variance below 0, is an error that names its tensor.
fn sound(record: Bytes) -> std::result::Result<Bytes, String> {
    let words = |error: burn_pack::Error| error.to_string();
    let tensors =
        burn_pack::Reader::from_bytes(record.clone()).and_then(burn_pack::Reader::into_tensors).map_err(words)?;
    let is_single = tensors.iter().all(|tensor| !tensor.dtype.is_float() || tensor.dtype == DType::F32);
    let tensors = tensors.into_iter().map(single).collect::<std::result::Result<Vec<_>, _>>()?;
    if is_single { Ok(record) } else { burn_pack::Writer::new(tensors).into_bytes().map_err(words) }
}

/// The tensor in 32 bits, if it has floats.
fn single(tensor: burn_pack::Tensor) -> std::result::Result<burn_pack::Tensor, String> {
    let (name, dtype, shape, identity, bytes) = tensor.into_parts().map_err(|error| error.to_string())?;
    if !dtype.is_float() {
        return Ok(burn_pack::Tensor::new(name, dtype, shape, identity, bytes));
    }
    let unreadable = |error: &dyn std::fmt::Display| format!("tensor `{name}` cannot be read: {error}");
    let data = TensorData::try_from_bytes(bytes, shape.clone(), dtype).map_err(|error| unreadable(&error))?;
    let data = data.try_cast(DType::F32).map_err(|error| unreadable(&error))?;
    let values = data.as_slice::<f32>().map_err(|error| unreadable(&error))?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(format!("tensor `{name}` has a value that is NaN or infinite in 32 bits"));
    }
    if name.ends_with("running_var") && values.iter().any(|value| *value < 0.0) {
        return Err(format!("tensor `{name}` is a variance and has a value below 0"));
    }
    Ok(burn_pack::Tensor::new(name, DType::F32, shape, identity, data.into_bytes()))
}

/// The list of the tiles that the weights of `config` have learnt from; `None` if there is none. Weights that were copied or
/// linked without their list are refused: their test figures could not be trusted.
///
/// # Errors
/// [`Error::Weights`] if the list is missing or was changed; [`Error::Io`].
pub(crate) fn seen(config: &BackboneConfig) -> Result<Option<String>> {
    let Weights::File(path) = &config.weights else { return Ok(None) };
    let target = fs::canonicalize(path).map_err(unreadable(path))?;
    let noted = burn_pack::Reader::from_file(&target).ok().and_then(|reader| reader.metadata().get(SEEN).cloned());
    let lists = [seen_file(path), seen_file(&target)];
    let wrong = |reason: String| Error::Weights { path: path.clone(), reason };
    let Some(list) = lists.iter().find(|list| list.is_file()) else {
        let missing = || {
            let list = lists[0].display();
            wrong(format!(
                "{list}, the list of the tiles that these weights have learnt from, is missing; copy it with the weights"
            ))
        };
        return if noted.is_some() { Err(missing()) } else { Ok(None) };
    };
    let text = fs::read_to_string(list).map_err(Error::io(list))?;
    // Development versions wrote no note.
    if noted.is_some_and(|noted| noted != sha256_hex(text.as_bytes())) {
        return Err(wrong(format!(
            "{} is not the list of the tiles that these weights have learnt from",
            list.display()
        )));
    }
    Ok(Some(text))
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
