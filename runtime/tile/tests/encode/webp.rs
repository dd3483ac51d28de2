//! A WebP file, for tests.

use image::RgbImage;

/// Encodes a lossless WebP.
pub(crate) fn webp(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.encode(image.as_raw(), image.width(), image.height(), image_webp::ColorType::Rgb8).unwrap();
    bytes
}
