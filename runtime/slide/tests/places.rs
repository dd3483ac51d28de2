//! Grids and labels.
#![allow(missing_docs, clippy::unwrap_used)]

use kiln_slide::{
    Annotations, Edge, Grid, GridError, GridOptions, GroupRole, Label, LabelRule, Labeller, Overlap, Place, Polygon,
    TissueMask,
};
use proptest::prelude::*;

fn grid(slide: (u64, u64), mpp: f64, edit: impl Fn(&mut GridOptions)) -> Result<Grid, GridError> {
    let mut options = GridOptions::new(0.5);
    edit(&mut options);
    Grid::new(slide, mpp, &options)
}

#[test]
fn footprints_are_rounded_and_places_go_by_rows_from_the_corner() {
    for (mpp, footprint) in [(0.5, 256), (0.25, 512), (0.2263, 566), (0.243, 527), (0.499, 257), (1.0, 128)] {
        assert_eq!(grid((5000, 4000), mpp, |_| ()).unwrap().footprint(), footprint, "{mpp}");
    }
    let places: Vec<(i64, i64)> =
        grid((700, 600), 0.5, |_| ()).unwrap().places().map(|place| (place.minx, place.miny)).collect();
    assert_eq!(places, [(0, 0), (256, 0), (0, 256), (256, 256)]);
    let padded = grid((700, 600), 0.5, |options| options.edge = Edge::Pad).unwrap();
    assert_eq!((padded.columns(), padded.rows(), padded.len()), (3, 3, 9));
    assert_eq!(padded.places().last(), Some(Place { minx: 512, miny: 512, width: 256, height: 256 }));
    assert!(grid((255, 600), 0.5, |_| ()).unwrap().is_empty());
    assert_eq!(grid((255, 100), 0.5, |options| options.edge = Edge::Pad).unwrap().len(), 1);
}

#[test]
fn overlaps_shorten_the_stride() {
    let stride = |overlap| grid((5000, 5000), 0.5, |options| options.overlap = overlap).map(|grid| grid.stride());
    assert_eq!(stride(Overlap::Fraction(0.5)), Ok(128));
    assert_eq!(stride(Overlap::Fraction(0.9)), Ok(26));
    assert_eq!(stride(Overlap::Pixels(56)), Ok(200));
    for wrong in [Overlap::Fraction(-0.1), Overlap::Fraction(0.91), Overlap::Fraction(f64::NAN), Overlap::Pixels(256)] {
        assert!(matches!(stride(wrong), Err(GridError::Overlap(_))), "{wrong:?}");
    }
}

#[test]
fn absurd_sizes_and_resolutions_are_errors() {
    for (slide, mpp) in
        [((0, 5), 0.5), ((5, u64::MAX), 0.5), ((5, 5), 0.0), ((5, 5), f64::NAN), ((5, 5), 1e-9), ((5, 5), 1e6)]
    {
        assert!(grid(slide, mpp, |_| ()).is_err(), "{slide:?} {mpp}");
    }
    assert!(grid((5, 5), 0.5, |options| options.side = 0).is_err());
    // 200,000 x 200,000 pixels and nine tenths of overlap: 62 million places, none of which is stored.
    let large = grid((200_000, 200_000), 0.25, |options| options.overlap = Overlap::Fraction(0.9)).unwrap();
    assert_eq!(large.len(), 3912 * 3912);
    assert_eq!(large.places().nth(3912).map(|place| (place.minx, place.miny)), Some((0, 51)));
    let tiny = grid((3, 3), 0.5, |options| (options.side, options.overlap) = (1, Overlap::Fraction(0.9))).unwrap();
    assert_eq!(tiny.stride(), 1);
}

#[test]
fn tissue_decides_which_places_are_kept() {
    // Tissue in the left half and the upper eighth.
    let flags: Vec<bool> = (0..64 * 64).map(|i| i % 64 < 32 || i / 64 < 8).collect();
    let mask = TissueMask::from_flags(64, 64, [16.0, 16.0], &flags);
    let grid = grid((1024, 1024), 0.5, |_| ()).unwrap();
    let kept = |threshold| grid.on_tissue(&mask, threshold).count();
    assert_eq!((kept(0.0), kept(0.5), kept(0.51), kept(1.0), kept(1.1)), (10, 10, 8, 8, 0));
    let empty = TissueMask::from_flags(64, 64, [16.0, 16.0], &[]);
    assert_eq!(grid.on_tissue(&empty, 0.0).count(), 0, "bare glass has no tiles");
}

fn region() -> Annotations {
    let square = |x: f64, y: f64, side: f64| vec![vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]];
    let polygon = |role, rings| Polygon { group: "_0".to_owned(), role, rings };
    let shapes = vec![
        polygon(GroupRole::Tumour, square(0.0, 0.0, 1000.0)),
        polygon(GroupRole::NotTumour, square(500.0, 0.0, 500.0)),
        polygon(GroupRole::NotTumour, square(5000.0, 0.0, 500.0)),
    ];
    Annotations::from_polygons(shapes, Vec::new())
}

fn label(rule: LabelRule, exhaustive: bool, minx: i64, miny: i64) -> (Label, f64) {
    let labeller = Labeller::new(rule, exhaustive).unwrap();
    labeller.label(&region(), Place { minx, miny, width: 200, height: 200 })
}

