//! Hostile annotation files do no harm, and areas stay consistent for any polygons.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use kiln_slide::{AnnotationLimits, AnnotationProblem, Annotations, GroupMap, GroupRole, Place, Polygon};
use proptest::prelude::*;

const ASAP: &str = r##"<?xml version="1.0"?><ASAP_Annotations><Annotations>
<Annotation Name="a" Type="Polygon" PartOfGroup="_0" Color="#F4FA58"><Coordinates>
<Coordinate Order="0" X="0" Y="0" /><Coordinate Order="1" X="5,25" Y="0" /><Coordinate Order="2" X="5" Y="1e1" />
</Coordinates></Annotation></Annotations>
<AnnotationGroups><Group Name="_0" PartOfGroup="None" Color="#00ff00"><Attributes /></Group></AnnotationGroups>
</ASAP_Annotations>"##;

fn parse(bytes: &[u8]) -> Result<Annotations, AnnotationProblem> {
    Annotations::from_bytes(bytes, &GroupMap::default(), &AnnotationLimits::default())
}

#[test]
fn a_tangle_of_edges_takes_bounded_time() {
    // 100,000 vertices at random within one tile: every edge crosses thousands of others.
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f64 / 65_536.0
    };
    let ring: Vec<[f64; 2]> = (0..100_000).map(|_| [random(), random()]).collect();
    let polygon = Polygon { group: "_0".to_owned(), role: GroupRole::Tumour, rings: vec![ring] };
    let annotations = Annotations::from_polygons(vec![polygon], Vec::new());
    let start = std::time::Instant::now();
    let share = annotations.tumour_fraction(Place { minx: 0, miny: 0, width: 256, height: 256 });
    println!("{:.2} s, {share}", start.elapsed().as_secs_f64());
    assert!((share - 0.5).abs() < 0.01, "even and odd are equally likely: {share}");
    assert!(start.elapsed().as_secs() < 60);
}

/// Pieces of both formats, in any order.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = [
        "<ASAP_Annotations>",
        "</ASAP_Annotations>",
        "<Annotations>",
        "</Annotations>",
        "<Coordinates>",
        "</Coordinates>",
        "<Annotation Type=\"Polygon\" PartOfGroup=\"_0\">",
        "</Annotation>",
        "<Coordinate Order=\"0\" X=\"1\" Y=\"2\"/>",
        "<Coordinate X=\"9\" Y=\"-3,5\"/>",
        "<Group Name=\"a\" PartOfGroup=\"b\"/>",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "<?xml",
        "?>",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"type\"",
        "\"Feature\"",
        "\"features\"",
        "\"geometry\"",
        "\"Polygon\"",
        "\"coordinates\"",
        "\"properties\"",
        "\"classification\"",
        "\"Tumor\"",
        "[[[0,0],[1,0],[1,1]]]",
        "1e9",
        "NaN",
        "-Infinity",
        "null",
        "\\",
        "\"",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn arbitrary_fragments_do_no_harm(text in fragments()) {
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn a_damaged_byte_or_a_cut_does_no_harm(cut in 0_usize..900, at in 0_usize..900, byte in any::<u8>()) {
        let json = r#"{"type":"FeatureCollection","features":[{"type":"Feature","id":"x","geometry":{"type":"MultiPolygon",
            "coordinates":[[[[0,0],[1,0],[1,1]]]]},"properties":{"objectType":"annotation","classification":{"name":"Tumor"}}}]}"#;
        for text in [ASAP, json] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = parse(&bytes);
            let _ = parse(&text.as_bytes()[..cut.min(text.len())]);
        }
    }

    /// Any polygons: shares are between 0 and 1, and add up over the quarters of a place.
    #[test]
    fn quarters_add_up(
        shapes in proptest::collection::vec((any::<bool>(), proptest::collection::vec((-20_i32..120, -20_i32..120), 0..12)), 0..6),
        at in (-30_i64..100, -30_i64..100),
    ) {
        let polygons = shapes.into_iter().map(|(excluded, ring)| Polygon {
            group: String::new(),
            role: if excluded { GroupRole::NotTumour } else { GroupRole::Tumour },
            rings: vec![ring.into_iter().map(|(x, y)| [f64::from(x), f64::from(y)]).collect()],
        });
        let annotations = Annotations::from_polygons(polygons.collect(), Vec::new());
        let place = |x: i64, y: i64, side: u32| Place { minx: at.0 + x, miny: at.1 + y, width: side, height: side };
        let whole = annotations.tumour_fraction(place(0, 0, 64));
        prop_assert!((0.0..=1.0).contains(&whole));
        let quarters: f64 = [(0, 0), (32, 0), (0, 32), (32, 32)].map(|(x, y)| annotations.tumour_fraction(place(x, y, 32))).iter().sum();
        prop_assert!((whole - quarters / 4.0).abs() < 1e-4, "{} and {}", whole, quarters / 4.0);
    }
}
