//! Annotation files: accepted content, refusals, and hostile files, which do no harm.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod reference;

use std::fmt::Write as _;

use kiln_slide::{AnnotationLimits, AnnotationProblem, Annotations, GroupMap, GroupRole, Place};

const PLACE: Place = Place { minx: 0, miny: 0, width: 10, height: 10 };

fn parse(bytes: &[u8]) -> Result<Annotations, AnnotationProblem> {
    Annotations::from_bytes(bytes, &GroupMap::default(), &AnnotationLimits::default())
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

/// An ASAP annotation with coordinates as (X, Y) texts.
fn annotation(kind: &str, group: &str, points: &[(&str, &str)]) -> String {
    let mut text =
        format!("<Annotation Name=\"a\" Type=\"{kind}\" PartOfGroup=\"{group}\" Color=\"#F4FA58\"><Coordinates>");
    for (order, (x, y)) in points.iter().enumerate() {
        write!(text, "<Coordinate Order=\"{order}\" X=\"{x}\" Y=\"{y}\" />").unwrap();
    }
    text + "</Coordinates></Annotation>"
}

fn asap(annotations: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<ASAP_Annotations>\n<Annotations>{annotations}</Annotations>\n<AnnotationGroups />\n</ASAP_Annotations>\n"
    )
}

const HALF: [(&str, &str); 4] = [("0", "0"), ("5", "0"), ("5", "10"), ("0", "10")];

#[test]
fn groups_of_camelyon_have_their_roles_in_any_case() {
    for (group, tumour) in [
        ("_0", true),
        ("_1", true),
        ("Tumor", true),
        ("tumor", true),
        ("TUMOR", true),
        ("Tumour", true),
        ("metastases", true),
        ("Metastases", true),
        ("_2", false),
        ("Exclusion", false),
        ("exclusion", false),
        ("normal", false),
        ("Normal", false),
        ("None", false),
    ] {
        let annotations = parse(asap(&annotation("Polygon", group, &HALF)).as_bytes()).unwrap();
        assert_eq!(annotations.tumour_fraction(PLACE), if tumour { 0.5 } else { 0.0 }, "{group}");
        assert_eq!(annotations.is_excluded(2.0, 2.0), !tumour, "{group}");
    }
}

#[test]
fn unknown_groups_are_an_error_that_lists_them_all_unless_mapped() {
    let text = asap(
        &(annotation("Polygon", "Stroma", &HALF)
            + &annotation("Polygon", "_0", &HALF)
            + &annotation("Polygon", "Stroma", &HALF)
            + &annotation("Polygon", "ITC &amp; more\u{1b}", &HALF)),
    );
    let message = refusal(text.as_bytes());
    assert!(message.contains("unknown groups: `ITC & more\\u{1b}` (1 polygon), `Stroma` (2 polygons)"), "{message}");
    assert!(message.contains("`_2`"), "the known names help: {message}");
    let map = GroupMap::default().with("stroma", GroupRole::NotTumour).with("ITC & more\u{1b}", GroupRole::Ignore);
    let annotations = Annotations::from_bytes(text.as_bytes(), &map, &AnnotationLimits::default()).unwrap();
    assert_eq!((annotations.polygons().len(), annotations.tumour_fraction(PLACE)), (3, 0.0));
    let map = map.with("_0", GroupRole::Ignore).with("Stroma", GroupRole::Tumour);
    let annotations = Annotations::from_bytes(text.as_bytes(), &map, &AnnotationLimits::default()).unwrap();
    assert_eq!(annotations.tumour_fraction(PLACE), 0.5);
}

#[test]
fn a_group_within_a_known_group_has_its_role() {
    let groups = |inner: &str| {
        let text = asap(&annotation("Polygon", "macro", &HALF));
        text.replace("<AnnotationGroups />", &format!("<AnnotationGroups>{inner}</AnnotationGroups>"))
    };
    let known = groups(
        "<Group Name=\"macro\" PartOfGroup=\"big\"><Attributes /></Group><Group Name=\"big\" PartOfGroup=\"metastases\" />",
    );
    assert_eq!(parse(known.as_bytes()).unwrap().tumour_fraction(PLACE), 0.5);
    let circle = groups("<Group Name=\"macro\" PartOfGroup=\"big\"/><Group Name=\"big\" PartOfGroup=\"macro\"/>");
    assert!(refusal(circle.as_bytes()).contains("`macro`"));
    let top = groups("<Group Name=\"macro\" PartOfGroup=\"None\"/>");
    assert!(refusal(top.as_bytes()).contains("`macro`"), "the top of the hierarchy is not the group `None`");
}

