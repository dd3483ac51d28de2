//! Tensors whose elements are in another file, ONNX's external data. The statements of a model are not trusted: the file
//! must be in the model's folder, and the range must be in the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::{DataLocation, DataType, StringStringEntryProto, TensorProto};

/// The place of a tensor's elements, as the model states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalData {
    /// Path of the file, relative to the model's folder.
    pub location: String,
    /// First byte.
    pub offset: u64,
    /// Number of bytes, as stated or by the tensor's dimensions; none if the model states none and the element type has no
    /// size in bytes. The elements then end with the file.
    pub length: Option<u64>,
}

/// A range of an existing file in the model's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRange {
    /// The file, without links.
    pub path: PathBuf,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// A statement about external data that cannot be followed. The text continues a sentence that begins with the tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalError {
    /// A key appears twice.
    #[error("states `{}` twice", .0.escape_debug())]
    Twice(String),
    /// An offset or a length is not a number.
    #[error("has the {key} `{}`, which is no number of bytes", text.escape_debug())]
    Number {
        /// `offset` or `length`.
        key: &'static str,
        /// The value of the key.
        text: String,
    },
    /// The key `location` is missing.
    #[error("names no file (`location`)")]
    NoLocation,
    /// A dimension is negative, or the number of bytes does not fit.
    #[error("has a size that cannot be computed from its dimensions")]
    Size,
    /// The stated length is not the size by the tensor's dimensions.
    #[error("needs {needed} bytes and reads {length} of `{}`", location.escape_debug())]
    Length {
        /// Bytes by the dimensions.
        needed: u64,
        /// Bytes as stated.
        length: u64,
        /// The file.
        location: String,
    },
    /// The path is absolute or contains `..`.
    #[error("reads `{}`, which may lead out of the model's folder; keep weights beside it", .0.escape_debug())]
    Outside(String),
    /// The file cannot be found or opened.
    #[error("reads `{}`: {source}; copy the file beside the model", location.escape_debug())]
    Missing {
        /// The file.
        location: String,
        /// The reason.
        source: io::Error,
    },
    /// A link leaves the model's folder.
    #[error("reads `{}`, which is a link out of the model's folder", .0.escape_debug())]
    Link(String),
    /// The path is a folder or a device.
    #[error("reads `{}`, which is not a regular file", .0.escape_debug())]
    NotAFile(String),
    /// The range ends after the file.
    #[error("reads {length} bytes from byte {offset} of `{}`, which has {file_bytes}", location.escape_debug())]
    Range {
        /// Bytes of the range.
        length: u64,
        /// First byte.
        offset: u64,
        /// The file.
        location: String,
        /// Bytes of the file.
        file_bytes: u64,
    },
}

impl TensorProto {
    /// The place of the elements in another file; none if they are in the message.
    ///
    /// # Errors
    /// [`ExternalError`] for keys that are missing, stated twice or no numbers, and for a length that contradicts the
    /// dimensions.
    pub fn external(&self) -> Result<Option<ExternalData>, ExternalError> {
        if !self.is_external() {
            return Ok(None);
        }
        let mut entries: BTreeMap<&str, &str> = BTreeMap::new();
        for entry in &self.external_data {
            if entries.insert(&entry.key, &entry.value).is_some() {
                return Err(ExternalError::Twice(entry.key.clone()));
            }
        }
        let number = |key: &'static str| match entries.get(key) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(ExternalError::Number { key, text: (*text).to_owned() }),
            },
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let location = (*entries.get("location").ok_or(ExternalError::NoLocation)?).to_owned();
        let needed = match DataType::from_code(self.data_type).and_then(DataType::size) {
            Some(_) => Some(self.byte_size().ok_or(ExternalError::Size)?),
            None => None,
        };
        match (needed, length) {
            (Some(needed), Some(length)) if needed != length => Err(ExternalError::Length { needed, length, location }),
            _ => Ok(Some(ExternalData { location, offset, length: length.or(needed) })),
        }
    }

    /// Makes the tensor refer to a range of a file beside the model.
    pub fn set_external(&mut self, location: &str, offset: u64, length: u64) {
        self.data_location = DataLocation::External.into();
        self.external_data = vec![
            StringStringEntryProto::new("location", location),
            StringStringEntryProto::new("offset", offset.to_string()),
            StringStringEntryProto::new("length", length.to_string()),
        ];
    }
}

