//! A place becomes the tile that its footprint shows: on every level, at every resolution, without gaps and overlaps.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use kiln_slide::{Level, LevelReader, Outside, Place, PlanError, ReadError, ReadPlan, Region, Resampling, WHITE};
use proptest::prelude::*;

/// A slide whose pixels are a function of level and position, with a rectangle that has no data.
struct Planted {
    levels: Vec<Level>,
    hole: Option<(i64, i64, i64, i64)>,
}

/// A colour that no other pixel nearby has.
fn planted(level: u32, x: i64, y: i64) -> [u8; 3] {
    let mixed = (x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let mixed = (mixed ^ (mixed >> 29) ^ u64::from(level)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    [(mixed >> 40) as u8, (mixed >> 48) as u8, (mixed >> 56) as u8]
}

impl Planted {
    fn pixel(&self, level: u32, x: i64, y: i64) -> Option<[u8; 3]> {
        let of = &self.levels[level as usize];
        let inside = x >= 0 && y >= 0 && (x as u64) < of.width && (y as u64) < of.height;
        let hole = self
            .hole
            .is_some_and(|(left, top, right, bottom)| (left..right).contains(&x) && (top..bottom).contains(&y));
        (inside && !hole).then(|| planted(level, x, y))
    }
}

impl LevelReader for Planted {
    fn levels(&self) -> &[Level] {
        &self.levels
    }

    fn read_level(&self, level: u32, x: i64, y: i64, width: u32, height: u32) -> Result<Region, ReadError> {
        let mut region = Region::blank(width, height, WHITE)?;
        for row in 0..height {
            for column in 0..width {
                if let Some(pixel) = self.pixel(level, x + i64::from(column), y + i64::from(row)) {
                    let at = 3 * (row as usize * width as usize + column as usize);
                    region.rgb[at..at + 3].copy_from_slice(&pixel);
                    region.data_pixels += 1;
                }
            }
        }
        Ok(region)
    }
}

/// A pyramid whose levels are `factors` smaller and lack the last row of odd sizes, with OpenSlide's downsamples.
fn pyramid(width: u64, height: u64, factors: &[u64]) -> Planted {
    let level = |factor: &u64| {
        let (level_width, level_height) = (width / factor, height / factor);
        let ratio = (width as f64 / level_width as f64 + height as f64 / level_height as f64) / 2.0;
        Level { width: level_width, height: level_height, downsample: ratio }
    };
    Planted { levels: factors.iter().map(level).collect(), hole: None }
}

fn square(minx: i64, miny: i64, side: u32) -> Place {
    Place { minx, miny, width: side, height: side }
}

/// The mean over the area of each pixel of a tile, in double precision and pixel by pixel.
fn area_average(slide: &Planted, plan: &ReadPlan, place: Place) -> Vec<f64> {
    let mut tile = Vec::new();
    let (step_x, step_y) =
        (f64::from(place.width) / plan.downsample / 256.0, f64::from(place.height) / plan.downsample / 256.0);
    for row in 0..256 {
        for column in 0..256 {
            let left = place.minx as f64 / plan.downsample + f64::from(column) * step_x;
            let top = place.miny as f64 / plan.downsample + f64::from(row) * step_y;
            let (right, bottom) = (left + step_x, top + step_y);
            let mut sum = [0.0; 3];
            for y in top.floor() as i64..bottom.ceil() as i64 {
                for x in left.floor() as i64..right.ceil() as i64 {
                    let across = right.min((x + 1) as f64) - left.max(x as f64);
                    let down = bottom.min((y + 1) as f64) - top.max(y as f64);
                    let pixel = slide.pixel(plan.level, x, y).unwrap_or(WHITE);
                    (0..3).for_each(|c| sum[c] += across * down * f64::from(pixel[c]));
                }
            }
            tile.extend(sum.map(|sum| sum / (step_x * step_y)));
        }
    }
    tile
}

#[test]
fn the_level_is_the_coarsest_that_is_not_coarser_than_the_tiles() {
    let slide = pyramid(2220, 2967, &[1, 2, 4, 16]);
    for (mpp, target, level, resampling) in [
        (0.25, 0.25, 0, Resampling::Copied),
        (0.25, 0.5, 1, Resampling::Copied),
        // 1 % is the same resolution, on both sides.
        (0.2524, 0.5, 1, Resampling::Copied),
        (0.2476, 0.5, 1, Resampling::Copied),
        (0.2526, 0.5, 0, Resampling::AreaAverage),
        (0.247, 0.5, 1, Resampling::AreaAverage),
        (0.25, 0.99, 1, Resampling::AreaAverage),
        (0.25, 1.0, 2, Resampling::Copied),
        (0.25, 3.9, 2, Resampling::AreaAverage),
        (0.25, 4.0, 3, Resampling::Copied),
        (0.25, 20.0, 3, Resampling::AreaAverage),
        (0.2526, 0.25, 0, Resampling::Bilinear),
    ] {
        let plan = ReadPlan::new(&slide.levels, mpp, target, true).unwrap();
        assert_eq!((plan.level, plan.resampling), (level, resampling), "{mpp} {target}");
        let strict = ReadPlan::new(&slide.levels, mpp, target, false);
        match resampling {
            Resampling::Bilinear => {
                assert_eq!(strict, Err(PlanError::TooCoarse { slide_mpp: mpp, target_mpp: target }));
            }
            _ => assert_eq!(strict.unwrap(), plan),
        }
    }
    // 2220 x 2967 and 1110 x 1483 have the factor 2, not 2.0003.
    assert_eq!(ReadPlan::new(&slide.levels, 0.25, 0.5, false).unwrap().downsample, 2.0);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(ReadPlan::new(&slide.levels, wrong, 0.5, false).is_err());
        assert!(ReadPlan::new(&slide.levels, 0.5, wrong, false).is_err());
    }
    assert_eq!(ReadPlan::new(&[], 0.5, 0.5, false), Err(PlanError::NoLevels));
}

#[test]
fn whole_pixels_are_copied_on_every_level() {
    let slide = pyramid(5111, 4097, &[1, 2, 4, 8]);
    for (level, factor) in [(0, 1), (1, 2), (2, 4), (3, 8)] {
        let plan = ReadPlan::new(&slide.levels, 0.25, 0.25 * f64::from(factor), false).unwrap();
        assert_eq!((plan.level, plan.footprint()), (level, 256 * factor as u32));
        let side = i64::from(plan.footprint());
        for (column, row) in (0..5111 / side).flat_map(|column| (0..4097 / side).map(move |row| (column, row))) {
            let tile = plan.read(&slide, square(column * side, row * side, side as u32), Outside::Refused).unwrap();
            for (index, pixel) in tile.pixels().chunks_exact(3).enumerate() {
                let (x, y) = (column * 256 + index as i64 % 256, row * 256 + index as i64 / 256);
                assert_eq!(pixel, planted(level, x, y), "level {level}: {x}, {y}");
            }
        }
    }
}

#[test]
fn neighbours_at_equal_resolutions_are_whole_pixels_apart() {
    // 0.499 µm/px counts as 0.5: footprints of 257 pixels, of which 256 are shown.
    let slide = pyramid(5000, 3000, &[1, 4]);
    let plan = ReadPlan::new(&slide.levels, 0.499, 0.5, false).unwrap();
    assert_eq!((plan.footprint(), plan.resampling), (257, Resampling::Copied));
    for column in 0..19 {
        let tile = plan.read(&slide, square(257 * column, 0, 257), Outside::Refused).unwrap();
        assert_eq!(tile.pixels()[..3], planted(0, 257 * column, 0), "{column}");
    }
}

#[test]
fn a_level_that_lacks_a_row_shows_no_glass_at_its_edge() {
    // Of 513 rows, level 1 has 256; a grid of 512 ends at row 512, one of 513 would need row 256.5.
    let slide = pyramid(513, 513, &[1, 2]);
    let plan = ReadPlan::new(&slide.levels, 0.25, 0.5, false).unwrap();
    for start in [0, 1] {
        let tile = plan.read(&slide, square(start, start, 512), Outside::Refused).unwrap();
        assert_eq!(tile.pixels()[3 * 65535..], planted(1, 255, 255));
    }
    let slide = pyramid(1027, 1027, &[1, 4]);
    let plan = ReadPlan::new(&slide.levels, 0.25, 1.3, false).unwrap();
    assert_eq!((plan.level, plan.resampling), (1, Resampling::AreaAverage));
    let side = plan.footprint();
    assert!(plan.read(&pyramid(1400, 1400, &[1, 4]), square(0, 0, side), Outside::Refused).is_ok());
}

#[test]
fn places_outside_are_refused_or_padded() {
    let slide = pyramid(600, 600, &[1, 2]);
    let plan = ReadPlan::new(&slide.levels, 0.25, 0.25, false).unwrap();
    for (x, y) in [(345, 0), (0, 345), (-1, 0), (0, -1), (i64::MAX, 0), (i64::MIN, 0)] {
        let error = plan.read(&slide, square(x, y, 256), Outside::Refused).unwrap_err();
        assert_eq!(error.code(), "outside", "{error}");
    }
    assert!(plan.read(&slide, square(344, 344, 256), Outside::Refused).is_ok());
    let tile = plan.read(&slide, square(-10, 500, 256), Outside::Padded).unwrap();
    for (index, pixel) in tile.pixels().chunks_exact(3).enumerate() {
        let (x, y) = (-10 + index as i64 % 256, 500 + index as i64 / 256);
        assert_eq!(pixel, slide.pixel(0, x, y).unwrap_or(WHITE));
    }
    let error = plan.read(&slide, square(600, 0, 256), Outside::Padded).unwrap_err();
    assert_eq!((error.code(), error.status()), ("no_data", "no_data: the slide stores no pixels here".to_owned()));
}

#[test]
fn a_footprint_of_another_resolution_is_refused() {
    let slide = pyramid(4000, 4000, &[1, 2]);
    let plan = ReadPlan::new(&slide.levels, 0.25, 0.5, false).unwrap();
    for (side, accepted) in [(512, true), (511, true), (515, true), (256, false), (1024, false), (530, false)] {
        let read = plan.read(&slide, square(0, 0, side), Outside::Refused);
        assert_eq!(read.is_ok(), accepted, "{side}");
        if let Err(error) = read {
            assert_eq!(error.code(), "footprint", "{error}");
        }
    }
    let place = Place { minx: 0, miny: 0, width: 512, height: 256 };
    assert_eq!(plan.read(&slide, place, Outside::Refused).unwrap_err().code(), "footprint");
}

#[test]
fn missing_pixels_are_glass_and_a_tile_without_data_is_none() {
    let mut slide = pyramid(1024, 1024, &[1]);
    slide.hole = Some((0, 0, 512, 512));
    for target in [0.25, 0.4, 0.5] {
        let plan = ReadPlan::new(&slide.levels, 0.25, target, false).unwrap();
        let side = plan.footprint();
        assert_eq!(plan.read(&slide, square(0, 0, side), Outside::Refused).unwrap_err().code(), "no_data");
        let tile = plan.read(&slide, square(400, 400, side), Outside::Refused).unwrap();
        assert_eq!(tile.pixels()[..3], WHITE);
        assert_ne!(tile.pixels()[3 * 65535..], WHITE);
    }
}

#[test]
fn a_strong_reduction_is_read_in_parts() {
    let slide = pyramid(9000, 9000, &[1]);
    let plan = ReadPlan::new(&slide.levels, 0.25, 8.0, false).unwrap();
    let place = square(17, 300, plan.footprint());
    assert_eq!(place.width, 8192);
    let tile = plan.read(&slide, place, Outside::Refused).unwrap();
    let expected = area_average(&slide, &plan, place);
    let most = tile.pixels().iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(most <= 0.51, "{most}");
}

#[test]
fn enlarging_interpolates_between_the_centres_of_pixels() {
    let slide = pyramid(600, 600, &[1]);
    let plan = ReadPlan::new(&slide.levels, 0.5, 0.25, true).unwrap();
    assert_eq!((plan.resampling, plan.footprint()), (Resampling::Bilinear, 128));
    for place in [square(0, 0, 128), square(472, 472, 128), square(101, 7, 128)] {
        let tile = plan.read(&slide, place, Outside::Refused).unwrap();
        for (index, pixel) in tile.pixels().chunks_exact(3).enumerate() {
            let at = |start: i64, part: usize| (start as f64 + (part as f64 + 0.5) / 2.0 - 0.5).clamp(0.0, 599.0);
            let (x, y) = (at(place.minx, index % 256), at(place.miny, index / 256));
            let value = |x: f64, y: f64, c: usize| f64::from(slide.pixel(0, x as i64, y as i64).unwrap()[c]);
            for (c, found) in pixel.iter().enumerate() {
                let (left, top) = (x.floor(), y.floor());
                let (right, bottom) = ((left + 1.0).min(599.0), (top + 1.0).min(599.0));
                let above = value(left, top, c) * (1.0 - (x - left)) + value(right, top, c) * (x - left);
                let below = value(left, bottom, c) * (1.0 - (x - left)) + value(right, bottom, c) * (x - left);
                let expected = above * (1.0 - (y - top)) + below * (y - top);
                assert!((f64::from(*found) - expected).abs() <= 0.51, "{place:?} {index}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_reduction_is_the_area_average(
        mpp in 0.2_f64..0.5, ratio in 1.02_f64..5.0, x in 0_i64..1500, y in 0_i64..1500, odd in 0_u64..3,
    ) {
        let slide = pyramid(4000 + odd, 4000 + odd, &[1, 2]);
        let plan = ReadPlan::new(&slide.levels, mpp, mpp * ratio, false).unwrap();
        prop_assume!(plan.resampling == Resampling::AreaAverage);
        let place = square(x, y, plan.footprint());
        let tile = plan.read(&slide, place, Outside::Refused).unwrap();
        let expected = area_average(&slide, &plan, place);
        for (index, (a, b)) in tile.pixels().iter().zip(expected).enumerate() {
            prop_assert!((f64::from(*a) - b).abs() <= 0.51, "{} {} {}", index, a, b);
        }
    }

    #[test]
    fn the_mean_is_kept_and_neighbours_share_no_area(ratio in 1.02_f64..3.0, start in 0_i64..100) {
        // The mean of two neighbours is the mean of their union.
        let slide = pyramid(3000, 1200, &[1]);
        let plan = ReadPlan::new(&slide.levels, 0.25, 0.25 * ratio, false).unwrap();
        prop_assume!(plan.resampling == Resampling::AreaAverage);
        let side = plan.footprint();
        let mean = |x: i64| {
            let tile = plan.read(&slide, square(x, start, side), Outside::Refused).unwrap();
            tile.pixels().iter().map(|v| f64::from(*v)).sum::<f64>() / tile.pixels().len() as f64
        };
        let both = (mean(start) + mean(start + i64::from(side))) / 2.0;
        let mut sum = 0.0;
        for y in start..start + i64::from(side) {
            for x in start..start + 2 * i64::from(side) {
                sum += planted(0, x, y).iter().map(|v| f64::from(*v)).sum::<f64>();
            }
        }
        let whole = sum / (6.0 * f64::from(side).powi(2));
        // Means of four pixels are quarters of a level: rounding half up adds an eighth on average.
        let rounding = if side == 512 { 0.125 } else { 0.0 };
        prop_assert!((both - whole - rounding).abs() < 0.02, "{} {}", both, whole);
    }

    #[test]
    fn no_place_makes_it_panic(minx: i64, miny: i64, width: u32, height: u32, ratio in 0.3_f64..3.0, near: bool) {
        let slide = pyramid(700, 500, &[1, 2]);
        let plan = ReadPlan::new(&slide.levels, 0.25, 0.25 * ratio, true).unwrap();
        let side = plan.footprint();
        let place = if near { square(minx, miny, side) } else { Place { minx, miny, width, height } };
        for outside in [Outside::Refused, Outside::Padded] {
            let _ = plan.read(&slide, place, outside);
        }
    }
}
