//! Reading of limited length. A file may grow after its size was read, and a pipe or an entry of an archive has no size that
//! can be trusted, so the limit bounds the read itself.

use std::io::{self, Read};

/// Reads everything; `None` if there are more than `most` bytes. At most one byte more is read.
///
/// # Errors
/// The reader's error.
pub fn read_at_most(reader: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let bytes = read_head(reader, most.saturating_add(1))?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Reads the first `most` bytes, or everything if there are fewer.
///
/// # Errors
/// The reader's error.
pub fn read_head(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_read() {
        let at_most = |most| read_at_most(&b"1234"[..], most).ok().flatten();
        assert_eq!((at_most(4), at_most(u64::MAX)), (Some(b"1234".to_vec()), Some(b"1234".to_vec())));
        assert_eq!(at_most(3), None);
        assert_eq!(read_at_most(io::repeat(7), 1 << 10).ok(), Some(None));
        assert_eq!(read_head(io::repeat(7), 3).ok(), Some(vec![7; 3]));
        assert_eq!(read_head(&b"12"[..], 3).ok(), Some(b"12".to_vec()));
    }
}
