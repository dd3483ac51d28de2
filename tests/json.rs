//! With `--json` every verb writes JSON and nothing else to stdout; without it, stdout still contains data alone.

use serde_json::Value;

use crate::support::{Kind, finish, fixture, kiln, scratch};

#[test]
fn every_verb_answers_with_one_document_that_holds_its_stable_names() {
    let fixture = fixture();
    let folder = scratch();
    let at = |name: &str| folder.path().join(name).into_os_string();
    let (bundle, run, tiles) = (fixture.bundle(Kind::Cnn), fixture.run(Kind::Cnn), fixture.tiles());
    let (bundle, run, tiles) = (bundle.as_os_str(), run.as_os_str(), tiles.as_os_str());
    let config = fixture.config(Kind::Cnn).into_os_string();
    let quick: &std::ffi::OsStr = "training.epochs=1".as_ref();
    let (new_tiles, new_split, new_run, new_bundle, new_scores) =
        (at("tiles"), at("split.csv"), at("run"), at("bundle"), at("s.csv"));
    let cases: Vec<(Vec<&std::ffi::OsStr>, &[&str])> = vec![
        (vec!["doctor".as_ref()], &["machine", "libraries"]),
        (
            vec!["data".as_ref(), "synth".as_ref(), "--out".as_ref(), &new_tiles, "--tiles".as_ref(), "24".as_ref()],
            &["tiles", "data_sha256"],
        ),
        (
            vec!["data".as_ref(), "inspect".as_ref(), tiles],
            &["tiles", "classes", "groups", "unreadable", "duplicates", "colour"],
        ),
        (vec!["data".as_ref(), "split".as_ref(), tiles, "--out".as_ref(), &new_split], &["split", "splits"]),
        (
            vec![
                "train".as_ref(),
                &config,
                "--data".as_ref(),
                tiles,
                "--out".as_ref(),
                &new_run,
                "--set".as_ref(),
                quick,
            ],
            &["run", "epochs", "threshold", "metrics"],
        ),
        (
            vec!["evaluate".as_ref(), run, "--resamples".as_ref(), "200".as_ref()],
            &["n", "auroc", "threshold", "baseline"],
        ),
        (vec!["export".as_ref(), run, "--out".as_ref(), &new_bundle], &["bundle", "parity"]),
        (vec!["verify".as_ref(), bundle], &["passed", "outputs", "decisions_changed", "tiles", "provider", "nodes"]),
        (
            vec!["score".as_ref(), bundle, tiles, "--out".as_ref(), &new_scores],
            &["out", "tiles", "scored", "failed", "nodes"],
        ),
    ];
    for (arguments, names) in cases {
        let mut command = crate::support::command();
        command.arg("--json").args(&arguments);
        let document = finish(command).code(0).json();
        for name in names {
            assert!(document.get(name).is_some(), "{name} is missing in what {arguments:?} gave:\n{document}");
        }
    }
    assert!(kiln!("runtime", "list", "--json").code(0).json().is_array());
    let rows = kiln!("score", bundle, tiles, "--json").code(0).stdout();
    assert_eq!(rows.lines().count(), 144);
    for row in rows.lines() {
        let _: Value = serde_json::from_str(row).unwrap();
    }
}

#[test]
fn an_error_leaves_stdout_to_others() {
    let fixture = fixture();
    for arguments in [["verify", "nowhere"], ["export", "nowhere"], ["evaluate", "nowhere"], ["bench", "nowhere"]] {
        let mut command = crate::support::command();
        command.arg("--json").args(arguments);
        if arguments[0] == "export" {
            command.args(["--out", "nothing"]);
        }
        let said = finish(command).code(2).says(&["error", "nowhere"]);
        assert_eq!(said.stdout(), "");
    }
    kiln!("--log", "shout=[", "verify", fixture.bundle(Kind::Cnn)).code(2).says(&["--log"]);
}
