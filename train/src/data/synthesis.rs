//! Synthetic anomalies from training tiles: a piece of one tile pasted into another, with a ragged outline and a soft
//! edge. Cut and paste uses a piece of an anomalous tile (after copy-paste augmentation, Ghiasi and others, CVPR 2021). A
//! generated anomaly needs none: the piece is of a normal tile, enlarged and with more haematoxylin, so its nuclei are
//! too large and too dark (noise masks after DRAEM, Zavrtanik and others, ICCV 2021).

use kiln_tile::{SIDE, TILE_BYTES, Tile};
use rand::Rng;

use super::augmentation::{enlarge, turn};
use super::random::{below, between};
use super::stain::restain;
use super::synth::field::{Field, step};

const N: usize = SIDE as usize;

/// `normal` with a piece of `anomalous`, in a random orientation.
pub(crate) fn cut_paste(normal: &Tile, anomalous: &Tile, rng: &mut impl Rng) -> Tile {
    let turns = below(rng, 4);
    let mirror = below(rng, 2) == 1;
    pasted(normal, &turn(anomalous.pixels(), turns, mirror), rng)
}

/// `normal` with a piece of `other`, enlarged by 1.4 to 2.2 and with 1.25 to 1.7 times its haematoxylin.
pub(crate) fn generated(normal: &Tile, other: &Tile, rng: &mut impl Rng) -> Tile {
    let side = N as f32 / between(rng, 1.4, 2.2);
    let (left, top) = (between(rng, 0.0, N as f32 - side), between(rng, 0.0, N as f32 - side));
    let mut piece = enlarge(other.pixels(), left, top, side);
    restain(&mut piece, [between(rng, 1.25, 1.7), between(rng, 0.9, 1.1)]);
    pasted(normal, &piece, rng)
}

/// `tile` with a piece of `pixels` over it.
fn pasted(tile: &Tile, pixels: &[u8], rng: &mut impl Rng) -> Tile {
    let cover = outline(rng);
    let mut target = Vec::with_capacity(TILE_BYTES);
    for ((below, above), cover) in tile.pixels().chunks_exact(3).zip(pixels.chunks_exact(3)).zip(&cover) {
        for (below, above) in below.iter().zip(above) {
            let (below, above) = (f32::from(*below), f32::from(*above));
            target.push((below + cover * (above - below) + 0.5) as u8);
        }
    }
    // The number of pixels is right, so the fallback is never used.
    Tile::from_pixels(target).unwrap_or_else(|_| tile.clone())
}

/// Coverage of each pixel by the piece, `[256, 256]`: a disc of 40 to 110 pixels with a noisy outline and an edge some
/// pixels wide.
fn outline(rng: &mut impl Rng) -> Vec<f32> {
    let radius = between(rng, 40.0, 110.0);
    let place = |rng: &mut _| between(rng, 0.15 * N as f32, 0.85 * N as f32);
    let (x, y) = (place(rng), place(rng));
    let noise = Field(rng.next_u32());
    let cover = |at: usize| {
        let (column, row) = ((at % N) as f32, (at / N) as f32);
        let away = ((column - x) * (column - x) + (row - y) * (row - y)).sqrt();
        let ragged = 0.7 * radius * (noise.rough(column / 45.0, row / 45.0) - 0.5);
        1.0 - step(-4.0, 4.0, away + ragged - radius)
    };
    (0..N * N).map(cover).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::data::random::stream;

    fn flat(value: u8) -> Tile {
        Tile::from_pixels(vec![value; TILE_BYTES]).unwrap()
    }

    #[test]
    fn a_piece_of_the_other_tile_lies_in_the_first() {
        for number in 0..40 {
            let mut rng = stream(1, b"test    ", number, 0);
            let tile = cut_paste(&flat(200), &flat(100), &mut rng);
            let part = |value: u8| tile.pixels().iter().filter(|found| **found == value).count() as f64;
            let [normal, anomalous] = [200, 100].map(|value| part(value) / TILE_BYTES as f64);
            assert!((0.03..0.85).contains(&anomalous), "{anomalous}");
            assert!(normal > 0.1, "{normal}");
            // The edge is soft, and no more than an edge.
            assert!((0.002..0.2).contains(&(1.0 - normal - anomalous)), "{normal} {anomalous}");
        }
    }

    #[test]
    fn a_generated_piece_is_darker_where_there_are_nuclei_and_glass_stays_glass() {
        let purple = Tile::from_pixels([120, 80, 160].repeat(TILE_BYTES / 3)).unwrap();
        let tile = generated(&flat(255), &purple, &mut stream(1, b"test    ", 0, 0));
        let darkest = tile.pixels().chunks_exact(3).map(|pixel| pixel[0]).min().unwrap();
        assert!(darkest < 115, "{darkest}");
        let glass = generated(&flat(255), &flat(255), &mut stream(1, b"test    ", 0, 0));
        assert_eq!(glass, flat(255));
    }

    #[test]
    fn the_same_draw_gives_the_same_bytes() {
        let (one, other) = (flat(180), Tile::from_pixels((0..TILE_BYTES).map(|at| at as u8).collect()).unwrap());
        let draw = |number| cut_paste(&one, &other, &mut stream(4, b"test    ", number, 0));
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
    }
}
