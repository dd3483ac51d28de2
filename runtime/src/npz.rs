//! Arrays in `.npz` files, the ZIP archives of NumPy. Files may be hostile: every size in a file is compared with the bytes
//! that follow before it is used, and nothing is ever unpacked to a path.

use std::io::Read;

use ndarray::{ArrayD, ArrayViewD};
use ndarray_npy::{ViewElement, ViewNpyExt, WriteNpyExt};

/// The limit for the bytes of an array's header: NumPy writes 118 for every array of a tile model.
const MAX_HEADER: u16 = 1024;

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
    let wrong = |reason: &dyn std::fmt::Display| format!("array `{name}`: {reason}");
    let mut bytes = Vec::new();
    entry.take(size + 1).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
    if bytes.len() as u64 != size {
        return Err(wrong(&format!("{} bytes, but the archive states {size}", bytes.len())));
    }
    check_header(&bytes).map_err(|reason| wrong(&reason))?;
    // A view checks the shape against the bytes before it allocates anything of that shape, but needs them aligned.
    let mut aligned = vec![A::zeroed(); bytes.len().div_ceil(size_of::<A>())];
    let place = bytemuck::cast_slice_mut::<A, u8>(&mut aligned);
    place[..bytes.len()].copy_from_slice(&bytes);
    let view = ArrayViewD::<A>::view_npy(&place[..bytes.len()]).map_err(|error| wrong(&error))?;
    Ok(view.as_standard_layout().into_owned())
}

/// Refuses headers that no golden array has. The literal parser recurses as deep as a header nests, and tries every brace
/// first as a dictionary, then as a set: each nested brace doubles its time.
fn check_header(bytes: &[u8]) -> Result<(), String> {
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
    Ok(())
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
