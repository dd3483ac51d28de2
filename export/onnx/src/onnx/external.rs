//! Weights in a separate file beside the model: ONNX's external data. A model above 2 GiB needs it, and a runtime can map
//! the file into memory. The file is named after a digest of its content, so that a model never refers to the weights of
//! another one, not even after an interrupted or repeated write.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::parts::{Initializer, Parts};
use crate::error::{Error, Result};
use crate::publish;

/// Tensors begin at multiples of this number of bytes, so that they can be mapped into memory (ONNX, External Data; Windows
/// maps from multiples of 64 KiB).
pub(crate) const ALIGNMENT: u64 = 64 * 1024;

/// Tensors of fewer bytes stay in the model: a checker needs shapes and axes there to infer shapes.
pub(crate) const SMALLEST: usize = 1024;

/// Writes the large tensors of `parts` to a file beside `model`. Returns parts that refer to it, and the file's name.
pub(crate) fn write(parts: &Parts, model: &Path) -> Result<(Parts, String)> {
    let failed = |source| Error::Write { path: model.to_owned(), source };
    let scratch = publish::scratch_file(model).map_err(failed)?;
    let mut file = BufWriter::new(scratch.as_file());
    let mut digest = Sha256::new();
    let mut position = 0;
    let mut places = Vec::new();
    for initializer in parts.initializers.iter().filter(|one| is_large(one)) {
        let gap = vec![0; (u64::next_multiple_of(position, ALIGNMENT) - position) as usize];
        let length = initializer.constant.size() as u64;
        places.push((position + gap.len() as u64, length));
        position += gap.len() as u64 + length;
        for part in std::iter::once(gap.into()).chain(initializer.constant.data.parts()) {
            file.write_all(&part).map_err(failed)?;
            digest.update(&part);
        }
    }
    file.flush().map_err(failed)?;
    drop(file);
    let name = file_name(model, &digest.finalize());
    publish::publish_file(scratch, &model.with_file_name(&name)).map_err(failed)?;
    let mut parts = parts.clone();
    let large = parts.initializers.iter_mut().filter(|one| is_large(one));
    for (initializer, (offset, length)) in large.zip(places) {
        // The location has no folder, so it cannot leave the model's folder.
        initializer.tensor.set_external(&name, offset, length);
    }
    Ok((parts, name))
}

fn is_large(initializer: &Initializer) -> bool {
    initializer.constant.size() >= SMALLEST
}

/// `model.3f9a0c51e7d2.data` for `model.onnx`.
fn file_name(model: &Path, digest: &[u8]) -> String {
    let stem = model.file_stem().unwrap_or_default().to_string_lossy();
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{stem}.{digest}.data")
}
