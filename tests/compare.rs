//! `kiln compare`: burn beside ONNX Runtime, precisions beside each other, answers that were saved, and the reports.

use std::fs;

use serde_json::Value;

use crate::support::{Kind, browser, copy, fixture, kiln, scratch, skip};

#[test]
fn a_run_and_its_bundle_agree_on_the_test_split() {
    let fixture = fixture();
    let (run, bundle) = (fixture.run(Kind::Cnn), fixture.bundle(Kind::Cnn));
    let said = kiln!("--json", "compare", &run, &bundle).code(0).json();
    assert_eq!(said["passed"], true);
    assert!(said["tiles"]["source"].as_str().unwrap().starts_with("test split"));
    let pair = &said["comparisons"][0];
    assert_eq!(pair["decisions"]["flips"], 0);
    assert!(pair["decisions"]["auroc"]["difference"]["value"].as_f64().unwrap().abs() < 1e-6);
    let verified = kiln!("--json", "verify", &bundle, "--run", &run).code(0).json();
    for output in pair["outputs"].as_array().unwrap() {
        let same = |other: &&Value| other["name"] == output["name"];
        let other = verified["outputs"].as_array().unwrap().iter().find(same).unwrap();
        // The verifier also runs other batch sizes.
        assert!(output["max_abs"].as_f64() <= other["max_abs"].as_f64().map(|most| most + 1e-6), "{output} {other}");
    }
    kiln!("compare", &run, &bundle).code(0);
}

#[test]
fn another_threshold_ends_with_1_and_names_the_tiles_that_flip() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = fixture.bundle(Kind::Cnn);
    let changed = copy(&bundle, &folder.path().join("changed"));
    let manifest = changed.join("manifest.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json["threshold"]["value"] = Value::from(0.0);
    fs::write(&manifest, serde_json::to_vec_pretty(&json).unwrap()).unwrap();
    let [junit, page, markdown] = ["a.xml", "a.html", "a.md"].map(|name| folder.path().join(name));
    let tiles = fixture.tiles();
    let said = kiln!(
        "compare",
        &bundle,
        &changed,
        "--data",
        &tiles,
        "--junit",
        &junit,
        "--html",
        &page,
        "--markdown",
        &markdown
    )
    .code(1)
    .stdout();
    assert!(said.contains("the thresholds differ") && said.contains("FAILED"), "{said}");
    let text = |path| fs::read_to_string(path).unwrap();
    assert!(text(&junit).contains("name=\"decisions\"") && text(&junit).contains("<failure"));
    assert!(text(&markdown).contains("flipped tile"));
    let page = text(&page);
    assert!(page.contains("<svg") && !page.contains("<script"));
    let Some(browser) = browser::chromium() else { return skip("there is no Chromium") };
    for width in browser::WIDTHS {
        let misfits = browser::misfits(browser, &page, width, folder.path());
        assert!(misfits.is_empty(), "at {width}: {misfits}");
    }
}

#[test]
fn saved_answers_are_a_side_and_refuse_other_tiles() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = fixture.bundle(Kind::Cnn);
    let answers = folder.path().join("answers.npz");
    kiln!("compare", &bundle, "--save", &answers).code(0);
    kiln!("compare", &answers, &bundle).code(0);
    kiln!("compare", &bundle, "--load", &answers).code(0);
    kiln!("compare", &bundle.join("golden.npz"), &bundle).code(0);
    kiln!("compare", &answers, &bundle, "--data", fixture.tiles())
        .code(2)
        .says(&["its answers are to other tiles", "hint:"]);
    kiln!("compare", &bundle, &bundle, "--save", &answers).code(2).says(&["one file cannot hold"]);
    let both = folder.path().join("both");
    kiln!("compare", fixture.run(Kind::Cnn), &bundle, "--save", &both).code(0);
    let mut names: Vec<_> = fs::read_dir(&both).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 2);
    // Without the tiles, which are elsewhere.
    kiln!("compare", &names[0], &names[1]).code(0);
}

#[test]
fn a_matrix_has_a_row_for_each_precision_and_provider() {
    let fixture = fixture();
    let said = kiln!("--json", "compare", fixture.run(Kind::Cnn), fixture.bundle(Kind::Cnn), "--matrix");
    let json = said.json();
    assert!(!json["comparisons"].as_array().unwrap().is_empty());
    for pair in json["comparisons"].as_array().unwrap() {
        assert!(pair["candidate"]["label"].as_str().unwrap().contains('@'), "{pair}");
    }
}

#[test]
fn wrong_sides_and_files_are_errors_of_the_input() {
    let fixture = fixture();
    let folder = scratch();
    let bundle = fixture.bundle(Kind::Cnn);
    kiln!("compare", &bundle).code(2).says(&["one side alone", "--matrix"]);
    kiln!("compare", &bundle, folder.path().join("nowhere")).code(2).says(&["no such file or folder"]);
    kiln!("compare", &bundle, format!("{}@int3", bundle.display())).code(2).says(&["no precision `int3`"]);
    kiln!("compare", &bundle, format!("{}:gpu", bundle.display())).code(2).says(&["`gpu`"]);
    let wrong = folder.path().join("tolerances.yaml");
    fs::write(&wrong, "outputs: {scor: {absolute: 1}}").unwrap();
    kiln!("compare", &bundle, &bundle, "--tolerances", &wrong).code(2).says(&["`scor`, nearest `score`"]);
    kiln!("compare", &bundle, &bundle, "--html", bundle.join("page.html")).code(2).says(&["--html", "the bundle"]);
}
