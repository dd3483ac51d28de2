//! Areas, points and masks of annotations against shapely and scikit-image.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod reference;

use kiln_slide::{AnnotationLimits, Annotations, GroupMap, Place};
use serde_json::Value;

/// Random shapes, many of them self-intersecting, with holes, repeated points and either winding, and the exact fractions of
/// random rectangles: faces of the arrangement (polygonize) that are inside by the even-odd rule.
const RANDOM_SHAPES: &str = r#"
import json, random, sys
import shapely
from shapely.geometry import LineString, Polygon, box
from shapely.ops import polygonize, unary_union
random.seed(int(sys.argv[1]))

def even_odd(rings, x, y):
    inside = False
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
            if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
                inside = not inside
    return inside

def area_of(rings):
    lines = unary_union([LineString(r + r[:1]) for r in rings])
    faces = [f for f in polygonize(lines) if even_odd(rings, *f.representative_point().coords[0])]
    return unary_union(faces)

def ring(whole):
    n = random.randint(3, 14)
    cx, cy, r = random.uniform(0, 1000), random.uniform(0, 1000), random.uniform(20, 500)
    points = [[random.gauss(cx, r), random.gauss(cy, r)] for _ in range(n)]
    if whole: points = [[float(round(x)), float(round(y))] for x, y in points]
    if random.random() < .3: points.insert(1, points[0])
    if random.random() < .5: points.append(points[0])
    return points

cases = []
for case in range(60):
    whole = case % 2 == 0
    features, tumour, excluded = [], [], []
    for _ in range(random.randint(1, 6)):
        rings = [ring(whole) for _ in range(random.randint(1, 3))]
        out = random.random() < .3
        (excluded if out else tumour).append(area_of(rings))
        features.append({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": rings},
                         "properties": {"objectType": "annotation", "classification": {"name": "Exclusion" if out else "Tumor"}}})
    region = unary_union(tumour).difference(unary_union(excluded)) if tumour else Polygon()
    places = []
    for _ in range(40):
        x, y, w = random.randint(-600, 1400), random.randint(-600, 1400), random.choice([1, 7, 64, 256, 900])
        places.append([x, y, w, region.intersection(box(x, y, x + w, y + w)).area / (w * w)])
    cases.append({"annotations": {"type": "FeatureCollection", "features": features}, "places": places})
print(json.dumps(cases))
"#;

fn parse(text: &str) -> Annotations {
    Annotations::from_bytes(text.as_bytes(), &GroupMap::default(), &AnnotationLimits::default()).unwrap()
}

#[test]
fn fractions_of_random_shapes_equal_shapely() {
    let Some(python) = reference::python("shapely") else { return };
    let mut worst = 0.0_f64;
    for seed in ["1", "2", "3"] {
        let cases: Value = serde_json::from_str(&reference::run(&python, RANDOM_SHAPES, &[seed])).unwrap();
        for case in cases.as_array().unwrap() {
            let annotations = parse(&case["annotations"].to_string());
            for row in case["places"].as_array().unwrap() {
                let [minx, miny, side] = [0, 1, 2].map(|index| row[index].as_i64().unwrap());
                let place = Place { minx, miny, width: side as u32, height: side as u32 };
                let (found, expected) = (annotations.tumour_fraction(place), row[3].as_f64().unwrap());
                worst = worst.max((found - expected).abs());
                assert!((found - expected).abs() < 1e-4, "{found} instead of {expected} at {place:?} of seed {seed}");
            }
        }
    }
    println!("largest difference: {worst:e}");
}

/// Tumour minus exclusions of an ASAP file: random points, tile fractions on a grid, and a raster of one pixel in 16.
const CAMELYON: &str = r#"
import json, sys
import numpy as np, shapely
from shapely.geometry import Polygon, box
from shapely.ops import unary_union
from skimage.draw import polygon as fill
from xml.etree import ElementTree
root = ElementTree.parse(sys.argv[1]).getroot()
rings = {"_0": [], "_2": []}
for a in root.iter("Annotation"):
    points = sorted(a.iter("Coordinate"), key=lambda c: int(c.get("Order")))
    rings[a.get("PartOfGroup")].append([(float(c.get("X")), float(c.get("Y"))) for c in points])
