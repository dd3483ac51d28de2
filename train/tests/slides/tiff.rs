//! Writes an uncompressed, tiled TIFF with a resolution: a slide without loss, so that tiles have known pixels.

/// Side of the stored tiles.
const TILE: usize = 256;

/// A TIFF of `side` x `side` pixels (a multiple of 256) of `mpp` µm/px.
pub(crate) fn slide(side: usize, mpp: f64, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
    let across = side / TILE;
    let mut file = b"II\x2a\x00\0\0\0\0".to_vec();
    let mut offsets = Vec::new();
    for tile in 0..across * across {
        offsets.push(file.len() as u32);
        let (left, top) = (tile % across * TILE, tile / across * TILE);
        for at in 0..TILE * TILE {
            file.extend(pixel(left + at % TILE, top + at / TILE));
        }
    }
    let words = |values: &[u32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let mut stored = |bytes: Vec<u8>| {
        let at = file.len() as u32;
        file.extend(bytes);
        at
    };
    let bits = stored(8_u16.to_le_bytes().repeat(3));
    // Pixels per centimetre.
    let resolution = stored(words(&[(10_000_000.0 / mpp).round() as u32, 1_000]));
    let count = offsets.len() as u32;
    let lengths = words(&vec![(3 * TILE * TILE) as u32; offsets.len()]);
    // A single value is in the entry itself.
    let (offsets, lengths) = match count {
        1 => (offsets[0], (3 * TILE * TILE) as u32),
        _ => (stored(words(&offsets)), stored(lengths)),
    };
    let (side, tile) = (side as u32, TILE as u32);
    let entries: [(u16, u16, u32, u32); 14] = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 3, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (277, 3, 1, 3),
        (282, 5, 1, resolution),
        (283, 5, 1, resolution),
        (284, 3, 1, 1),
        (296, 3, 1, 3),
        (322, 4, 1, tile),
        (323, 4, 1, tile),
        (324, 4, count, offsets),
        (325, 4, count, lengths),
    ];
    let directory = file.len() as u32;
    file[4..8].copy_from_slice(&directory.to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}
