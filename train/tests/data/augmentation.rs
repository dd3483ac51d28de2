//! Augmentation keeps what it must: the pixels under turns, the colours under zoom, grey under hue and saturation.

use kiln_tile::{SIDE, TILE_BYTES, Tile};
use kiln_train::data::{Augmentation, ColourJitter};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::tile;

fn rng(seed: u8) -> ChaCha8Rng {
    ChaCha8Rng::from_seed([seed; 32])
}

fn flat(colour: [u8; 3]) -> Tile {
    Tile::from_pixels(colour.repeat(TILE_BYTES / 3)).unwrap()
}

fn jitter(brightness: f32, contrast: f32, saturation: f32, hue: f32) -> Augmentation {
    Augmentation { colour_jitter: ColourJitter { brightness, contrast, saturation, hue }, ..Augmentation::off() }
}

#[test]
fn off_changes_nothing() {
    assert_eq!(Augmentation::off().apply(&tile(3), &mut rng(1)), tile(3));
}

#[test]
fn the_same_stream_gives_the_same_tile() {
    let augmentation = Augmentation::default();
    assert_eq!(augmentation.apply(&tile(3), &mut rng(1)), augmentation.apply(&tile(3), &mut rng(1)));
    assert_ne!(augmentation.apply(&tile(3), &mut rng(1)), augmentation.apply(&tile(3), &mut rng(2)));
}

#[test]
fn turns_and_flips_reach_the_eight_symmetries_and_move_pixels_alone() {
    let augmentation = Augmentation { rotation: true, flips: true, ..Augmentation::off() };
    let sorted = |tile: &Tile| {
        let mut pixels: Vec<[u8; 3]> = tile.pixels().chunks_exact(3).map(|pixel| pixel.try_into().unwrap()).collect();
        pixels.sort_unstable();
        pixels
    };
    let original = tile(5);
    let seen: Vec<Tile> = (0..120).map(|seed| augmentation.apply(&original, &mut rng(seed))).collect();
    let distinct: std::collections::BTreeSet<&[u8]> = seen.iter().map(Tile::pixels).collect();
    assert_eq!(distinct.len(), 8);
    assert!(distinct.contains(original.pixels()));
    let all = sorted(&original);
    assert!(seen.iter().take(12).all(|turned| sorted(turned) == all));
    // One corner goes to each of the four corners.
    let corner = &original.pixels()[..3];
    let n = SIDE as usize;
    for at in [0, n - 1, n * (n - 1), n * n - 1] {
        assert!(seen.iter().any(|turned| &turned.pixels()[3 * at..3 * at + 3] == corner), "corner {at}");
    }
}

#[test]
fn zoom_keeps_a_flat_tile_and_stretches_a_ramp() {
    let augmentation = Augmentation { zoom: 0.5, ..Augmentation::off() };
    assert_eq!(augmentation.apply(&flat([200, 120, 180]), &mut rng(4)), flat([200, 120, 180]));
    let ramp = Tile::from_pixels((0..TILE_BYTES).map(|at| (at / 3 % 256) as u8).collect()).unwrap();
    let zoomed = augmentation.apply(&ramp, &mut rng(4));
    let row = &zoomed.pixels()[..3 * 256];
    let reds: Vec<u8> = row.iter().step_by(3).copied().collect();
    assert!(
        reds.is_sorted() && reds[255] - reds[0] < 254 && reds[255] - reds[0] >= 127,
        "{} to {}",
        reds[0],
        reds[255]
    );
}

#[test]
fn grey_stays_grey_under_saturation_and_hue() {
    let augmentation = jitter(0.0, 0.0, 0.8, 0.5);
    for seed in 0..10 {
        let changed = augmentation.apply(&flat([97, 97, 97]), &mut rng(seed));
        assert!(changed.pixels().iter().all(|value| value.abs_diff(97) <= 1));
    }
}

#[test]
fn contrast_keeps_the_mean_and_brightness_scales_it() {
    let half = Tile::from_pixels([[100_u8; 3], [160; 3]].concat().repeat(TILE_BYTES / 6)).unwrap();
    let mean = |tile: &Tile| tile.pixels().iter().map(|value| f64::from(*value)).sum::<f64>() / TILE_BYTES as f64;
    for seed in 0..10 {
        let contrast = jitter(0.0, 0.5, 0.0, 0.0).apply(&half, &mut rng(seed));
        assert!((mean(&contrast) - 130.0).abs() <= 1.0);
        let bright = jitter(0.4, 0.0, 0.0, 0.0).apply(&half, &mut rng(seed));
        assert!((77.0..=183.0).contains(&mean(&bright)));
        let ratio = f64::from(bright.pixels()[3]) / f64::from(bright.pixels()[0]);
        assert!((ratio - 1.6).abs() < 0.03, "{ratio}");
    }
}

#[test]
fn keys_are_checked() {
    let read = |text: &str| serde_json::from_str::<Augmentation>(text);
    assert_eq!(read("{}").unwrap(), Augmentation::default());
    assert!(!read(r#"{"flips": false}"#).unwrap().flips);
    assert!(read(r#"{"flip": false}"#).unwrap_err().to_string().contains("unknown field `flip`"));
    assert!(
        jitter(0.0, 0.0, 0.0, 0.6).check().unwrap_err().to_string().contains("augmentation.colour_jitter.hue is 0.6")
    );
}
