//! The orientation of an Exif block; nothing else is read.

/// Reads the orientation, 1 to 8 (Exif 2.3, tag 0x0112), from the first directory; `None` without the tag.
pub(super) fn orientation(exif: &[u8]) -> Option<u8> {
    let little = match exif.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes: [u8; 4] = exif.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(directory)?);
    let mut starts = (0..entries).filter_map(|index| directory.checked_add(2 + 12 * index));
    let entry = starts.find(|entry| short(*entry) == Some(0x0112))?;
    u8::try_from(short(entry.checked_add(8)?)?).ok().filter(|value| (1..=8).contains(value))
}
