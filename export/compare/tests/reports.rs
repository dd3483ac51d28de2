//! The forms of a report, and answers that were saved.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use kiln_compare::{
    Answerer, CompareError, Compared, Comparison, SavedAnswers, Side, SideOptions, SideSpec, TileSet, Tolerances, html,
    junit, markdown,
};
use kiln_tile::Decoder;
use quick_xml::Reader;
use quick_xml::events::Event;
use support::{Row, facts, id, labelled, model, side, tile, tiles};

fn noisy(pixels: &[u8]) -> Row {
    let mut row = model(pixels);
    let shift = if id(pixels).is_multiple_of(3) { 0.2 } else { 0.0 };
    row.get_mut("score").unwrap().1[0] += shift;
    row.get_mut("error_map").unwrap().1[5] += 0.25;
    row
}

fn compared() -> Compared {
    let sides = vec![side("reference", model), side("a <b> & \"c\"", noisy), side("same", model)];
    let comparison = Comparison { pictures: 3, ..Comparison::new(Tolerances::default()) };
    comparison.run(sides, &labelled(60), &mut |_| {}).unwrap()
}

#[test]
fn a_comparison_of_no_sides_is_refused() {
    let error = Comparison::new(Tolerances::default()).run(Vec::new(), &tiles(1), &mut |_| {}).unwrap_err();
    assert!(matches!(error, CompareError::NoSide), "{error}");
}

#[test]
fn json_has_the_stable_names() {
    let json = serde_json::to_value(compared().report).unwrap();
    for name in ["schema", "passed", "kiln", "tiles", "reference", "comparisons"] {
        assert!(json.get(name).is_some(), "{name}");
    }
    let pair = &json["comparisons"][0];
    let names = [
        "name",
        "max_abs",
        "mean_abs",
        "max_rel",
        "cosine",
        "snr_db",
        "ulp_max",
        "ulp_p99",
        "quantiles",
        "tolerance",
        "outside",
        "outside_share",
        "worst",
        "passed",
    ];
    for name in names {
        assert!(pair["outputs"][0].get(name).is_some(), "{name}");
    }
    for name in ["flips", "to_anomalous", "to_normal", "flipped", "class_changes", "auroc", "calibration"] {
        assert!(pair["decisions"].get(name).is_some(), "{name}");
    }
    assert!(pair["decisions"]["auroc"]["difference"]["low"].is_number());
    for name in ["path", "reference", "candidate", "reference_margin", "candidate_margin"] {
        assert!(pair["decisions"]["flipped"][0].get(name).is_some(), "{name}");
    }
    let map = pair["outputs"].as_array().unwrap().iter().find(|output| output["name"] == "error_map").unwrap();
    // Its sixth element is changed.
    assert_eq!((&map["map"]["y"], &map["map"]["x"]), (&serde_json::json!(0), &serde_json::json!(5)));
}

/// Name of each element, with its attributes, and the text in it.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Eof => return found,
            Event::Start(element) | Event::Empty(element) => {
                let attributes = element.attributes().map(|attribute| {
                    let attribute = attribute.expect("an attribute");
                    let value = attribute.value.to_string();
                    (attribute.key.as_ref().to_owned(), value)
                });
                found.push((element.name().as_ref().to_owned(), attributes.collect()));
            }
            _ => {}
        }
    }
}

#[test]
fn junit_is_a_suite_for_each_candidate_and_a_case_for_each_output() {
    let compared = compared();
    let xml = junit(&compared.report);
    let elements = elements(&xml);
    let count = |name: &str| elements.iter().filter(|(element, _)| element == name).count();
    assert_eq!((count("testsuites"), count("testsuite"), count("testcase"), count("failure")), (1, 2, 12, 3));
    let value = |element: &str, key: &str| {
        let (_, attributes) = elements.iter().find(|(name, _)| name == element).unwrap();
        attributes.iter().find(|(name, _)| name == key).unwrap().1.clone()
    };
    assert_eq!((value("testsuites", "tests"), value("testsuites", "failures")), ("12".to_owned(), "3".to_owned()));
    assert!(value("testsuite", "name").contains("a &lt;b&gt; &amp; &quot;c&quot;"));
    assert!(value("failure", "message").contains("beyond the tolerance"));
}

