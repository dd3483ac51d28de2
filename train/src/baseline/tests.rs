#![allow(clippy::unwrap_used, clippy::expect_used)]

use kiln_tile::{SIDE, TILE_BYTES, Tile};

use super::*;

fn flat(colour: [u8; 3]) -> Tile {
    Tile::from_pixels((0..TILE_BYTES).map(|at| colour[at % 3]).collect()).unwrap()
}

/// A tile of two greys, the lighter one right of `edge`.
fn edged(edge: u32, dark: u8, light: u8) -> Tile {
    let pixel = |at: usize| if (at / 3) as u32 % SIDE < edge { dark } else { light };
    Tile::from_pixels((0..TILE_BYTES).map(pixel).collect()).unwrap()
}

#[test]
fn a_thumbnail_holds_the_means_of_its_blocks() {
    let small = thumbnail(&edged(4, 0, 255));
    assert_eq!(small.len(), THUMBNAIL);
    // The edge runs through the middle of the first column of blocks.
    for row in 0..32 {
        assert_eq!(small[row * 96..row * 96 + 6], [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]);
    }
}

#[test]
fn distance_to_normal_colour_is_counted_in_deviations() {
    // One value varies: 0 to 9, deviation sqrt(8.25). The five nearest to 9 are 5 to 9, at a mean distance of 2.
    let rows: Vec<[f64; 2]> = (0..10).map(|at| [f64::from(at), 0.5]).collect();
    let rows: Vec<&[f64]> = rows.iter().map(<[f64; 2]>::as_slice).collect();
    let fitted = ColourNeighbours::fit(&rows).unwrap();
    let scores = fitted.score(&[rows[9], &[13.0, 0.5]]).unwrap();
    assert!((scores[0] - 2.0 / 8.25_f64.sqrt()).abs() < 1e-12, "{scores:?}");
    assert!((scores[1] - 6.0 / 8.25_f64.sqrt()).abs() < 1e-12, "{scores:?}");
    let few = ColourNeighbours::fit(&rows[..2]).unwrap();
    assert!((few.score(&rows[..1]).unwrap()[0] - 1.0).abs() < 1e-12, "the one is at 0, the other two deviations off");
    assert!(ColourNeighbours::fit(&[]).unwrap_err().to_string().contains("no normal training tiles"));
    assert!(ColourNeighbours::fit(&[&[f64::NAN; 2]]).is_err());
    assert!(fitted.score(&[&[1.0]]).is_err());
}

#[test]
fn a_histogram_holds_square_roots_of_shares() {
    // A quarter of the pixels is black, the others are white.
    let colour = ColourFeatures::new(&edged(64, 0, 255));
    for channel in 0..3 {
        let bins = &colour.histogram[16 * channel..16 * (channel + 1)];
        assert!((bins[0] - 0.5).abs() < 1e-12 && (bins[15] - 0.75_f64.sqrt()).abs() < 1e-12, "{bins:?}");
        assert!(bins[1..15].iter().all(|share| *share == 0.0));
    }
}

#[test]
fn components_rebuild_what_they_were_fitted_on_and_nothing_else() {
    // Normal tiles differ in two greys alone, which two components hold; an edge elsewhere is beyond them.
    let normal: Vec<TileFeatures> =
        (0..12_u8).map(|at| TileFeatures::new(&edged(128, 10 * at, 250 - 7 * (at % 5)))).collect();
    let rows: Vec<&[f32]> = normal.iter().map(|tile| tile.thumbnail.as_slice()).collect();
    let fitted = PixelPca::fit(&rows).unwrap();
    assert_eq!(fitted.components(), 2);
    let known = fitted.score(&rows).unwrap();
    let strange = TileFeatures::new(&edged(64, 30, 200));
    let unknown = fitted.score(&[&strange.thumbnail]).unwrap();
    assert!(known.iter().all(|error| *error < 1e-6), "{known:?}");
    assert!(unknown[0] > 1e-3, "{unknown:?}");
    assert_eq!(fitted, PixelPca::fit(&rows).unwrap(), "the same tiles give the same components");
    assert!(PixelPca::fit(&rows[..9]).is_err());
    let mut odd = rows.clone();
    let other = vec![f32::NAN; THUMBNAIL];
    odd[3] = other.as_slice();
    assert!(PixelPca::fit(&odd).unwrap_err().to_string().contains("not finite"));
    assert!(fitted.score(&[&[0.0; 7]]).is_err());
}

#[test]
fn every_baseline_goes_through_one_face_and_only_one_looks_at_anomalous_tiles() {
    let tiles: Vec<TileFeatures> =
        (0..40_u8).map(|at| TileFeatures::new(&flat([100 + at, 80 + at % 7, 120]))).collect();
    let anomalous: Vec<bool> = (0..40).map(|at| at >= 20).collect();
    let all: Vec<&TileFeatures> = tiles.iter().collect();
    for kind in BaselineKind::ALL {
        let fitted = kind.fit(&all, &anomalous).unwrap();
        let scores = fitted.score(&all).unwrap();
        assert!(scores[39] > scores[5], "{kind}: {scores:?}");
        let normal_only = kind.fit(&all[..20], &anomalous[..20]);
        assert_eq!(normal_only.is_err(), kind == BaselineKind::Colour, "{kind}");
        assert_eq!(serde_yaml::to_string(&kind).unwrap().trim(), kind.as_str());
    }
}
