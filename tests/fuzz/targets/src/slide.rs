//! Annotations of slides, lists of their tiles, and `slides.csv`.

use std::collections::HashSet;

use kiln_slide::{
    AnnotationLimits, Annotations, GroupMap, GroupRole, ListLimits, Place, TileList, read_slides, write_slides,
};

use crate::scratch;
use crate::target::Target;

pub(crate) const ANNOTATIONS: Target = Target {
    name: "annotations",
    run: annotations,
    sound: || [ASAP, ASAP_HOLE, QUPATH, QUPATH_MULTI, QUPATH_LIST].map(|text| text.as_bytes().to_vec()).to_vec(),
    hostile: || {
        let entities = "<!DOCTYPE a [<!ENTITY b \"xxxxxxxxxx\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\
                        <ASAP_Annotations>&c;</ASAP_Annotations>";
        vec![
            entities.as_bytes().to_vec(),
            b"<a>".repeat(30_000),
            b"[".repeat(100_000),
            [b"{\"features\":".repeat(20_000), b"{".to_vec()].concat(),
            ASAP.replace("X=\"10\"", "X=\"1e308\"").into_bytes(),
            ASAP.replace("X=\"10\"", "X=\"nan\"").into_bytes(),
            QUPATH.replace("[10,10]", "[1e308,-1e308]").into_bytes(),
            QUPATH.replace("[10,10]", "[]").into_bytes(),
            QUPATH.replace("Polygon", "Point").into_bytes(),
            // A star of many crossing edges.
            star(2_000).into_bytes(),
        ]
    },
    words: &[
        "<ASAP_Annotations>",
        "</Annotations>",
        "<Annotation Name=\"a\" Type=\"Polygon\" PartOfGroup=\"_0\">",
        "<Coordinate Order=\"0\" X=\"1\" Y=\"2\"/>",
        "PartOfGroup",
        "<!--",
        "-->",
        "<![CDATA[",
        "&amp;",
        "&#0;",
        "<?xml",
        "1e308",
        "-1e308",
        "nan",
        "\"Polygon\"",
        "\"MultiPolygon\"",
        "\"GeometryCollection\"",
        "\"coordinates\"",
        "[[",
        "]]",
        "[10,10]",
        "\"classification\"",
        "\"Tumor\"",
        "\"isEllipse\"",
        "null",
        "\u{feff}",
    ],
    rounds: 6_000,
    memory: 4 << 20,
};

pub(crate) const LIST: Target = Target {
    name: "slide_list",
    run: list,
    sound: || {
        [
            "slide,minx,miny,width,height\na.svs,0,0,512,512\na.svs,512,0,512,512\nb.svs,0,0,256,256\n",
            "\u{feff}minx,miny,slide,height,width,label,group,split,level,tissue_fraction,tumour_fraction,note\r\n\
             -5,0,\"a, b.svs\",256,256,tumour,p1,train,1,0.5,1,x\r\n0,0,../c.tif,300,300,,,,,,,\r\n",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
    },
    hostile: || {
        vec![
            b"slide,minx,miny,width,height\na\0.svs,0,0,256,256\n".to_vec(),
            b"slide,minx,miny,width,height\na.svs,9223372036854775807,0,256,256\n".to_vec(),
            b"slide,minx,miny,width,height\na.svs,0,0,4294967295,4294967295\n".to_vec(),
            b"slide,minx,miny,width,height\na.svs,0,0,256,256\na.svs,0,0,256,256\n".to_vec(),
            [b"slide,minx,miny,width,height".to_vec(), b",x".repeat(50_000)].concat(),
            [b"slide,minx,miny,width,height\n".to_vec(), vec![b'"'; 60_000]].concat(),
        ]
    },
    words: &[
        "slide",
        "minx",
        "miny",
        "width",
        "height",
        "label",
        "group",
        "split",
        "train",
        "level",
        "tissue_fraction",
        "tumour_fraction",
        ",",
        "\"",
        "\"\"",
        "\r\n",
        "\u{feff}",
        "256",
        "-1",
        "1e9",
        "nan",
        "inf",
        "9223372036854775807",
        "\0",
    ],
    rounds: 12_000,
    memory: 2 << 20,
};

pub(crate) const TABLE: Target = Target {
    name: "slides_csv",
    run: table,
    sound: || {
        let header = "slide,score,label,status,max,top10_mean,tumour_area_mm2,tiles,failed,mpp,reader";
        let row = "a.svs,0.5,tumour,ok,0.9,0.8,1.5,100,0,0.25,openslide";
        vec![
            format!("{header}\n{row}\nb.svs,,,no_tissue: glass,,,,0,0,,\n").into_bytes(),
            format!("{header},bounds_minx,bounds_miny,width,height,rule\n{row},12,7,4096,2048,\n").into_bytes(),
        ]
    },
    hostile: || vec![b"slide,score\na,1\n".to_vec(), vec![b'"'; 60_000]],
    words: &[
        "slide",
        "score",
        "bounds_minx",
        "ok",
        ",",
        "\"",
        "\n",
        "nan",
        "inf",
        "1e40",
        "-1",
        "18446744073709551615",
    ],
    rounds: 12_000,
    memory: 2 << 20,
};

const ASAP: &str = r#"<?xml version="1.0"?>
<ASAP_Annotations><Annotations>
<Annotation Name="a" Type="Polygon" PartOfGroup="_0" Color="red"><Coordinates>
<Coordinate Order="0" X="10" Y="10"/><Coordinate Order="1" X="90" Y="10"/><Coordinate Order="2" X="90" Y="90"/>
</Coordinates></Annotation></Annotations><AnnotationGroups><Group Name="_0" PartOfGroup="None"/></AnnotationGroups></ASAP_Annotations>"#;

const ASAP_HOLE: &str = r#"<ASAP_Annotations><Annotations>
<Annotation Name="b" Type="Spline" PartOfGroup="metastases"><Coordinates>
<Coordinate Order="1" X="90.5" Y="10"/><Coordinate Order="0" X="10" Y="10"/><Coordinate Order="2" X="50" Y="1e2"/>
</Coordinates></Annotation>
<Annotation Name="c" Type="Rectangle" PartOfGroup="_2"><Coordinates>
<Coordinate Order="0" X="20" Y="20"/><Coordinate Order="1" X="30" Y="20"/><Coordinate Order="2" X="30" Y="30"/>
<Coordinate Order="3" X="20" Y="30"/></Coordinates></Annotation></Annotations></ASAP_Annotations>"#;

const QUPATH: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature","id":"PathAnnotationObject",
"geometry":{"type":"Polygon","coordinates":[[[10,10],[90,10],[90,90],[10,10]],[[40,20],[50,20],[50,30],[40,20]]]},
"properties":{"objectType":"annotation","classification":{"name":"Tumor","color":[200,0,0]}}}]}"#;

