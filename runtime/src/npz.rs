//! Arrays in `.npz` files, the ZIP archives of NumPy. Files may be hostile: every size in a file is compared with the bytes
//! that follow before it is used, and nothing is ever unpacked to a path.

use std::io::{Read, Seek};

use ndarray::{ArrayD, ArrayViewD};
use ndarray_npy::{ViewElement, ViewNpyExt, WriteNpyExt};
use zip::read::ZipFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive};

use crate::session::Array;

/// The limit for the bytes of an array's header: NumPy writes 118 for every array of a tile model.
const MAX_HEADER: u16 = 1024;

/// Limits for an archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Number of entries.
    pub arrays: usize,
    /// Bytes of all entries together, unpacked.
    pub bytes: u64,
}

/// Opens an archive.
///
/// # Errors
/// The reason, if the bytes are no archive.
pub fn open<R: Read + Seek>(reader: R) -> Result<ZipArchive<R>, String> {
    ZipArchive::new(reader).map_err(|error| format!("not an .npz file: {error}"))
}

/// Calls `each` with the name of every entry as the archive states it, the entry, and its size in bytes.
///
/// # Errors
/// The reason: an archive over a limit, two entries of one name, an entry that cannot be read, or the error of `each`.
pub fn entries<R: Read + Seek>(
    mut archive: ZipArchive<R>,
    limits: Limits,
    mut each: impl FnMut(&str, &mut ZipFile<'_, R>, u64) -> Result<(), String>,
) -> Result<(), String> {
    if archive.len() > limits.arrays {
        return Err(format!("{} arrays, over the limit of {}", archive.len(), limits.arrays));
    }
    // Of two entries with one name, some readers take the first, some the last.
    if archive.has_duplicate_names() {
        return Err("an array appears twice".to_owned());
    }
    let mut room = limits.bytes;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(text)?;
        let name = entry.name().map_err(text)?.into_owned();
        let size = entry.size();
        let over = || format!("arrays over the limit of {} bytes together", limits.bytes);
        room = room.checked_sub(size).ok_or_else(over)?;
        each(&name, &mut entry, size)?;
    }
    Ok(())
}

/// Options of every entry that is written: fixed time stamps and permissions, so that the same arrays give the same bytes.
#[must_use]
pub fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
}

/// Returns an array as the bytes of a `.npy` file.
///
/// # Errors
/// The reason, if the array cannot be written.
pub fn to_npy(array: &impl WriteNpyExt) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).map_err(text)?;
    Ok(bytes)
}

/// Returns the name of the array in an entry of the archive. Paths are refused, although nothing is ever unpacked to them.
///
/// # Errors
/// The entry's name, if it is not that of an array.
pub fn array_name(file: &str) -> Result<&str, String> {
    let shown = file.escape_debug();
    let name = file.strip_suffix(".npy").ok_or_else(|| format!("`{shown}` is not an .npy array"))?;
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', ':']) || name.contains(char::is_control) {
        return Err(format!("`{shown}` is not the name of an array"));
    }
    Ok(name)
}

/// Reads one array of `size` bytes, as stated in the archive. Memory grows with the bytes that are read, not with `size`.
///
/// # Errors
/// The reason, with the array's name: another element type, a header that no array has, another number of bytes.
pub fn read_array<A>(name: &str, entry: &mut impl Read, size: u64) -> Result<ArrayD<A>, String>
where
    A: ViewElement + bytemuck::Pod,
{
    read_bytes(entry, size).and_then(array_of).map_err(|reason| format!("array `{name}`: {reason}"))
}

/// Reads one array of whichever element type its header states, as [`read_array`] does.
///
/// # Errors
/// The reason, without the array's name.
pub fn read_any(entry: &mut impl Read, size: u64) -> Result<Array, String> {
    let bytes = read_bytes(entry, size)?;
    match element_type(&bytes)? {
        "<f4" => array_of::<f32>(bytes).map(Array::from),
        "<f8" => array_of::<f64>(bytes).map(Array::from),
        "|u1" | "u1" | "B" => array_of::<u8>(bytes).map(Array::from),
        "<u2" => array_of::<u16>(bytes).map(Array::from),
        "<u4" => array_of::<u32>(bytes).map(Array::from),
        "<u8" => array_of::<u64>(bytes).map(Array::from),
        "|i1" | "i1" | "b" => array_of::<i8>(bytes).map(Array::from),
        "<i2" => array_of::<i16>(bytes).map(Array::from),
        "<i4" => array_of::<i32>(bytes).map(Array::from),
        "<i8" => array_of::<i64>(bytes).map(Array::from),
        // Booleans need no alignment, and the view refuses other bytes than 0 and 1.
        "|b1" => {
            let view = ArrayViewD::<bool>::view_npy(&bytes).map_err(text)?;
            Ok(view.as_standard_layout().into_owned().into())
        }
        other => Err(format!("elements of type `{}` are not read", other.escape_debug())),
    }
}

/// The bytes of an entry, whose header is checked.
fn read_bytes(entry: &mut impl Read, size: u64) -> Result<Vec<u8>, String> {
    let bytes = kiln_files::read_head(entry, size.saturating_add(1)).map_err(text)?;
    if bytes.len() as u64 != size {
        return Err(format!("{} bytes, but the archive states {size}", bytes.len()));
    }
    check_header(&bytes)?;
    Ok(bytes)
}

fn array_of<A>(bytes: Vec<u8>) -> Result<ArrayD<A>, String>
where
    A: ViewElement + bytemuck::Pod,
{
    // A view checks the shape against the bytes before it allocates anything of that shape, but needs them aligned.
    let length = bytes.len();
    let mut aligned = vec![A::zeroed(); length.div_ceil(size_of::<A>())];
    let place = bytemuck::cast_slice_mut::<A, u8>(&mut aligned);
    place[..length].copy_from_slice(&bytes);
    // The bytes may be many gigabytes; the array below is a copy of its own.
    drop(bytes);
    let view = ArrayViewD::<A>::view_npy(&place[..length]).map_err(text)?;
    Ok(view.as_standard_layout().into_owned())
}

/// The element type that a header states.
fn element_type(bytes: &[u8]) -> Result<&str, String> {
    let header = std::str::from_utf8(check_header(bytes)?).map_err(text)?;
    let stated = header.split_once("'descr':").and_then(|(_, rest)| rest.trim_start().strip_prefix('\''));
    let stated = stated.and_then(|rest| rest.split_once('\''));
    stated.map(|(stated, _)| stated).ok_or_else(|| "the header states no element type".to_owned())
}

/// Returns the header of an array. Headers that no array of numbers has are refused before they are parsed. The literal
/// parser recurses as deep as a header nests, and tries every brace first as a dictionary, then as a set: each nested brace
/// doubles its time.
fn check_header(bytes: &[u8]) -> Result<&[u8], String> {
    let [0x93, b'N', b'U', b'M', b'P', b'Y', 1, 0, low, high, rest @ ..] = bytes else {
        return Err("not in .npy format 1.0".to_owned());
    };
    let length = u16::from_le_bytes([*low, *high]);
    if length > MAX_HEADER {
        return Err(format!("a header of {length} bytes, over the limit of {MAX_HEADER}"));
    }
    let header = rest.get(..length.into()).unwrap_or(rest);
    let count = |wanted: u8| header.iter().filter(|byte| **byte == wanted).count();
    if count(b'{') > 1 || count(b'(') > 1 || count(b'[') > 0 {
        return Err("the header has more than one dictionary and one tuple".to_owned());
    }
    Ok(header)
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
