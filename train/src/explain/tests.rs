#![allow(clippy::unwrap_used, clippy::expect_used)]

use burn::module::Module;
use burn::tensor::Device;
use kiln_tile::{SIDE, TILE_BYTES, Tile};

use super::*;
use crate::Config;
use crate::model::Zoo;

fn zoo(model: &str) -> Zoo {
    let config = Config::parse(&format!("name: x\nmodel: {model}\n"), "x.yaml", &[]).unwrap();
    Zoo::new(&config.model, 2, 5, &Device::flex()).valid()
}

/// Black, but for noise in one quarter.
fn quarter() -> Tile {
    let pixel = |at: usize| {
        let (row, column) = (at / 3 / SIDE as usize, at / 3 % SIDE as usize);
        if row < 128 && column >= 128 { (at.wrapping_mul(2_654_435_761) >> 7) as u8 } else { 0 }
    };
    Tile::from_pixels((0..TILE_BYTES).map(pixel).collect()).unwrap()
}

#[test]
fn evidence_lies_where_the_tile_has_something() {
    let device = Device::flex();
    for model in [
        "{kind: cnn, filters: [8, 8], head: pooled, dense: [8], dropout: 0.5}",
        "{kind: cnn, filters: [8, 8, 8, 8], head: flatten, dense: [8], dropout: 0.5}",
        "{kind: hybrid, cnn: {filters: [8, 8], dense: [8], dropout: 0.5}, filters: [4, 4], latent: 4}",
        "{kind: transfer, backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25}, dense: [8]}",
        "{kind: cnn, filters: [8, 8], head: flatten, dense: [8], side: 96}",
        "{kind: transfer, backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25, side: 96}, \
         pooling: mean_and_centre, dense: [8]}",
    ] {
        let zoo = zoo(model);
        let map = grad_cam(&zoo, 1, &quarter(), &device).unwrap().unwrap();
        assert_eq!(map.len(), (SIDE * SIDE) as usize);
        assert!(map.iter().all(|value| *value >= 0.0 && value.is_finite()), "{model}");
        // Dropout would make the two differ.
        assert_eq!(map, grad_cam(&zoo, 1, &quarter(), &device).unwrap().unwrap(), "{model}");
    }
    // A pooled head weighs a channel alike everywhere, so equal pixels have equal evidence: away from the borders the
    // black part is flat, and the noisy quarter is not.
    let map = grad_cam(&zoo("{kind: cnn, filters: [8, 8], head: pooled, dense: [8]}"), 1, &quarter(), &device);
    let map = map.unwrap().unwrap();
    let spread = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        let values = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
        let (low, high) = values
            .map(|(row, column)| map[row * SIDE as usize + column])
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        high - low
    };
    let (black, noisy) = (spread(150..240, 16..240), spread(16..112, 144..240));
    assert!(noisy > 0.0 && black < noisy / 100.0, "{black} where nothing is, {noisy} where there is something");
}

#[test]
fn a_model_without_classes_has_no_evidence_and_one_without_decoder_no_way_between_tiles() {
    let device = Device::flex();
    let vae = zoo("{kind: vae, filters: [4, 4], stride: 8, latent: 4}");
    assert_eq!(grad_cam(&vae, 1, &quarter(), &device).unwrap(), None);
    let features =
        zoo("{kind: hybrid, cnn: {filters: [4], dense: []}, filters: [4, 4], latent: 4, reconstruct: features}");
    assert!(interpolate(&features, &[0.0; 4], &[1.0; 4], 3, &device).unwrap().is_none(), "no tiles are rebuilt");
    let cnn = zoo("{kind: cnn, filters: [4], head: pooled, dense: []}");
    assert!(interpolate(&cnn, &[0.0; 4], &[1.0; 4], 3, &device).unwrap().is_none());
    assert_eq!(grad_cam(&cnn, 2, &quarter(), &device).unwrap(), None, "no anomalous class");
}

#[test]
fn the_way_between_two_tiles_begins_and_ends_at_them() {
    let device = Device::flex();
    let vae = zoo("{kind: vae, filters: [4, 4], stride: 8, latent: 4}");
    let (from, to) = ([0.0, 1.0, -1.0, 2.0], [3.0, -2.0, 0.5, 0.0]);
    let way = interpolate(&vae, &from, &to, 5, &device).unwrap().unwrap();
    assert_eq!(way.len(), 5);
    let end = |latent: &[f32]| interpolate(&vae, latent, latent, 1, &device).unwrap().unwrap().remove(0);
    assert_eq!(way[0].pixels(), end(&from).pixels());
    assert_eq!(way[4].pixels(), end(&to).pixels());
    assert_eq!(way[2].pixels(), end(&[1.5, -0.5, -0.25, 1.0]).pixels());
}

#[test]
fn tiles_lie_on_the_axes_that_hold_the_most() {
    // Two axes of the four vary, so two hold everything.
    let latents: Vec<[f32; 4]> = (0..10).map(|at| [2.0 * at as f32, 0.5, ((at * 7) % 10) as f32, 0.5]).collect();
    let latents: Vec<&[f32]> = latents.iter().map(<[f32; 4]>::as_slice).collect();
    let Projection { points, explained_variance } = project(&latents).unwrap().unwrap();
    assert!((explained_variance - 1.0).abs() < 1e-9, "{explained_variance}");
    let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    let expected = f64::hypot(2.0 * 9.0, f64::from(3));
    assert!((distance(points[0], points[9]) - expected).abs() < 1e-6, "distances within the plane are kept");
    assert!(project(&latents[..9]).unwrap().is_none());
    assert!(project(&[[1.0_f32; 4].as_slice(); 12]).unwrap().is_none(), "nothing varies");
    for value in [f32::NAN, f32::INFINITY, 1e30] {
        let mut odd = latents.clone();
        let other = [value, 0.0, 1.0, value];
        odd[3] = other.as_slice();
        assert_eq!(project(&odd).unwrap(), None, "{value} has no place on a map");
    }
}