const QUPATH_MULTI: &str = r#"{"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":
[[[[0,0],[9,0],[9,9],[0,0]]],[[[20,20],[29,20],[29,29],[20,20]]]]},"properties":{"classification":{"names":["Tumor"]}}}"#;

const QUPATH_LIST: &str = r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,0]]]},
"properties":{"classification":{"name":"normal"}}}]"#;

/// A polygon whose every edge crosses most others.
fn star(points: u32) -> String {
    let corner = |index: u32| {
        let angle = f64::from(index) * 2.4;
        format!("[{:.1},{:.1}]", 500.0 + 400.0 * angle.cos(), 500.0 + 400.0 * angle.sin())
    };
    let ring: Vec<String> = (0..points).chain([0]).map(corner).collect();
    QUPATH.replace("[[10,10],[90,10],[90,90],[10,10]]", &format!("[{}]", ring.join(",")))
}

fn annotations(bytes: &[u8]) -> bool {
    let limits = AnnotationLimits::default();
    let groups = GroupMap::default();
    let Ok(mut found) = Annotations::from_bytes(bytes, &groups, &limits) else { return false };
    for polygon in found.polygons() {
        assert!(matches!(polygon.role, GroupRole::Tumour | GroupRole::NotTumour), "{:?}", polygon.role);
        assert!(!polygon.rings.is_empty(), "a polygon without an area");
        assert!(polygon.rings.iter().flatten().flatten().all(|value| value.is_finite()));
    }
    for (minx, miny, side) in [(0, 0, 256), (10, 10, 64), (-100, -100, 50), (1_000_000, 0, 512)] {
        let share = found.tumour_fraction(Place { minx, miny, width: side, height: side });
        assert!((0.0..=1.0).contains(&share), "a share of {share}");
    }
    assert!(!(found.is_tumour(25.0, 25.0) && found.is_excluded(25.0, 25.0)), "tumour that is excluded");
    let _ = found.check_bounds((1_000, 1_000));
    assert!(found.doubts().iter().all(|doubt| !doubt.is_empty()));
    true
}

fn list(bytes: &[u8]) -> bool {
    let path = scratch::put("slides-list.csv", bytes);
    let Ok(found) = TileList::read(&path, &ListLimits::default()) else { return false };
    assert!(TileList::is_list(&path) || bytes.len() > 4_096 || found.is_empty() || has_quoted_header(bytes));
    let lines = bytes.split(|byte| *byte == b'\n' || *byte == b'\r').count();
    assert!(found.len() < lines.max(2), "{} tiles from {lines} lines", found.len());
    let mut seen = HashSet::new();
    for tile in found.iter() {
        let place = tile.place;
        assert!(!tile.slide.is_empty() && !tile.slide.contains('\0'), "{:?}", tile.slide);
        assert!(place.width > 0 && place.width == place.height, "{place:?}");
        assert!(seen.insert((tile.slide, place.minx, place.miny)), "{tile:?} is there twice");
        let shares = [tile.tissue_fraction, tile.tumour_fraction];
        assert!(shares.into_iter().flatten().all(|share| (0.0..=1.0).contains(&share)), "{tile:?}");
    }
    true
}

/// [`TileList::is_list`] looks at plain headers alone.
fn has_quoted_header(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').next().is_some_and(|line| line.contains(&b'"') || line.contains(&b'\r'))
}

fn table(bytes: &[u8]) -> bool {
    let Ok(rows) = read_slides(bytes) else { return false };
    let mut written = Vec::new();
    write_slides(&mut written, &rows).unwrap();
    let again = read_slides(written.as_slice()).unwrap();
    assert_eq!(format!("{rows:?}"), format!("{again:?}"), "rows change when they are written and read");
    true
}