union = lambda rs: unary_union([shapely.make_valid(Polygon(r)) for r in rs])
region = union(rings["_0"]).difference(union(rings["_2"])) if rings["_2"] else union(rings["_0"])
x0, y0, x1, y1 = map(int, region.bounds)
rng = np.random.default_rng(7)
points = rng.integers([x0 - 500, y0 - 500], [x1 + 500, y1 + 500], (40000, 2))
points = points[shapely.distance(region.boundary, shapely.points(points)) > 1e-6]
inside = shapely.contains_xy(region, points[:, 0], points[:, 1])
shapely.prepare(region)
tiles = [[x, y, region.intersection(box(x, y, x + 512, y + 512)).area / 512**2]
         for y in range(y0 - 512, y1 + 512, 512) for x in range(x0 - 512, x1 + 512, 512)]
shape = ((y1 - y0) // 16 + 2, (x1 - x0) // 16 + 2)
mask = np.zeros(shape, bool)
for group, value in (("_0", True), ("_2", False)):
    for r in rings[group]:
        a = (np.array(r) - [x0, y0]) / 16 - .5
        mask[fill(a[:, 1], a[:, 0], shape)] = value
rows = [np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]]))).tolist() for row in mask]
print(json.dumps({"points": points.tolist(), "inside": inside.tolist(), "tiles": tiles, "origin": [x0, y0], "rows": rows}))
"#;

#[test]
fn camelyon_centres_tiles_and_masks_equal_shapely_and_scikit_image() {
    let Some(python) = reference::python("shapely, skimage, numpy") else { return };
    for name in ["tumor_030.xml", "tumor_107.xml"] {
        let Some(path) = reference::shared(&format!("annotations/{name}")) else { return };
        let annotations = Annotations::read(&path, &GroupMap::default(), &AnnotationLimits::default()).unwrap();
        let expected: Value =
            serde_json::from_str(&reference::run(&python, CAMELYON, &[path.to_str().unwrap()])).unwrap();
        let points = expected["points"].as_array().unwrap();
        let inside = expected["inside"].as_array().unwrap();
        let wrong = points.iter().zip(inside).filter(|(point, inside)| {
            let found = annotations.is_tumour(point[0].as_f64().unwrap(), point[1].as_f64().unwrap());
            found != inside.as_bool().unwrap()
        });
        let wrong = wrong.count();
        assert!(wrong == 0 && points.len() > 39_900, "{name}: {wrong} of {} points differ", points.len());
        let (mut worst, mut partial) = (0.0_f64, 0);
        for tile in expected["tiles"].as_array().unwrap() {
            let [minx, miny] = [0, 1].map(|index| tile[index].as_i64().unwrap());
            let place = Place { minx, miny, width: 512, height: 512 };
            let (found, share) = (annotations.tumour_fraction(place), tile[2].as_f64().unwrap());
            partial += usize::from(share > 0.0 && share < 1.0);
            assert!((found - share).abs() < 1e-6, "{name}: {found} instead of {share}");
            worst = worst.max((found - share).abs());
        }
        assert!(partial > 0 && worst < 1e-6, "{name}: a tile fraction is {worst:e} off");
        let iou = iou(&annotations, &expected);
        println!("{name}: {wrong} of {} points, {partial} partial tiles to {worst:e}, IoU {iou:.5}", points.len());
        assert!(iou >= 0.99);
    }
}

