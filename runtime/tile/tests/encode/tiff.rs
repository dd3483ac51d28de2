//! A TIFF file, for tests.

use image::RgbImage;

/// Encodes an uncompressed TIFF of one strip.
pub(crate) fn tiff(image: &RgbImage) -> Vec<u8> {
    const ENTRIES: u32 = 9;
    const SHORT: u32 = 3;
    const LONG: u32 = 4;
    let (width, height) = image.dimensions();
    let bits = 8 + 2 + 12 * ENTRIES + 4;
    let entries: [[u32; 4]; ENTRIES as usize] = [
        [256, LONG, 1, width],
        [257, LONG, 1, height],
        [258, SHORT, 3, bits],
        [259, SHORT, 1, 1],
        [262, SHORT, 1, 2],
        [273, LONG, 1, bits + 6],
        [277, SHORT, 1, 3],
        [278, LONG, 1, height],
        [279, LONG, 1, 3 * width * height],
    ];
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((ENTRIES as u16).to_le_bytes());
    for [tag, kind, count, value] in entries {
        bytes.extend([tag as u16, kind as u16].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend([count, value].into_iter().flat_map(u32::to_le_bytes));
    }
    bytes.extend([0; 4]);
    bytes.extend([8_u16; 3].into_iter().flat_map(u16::to_le_bytes));
    bytes.extend(image.as_raw());
    bytes
}
