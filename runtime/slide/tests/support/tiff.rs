//! A writer of JPEG-tiled TIFFs whose every value a test can choose, hostile ones too.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

/// The form of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) big: bool,
    pub(crate) little_endian: bool,
}

/// A directory: tags with their type (1, 3, 4, 16) and values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tags(pub Vec<(u16, u16, Vec<u64>)>);

impl Tags {
    pub(crate) fn set(&mut self, tag: u16, kind: u16, values: Vec<u64>) {
        self.0.retain(|(other, ..)| *other != tag);
        self.0.push((tag, kind, values));
        self.0.sort_by_key(|(tag, ..)| *tag);
    }

    pub(crate) fn remove(&mut self, tag: u16) {
        self.0.retain(|(other, ..)| *other != tag);
    }
}

/// A level: its size, its tiles, and changes of its tags.
pub(crate) struct LevelFile {
    pub(crate) tags: Tags,
    /// JPEG streams; an empty one is missing.
    pub(crate) tiles: Vec<Vec<u8>>,
}

/// Encodes pixels as the JPEG of a tile, with colours as YCbCr.
pub(crate) fn jpeg(rgb: &[u8], width: u32, height: u32, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.encode(rgb, width, height, ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// Makes a level of `width` x `height` pixels `colour(x, y)`, in tiles of `tile` pixels.
pub(crate) fn level(width: u32, height: u32, tile: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> LevelFile {
    let mut tags = Tags::default();
    for (tag, kind, values) in [
        (256, 4, vec![width.into()]),
        (257, 4, vec![height.into()]),
        (258, 3, vec![8, 8, 8]),
        (259, 3, vec![7]),
        (262, 3, vec![6]),
        (277, 3, vec![3]),
        (284, 3, vec![1]),
        (322, 3, vec![tile.into()]),
        (323, 3, vec![tile.into()]),
        (530, 3, vec![1, 1]),
    ] {
        tags.set(tag, kind, values);
    }
    let mut tiles = Vec::new();
    for row in 0..height.div_ceil(tile) {
        for column in 0..width.div_ceil(tile) {
            let pixel = |at: u32| colour(column * tile + at % tile, row * tile + at / tile);
            let rgb: Vec<u8> = (0..tile * tile).flat_map(pixel).collect();
            tiles.push(jpeg(&rgb, tile, tile, 100));
        }
    }
    LevelFile { tags, tiles }
}

/// Writes a file of levels.
pub(crate) fn write(form: Form, levels: &[LevelFile]) -> Vec<u8> {
    let word = if form.big { 8 } else { 4 };
    let mut file = Vec::new();
    file.extend_from_slice(if form.little_endian { b"II" } else { b"MM" });
    push(&mut file, form, 2, if form.big { 43 } else { 42 });
    if form.big {
        push(&mut file, form, 2, 8);
        push(&mut file, form, 2, 0);
    }
    let mut link = file.len();
    push(&mut file, form, word, 0);
    for level in levels {
        let mut tags = level.tags.clone();
        let mut places = Vec::new();
        for tile in &level.tiles {
            places.push(if tile.is_empty() { 0 } else { file.len() as u64 });
            file.extend_from_slice(tile);
        }
        let kind = if form.big { 16 } else { 4 };
        let given = |tag| level.tags.0.iter().any(|(other, ..)| *other == tag);
        if !given(324) {
            tags.set(324, kind, places);
        }
        if !given(325) {
            tags.set(325, kind, level.tiles.iter().map(|tile| tile.len() as u64).collect());
        }
        // Values that do not fit into their entries come first.
        let mut entries = Vec::new();
        for (tag, kind, values) in &tags.0 {
            let size = match kind {
                1 | 7 => 1,
                3 => 2,
                4 => 4,
                _ => 8,
            };
            let mut bytes = Vec::new();
            values.iter().for_each(|value| push(&mut bytes, form, size, *value));
            if bytes.len() > word {
                let at = file.len() as u64;
                file.extend_from_slice(&bytes);
                bytes.clear();
                push(&mut bytes, form, word, at);
            }
            bytes.resize(word, 0);
            entries.push((*tag, *kind, values.len() as u64, bytes));
        }
        let at = file.len() as u64;
        let mut pointer = Vec::new();
        push(&mut pointer, form, word, at);
        file[link..link + word].copy_from_slice(&pointer);
        push(&mut file, form, if form.big { 8 } else { 2 }, entries.len() as u64);
        for (tag, kind, count, bytes) in entries {
            push(&mut file, form, 2, tag.into());
            push(&mut file, form, 2, kind.into());
            push(&mut file, form, word, count);
            file.extend_from_slice(&bytes);
        }
        link = file.len();
        push(&mut file, form, word, 0);
    }
    file
}

fn push(file: &mut Vec<u8>, form: Form, size: usize, value: u64) {
    let bytes = value.to_le_bytes();
    if form.little_endian {
        file.extend_from_slice(&bytes[..size]);
    } else {
        file.extend(bytes[..size].iter().rev());
    }
}
