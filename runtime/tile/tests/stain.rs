//! Promises of stain normalisation, on tiles with known stains.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use kiln_tile::stain::optical::Densities;
use kiln_tile::stain::{MOST_GAIN, RUIFROK, StainError, StainMethod, StainNormaliser, StainPlace};
use kiln_tile::{Decoder, SIDE, SizePolicy, TILE_BYTES, Tile};

const METHODS: [StainMethod; 3] = [StainMethod::Reinhard, StainMethod::Macenko, StainMethod::Vahadane];

/// The stains of another laboratory: the reference pair of the widely used MATLAB code for Macenko's method.
const OTHER: [[f64; 3]; 2] = [[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]];
const OURS: [[f64; 3]; 2] = [RUIFROK[0], RUIFROK[1]];

/// Amounts of haematoxylin and eosin at a place: round nuclei in fibres, with a strip of glass at the right.
fn amounts(x: u32, y: u32) -> [f64; 2] {
    if x > 200 {
        return [0.0, 0.0];
    }
    let (dx, dy) = (f64::from(x % 32) - 16.0, f64::from(y % 32) - 16.0);
    let inside = (1.0 - (dx * dx + dy * dy) / 90.0).max(0.0);
    let grain = f64::from((x * 31 + y * 17) % 23) / 23.0;
    let nucleus = if inside > 0.0 { 0.5 + 0.9 * inside + 0.2 * grain } else { 0.03 * grain };
    let fibre =
        if inside > 0.3 { 0.05 * grain } else { 0.35 + 0.25 * f64::from((x + 2 * y) % 40) / 40.0 + 0.2 * grain };
    [nucleus, fibre]
}

fn tile(stains: [[f64; 3]; 2], strength: [f64; 2]) -> Tile {
    let densities = Densities::get();
    let mut pixels = Vec::with_capacity(TILE_BYTES);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let [h, e] = amounts(x, y);
            pixels.extend((0..3).map(|channel| {
                let density = h * strength[0] * stains[0][channel] + e * strength[1] * stains[1][channel];
                densities.value(density as f32)
            }));
        }
    }
    Tile::from_pixels(pixels).unwrap()
}

/// Mean and largest difference in levels.
fn apart(a: &Tile, b: &Tile) -> (f64, u8) {
    let differences = a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = differences.clone().map(f64::from).sum();
    (sum / TILE_BYTES as f64, differences.max().unwrap())
}

fn fitted(method: StainMethod, tile: &Tile) -> StainNormaliser {
    StainNormaliser::fit(method, std::slice::from_ref(tile)).unwrap()
}

#[test]
fn a_tile_stained_elsewhere_comes_back_to_the_look_of_here() {
    let here = tile(OURS, [1.0, 1.0]);
    for (stains, strength) in [(OTHER, [1.0, 1.0]), (OURS, [1.5, 0.7]), (OTHER, [0.7, 1.4])] {
        let elsewhere = tile(stains, strength);
        let (before, _) = apart(&here, &elsewhere);
        for method in METHODS {
            let (after, _) = apart(&here, &fitted(method, &here).apply(elsewhere.clone()));
            // Reinhard moves colours, not stains: amounts that changed against each other stay changed.
            let limit = if method == StainMethod::Reinhard { 0.65 * before } else { 1.0 };
            assert!(after < limit, "{method}: {before:.2} levels apart before, {after:.2} after");
        }
    }
}

#[test]
fn known_stains_are_found() {
    let tile = tile(OTHER, [1.0, 1.0]);
    for method in [StainMethod::Macenko, StainMethod::Vahadane] {
        let (StainNormaliser::Macenko(pair) | StainNormaliser::Vahadane(pair)) = fitted(method, &tile) else {
            panic!("{method} has stains");
        };
        for (found, stain) in pair.stains.iter().zip(OTHER) {
            let length = stain.iter().map(|value| value * value).sum::<f64>().sqrt();
            let cosine = found.iter().zip(stain).map(|(a, b)| a * b / length).sum::<f64>();
            assert!(cosine > 0.995, "{method}: {pair:?}");
        }
        assert!(pair.most[0] > 1.2 && pair.most[0] < 1.8 && pair.most[1] > 0.5 && pair.most[1] < 0.9, "{pair:?}");
    }
}

#[test]
fn a_tile_that_has_the_look_keeps_it() {
    let here = tile(OURS, [1.0, 1.0]);
    for method in METHODS {
        let normaliser = fitted(method, &here);
        let once = normaliser.apply(here.clone());
        let (mean, most) = apart(&here, &once);
        assert!(mean < 1.0 && most <= 12, "{method}: {mean} {most}");
        let (mean, most) = apart(&once, &normaliser.apply(once.clone()));
        assert!(mean < 1.0 && most <= 12, "{method} a second time: {mean} {most}");
    }
}

