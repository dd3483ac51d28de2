//! NumPy's `.npy` format, version 1 to 3 (`numpy/lib/format.py`), for arrays of numbers. A hostile header costs no more
//! than its own length, and memory grows with the bytes that are there, not with the shape that is stated.

use burn::tensor::f16;
use ndarray::{ArrayD, IxDyn, ShapeBuilder as _};

/// The longest header, in bytes. NumPy writes some 120.
const LONGEST: usize = 4096;

/// An array whose elements are converted to 64-bit floats; `bytes` is the whole `.npy` file.
///
/// # Errors
/// The reason why it is no array of numbers.
pub(super) fn parse(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
    let (header, data) = split(bytes)?;
    let descr = field(header, "descr").ok_or("the header has no `descr`")?;
    let descr = descr.trim_matches(['\'', '"']);
    let columns_first = field(header, "fortran_order") == Some("True");
    let shape = shape(header).ok_or("the header has no `shape`")?;
    let size = shape.iter().try_fold(1_usize, |all, size| all.checked_mul(*size)).ok_or("the shape overflows")?;
    let values = elements(descr, data, size)?;
    let shape = IxDyn(&shape);
    let array =
        if columns_first { ArrayD::from_shape_vec(shape.f(), values) } else { ArrayD::from_shape_vec(shape, values) };
    array.map(|array| array.as_standard_layout().into_owned()).map_err(|error| error.to_string())
}

/// Shape and elements of an array of bytes in row-major order, without a copy; `None` for any other array.
pub(super) fn bytes_of(bytes: &[u8]) -> Option<(Vec<usize>, &[u8])> {
    let (header, data) = split(bytes).ok()?;
    let is_bytes = field(header, "descr")?.trim_matches(['\'', '"']) == "|u1";
    let shape = shape(header)?;
    let size = shape.iter().try_fold(1_usize, |all, size| all.checked_mul(*size))?;
    let fits = is_bytes && field(header, "fortran_order")? == "False" && size == data.len();
    fits.then_some((shape, data))
}

/// The header's text, and the bytes after it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let not_npy = || "not in .npy format".to_owned();
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(not_npy)?;
    let (length, rest) = match rest {
        [1, 0, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [2 | 3, 0, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(not_npy()),
    };
    if length > LONGEST {
        return Err(format!("a header of {length} bytes, over the limit of {LONGEST}"));
    }
    let (header, data) = rest.split_at_checked(length).ok_or("the header is cut off")?;
    let header = std::str::from_utf8(header).map_err(|_| "the header is not text".to_owned())?;
    Ok((header, data))
}

/// The value of a key of the header, a Python dictionary in one line.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let start = header.find(&format!("'{key}':"))? + key.len() + 3;
    header[start..].split([',', '}']).next().map(str::trim)
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let start = header.find("'shape':")?;
    let inner = header[start..].split_once('(')?.1.split_once(')')?.0;
    let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.trim_end_matches('L').parse().ok()).collect()
}

fn elements(descr: &str, data: &[u8], count: usize) -> Result<Vec<f64>, String> {
    macro_rules! read {
        ($type:ty) => {
            read!($type, |value| value as f64)
        };
        ($type:ty, $wide:expr) => {{
            let width = size_of::<$type>();
            if count.checked_mul(width) != Some(data.len()) {
                return Err(format!("{} bytes of elements, but the shape needs {count} of {width} bytes", data.len()));
            }
            let wide: fn($type) -> f64 = $wide;
            let number = |chunk: &[u8]| wide(<$type>::from_le_bytes(chunk.try_into().unwrap_or_default()));
            Ok(data.chunks_exact(width).map(number).collect())
        }};
    }
    match descr {
        "<f4" => read!(f32),
        "<f8" => read!(f64),
        "|u1" | "<u1" => read!(u8),
        "|i1" | "<i1" => read!(i8),
        "<i2" => read!(i16),
        "<i4" => read!(i32),
        "<i8" => read!(i64),
        "<u2" => read!(u16),
        "<u4" => read!(u32),
        "|b1" => read!(u8),
        "<f2" => read!(f16, f16::to_f64),
        other => Err(format!("elements of type `{}`; numbers in little-endian order are read", other.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn arrays_of_numpy_are_read_in_either_order() {
        let data: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let rows = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", &data);
        assert_eq!(parse(&rows).unwrap()[[1, 0]], 4.0);
        let columns = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", &data);
        assert_eq!(parse(&columns).unwrap()[[1, 0]], 2.0);
        let halves = npy("{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }", &[0, 0x3c, 0, 0xc0, 1, 0]);
        assert_eq!(parse(&halves).unwrap().as_slice().unwrap(), [1.0, -2.0, 2.0_f64.powi(-24)]);
    }

    #[test]
    fn a_header_that_promises_more_than_there_is_allocates_nothing() {
        for shape in ["(1099511627776,)", "(4294967296, 4294967296, 4294967296)", "(3,)"] {
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
            assert!(parse(&npy(&header, &[0; 8])).is_err(), "{shape}");
        }
        for bytes in [&b"\x93NUMPY\x01\x00\xff\xff"[..], b"PK", b"", &npy("{}", &[]), &npy(&"{".repeat(3000), &[])] {
            assert!(parse(bytes).is_err());
        }
    }
}