#[test]
fn points_are_ordered_by_order_and_shapes_without_area_are_left_out() {
    let bow = annotation("Polygon", "_0", &[("0", "0"), ("5", "10"), ("5", "0"), ("0", "10")]);
    let ordered =
        bow.replace("Order=\"1\"", "Order=\"9\"").replace("Order=\"2\"", "Order=\"1\"").replace("\"9\"", "\"2\"");
    assert_eq!(parse(asap(&bow).as_bytes()).unwrap().tumour_fraction(PLACE), 0.25);
    assert_eq!(parse(asap(&ordered).as_bytes()).unwrap().tumour_fraction(PLACE), 0.5);
    let rectangle = parse(asap(&annotation("Rectangle", "_0", &[("0", "0"), ("5", "10")])).as_bytes()).unwrap();
    assert_eq!(rectangle.tumour_fraction(PLACE), 0.5);
    let spline = parse(asap(&annotation("Spline", "_0", &HALF)).as_bytes()).unwrap();
    assert_eq!(spline.tumour_fraction(PLACE), 0.5);
    assert!(spline.doubts()[0].contains("spline"));
    for kind in ["Dot", "PointSet", "PolyLine", "Measurement"] {
        let dots = parse(asap(&annotation(kind, "Stroma", &HALF)).as_bytes()).unwrap();
        assert!(dots.polygons().is_empty() && dots.doubts()[0].contains("no area"), "{kind}");
    }
    // Tumour without an area would leave every tile normal.
    for kind in ["Dot", "PointSet", "PolyLine", "Measurement"] {
        let dots = annotation(kind, "_0", &HALF);
        assert!(refusal(asap(&dots).as_bytes()).contains("objects without an area (of the group `_0`)"), "{kind}");
        let beside = asap(&(dots + &annotation("Polygon", "_0", &HALF)));
        assert_eq!(parse(beside.as_bytes()).unwrap().tumour_fraction(PLACE), 0.5, "{kind}");
        let map = GroupMap::default().with("_0", GroupRole::Ignore);
        let ignored = asap(&annotation(kind, "_0", &HALF));
        assert!(Annotations::from_bytes(ignored.as_bytes(), &map, &AnnotationLimits::default()).is_ok());
    }
    let line = [("1", "1"), ("5", "5"), ("1", "1")];
    assert!(refusal(asap(&annotation("Polygon", "_0", &line)).as_bytes()).contains("without an area"));
    let flat = parse(asap(&annotation("Polygon", "_2", &line)).as_bytes()).unwrap();
    assert!(flat.polygons().is_empty());
    assert_eq!(flat.doubts(), ["1 polygon of fewer than three different points is left out"]);
    assert!(refusal(asap(&annotation("Blob", "_0", &HALF)).as_bytes()).contains("unknown type `Blob`"));
}

#[test]
fn decimal_commas_are_read_where_they_cannot_separate_thousands() {
    let with = |x: &'static str| asap(&annotation("Polygon", "_0", &[("0", "0"), (x, "0"), (x, "10"), ("0", "10")]));
    let annotations = parse(with("5,500000").as_bytes()).unwrap();
    assert_eq!(annotations.tumour_fraction(PLACE), 0.55);
    assert!(annotations.doubts()[0].contains("decimal comma"));
    assert_eq!(parse(with("1.5e0").as_bytes()).unwrap().tumour_fraction(PLACE), 0.15);
    for (text, reason) in [
        ("1,234", "ambiguous"),
        ("NaN", "coordinate is NaN"),
        ("inf", "coordinate is inf"),
        ("1e300", "coordinate is 1"),
        ("", "expected a number"),
        ("1,2,3", "expected a number"),
        ("0x10", "expected a number"),
    ] {
        let message = refusal(with(text).as_bytes());
        assert!(message.contains(reason) && message.starts_with("line 3: `X`"), "{text}: {message}");
    }
}