#[test]
fn glass_and_tiles_without_tissue_stay_as_they_are() {
    let here = tile(OURS, [1.0, 1.0]);
    let elsewhere = tile(OTHER, [1.3, 0.8]);
    let blank = Tile::from_pixels(vec![243; TILE_BYTES]).unwrap();
    let white = Tile::from_pixels(vec![255; TILE_BYTES]).unwrap();
    let mut speck = vec![250; TILE_BYTES];
    speck[..600].fill(90);
    let speck = Tile::from_pixels(speck).unwrap();
    for method in METHODS {
        let normaliser = fitted(method, &here);
        for tile in [&blank, &white, &speck] {
            assert_eq!(normaliser.apply(tile.clone()), *tile, "{method}");
        }
        let after = normaliser.apply(elsewhere.clone());
        let glass = |tile: &Tile| tile.pixels().chunks_exact(3 * SIDE as usize).all(|row| row[3 * 201..] == [255; 165]);
        assert!(glass(&elsewhere) && glass(&after), "{method}: glass is not stained");
    }
}

#[test]
fn levels_at_both_ends_do_no_harm() {
    let here = tile(OURS, [1.0, 1.0]);
    let ends: Vec<u8> = (0..TILE_BYTES).map(|at| if (at / 3 + at % 3).is_multiple_of(2) { 0 } else { 255 }).collect();
    let ends = Tile::from_pixels(ends).unwrap();
    let black = Tile::from_pixels(vec![0; TILE_BYTES]).unwrap();
    for method in METHODS {
        let normaliser = fitted(method, &here);
        assert_eq!(normaliser.apply(ends.clone()).pixels().len(), TILE_BYTES);
        // Reinhard moves any mean to the target's; what stains explain stays as dark as it was.
        let after = normaliser.apply(black.clone());
        let dark = after.pixels().iter().all(|value| *value < 120);
        assert!(dark || method == StainMethod::Reinhard, "{method}: {:?}", &after.pixels()[..3]);
    }
}

#[test]
fn the_target_is_the_median_of_the_tiles_that_have_one() {
    let tiles: Vec<Tile> = [0.9, 1.0, 3.0].map(|strength| tile(OURS, [strength, strength])).to_vec();
    let blank = Tile::from_pixels(vec![255; TILE_BYTES]).unwrap();
    for method in METHODS {
        let with_blank = [tiles.clone(), vec![blank.clone()]].concat();
        let target = StainNormaliser::fit(method, &with_blank).unwrap();
        assert_eq!(target, StainNormaliser::fit(method, &tiles).unwrap(), "{method}");
        let (mean, _) = apart(&tiles[1], &target.apply(tiles[1].clone()));
        assert!(mean < 1.0, "{method}: {mean}");
        let none = StainNormaliser::fit(method, std::slice::from_ref(&blank)).unwrap_err();
        assert_eq!(none, StainError::NoTissue { method, tiles: 1 });
    }
}

#[test]
fn amounts_are_stretched_by_a_limited_factor() {
    let here = tile(OURS, [1.0, 1.0]);
    let pale = tile(OURS, [0.02, 1.0]);
    for method in [StainMethod::Macenko, StainMethod::Vahadane] {
        let after = fitted(method, &here).apply(pale.clone());
        let darkest = |tile: &Tile| tile.pixels().iter().min().copied().unwrap();
        let densities = Densities::get();
        let stretched = densities.density(darkest(&after)) / densities.density(darkest(&pale));
        assert!(stretched <= MOST_GAIN as f32 + 0.1, "{method}: {stretched}");
    }
}

#[test]
fn a_target_travels_as_json_and_words_are_checked() {
    let here = tile(OURS, [1.0, 1.0]);
    for method in METHODS {
        let normaliser = fitted(method, &here);
        let text = serde_json::to_string(&normaliser).unwrap();
        assert!(text.starts_with(&format!("{{\"method\":\"{method}\",\"target\":{{")), "{text}");
        assert_eq!(serde_json::from_str::<StainNormaliser>(&text).unwrap(), normaliser);
    }
    assert!(serde_json::from_str::<StainNormaliser>(r#"{"method":"macenko","target":{"stains":[]}}"#).is_err());
    assert_eq!(METHODS.map(StainMethod::place), [StainPlace::Graph, StainPlace::Runtime, StainPlace::Runtime]);
}

#[test]
fn a_decoder_normalises_what_it_has_brought_to_size() {
    let here = tile(OURS, [1.0, 1.0]);
    let elsewhere = tile(OTHER, [1.3, 0.8]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tile.png");
    image::RgbImage::from_raw(SIDE, SIDE, elsewhere.pixels().to_vec()).unwrap().save(&path).unwrap();
    for method in METHODS {
        let normaliser = fitted(method, &here);
        let decoder = Decoder::new(SizePolicy::Error).with_stain(Some(normaliser));
        assert_eq!(decoder.decode_file(&path).unwrap(), normaliser.apply(elsewhere.clone()));
        assert_eq!(decoder.with_stain(None).decode_file(&path).unwrap(), elsewhere);
    }
}
