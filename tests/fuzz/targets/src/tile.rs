//! The tile decoder, under every size policy.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ColorType, DynamicImage, ImageFormat, RgbImage};
use kiln_tile::{Decoder, Limits, SizePolicy, TILE_BYTES, Tile};

use crate::target::Target;

/// 1024 pixels a side, so that an input costs milliseconds; users have 8192.
const LIMITS: Limits = Limits { max_file_bytes: 64 << 20, max_side: 1024 };

/// Small images by format and kind, one per line: a name, and base64.
const SMALL: &str = include_str!("tile_seeds.txt");

/// The kinds of [`SMALL`] that a decoder may refuse.
const MAY_BE_REFUSED: [&str; 2] = ["jpeg-cmyk", "tiff-pages"];

pub(crate) const TARGET: Target = Target {
    name: "tile",
    run,
    sound,
    hostile,
    words: &[
        "PNG\r\n", "IHDR", "IDAT", "IEND", "PLTE", "tRNS", "acTL", "fcTL", "fdAT", "iCCP", "eXIf", "RIFF", "WEBP",
        "VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "BM", "II*\0", "MM\0*", "II+\0", "JFIF\0", "Adobe\0",
        "Exif\0\0",
    ],
    rounds: 12_000,
    memory: 96 << 20,
};

fn run(bytes: &[u8]) -> bool {
    let accepted = decode(bytes);
    if let Some(repaired) = with_png_checksums(bytes) {
        decode(&repaired);
    }
    accepted
}

/// Decodes by every policy; the results must agree with each other.
fn decode(bytes: &[u8]) -> bool {
    let by = |policy| Decoder { limits: LIMITS, ..Decoder::new(policy) }.decode_bytes(bytes).ok().map(whole);
    let resized = by(SizePolicy::Resize);
    let exact = by(SizePolicy::Error);
    if let Some(exact) = &exact {
        assert_eq!(Some(exact), resized.as_ref(), "256x256 pixels changed by being resized to 256x256");
        assert_eq!(
            Some(exact),
            by(SizePolicy::CenterCrop).as_ref(),
            "256x256 pixels changed by being cropped to 256x256"
        );
    } else if by(SizePolicy::CenterCrop).is_some() {
        assert!(resized.is_some(), "an image that can be cropped could not be resized");
    }
    resized.is_some()
}

fn whole(tile: Tile) -> Tile {
    assert_eq!(tile.pixels().len(), TILE_BYTES);
    tile
}

/// Returns the file with the checksum of every chunk corrected; otherwise decoders would reject nearly every changed
/// chunk unread.
fn with_png_checksums(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return None;
    }
    let mut repaired = bytes.to_vec();
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = at + 8 + length;
        let Some(content) = bytes.get(at + 4..end) else { break };
        let checksum = crc32(content).to_be_bytes();
        let Some(place) = repaired.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
    (repaired != bytes).then_some(repaired)
}

/// CRC-32 as PNG and ZIP have it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn sound() -> Vec<Vec<u8>> {
    let small = small().into_iter().filter(|(name, _)| !MAY_BE_REFUSED.contains(name)).map(|(_, bytes)| bytes);
    small.chain(encoded()).collect()
}

fn small() -> Vec<(&'static str, Vec<u8>)> {
    let lines = SMALL.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, text)| (name, STANDARD.decode(text).unwrap())).collect()
}

/// 256x256 pixels in the formats that compress them well, and 12x9 pixels in all but TIFF, which is in [`SMALL`].
fn encoded() -> Vec<Vec<u8>> {
    let shade = |x: u32, y: u32| image::Rgb([(x / 4) as u8, (y / 8) as u8, ((x + y) / 16) as u8]);
    let large = DynamicImage::from(RgbImage::from_fn(256, 256, shade));
    let little = large.crop_imm(100, 100, 12, 9);
    let little_kinds = [
        DynamicImage::from(little.to_rgb8()),
        little.to_luma8().into(),
        little.to_rgba8().into(),
        little.to_luma16().into(),
    ];
    let mut files = vec![encode(&large, ImageFormat::Png), encode(&large, ImageFormat::Jpeg)];
    files.extend(webp(&large));
    for kind in &little_kinds {
        for format in [ImageFormat::Png, ImageFormat::Bmp] {
            let mut bytes = Cursor::new(Vec::new());
            // Not every format has every kind.
            if kind.write_to(&mut bytes, format).is_ok() {
                files.push(bytes.into_inner());
            }
        }
        files.extend(webp(kind));
    }
    files
}

/// Encodes a lossless WebP; `None` for 16 bits, which WebP does not have.
fn webp(image: &DynamicImage) -> Option<Vec<u8>> {
    let color = match image.color() {
        ColorType::L8 => image_webp::ColorType::L8,
        ColorType::Rgb8 => image_webp::ColorType::Rgb8,
        ColorType::Rgba8 => image_webp::ColorType::Rgba8,
        _ => return None,
    };
    let mut bytes = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.encode(image.as_bytes(), image.width(), image.height(), color).unwrap();
    Some(bytes)
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Images that announce more than they hold, refused kinds, and heads without a body.
fn hostile() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> =
        small().into_iter().filter(|(name, _)| MAY_BE_REFUSED.contains(name)).map(|(_, bytes)| bytes).collect();
    files.extend(encoded().into_iter().map(|mut file| {
        file.truncate(file.len() / 2);
        file
    }));
    let mut bomb = encode(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 4, 0, 0, 0, 4, 0]);
    files.push(bomb);
    files
}