/// Intersection over union with a raster of pixels of 16, given by the columns at which its rows change.
fn iou(annotations: &Annotations, expected: &Value) -> f64 {
    let [left, top] = [0, 1].map(|index| expected["origin"][index].as_f64().unwrap());
    let (mut both, mut either) = (0, 0);
    for (row, changes) in expected["rows"].as_array().unwrap().iter().enumerate() {
        let changes: Vec<u64> = changes.as_array().unwrap().iter().map(|change| change.as_u64().unwrap()).collect();
        let intervals = annotations.tumour_intervals(top + 16.0 * (row as f64 + 0.5));
        let end = changes.last().copied().unwrap_or(0).max(4000);
        for column in 0..end {
            let x = left + 16.0 * (column as f64 + 0.5);
            let ours = intervals.iter().any(|[from, to]| *from <= x && x < *to);
            let theirs = changes.iter().filter(|change| **change <= column).count() % 2 == 1;
            both += usize::from(ours && theirs);
            either += usize::from(ours || theirs);
        }
    }
    both as f64 / either as f64
}

#[test]
fn exact_areas_of_simple_shapes() {
    let file = |rings: &str, class: &str| {
        format!(
            r#"{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":{rings}}},"properties":{{"classification":"{class}"}}}}"#
        )
    };
    let square = file("[[[100,100],[200,100],[200,200],[100,200]]]", "Tumor");
    let hole = file(
        "[[[100,100],[200,100],[200,200],[100,200]],[[125,125],[125,175],[175,175],[175,125],[125,125]]]",
        "Tumor",
    );
    let wide = file("[[[-1000,150],[5000,150],[5000,4000],[-1000,4000]]]", "Tumor");
    let bow = file("[[[100,100],[200,200],[200,100],[100,200]]]", "Tumor");
    let exclusion = file("[[[150,0],[150,1000],[1000,1000],[1000,0],[150,0],[150,0]]]", "Exclusion");
    let cases = [
        (vec![&square], 0.25),
        (vec![&square, &square], 0.25),
        (vec![&hole], 0.25 * 0.75),
        (vec![&hole, &square], 0.25),
        (vec![&wide], 0.75),
        (vec![&bow], 0.125),
        (vec![&square, &exclusion], 0.125),
        (vec![&exclusion], 0.0),
    ];
    for (features, expected) in cases {
        let text = format!("[{}]", features.iter().map(|f| f.as_str()).collect::<Vec<_>>().join(","));
        let found = parse(&text).tumour_fraction(Place { minx: 100, miny: 100, width: 200, height: 200 });
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected} for {text}");
    }
}

#[test]
#[ignore = "a measurement; run with --release --ignored --nocapture"]
fn measure_a_large_slide() {
    // 40 lesions with 2,000 points each and 200,000 small ones on a slide of 200,000 pixels.
    let mut features = Vec::new();
    let mut ring = |x: f64, y: f64, r: f64, n: usize| {
        let points = (0..=n).map(|i| {
            let angle = std::f64::consts::TAU * i as f64 / n as f64;
            let r = r * (1.0 + 0.2 * (angle * 57.0).sin());
            format!("[{:.1},{:.1}]", x + r * angle.cos(), y + r * angle.sin())
        });
        features.push(format!(
            r#"{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":[[{}]]}},"properties":{{"classification":{{"name":"Tumor"}}}}}}"#,
            points.collect::<Vec<_>>().join(",")
        ));
    };
    for i in 0..40 {
        ring(f64::from(i % 8) * 25_000.0, f64::from(i / 8) * 40_000.0, 9_000.0, 2_000);
    }
    for i in 0..200_000 {
        ring(f64::from(i % 450) * 440.0, f64::from(i / 450) * 440.0, 30.0, 12);
    }
    let text = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
    let start = std::time::Instant::now();
    let annotations = parse(&text);
    println!("{} MB of GeoJSON in {:.2} s", text.len() >> 20, start.elapsed().as_secs_f64());
    let start = std::time::Instant::now();
    let side = 560;
    let places = (0..357 * 357).map(|i| Place { minx: i % 357 * side, miny: i / 357 * side, width: 560, height: 560 });
    let sum: f64 = places.map(|place| annotations.tumour_fraction(place)).sum();
    println!("{} tiles in {:.2} s, {sum:.1} tiles of tumour", 357 * 357, start.elapsed().as_secs_f64());
}