#[test]
fn names_from_files_cannot_break_a_report() {
    let evil = "</td><script>alert(1)</script>|`\u{1b}[31m\u{0}]]>&\n.png";
    let tiles = TileSet::from_memory("made & <odd>", (0..30).map(|at| (format!("{at}{evil}"), tile(at))));
    let sides = vec![side("reference", model), side("candidate", noisy)];
    let comparison = Comparison { pictures: 2, ..Comparison::new(Tolerances::default()) };
    let compared = comparison.run(sides, &tiles, &mut |_| {}).unwrap();
    elements(&junit(&compared.report));
    let page = html(&compared);
    assert!(!page.contains("<script"));
    let text = markdown(&compared.report);
    assert!(!text.contains("<script") && text.lines().filter(|line| line.starts_with("| ")).count() > 5);
}

#[test]
fn the_page_is_one_file_with_pictures_and_charts() {
    let page = html(&compared());
    for part in ["<svg", "data:image/png;base64,", "a &lt;b&gt; &amp;", "tile-0.png", "All candidates", "AUROC"] {
        assert!(page.contains(part), "{part}");
    }
    for outside in ["http://", "https://", "<link", "<script", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn markdown_is_a_table_of_outputs_with_the_worst_tiles() {
    let text = markdown(&compared().report);
    for part in [
        "# Comparison: FAILED",
        "## a &lt;b> & \"c\": FAILED",
        "## same: passed",
        "| error_map | ✗ |",
        "| tile-0.png |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn saved_answers_equal_the_side_that_gave_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.npz");
    let sides = vec![side("reference", model), side("candidate", noisy)];
    let save = vec![None, Some(file.clone())];
    let first = Comparison { save, ..Comparison::new(Tolerances::default()) };
    let first = first.run(sides, &labelled(30), &mut |_| {}).unwrap();
    // On another machine, without the tiles: both from files.
    let loaded = || kiln_compare::open(&[SideSpec::path(&file)], &SideOptions::default()).unwrap().remove(0);
    let saved = loaded();
    assert!(saved.facts.saved && saved.facts.label == "candidate");
    let with = saved.saved().unwrap().tile_set();
    assert_eq!((with.len(), with.tiles[1].label.is_some()), (30, true));
    let again = Comparison::new(Tolerances::default()).run(vec![loaded(), loaded()], &with, &mut |_| {}).unwrap();
    assert!(again.report.passed && again.report.comparisons[0].outputs.len() == 5);
    // Against the live reference, on the tiles: the same figures.
    let sides = vec![side("reference", model), loaded()];
    let second = Comparison::new(Tolerances::default()).run(sides, &labelled(30), &mut |_| {}).unwrap();
    let figures = |compared: &Compared| {
        let pair = compared.report.comparisons[0].clone();
        (pair.outputs, pair.decisions)
    };
    assert_eq!(figures(&first), figures(&second));
    let text = std::fs::read(&file).unwrap();
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    if host.trim().len() > 3 {
        assert!(!String::from_utf8_lossy(&text).contains(host.trim()), "no name of a machine");
    }
}

#[test]
fn saved_answers_to_other_tiles_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npz");
    let save = Comparison { save: vec![Some(file.clone())], ..Comparison::new(Tolerances::default()) };
    save.run(vec![side("reference", model)], &tiles(10), &mut |_| {}).unwrap();
    let loaded = || {
        let answers = Answerer::Saved(Box::new(SavedAnswers::read(&file).unwrap()));
        let mut facts = facts("saved", 0.6);
        facts.saved = true;
        Side::new(facts, Decoder::default(), vec![answers])
    };
    let refused = |tiles: &TileSet| {
        let sides = vec![side("reference", model), loaded()];
        Comparison::new(Tolerances::default()).run(sides, tiles, &mut |_| {}).unwrap_err()
    };
    let named = |error: CompareError, word: &str| {
        assert!(matches!(error, CompareError::OtherTiles { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    named(refused(&tiles(11)), "tile-10.png");
    named(refused(&tiles(9)), "tile-9.png");
    let other = TileSet::from_memory(
        "other",
        (0..10).map(|at| (format!("tile-{at}.png"), tile(if at == 4 { 99 } else { at }))),
    );
    named(refused(&other), "tile-4.png");
    // A live side cannot answer tiles of which only names are known.
    let names = loaded().saved().unwrap().tile_set();
    let sides = vec![loaded(), side("candidate", model)];
    let error = Comparison::new(Tolerances::default()).run(sides, &names, &mut |_| {}).unwrap_err();
    assert!(matches!(error, CompareError::NoPixels { .. }), "{error}");
}

#[test]
fn arrays_of_another_program_have_the_threshold_and_the_classes_of_the_other_side() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("torch.npz");
    let scores: Vec<f32> = (0..20).map(|at| model(tile(at).pixels())["score"].1[0]).collect();
    let classes: Vec<f32> = (0..20).flat_map(|at| model(tile(at).pixels())["probabilities"].1.clone()).collect();
    let classes = ndarray::Array2::from_shape_vec((20, 3), classes).unwrap();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&file).unwrap());
    let arrays = [
        ("score", kiln_runtime::npz::to_npy(&ndarray::Array1::from(scores)).unwrap()),
        ("probabilities", kiln_runtime::npz::to_npy(&classes).unwrap()),
    ];
    for (name, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, &bytes).unwrap();
    }
    archive.finish().unwrap();
    let arrays = kiln_compare::open(&[SideSpec::path(&file)], &SideOptions::default()).unwrap().remove(0);
    let outputs = Some(vec!["score".to_owned(), "probabilities".to_owned()]);
    let comparison = Comparison { outputs, ..Comparison::new(Tolerances::default()) };
    let report = comparison.run(vec![arrays, side("candidate", model)], &tiles(20), &mut |_| {}).unwrap().report;
    assert!(report.passed, "{report:#?}");
    assert_eq!(report.comparisons[0].decisions.as_ref().unwrap().tiles, 20);
}

#[test]
fn an_output_that_nobody_has_is_an_error() {
    let outputs = Some(vec!["scores".to_owned()]);
    let comparison = Comparison { outputs, ..Comparison::new(Tolerances::default()) };
    let sides = vec![side("reference", model), side("candidate", model)];
    let error = comparison.run(sides, &tiles(5), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("no output `scores`"), "{error}");
}

#[test]
fn limits_of_a_file_decide() {
    let run = |yaml: &str| {
        let tolerances = Tolerances::parse(yaml, "t.yaml").unwrap();
        let sides = vec![side("reference", model), side("candidate", noisy)];
        Comparison::new(tolerances).run(sides, &tiles(30), &mut |_| {})
    };
    let wide = "default: {absolute: 0.5}\ndecisions: {flips: 1, class_changes: 1}\n";
    assert!(run(wide).unwrap().report.passed);
    let share = "outputs: {error_map: {absolute: 1e-5, outside: 0.01}, score: {absolute: 1}}\ndecisions: {flips: 1}\n";
    assert!(run(share).unwrap().report.passed);
    assert!(!run("outputs: {error_map: {absolute: 1e-5, outside: 0.0001}}").unwrap().report.passed);
    assert!(run("outputs: {eror_map: {absolute: 1}}").unwrap_err().to_string().contains("nearest `error_map`"));
}

#[test]
fn a_tile_that_cannot_be_read_is_named_and_the_rest_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    for at in 0..12_u8 {
        let path = folder.path().join(format!("{at}.png"));
        if at == 5 {
            std::fs::write(path, "no picture").unwrap();
        } else {
            image::RgbImage::from_pixel(256, 256, image::Rgb([at * 9, 40, 200 - at])).save(path).unwrap();
        }
    }
    let tiles = TileSet::from_data(folder.path(), None, &Default::default()).unwrap();
    let sides = vec![side("reference", model), side("candidate", model)];
    let report = Comparison::new(Tolerances::default()).run(sides, &tiles, &mut |_| {}).unwrap().report;
    assert!(report.passed && report.tiles.count == 11);
    assert_eq!(report.tiles.failed[0].path, "5.png");
    for file in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::write(file.unwrap().path(), "no picture").unwrap();
    }
    let sides = vec![side("reference", model), side("candidate", model)];
    let error = Comparison::new(Tolerances::default()).run(sides, &tiles, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("none of the 12 tiles"), "{error}");
}
