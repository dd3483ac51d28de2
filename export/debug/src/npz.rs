//! Arrays of any element type in `.npz` files, which numpy reads and writes. Files that are read are hostile: their sizes
//! are checked against the dimensions that they state before anything is allocated.

use std::fs::File;
use std::io::{BufReader, Cursor, Read as _, Write as _};
use std::path::Path;

use kiln_runtime::Array;
use ndarray_npy::{ReadNpyExt as _, WriteNpyExt as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::{DebugError, Result};
use crate::values::Values;

/// The largest file, and the largest sum of its arrays, in bytes.
const LIMIT: u64 = 4 << 30;

/// The bytes of an `.npz` file: deflated, sorted by name, with fixed time stamps.
pub(crate) fn to_bytes(arrays: &Values) -> Result<Vec<u8>, String> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|error| error.to_string())?;
        archive.write_all(&npy(array)?).map_err(|error| error.to_string())?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|error| error.to_string())
}

fn npy(array: &Array) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    macro_rules! write {
        ($($kind:ident)+) => {
            match array {
                $(Array::$kind(array) => array.write_npy(&mut bytes),)+
            }
        };
    }
    write!(F32 F64 U8 U16 U32 U64 I8 I16 I32 I64 Bool).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Reads every array of an `.npz` file.
pub(crate) fn read(path: &Path) -> Result<Values> {
    let io = DebugError::io(path);
    let wrong = |reason: String| DebugError::Inputs { reason: format!("{}: {reason}", path.display()) };
    let file = File::open(path).map_err(&io)?;
    if file.metadata().map_err(&io)?.len() > LIMIT {
        return Err(wrong(format!("over the limit of {LIMIT} bytes")));
    }
    let mut archive =
        ZipArchive::new(BufReader::new(file)).map_err(|error| wrong(format!("not an .npz file: {error}")))?;
    let mut arrays = Values::new();
    let mut room = LIMIT;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| wrong(error.to_string()))?;
        let name = entry.name().map_err(|error| wrong(error.to_string()))?.into_owned();
        let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
        room =
            room.checked_sub(entry.size()).ok_or_else(|| wrong(format!("arrays over the limit of {LIMIT} bytes")))?;
        let mut bytes = Vec::new();
        let size = entry.size();
        entry.take(size).read_to_end(&mut bytes).map_err(|error| wrong(format!("{name}: {error}")))?;
        let array = array(&bytes).ok_or_else(|| wrong(format!("{name}: not an array of numbers")))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// An array of whichever element type the header states. A header that promises more elements than there are bytes is
/// refused by its length first.
fn array(bytes: &[u8]) -> Option<Array> {
    let elements = elements(bytes)?;
    if elements > bytes.len() as u64 {
        return None;
    }
    macro_rules! first {
        ($($type:ty),+) => {
            None$(.or_else(|| ndarray::ArrayD::<$type>::read_npy(bytes).ok().map(Array::from)))+
        };
    }
    first!(f32, u8, i64, f64, bool, i32, i8, u16, i16, u32, u64)
}

/// The number of elements by the `shape` of a `.npy` header.
fn elements(bytes: &[u8]) -> Option<u64> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(4096))?);
    let shape = head.split_once("'shape':")?.1.split_once('(')?.1.split_once(')')?.0;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.trim_end_matches('L').parse::<u64>().ok()).try_fold(1_u64, |all, size| all.checked_mul(size?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn arrays_of_every_type_survive() {
        let mut arrays = Values::new();
        arrays.insert("a/b".to_owned(), ndarray::arr2(&[[1.5_f32, f32::NAN]]).into());
        arrays.insert("i".to_owned(), ndarray::arr1(&[i64::MIN, 3]).into());
        arrays.insert("u".to_owned(), ndarray::arr1(&[0_u8, 255]).into());
        arrays.insert("t".to_owned(), ndarray::arr1(&[true, false]).into());
        let read = read(file(&to_bytes(&arrays).unwrap()).path()).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), arrays.keys().collect::<Vec<_>>());
        assert_eq!((&read["i"], &read["u"], &read["t"]), (&arrays["i"], &arrays["u"], &arrays["t"]));
        assert_eq!(read["a/b"].dtype(), "float32");
    }

    #[test]
    fn other_files_are_refused() {
        assert!(read(file(b"no archive").path()).unwrap_err().to_string().contains("not an .npz file"));
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("x.npy", SimpleFileOptions::default()).unwrap();
        let header = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }\n";
        archive.write_all(header).unwrap();
        let bytes = archive.finish().unwrap().into_inner();
        assert!(read(file(&bytes).path()).unwrap_err().to_string().contains("x: not an array"));
    }
}