#[test]
fn encodings_and_foreign_or_broken_files_are_named() {
    let good = asap(&annotation("Polygon", "_0", &HALF));
    assert!(parse(format!("\u{feff}{good}").as_bytes()).is_ok());
    assert!(parse(format!("\r\n  {}", &good[21..]).replace('\n', "\r\n").as_bytes()).is_ok());
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refusal(&utf16).contains("UTF-16"));
    assert!(refusal(&[&[0xff, 0xfe], utf16.as_slice()].concat()).contains("UTF-16"));
    let latin: Vec<u8> =
        good.replace("Name=\"a\"", "Name=\"@\"").bytes().map(|b| if b == b'@' { 0xe4 } else { b }).collect();
    assert!(refusal(&latin).contains("line 3: the text is not UTF-8"));
    let cases: [(&[u8], &str); 12] = [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"slide,minx\n", "neither XML nor JSON"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"PK\x03\x04", "compressed"),
        (b"<!-- nothing -->", "XML without an element"),
        (b"<Annotations MicronsPerPixel=\"0.5\"><Annotation /></Annotations>", "root element is `Annotations`"),
        (b"<!DOCTYPE a [<!ENTITY b \"c\">]><ASAP_Annotations/>", "document type"),
        (b"<ASAP_Annotations><Annotations>", "truncated"),
        (b"<ASAP_Annotations></Annotations>", "invalid XML"),
        (b"<ASAP_Annotations><Annotations><Annotation Type=\"Polygon\"/></Annotations></ASAP_Annotations>", "`PartOfGroup`"),
        (
            b"<ASAP_Annotations><Annotations><Annotation Type=\"Polygon\" PartOfGroup=\"&b;\"/></Annotations></ASAP_Annotations>",
            "`PartOfGroup`",
        ),
    ];
    for (bytes, reason) in cases {
        assert!(refusal(bytes).contains(reason), "{}: {}", String::from_utf8_lossy(bytes), refusal(bytes));
    }
}

#[test]
fn limits_hold() {
    let limits = AnnotationLimits { bytes: 4096, points: 8, polygons: 2, depth: 6 };
    let read = |text: &str| Annotations::from_bytes(text.as_bytes(), &GroupMap::default(), &limits);
    let half = annotation("Polygon", "_0", &HALF);
    assert!(read(&asap(&half.repeat(2))).is_ok());
    let message = |text: &str| read(text).unwrap_err().to_string();
    assert!(message(&asap(&half.repeat(3))).contains("8 points"));
    let three = annotation("Polygon", "_0", &HALF[..2]).repeat(3);
    assert!(message(&asap(&three)).contains("2 polygons"));
    let open = half.replace("<Coordinates>", &format!("<Attributes>{}", "<a>".repeat(10)));
    assert!(message(&asap(&open)).contains("6 nested elements"));
    assert!(message(&" ".repeat(5000)).contains("4096 bytes"));
    let feature = |n: usize| {
        let ring = (0..n).map(|point| format!("[{point},{}]", point * point)).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":[[{ring}]]}},"properties":{{"classification":"Tumor"}}}}"#
        )
    };
    assert!(read(&format!("[{},{}]", feature(4), feature(4))).is_ok());
    assert!(message(&format!("[{},{}]", feature(4), feature(5))).contains("8 points"));
    assert!(message(&format!("[{0},{0},{0}]", feature(2))).contains("2 polygons"));
    let deep = format!(r#"{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":{}"#, "[".repeat(2000));
    assert!(message(&deep).contains("recursion limit"), "{}", message(&deep));
}

