//! Writing answers, batch by batch, so that memory does not depend on the number of tiles: each output goes to a scratch
//! file, and the archive is put together at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use kiln_files::publish;
use kiln_runtime::Outputs;
use kiln_runtime::npz::options;
use tempfile::tempfile_in;
use zip::{CompressionMethod, ZipWriter};

use super::{RECORD, Record, SCHEMA, SavedTile};
use crate::facts::SideFacts;
use crate::{CompareError, Result};

/// Writes the answers of one side to one file.
pub(crate) struct AnswersWriter {
    path: PathBuf,
    outputs: BTreeMap<String, Scratch>,
    tiles: Vec<SavedTile>,
}

/// The elements of one output so far.
struct Scratch {
    shape: Vec<usize>,
    file: BufWriter<File>,
}

impl AnswersWriter {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), outputs: BTreeMap::new(), tiles: Vec::new() }
    }

    /// Adds the answers to some tiles, in the order of the comparison.
    pub(crate) fn add(&mut self, tiles: Vec<SavedTile>, outputs: &Outputs) -> Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        for (name, array) in &outputs.arrays {
            if !self.outputs.contains_key(name) {
                if !self.tiles.is_empty() {
                    return Err(self.wrong(format!("output `{name}` is missing in an earlier batch")));
                }
                std::fs::create_dir_all(folder).map_err(CompareError::io(folder))?;
                let file = BufWriter::new(tempfile_in(folder).map_err(CompareError::io(folder))?);
                let shape = array.shape().get(1..).unwrap_or_default().to_vec();
                self.outputs.insert(name.clone(), Scratch { shape, file });
            }
            let error = CompareError::io(&self.path);
            let Some(scratch) = self.outputs.get_mut(name) else { continue };
            if array.shape().get(1..) != Some(&scratch.shape) {
                let reason = format!("output `{name}` changes its shape to {:?}", array.shape());
                return Err(self.wrong(reason));
            }
            for value in array {
                scratch.file.write_all(&value.to_le_bytes()).map_err(&error)?;
            }
        }
        self.tiles.extend(tiles);
        Ok(())
    }

    /// Makes the file appear, whole or not at all. Entries are stored, with fixed time stamps: the same answers give the same
    /// bytes.
    pub(crate) fn finish(self, side: SideFacts, source: &str) -> Result<()> {
        let path = self.path.clone();
        let io = CompareError::io(&path);
        let zip = |error: zip::result::ZipError| io(io::Error::other(error));
        let rows = self.tiles.len();
        let record = Record { schema: SCHEMA, side, source: source.to_owned(), tiles: self.tiles };
        let record = serde_json::to_vec_pretty(&record).map_err(|error| CompareError::Json(error.to_string()))?;
        let options = options(CompressionMethod::Stored).large_file(true);
        let mut archive = ZipWriter::new(BufWriter::new(publish::scratch_file(&path).map_err(&io)?));
        archive.start_file(RECORD, options).map_err(zip)?;
        archive.write_all(&record).map_err(&io)?;
        for (name, scratch) in self.outputs {
            archive.start_file(format!("{name}.npy"), options).map_err(zip)?;
            let shape: Vec<usize> = std::iter::once(rows).chain(scratch.shape).collect();
            archive.write_all(&header(&shape).map_err(|reason| io(io::Error::other(reason)))?).map_err(&io)?;
            let mut file = scratch.file.into_inner().map_err(|error| io(error.into_error()))?;
            file.rewind().map_err(&io)?;
            io::copy(&mut file, &mut archive).map_err(&io)?;
        }
        let scratch = archive.finish().map_err(zip)?.into_inner().map_err(|error| io(error.into_error()))?;
        publish::publish_file(scratch, &path).map_err(io)
    }

    fn wrong(&self, reason: String) -> CompareError {
        CompareError::Answers { path: self.path.clone(), reason }
    }
}

/// The header of an `.npy` file, format 1.0, of f32 with this shape.
fn header(shape: &[usize]) -> Result<Vec<u8>, String> {
    let dims = match shape {
        [] => return Err("an output without an axis of tiles".to_owned()),
        [one] => format!("({one},)"),
        more => format!("({})", more.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {dims}, }}");
    let padding = 64 - (10 + text.len() + 1) % 64;
    let length = u16::try_from(text.len() + padding + 1).map_err(|error| error.to_string())?;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(length.to_le_bytes());
    header.extend(text.bytes());
    header.resize(header.len() + padding, b' ');
    header.push(b'\n');
    Ok(header)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kiln_runtime::npz::{read_array, to_npy};
    use ndarray::{Array, IxDyn};

    use super::*;

    #[test]
    fn a_header_is_that_of_the_whole_array() {
        for shape in [&[5][..], &[3, 2], &[7, 1, 4, 4], &[100_000, 256]] {
            let whole = to_npy(&Array::<f32, _>::zeros(IxDyn(shape))).unwrap();
            let found = header(shape).unwrap();
            assert_eq!(found.len() % 64, 0);
            let elements = 4 * shape.iter().product::<usize>();
            let mut bytes = found;
            bytes.extend(&whole[whole.len() - elements..]);
            let read = read_array::<f32>("x", &mut bytes.as_slice(), bytes.len() as u64).unwrap();
            assert_eq!(read.shape(), shape);
        }
        assert!(header(&[]).is_err());
    }
}
