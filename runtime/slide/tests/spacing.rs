//! Distances of tiles from the places of edited, repeated and foreign rows.
#![allow(clippy::unwrap_used)]

use kiln_slide::{Grid, GridOptions, Overlap, Place, tile_spacing};
use proptest::prelude::*;

const SLIDE: (u64, u64) = (4_096, 4_096);

fn grid(overlap: f64) -> Vec<Place> {
    let options = GridOptions { overlap: Overlap::Fraction(overlap), ..GridOptions::new(0.5) };
    Grid::new(SLIDE, 0.5, &options).unwrap().places().collect()
}

fn code(places: &[Place], side: Option<u32>) -> &'static str {
    tile_spacing(places, side, SLIDE).unwrap_err().code()
}

#[test]
fn the_step_of_a_grid_is_found_with_and_without_overlap() {
    for (overlap, step) in [(0.0, 256), (0.25, 192), (0.5, 128), (0.9, 26)] {
        assert_eq!(tile_spacing(&grid(overlap), Some(256), SLIDE), Ok(step), "{overlap}");
    }
    assert_eq!(tile_spacing(&[], Some(256), SLIDE), Ok(256));
    assert_eq!(tile_spacing(&grid(0.0)[..1], None, SLIDE), Ok(256));
}

#[test]
fn an_edited_place_does_not_change_the_area_of_all_tiles() {
    let mut places = grid(0.0);
    places[7].minx += 1;
    // It overlaps its neighbour now.
    assert_eq!(code(&places, Some(256)), "no_grid");
    // Without a neighbour the tiles still have the area of a tile each.
    places.remove(8);
    assert_eq!(tile_spacing(&places, Some(256), SLIDE), Ok(256));
}

#[test]
fn places_that_no_slide_has_are_refused() {
    let with = |edit: &dyn Fn(&mut Vec<Place>)| {
        let mut places = grid(0.0);
        edit(&mut places);
        code(&places, Some(256))
    };
    assert_eq!(with(&|places| places[3].minx = 999_999), "outside");
    assert_eq!(with(&|places| places[3].miny = -256), "outside");
    assert_eq!(with(&|places| places[3].width = 300), "footprint");
    assert_eq!(with(&|places| places[3].height = 0), "footprint");
    assert_eq!(with(&|places| places.push(places[5])), "repeated");
    // Tiles of another resolution.
    assert_eq!(code(&grid(0.0), Some(320)), "footprint");
    assert_eq!(tile_spacing(&grid(0.0), Some(257), SLIDE), Ok(256));
    assert_eq!(tile_spacing(&grid(0.0), None, SLIDE), Ok(256));
}

proptest! {
    #[test]
    fn any_part_of_a_grid_without_overlap_has_its_step(keep in prop::collection::vec(any::<bool>(), 256)) {
        let places: Vec<Place> = grid(0.0).into_iter().zip(keep).filter_map(|(place, keep)| keep.then_some(place)).collect();
        prop_assert_eq!(tile_spacing(&places, Some(256), SLIDE), Ok(256));
    }

    #[test]
    fn overlap_is_found_as_by_comparing_all_pairs(at in prop::collection::hash_set((0_i64..40, 0_i64..40), 1..12)) {
        let places: Vec<Place> = at.into_iter().map(|(minx, miny)| Place { minx, miny, width: 9, height: 9 }).collect();
        let overlap = places.iter().enumerate().any(|(index, a)| {
            places[..index].iter().any(|b| a.minx.abs_diff(b.minx) < 9 && a.miny.abs_diff(b.miny) < 9)
        });
        match tile_spacing(&places, None, (100, 100)) {
            Ok(9) => prop_assert!(!overlap),
            _ => prop_assert!(overlap),
        }
    }
}