#[test]
fn labels_by_area() {
    let rule = LabelRule::default();
    let cases = [
        ((0, 0), (Label::Tumour, 1.0)),
        ((400, 0), (Label::Tumour, 0.5)),
        ((401, 0), (Label::Unlabelled, 0.495)),
        ((600, 0), (Label::Normal, 0.0)),
        ((2000, 0), (Label::Normal, 0.0)),
        ((5000, 0), (Label::Normal, 0.0)),
        ((999, 900), (Label::Unlabelled, 0.0025)),
        ((1000, 900), (Label::Normal, 0.0)),
    ];
    for ((minx, miny), (expected, fraction)) in cases {
        let (found, share) = label(rule, true, minx, miny);
        assert!(found == expected && (share - fraction).abs() < 1e-9, "{minx}, {miny}: {found:?} {share}");
    }
    // Not annotated exhaustively: only polygons that are not tumour make a tile normal.
    for (minx, expected) in [
        (0, Label::Tumour),
        (600, Label::Normal),
        (2000, Label::Unlabelled),
        (5000, Label::Normal),
        (5400, Label::Normal),
        (5401, Label::Unlabelled),
    ] {
        assert_eq!(label(rule, false, minx, 0).0, expected, "{minx}");
    }
    let wide = LabelRule::Area { tumour: 0.75, normal: 0.25 };
    assert_eq!(label(wide, true, 400, 0).0, Label::Unlabelled);
    assert_eq!(label(wide, true, 450, 0).0, Label::Normal);
}

#[test]
fn labels_by_the_centre_and_by_a_central_square() {
    assert_eq!(label(LabelRule::Centre, true, 390, 0).0, Label::Tumour);
    assert_eq!(label(LabelRule::Centre, true, 410, 0).0, Label::Normal);
    assert_eq!(label(LabelRule::Centre, false, 410, 0).0, Label::Normal, "in an excluded polygon");
    assert_eq!(label(LabelRule::Centre, false, 2000, 0).0, Label::Unlabelled);
    // The square is the central fifth: 40 pixels of level 0, from 80 to 120 of the tile.
    let square = LabelRule::CentralSquare { side: 20, tile: 100 };
    assert_eq!(label(square, true, 1000 - 81, 700).0, Label::Tumour);
    assert_eq!(label(square, true, 1000 - 80, 700).0, Label::Normal);
    assert_eq!(label(square, false, 1000 - 80, 700).0, Label::Unlabelled);
    assert_eq!(label(square, false, 700, 100).0, Label::Normal);
}

#[test]
fn wrong_rules_are_errors() {
    for (tumour, normal) in
        [(0.5, 0.5), (0.2, 0.3), (1.1, 0.0), (0.5, -0.1), (f64::NAN, 0.0), (0.5, f64::NAN), (0.0, 0.0)]
    {
        assert!(Labeller::new(LabelRule::Area { tumour, normal }, true).is_err(), "{tumour} {normal}");
    }
    for (side, tile) in [(0, 96), (97, 96)] {
        assert!(Labeller::new(LabelRule::CentralSquare { side, tile }, true).is_err());
    }
}

proptest! {
    /// Places of a grid without overlap are within the slide, do not overlap, and cover all but an edge.
    #[test]
    fn whole_tiles_tile_the_slide(width in 1_u64..5000, height in 1_u64..5000, mpp in 0.1_f64..2.0) {
        let grid = grid((width, height), mpp, |_| ()).unwrap();
        let side = u64::from(grid.footprint());
        prop_assert_eq!(grid.places().count() as u64, (width / side) * (height / side));
        for place in grid.places() {
            prop_assert!(place.minx >= 0 && place.minx as u64 + side <= width);
            prop_assert!(place.miny >= 0 && place.miny as u64 + side <= height);
        }
        let padded = super_grid((width, height), mpp);
        prop_assert!(padded.columns() * side >= width && padded.rows() * side >= height);
        prop_assert!((padded.columns() - 1) * side < width);
    }

    /// The fraction of a place equals a count over level-0 pixels where the mask's scale is whole.
    #[test]
    fn tissue_fractions_are_exact(
        flags in proptest::collection::vec(any::<bool>(), 130 * 9),
        minx in -50_i64..600, miny in -50_i64..60, width in 1_u32..500, height in 1_u32..80,
    ) {
        let (scale_x, scale_y) = (4, 5);
        let mask = TissueMask::from_flags(130, 9, [4.0, 5.0], &flags);
        let is_tissue = |x: i64, y: i64| {
            let (column, row) = (x.div_euclid(scale_x), y.div_euclid(scale_y));
            (0..130).contains(&column) && (0..9).contains(&row) && flags[(row * 130 + column) as usize]
        };
        let pixels = (0..i64::from(height)).flat_map(|y| (0..i64::from(width)).map(move |x| (minx + x, miny + y)));
        let tissue = pixels.filter(|(x, y)| is_tissue(*x, *y)).count() as f64;
        let found = mask.fraction(Place { minx, miny, width, height });
        prop_assert!((found - tissue / (f64::from(width) * f64::from(height))).abs() < 1e-9);
    }
}

fn super_grid(slide: (u64, u64), mpp: f64) -> Grid {
    grid(slide, mpp, |options| options.edge = Edge::Pad).unwrap()
}
