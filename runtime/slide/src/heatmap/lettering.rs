//! Letters for the legend of a PNG: the digits and the words that it needs, 5 x 7 pixels each.

use image::{Rgb, RgbImage};

/// Width of a letter with the gap after it.
const ADVANCE: u32 = 6;
/// Height of a letter.
pub(super) const HEIGHT: u32 = 7;

/// The rows of a letter from the top; the highest of five bits is the leftmost pixel. Unknown ones are empty.
fn rows(letter: char) -> [u8; 7] {
    match letter {
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b00100, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        '.' => [0, 0, 0, 0, 0, 0b01100, 0b01100],
        '-' => [0, 0, 0, 0b01110, 0, 0, 0],
        'a' => [0, 0, 0b01110, 0b00001, 0b01111, 0b10001, 0b01111],
        'c' => [0, 0, 0b01110, 0b10001, 0b10000, 0b10001, 0b01110],
        'd' => [0b00001, 0b00001, 0b01111, 0b10001, 0b10001, 0b10001, 0b01111],
        'e' => [0, 0, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110],
        'f' => [0b00110, 0b01000, 0b11100, 0b01000, 0b01000, 0b01000, 0b01000],
        'h' => [0b10000, 0b10000, 0b10110, 0b11001, 0b10001, 0b10001, 0b10001],
        'i' => [0b00100, 0, 0b01100, 0b00100, 0b00100, 0b00100, 0b01110],
        'l' => [0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'o' => [0, 0, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110],
        'r' => [0, 0, 0b10110, 0b11001, 0b10000, 0b10000, 0b10000],
        's' => [0, 0, 0b01111, 0b10000, 0b01110, 0b00001, 0b11110],
        't' => [0b01000, 0b01000, 0b11100, 0b01000, 0b01000, 0b01001, 0b00110],
        _ => [0; 7],
    }
}

/// The width of a text at a size, in pixels.
pub(super) fn width(text: &str, size: u32) -> u32 {
    let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    letters.saturating_mul(ADVANCE * size).saturating_sub(size)
}

/// Draws a text with its upper left corner at `(left, top)`. A letter's pixel is a square of `size` pixels. Pixels
/// outside the image are cut off.
pub(super) fn draw(image: &mut RgbImage, text: &str, (left, top): (u32, u32), size: u32, colour: [u8; 3]) {
    for (at, letter) in (0_u32..).zip(text.chars()) {
        for (row, bits) in (0_u32..).zip(rows(letter)) {
            for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                let (x, y) = (left + (at * ADVANCE + column) * size, top + row * size);
                for (x, y) in (x..x + size).flat_map(|x| (y..y + size).map(move |y| (x, y))) {
                    if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
                        *pixel = Rgb(colour);
                    }
                }
            }
        }
    }
}
