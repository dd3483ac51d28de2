//! Promises of the decoder about hostile and unusual files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

#[path = "encode/tiff.rs"]
mod tiff;
#[path = "encode/webp.rs"]
mod webp;

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use kiln_tile::{Decoder, Limits, SIDE, SizePolicy, TileError};

use self::tiff::tiff;
use self::webp::webp;

fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x % 256) as u8, (y % 256) as u8, ((x + y) % 256) as u8]))
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn strict() -> Decoder {
    Decoder::new(SizePolicy::Error)
}

#[test]
fn a_tile_in_a_lossless_format_keeps_its_pixels() {
    let image = gradient(SIDE, SIDE);
    let files = [
        ("png", encoded(image.clone(), ImageFormat::Png)),
        ("bmp", encoded(image.clone(), ImageFormat::Bmp)),
        ("tiff", tiff(&image)),
        ("webp", webp(&image)),
    ];
    for (format, file) in files {
        let tile = strict().decode_bytes(&file).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!(tile.pixels(), image.as_raw().as_slice(), "{format}");
    }
}

#[test]
fn the_content_tells_the_format_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tile.jpg");
    fs::write(&path, encoded(gradient(SIDE, SIDE), ImageFormat::Png)).unwrap();
    assert!(strict().decode_file(&path).is_ok());
}

#[test]
fn other_sizes_follow_the_policy() {
    let wide = encoded(gradient(300, 280), ImageFormat::Png);
    let small = encoded(gradient(224, 224), ImageFormat::Png);
    assert_eq!(strict().decode_bytes(&wide).unwrap_err().code(), "wrong_size");
    let cropped = Decoder::new(SizePolicy::CenterCrop).decode_bytes(&wide).unwrap();
    assert_eq!(&cropped.pixels()[..3], &[22, 12, 34]);
    assert_eq!(Decoder::new(SizePolicy::CenterCrop).decode_bytes(&small).unwrap_err().code(), "wrong_size");
    assert!(Decoder::new(SizePolicy::Resize).decode_bytes(&small).is_ok());
}

#[test]
fn transparency_is_laid_over_white_and_grey_becomes_rgb() {
    let clear = RgbaImage::from_pixel(SIDE, SIDE, Rgba([10, 20, 30, 0]));
    let tile = strict().decode_bytes(&encoded(clear, ImageFormat::Png)).unwrap();
    assert_eq!(&tile.pixels()[..3], &[255, 255, 255]);
    let grey = DynamicImage::from(gradient(SIDE, SIDE)).into_luma8();
    let tile = strict().decode_bytes(&encoded(grey, ImageFormat::Png)).unwrap();
    assert!(tile.pixels().chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]));
}

#[test]
fn a_header_that_promises_too_much_is_refused_before_anything_is_allocated() {
    // A valid PNG header of 60000 x 60000 pixels, and nothing after it.
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0".to_vec();
    let checksum = crc32(&bytes[12..]);
    bytes.extend(checksum.to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let error = Decoder::new(SizePolicy::Resize).decode_bytes(&bytes).unwrap_err();
    assert_eq!(error.code(), "too_large", "{error}");
}

#[test]
fn truncated_empty_and_foreign_files_are_told_apart() {
    let whole = encoded(gradient(SIDE, SIDE), ImageFormat::Png);
    let cut = strict().decode_bytes(&whole[..whole.len() / 2]).unwrap_err();
    assert!(["truncated", "unreadable"].contains(&cut.code()), "{cut}");
    assert_eq!(strict().decode_bytes(&[]).unwrap_err().code(), "truncated");
    assert_eq!(strict().decode_bytes(b"#!/bin/sh\necho no image\n").unwrap_err().code(), "unsupported");
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    fs::write(&path, vec![0; 2048]).unwrap();
    let decoder = Decoder { limits: Limits { max_file_bytes: 1024, ..Limits::default() }, ..strict() };
    assert!(matches!(decoder.decode_file(&path), Err(TileError::TooLarge { found: 2048, limit: 1024, .. })));
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(strict().decode_file(&folder.path().join("absent.png")).unwrap_err().code(), "not_found");
    assert!(matches!(strict().decode_file(folder.path()), Err(TileError::NotAFile)));
    let pipe: PathBuf = folder.path().join("pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        assert!(matches!(strict().decode_file(&pipe), Err(TileError::NotAFile)));
    } else {
        println!("skipped: no mkfifo here");
    }
}

/// CRC-32 as in PNG.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
