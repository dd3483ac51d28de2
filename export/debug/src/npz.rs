//! Arrays of any element type in `.npz` files, which NumPy reads and writes. Files that are read are hostile: their sizes
//! are checked against the dimensions that they state before anything is allocated.

use std::fs::File;
use std::io::{BufReader, Cursor, Write as _};
use std::path::Path;

use kiln_runtime::Array;
use kiln_runtime::npz::{Limits, entries, open, options, read_any, to_npy};
use zip::{CompressionMethod, ZipWriter};

use crate::error::{DebugError, Result};
use crate::values::Values;

/// Limits for a file; the limit of bytes is also that of the packed file.
const LIMITS: Limits = Limits { arrays: 1 << 16, bytes: 4 << 30 };

/// The bytes of an `.npz` file: deflated, sorted by name, with fixed time stamps.
pub(crate) fn to_bytes(arrays: &Values) -> Result<Vec<u8>, String> {
    let options = options(CompressionMethod::Deflated);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|error| error.to_string())?;
        archive.write_all(&npy(array)?).map_err(|error| error.to_string())?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|error| error.to_string())
}

fn npy(array: &Array) -> Result<Vec<u8>, String> {
    macro_rules! write {
        ($($kind:ident)+) => {
            match array {
                $(Array::$kind(array) => to_npy(array),)+
            }
        };
    }
    write!(F32 F64 U8 U16 U32 U64 I8 I16 I32 I64 Bool)
}

/// Reads every array of an `.npz` file.
pub(crate) fn read(path: &Path) -> Result<Values> {
    let io = DebugError::io(path);
    let wrong = |reason: String| DebugError::Inputs { reason: format!("{}: {reason}", path.display()) };
    let file = File::open(path).map_err(&io)?;
    if file.metadata().map_err(&io)?.len() > LIMITS.bytes {
        return Err(wrong(format!("over the limit of {} bytes", LIMITS.bytes)));
    }
    let mut arrays = Values::new();
    let archive = open(BufReader::new(file)).map_err(wrong)?;
    entries(archive, LIMITS, |file, entry, size| {
        let name = file.strip_suffix(".npy").unwrap_or(file);
        let array = read_any(entry, size)
            .map_err(|reason| format!("{}: not an array of numbers: {reason}", name.escape_debug()))?;
        arrays.insert(name.to_owned(), array);
        Ok(())
    })
    .map_err(wrong)?;
    Ok(arrays)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use zip::write::SimpleFileOptions;

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

    /// An archive with one entry, `x.npy`.
    fn archive(npy: &[u8]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("x.npy", SimpleFileOptions::default()).unwrap();
        archive.write_all(npy).unwrap();
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn other_files_are_refused() {
        assert!(read(file(b"no archive").path()).unwrap_err().to_string().contains("not an .npz file"));
        let header = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }\n";
        assert!(read(file(&archive(header)).path()).unwrap_err().to_string().contains("x: not an array"));
    }

    /// Each nested brace doubles the time of the parser.
    #[test]
    fn a_header_of_nested_braces_is_refused_at_once() {
        let mut header = b"\x93NUMPY\x01\x00".to_vec();
        header.extend(300_u16.to_le_bytes());
        header.extend([b'{'; 300]);
        let error = read(file(&archive(&header)).path()).unwrap_err().to_string();
        assert!(error.contains("x: not an array") && error.contains("more than one dictionary"), "{error}");
    }
}