impl ExternalData {
    /// Finds the range in the model's folder. Nothing is read.
    ///
    /// # Errors
    /// [`ExternalError`] for a path that may leave the folder, a file that is missing, and a range that ends after the file.
    pub fn locate(&self, folder: &Path) -> Result<ExternalRange, ExternalError> {
        let (location, offset) = (self.location.clone(), self.offset);
        let relative = Path::new(&location);
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if location.is_empty() || location.contains(['\\', '\0']) || !plain {
            return Err(ExternalError::Outside(location));
        }
        let missing = |source: io::Error| ExternalError::Missing { location: location.clone(), source };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let path = folder.join(relative).canonicalize().map_err(missing)?;
        if !path.starts_with(folder.canonicalize().map_err(missing)?) {
            return Err(ExternalError::Link(location));
        }
        let metadata = std::fs::metadata(&path).map_err(missing)?;
        if !metadata.is_file() {
            return Err(ExternalError::NotAFile(location));
        }
        let file_bytes = metadata.len();
        let length = self.length.unwrap_or(file_bytes.saturating_sub(offset));
        if offset.checked_add(length).is_none_or(|end| end > file_bytes) {
            return Err(ExternalError::Range { length, offset, location, file_bytes });
        }
        Ok(ExternalRange { path, file_bytes, offset, length })
    }
}

impl ExternalRange {
    /// Reads the range.
    ///
    /// # Errors
    /// If the file cannot be read, or became shorter.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(self.length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tensor(dims: &[i64], entries: &[(&str, &str)]) -> TensorProto {
        let external_data = entries.iter().map(|(key, value)| StringStringEntryProto::new(*key, *value)).collect();
        let (dims, data_type) = (dims.to_vec(), DataType::Float.code());
        TensorProto { dims, data_type, external_data, ..TensorProto::default() }
    }

    fn read(dims: &[i64], entries: &[(&str, &str)]) -> Result<Vec<u8>, ExternalError> {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("m");
        std::fs::create_dir_all(model.join("deep")).unwrap();
        std::fs::write(model.join("w.data"), [0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
        std::fs::write(folder.path().join("out.data"), [0; 8]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("out.data"), model.join("link.data")).unwrap();
        Ok(tensor(dims, entries).external()?.unwrap().locate(&model)?.read().unwrap())
    }

    #[test]
    fn a_range_is_read_by_its_length_or_its_dimensions() {
        assert_eq!(read(&[1], &[("location", "w.data"), ("offset", "4"), ("length", "4")]).unwrap(), [4, 5, 6, 7]);
        assert_eq!(read(&[1], &[("location", "./w.data")]).unwrap(), [0, 1, 2, 3]);
        assert!(matches!(TensorProto::f32("x", [1], &[0.5]).external(), Ok(None)));
        let mut packed = tensor(&[16], &[("location", "w.data"), ("offset", "2")]);
        packed.data_type = DataType::Int4.code();
        assert_eq!(packed.external().unwrap().unwrap().length, None);
        let mut written = tensor(&[2], &[]);
        written.set_external("w.data", 0, 8);
        let stated = ExternalData { location: "w.data".to_owned(), offset: 0, length: Some(8) };
        assert_eq!(written.external().unwrap(), Some(stated));
    }

    #[test]
    fn hostile_statements_are_refused() {
        type Case<'a> = (&'a [i64], &'a [(&'a str, &'a str)], &'a str);
        let cases: &[Case<'_>] = &[
            (&[1], &[("location", "../out.data")], "may lead out"),
            (&[1], &[("location", "/etc/hostname")], "may lead out"),
            (&[1], &[("location", "deep\\w.data")], "may lead out"),
            (&[1], &[("location", "")], "may lead out"),
            #[cfg(unix)]
            (&[1], &[("location", "link.data")], "a link out of"),
            (&[1], &[("location", "deep")], "not a regular file"),
            (&[1], &[("location", "none.data")], "none.data"),
            (&[1], &[("offset", "0")], "names no file"),
            (&[1], &[("location", "w.data"), ("location", "x")], "twice"),
            (&[1], &[("location", "w.data"), ("offset", "x")], "no number of bytes"),
            (&[1], &[("location", "w.data"), ("length", "-1")], "no number of bytes"),
            (&[2], &[("location", "w.data"), ("offset", "4")], "8 bytes from byte 4 of `w.data`, which has 8"),
            (&[1], &[("location", "w.data"), ("offset", "18446744073709551615")], "which has 8"),
            (&[1], &[("location", "w.data"), ("length", "8")], "needs 4 bytes and reads 8"),
            (&[1 << 40, 1 << 40], &[("location", "w.data")], "cannot be computed"),
            (&[-1], &[("location", "w.data")], "cannot be computed"),
        ];
        for (dims, entries, reason) in cases {
            let error = read(dims, entries).unwrap_err().to_string();
            assert!(error.contains(reason), "{entries:?}: {error}");
        }
    }
}
