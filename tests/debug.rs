//! `kiln debug`: every value of a run beside that of its bundle, and a fault that was planted in a copy of the bundle's graph.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::snippet::python;
use crate::support::{Kind, browser, contents, copy, fixture, kiln, onnx, scratch, skip};

/// Runs the graph as written: with the optimiser, it would be run once for each value.
fn as_written(bundle: &Path) -> String {
    format!("{}@:cpu:noopt", bundle.display())
}

/// Fails if something of a page does not fit.
fn looked_at(page: &str, folder: &Path) {
    let Some(browser) = browser::chromium() else { return skip("there is no Chromium") };
    for width in browser::WIDTHS {
        assert_eq!(browser::misfits(browser, page, width, folder), "", "at {width}");
    }
}

#[test]
fn the_layers_of_a_run_and_its_bundle_agree_in_every_report() {
    let (fixture, folder) = (fixture(), scratch());
    let (run, bundle) = (fixture.run(Kind::Cnn), fixture.bundle(Kind::Cnn));
    let [html, markdown, picture] = ["a.html", "a.md", "a.png"].map(|name| folder.path().join(name));
    let side = as_written(&bundle);
    let reports = kiln!(
        "--json",
        "debug",
        "layers",
        &run,
        &side,
        "--tiles",
        "2",
        "--html",
        &html,
        "--markdown",
        &markdown,
        "--picture",
        &picture
    );
    let json = reports.code(0).json();
    assert!(json["passed"] == true && json["first"].is_null() && json["tiles"].as_array().unwrap().len() == 2);
    let rows = json["rows"].as_array().unwrap();
    let mut values: Vec<&str> = rows.iter().map(|row| row["value"].as_str().unwrap()).collect();
    values.sort_unstable();
    let mut computed = onnx::computed(&bundle.join("model.onnx"));
    computed.sort_unstable();
    assert_eq!(values, computed, "a row for each value that the graph computes");
    for row in rows {
        assert!(row["verdict"] == "ok" && row["carried"]["elements"].as_u64() > Some(0), "{row}");
        assert!(row["own"]["max_abs"].as_f64() <= row["allowed"].as_f64(), "{row}");
    }
    let [page, table] = [html, markdown].map(|path| fs::read_to_string(path).unwrap());
    for value in &values {
        assert!(table.contains(&format!("| `{value}` |")), "{value} is not in:\n{table}");
    }
    assert!(page.contains(&format!("id=\"value-{}\"", rows.len())) && page.contains("data:image/png;base64,"));
    assert!(!page.contains("<script") && !page.contains('`'), "no script, and no Markdown");
    let picture = image::open(picture).unwrap();
    assert!(picture.width() > picture.height(), "{} x {}", picture.width(), picture.height());
    let said = kiln!("debug", "layers", &run, &side, "--tiles", "1", "--head", "3").code(0).stdout();
    assert!(said.starts_with("value ") && said.trim_end().ends_with("PASSED"), "{said}");
    assert!(said.contains(&format!("{} values on 1 tile (", rows.len())), "{said}");
}

#[test]
fn a_planted_fault_is_found_and_becomes_a_folder_that_others_can_run() {
    let (fixture, folder) = (fixture(), scratch());
    let run = fixture.run(Kind::Cnn);
    let faulty = copy(&fixture.bundle(Kind::Cnn), &folder.path().join("faulty"));
    let value = onnx::plant_fault(&faulty);
    let (side, html, issue) = (as_written(&faulty), folder.path().join("a.html"), folder.path().join("issue"));
    let layers = kiln!("--json", "debug", "layers", &run, &side, "--tiles", "2", "--html", &html).code(1).json();
    let first = layers["first"].as_u64().unwrap();
    assert_eq!(layers["rows"][first as usize]["value"], value.as_str());
    assert!(layers["causes"][0]["reasons"].to_string().contains("the weights"), "{}", layers["causes"]);
    let page = fs::read_to_string(html).unwrap();
    assert!(page.contains(&format!("href=\"#value-{}\"", first + 1)) && page.contains("BEYOND"));
    looked_at(&page, folder.path());

    let found = kiln!("--json", "debug", "bisect", &run, &side, "--tiles", "2", "--out", &issue).code(0).json();
    assert_eq!(found["value"], value.as_str());
    assert!(found["figures"]["max_abs"].as_f64() > found["allowed"].as_f64(), "{found}");
    let files = contents(&issue);
    let names: Vec<_> = files.keys().map(|name| name.to_str().unwrap()).collect();
    assert_eq!(names, ["README.md", "expected.npz", "inputs.npz", "model.onnx", "reproduce.py"]);
    let bytes: u64 = names.iter().map(|name| fs::metadata(issue.join(name)).unwrap().len()).sum();
    assert!(bytes < 1_000_000 && found["bytes"] == bytes, "{bytes}: {found}");
    let again = |more: &str| kiln!("debug", "bisect", &run, &side, "--tiles", "2", "--out", &issue, more);
    again("--require-all").code(2).says(&["is there already", "--replace"]);
    again("--replace").code(0);
    assert_eq!(contents(&issue), files, "the same fault gives the same bytes");
    let readme = fs::read_to_string(issue.join("README.md")).unwrap();
    assert!(readme.contains(&value) && readme.contains("\npython reproduce.py\n"), "{readme}");
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skip(&reason),
    };
    let ran = Command::new(python).arg("reproduce.py").current_dir(&issue).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let shown = said.split("max abs ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let (shown, measured) = (shown.parse::<f64>().unwrap(), found["figures"]["max_abs"].as_f64().unwrap());
    assert!((shown - measured).abs() <= 1e-4 * measured, "Python shows {shown}, and {measured} was measured");
}

#[test]
fn wrong_sides_and_targets_are_errors_of_the_input() {
    let (fixture, folder) = (fixture(), scratch());
    let (run, bundle, issue) = (fixture.run(Kind::Cnn), fixture.bundle(Kind::Cnn), folder.path().join("issue"));
    let side = as_written(&bundle);
    kiln!("debug", "layers", &run, folder.path().join("nowhere")).code(2).says(&["no such run", "hint:"]);
    kiln!("debug", "layers", &run, format!("{}@int3", bundle.display())).code(2).says(&["no precision `int3`", "fp32"]);
    kiln!("debug", "layers", &run, &side, "--html", bundle.join("a.html")).code(2).says(&["--html", "is only read"]);
    kiln!("debug", "bisect", &run, &side, "--out", bundle.join("issue")).code(2).says(&["--out", "is only read"]);
    kiln!("debug", "bisect", &run, &side, "--tiles", "1", "--value", "nothing", "--out", &issue)
        .code(2)
        .says(&["`nothing`"]);
    // Agreement is no folder.
    kiln!("debug", "bisect", &run, &side, "--tiles", "1", "--out", &issue)
        .code(1)
        .says(&["do not part", "kiln debug layers"]);
    assert!(!issue.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left over");
}