#[test]
fn forms_of_geojson() {
    let geometry = r#""geometry":{"type":"Polygon","coordinates":[[[0,0],[5,0],[5,10],[0,10],[0,0]]],"plane":{"c":-1,"z":0,"t":0}}"#;
    let feature = |rest: &str| format!(r#"{{"type":"Feature",{geometry},{rest}}}"#);
    let tumour = feature(r#""properties":{"classification":{"name":"Tumor","colorRGB":-3670016}}"#);
    for text in [
        tumour.clone(),
        format!("[{tumour}]"),
        format!("\u{feff}{{\"type\":\"FeatureCollection\",\"features\":[{tumour}]}}"),
        format!("{{\"features\":[{tumour}],\"type\":\"FeatureCollection\"}}"),
        // QuPath 0.2, 0.3, 0.4 to 0.6, and names of derived classes.
        feature(
            r#""id":"PathAnnotationObject","properties":{"classification":{"name":"Tumor","colorRGB":-1},"isLocked":false,"measurements":[]}"#,
        ),
        feature(
            r#""properties":{"object_type":"annotation","classification":{"name":"tumor","color":[200,0,0]},"measurements":[{"name":"Area","value":NaN}]}"#,
        ),
        feature(
            r#""id":"6423a977-ffff-48db-affc-cd11632010f0","properties":{"objectType":"annotation","name":"NaN","classification":{"color":[1,2,3],"name":"Tumor"},"measurements":{"Area µm^2":-Infinity,"b \"Infinity\" \\":Infinity}}"#,
        ),
        feature(r#""properties":{"classification":{"names":["Tumor","Positive"],"color":[200,0,0]}}"#),
        feature(r#""properties":{"classification":"Tumor: Positive"}"#),
        feature(r#""properties":{"classification":"metastases"}"#),
        feature(r#""properties":{"classification":null,"name":"Tumor"}"#),
        feature(r#""properties":{"type":"annotation","name":"Tumor","id":7,"metadata":{"a":"b"}}"#),
    ] {
        let annotations = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(annotations.tumour_fraction(PLACE), 0.5, "{text}");
        assert!(annotations.doubts().is_empty());
    }
    for text in [feature(r#""properties":{}"#), feature(r#""properties":null"#), feature(r#""id":1"#)] {
        assert!(refusal(text.as_bytes()).contains("unknown group: `Unclassified` (1 polygon)"), "{text}");
    }
    let two = tumour.replace("\"Polygon\"", "\"MultiPolygon\"").replace(
        "[[[0,0],[5,0],[5,10],[0,10],[0,0]]]",
        "[[[[0,0],[5,0],[5,10],[0,10]],[[1,1],[2,1],[2,2],[1,2],[1,1]]],[[[6,0,9],[7,0,9],[7,10,9],[6,10,9]]]]",
    );
    let annotations = parse(two.as_bytes()).unwrap();
    assert_eq!(annotations.polygons().len(), 2);
    assert!((annotations.tumour_fraction(PLACE) - 0.59).abs() < 1e-9);
}

#[test]
fn objects_that_are_not_areas_of_a_pathologist_are_left_out_with_a_remark() {
    let geometry = r#""geometry":{"type":"Polygon","coordinates":[[[0,0],[5,0],[5,10],[0,10]]]}"#;
    for kind in ["detection", "cell", "tile", "tmaCore", "root"] {
        let text = format!(
            r#"{{"type":"Feature",{geometry},"properties":{{"objectType":"{kind}","classification":{{"name":"Tumor"}},"measurements":[]}}}}"#
        );
        assert!(refusal(text.as_bytes()).contains("without an area (of the group `Tumor`)"), "{kind}");
        let annotations = parse(text.replace("Tumor", "Stroma").as_bytes()).unwrap();
        assert!(annotations.polygons().is_empty() && annotations.doubts()[0].contains("not annotations"), "{kind}");
    }
    let legacy = format!(
        r#"[{{"type":"Feature","id":"PathCellObject",{geometry},"properties":{{"classification":"Stroma"}}}}]"#
    );
    assert!(parse(legacy.as_bytes()).unwrap().polygons().is_empty());
    assert!(refusal(legacy.replace("Stroma", "Tumor").as_bytes()).contains("no polygon"));
    for geometry in [
        r#"{"type":"Point","coordinates":[1,2]}"#,
        r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#,
        r#"{"type":"MultiPoint","coordinates":[[1,2]]}"#,
        r#"{"type":"MultiLineString","coordinates":[[[1,2],[3,4]]]}"#,
    ] {
        let text = format!(r#"{{"type":"Feature","geometry":{geometry},"properties":{{}}}}"#);
        assert_eq!(parse(text.as_bytes()).unwrap().doubts(), ["1 points or lines have no area and are left out"]);
    }
    let text = r#"{"type":"Feature","geometry":null,"properties":{"classification":"Stroma"}}"#;
    assert!(parse(text.as_bytes()).unwrap().doubts()[0].contains("no geometry"));
    assert!(refusal(text.replace("Stroma", "Tumor").as_bytes()).contains("without an area"));
    let children = format!(
        r#"{{"type":"Feature",{geometry},"properties":{{"classification":"Tumor","childObjects":[{{"type":"Feature",{geometry},"properties":{{"classification":"Exclusion"}}}}]}}}}"#
    );
    assert_eq!(parse(children.as_bytes()).unwrap().polygons().len(), 2);
}

#[test]
fn damaged_geojson_is_refused() {
    let cases = [
        ("{", "truncated"),
        ("[", "truncated"),
        ("{}", "without `type`"),
        ("[[]]", "an array within"),
        ("[1]", "expected"),
        (r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]}"#, "type `Polygon`"),
        (r#"{"type":"Topology","objects":{}}"#, "type `Topology`"),
        (r#"[{"type":"Feature","geometry":{"type":"Curve"}}]"#, "unknown type `Curve`"),
        (r#"[{"type":"Feature","geometry":{"type":"Polygon"}}]"#, "without coordinates"),
        (r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[1,2],[3,4]]}}]"#, "not a list of rings"),
        (r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[["a",2]]]}}]"#, "a number or an array"),
        (r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[NaN,2]]]}}]"#, "line 1"),
        (r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[1e300,2]]]}}]"#, "coordinate is 1"),
        (r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[1],[2]]]}}]"#, "pair of numbers"),
        ("[]\n\nx", "line 3"),
    ];
    for (text, reason) in cases {
        assert!(refusal(text.as_bytes()).contains(reason), "{text}: {}", refusal(text.as_bytes()));
    }
}

/// A polygon that no rule reads would make a slide with tumour normal.
#[test]
fn areas_where_the_format_has_none_are_refused_by_name() {
    let half = annotation("Polygon", "_0", &HALF);
    let root = |inner: &str| format!("<ASAP_Annotations>{inner}</ASAP_Annotations>");
    let cases = [
        (root(&half), "`Annotation` within `ASAP_Annotations`"),
        (
            asap(&half.replace("Annotation ", "annotation ").replace("/Annotation", "/annotation")),
            "`annotation` within",
        ),
        (asap(&half.replace("Coordinates", "coordinates")), "`coordinates` within `Annotation`"),
        (asap(&half.replace("<Coordinate ", "<coordinate ")), "`coordinate` within `Coordinates`"),
        (asap(&format!("<Folder>{half}</Folder>")), "`Folder` within `Annotations`"),
        (root("<annotations></annotations>"), "`annotations` within"),
        (root("<AnnotationGroups />"), "no element `Annotations`"),
        (root(""), "no element `Annotations`"),
    ];
    for (text, reason) in cases {
        let message = refusal(text.as_bytes());
        assert!(message.contains(reason), "{text}: {message}");
    }
    let own = half.replace("</Coordinates>", "</Coordinates><Attributes><a><b x=\"1\"/></a></Attributes>");
    assert_eq!(parse(asap(&own).as_bytes()).unwrap().tumour_fraction(PLACE), 0.5);
    for empty in [asap(""), root("<Annotations/>")] {
        assert!(parse(empty.as_bytes()).unwrap().polygons().is_empty(), "{empty}");
    }

    let feature = r#"{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[5,0],[5,10]]]},"properties":{"classification":"Tumor"}}"#;
    let cases = [
        (format!(r#"{{"type":"FeatureCollection","feature":[{feature}]}}"#), "without `features`"),
        (r#"{"type":"FeatureCollection","features":null}"#.to_owned(), "`features` is null"),
        (r#"{"type":"FeatureCollection"}"#.to_owned(), "without `features`"),
        (format!("[{feature},null]"), "null in place of a feature"),
        (feature.replace("\"Feature\"", "\"feature\""), "type `feature`"),
        (feature.replace("[5,0]", "[5,NaN]"), "`NaN`"),
        (feature.replace("[5,0]", "[-Infinity,0]"), "`NaN` or `Infinity`"),
        (feature.replace("\"Tumor\"", r#"{"names":null}"#), "`names` of a classification"),
    ];
    for (text, reason) in cases {
        let message = refusal(text.as_bytes());
        assert!(message.contains(reason), "{text}: {message}");
    }
    assert!(parse(br#"{"type":"FeatureCollection","features":[]}"#).unwrap().polygons().is_empty());
}

#[test]
fn annotations_of_another_slide_are_refused_with_numbers() {
    let far =
        asap(&annotation("Polygon", "_0", &[("5000", "7000"), ("5500", "7000"), ("5500", "7900"), ("5000", "7900")]));
    let mut annotations = parse(far.as_bytes()).unwrap();
    let message = annotations.check_bounds((4000, 3000)).unwrap_err().to_string();
    assert!(message.contains("4 of 4 points are outside the slide of 4000 x 3000 px: x is 5000 to 5500"), "{message}");
    assert!(annotations.check_bounds((6000, 8000)).is_ok() && annotations.doubts().is_empty());
    assert!(annotations.check_bounds((5200, 8000)).is_ok(), "half of the points are inside");
    assert!(annotations.doubts()[0].contains("2 of 4 points are outside"));
    let mut moved = annotations.translated(-4000.0, -6000.0);
    assert!(moved.check_bounds((4000, 3000)).is_ok() && moved.is_tumour(1200.0, 1500.0));
    assert!(Annotations::none().check_bounds((1, 1)).is_ok());
}

/// QuPath shows a MIRAX slide cropped to its bounds, and ASAP shows all of level 0.
#[test]
fn only_coordinates_of_qupath_are_relative_to_the_bounds() {
    let square = [("0", "0"), ("100", "0"), ("100", "100"), ("0", "100")];
    let of_asap = parse(asap(&annotation("Polygon", "_0", &square)).as_bytes()).unwrap().on_level_0((1000, 500));
    assert!(of_asap.is_tumour(50.0, 50.0) && of_asap.doubts().is_empty());
    let geojson = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon",
        "coordinates":[[[0,0],[100,0],[100,100],[0,100],[0,0]]]},
        "properties":{"objectType":"annotation","classification":{"name":"Tumor"}}}]}"#;
    let of_qupath = parse(geojson.as_bytes()).unwrap();
    assert!(of_qupath.clone().on_level_0((0, 0)).is_tumour(50.0, 50.0), "a slide without bounds");
    let of_qupath = of_qupath.on_level_0((1000, 500));
    assert!(of_qupath.is_tumour(1050.0, 550.0) && !of_qupath.is_tumour(50.0, 50.0));
    assert!(of_qupath.doubts()[0].contains("moved by (1000, 500)"), "{:?}", of_qupath.doubts());
    let again = of_qupath.on_level_0((1000, 500));
    assert!(again.is_tumour(1050.0, 550.0), "annotations are moved once");
}

#[test]
fn real_files_are_read() {
    let limits = AnnotationLimits::default();
    if let Some(path) = reference::shared("annotations/dlup_asap_example.xml") {
        let error = Annotations::read(&path, &GroupMap::default(), &limits).unwrap_err().to_string();
        assert!(error.contains("`healthy glands` (1 polygon)"), "{error}");
        let map = GroupMap::default().with("healthy glands", GroupRole::NotTumour);
        assert_eq!(Annotations::read(&path, &map, &limits).unwrap().polygons()[0].rings[0].len(), 9);
    }
    if let Some(path) = reference::shared("annotations/dlup_qupath05.geojson") {
        let error = Annotations::read(&path, &GroupMap::default(), &limits).unwrap_err().to_string();
        println!("{error}");
        let map = GroupMap::default().with("UT", GroupRole::Tumour).with("I", GroupRole::Ignore);
        let annotations = Annotations::read(&path, &map, &limits).unwrap();
        assert!(!annotations.polygons().is_empty() && annotations.is_tumour(8950.0, 6400.0));
    }
    let missing = Annotations::read("no/such.xml".as_ref(), &GroupMap::default(), &limits).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.xml: cannot be read"), "{missing}");
    assert!(Annotations::read(".".as_ref(), &GroupMap::default(), &limits).is_err());
}
