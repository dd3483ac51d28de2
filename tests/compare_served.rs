//! `kiln compare` with a model server as a side: one that answers as the bundle does, one that answers wrongly, one that
//! fails. A real Triton is a side in `endpoint.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::served::{Act, Served};
use crate::support::{Kind, fixture, kiln, scratch};

/// The tile that servers treat in another way.
const ODD: usize = 27;

/// Treats one tile of the fixture in another way.
fn for_one(act: Act) -> impl Fn(&[u8]) -> Act + Send + Sync + 'static {
    let odd = image::open(fixture().tile(ODD)).unwrap().to_rgb8().into_raw();
    move |pixels| if pixels == odd { act } else { Act::Right }
}

/// The name of that tile in reports.
fn odd() -> String {
    let tile = fixture().tile(ODD);
    tile.strip_prefix(fixture().tiles()).unwrap().to_string_lossy().into_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_server_of_the_bundle_agrees_and_its_answers_outlive_it() {
    let (fixture, folder) = (fixture(), scratch());
    let (bundle, tiles) = (fixture.bundle(Kind::Cnn), fixture.tiles());
    let server = Served::new(&bundle, |_| Act::Right);
    let (saved, page, golden) =
        (folder.path().join("saved"), folder.path().join("page.html"), folder.path().join("golden.npz"));
    let json = kiln!("--json", "compare", &bundle, server.side(), "--data", &tiles, "--save", &saved, "--html", &page)
        .code(0)
        .json();
    let pair = &json["comparisons"][0];
    assert_eq!((&pair["passed"], &pair["decisions"]["flips"]), (&Value::from(true), &Value::from(0)), "{pair}");
    let side = &pair["candidate"];
    assert_eq!((&side["kind"], &side["label"]), (&Value::from("endpoint"), &Value::from("m on fake")));
    assert_eq!(side["versions"]["fake"], "1");
    assert_eq!(side["weights_sha256"], Value::Null, "a server states no weights");
    // Of the bundle that it serves, there are golden tiles too.
    kiln!("compare", server.side(), "--bundle", &bundle, "--save", &golden).code(0);
    let address = server.url().replace("http://", "");
    let page = fs::read_to_string(page).unwrap();
    assert!(!json.to_string().contains(&address) && !page.contains(&address), "reports are sent to others");
    drop(server);
    let saved = files(&saved);
    assert_eq!(saved.len(), 2);
    assert!(saved[1].ends_with("b-m-on-fake.npz"), "{saved:?}");
    kiln!("compare", &saved[0], &saved[1]).code(0);
    kiln!("compare", &bundle, "--load", &saved[1], "--data", &tiles).code(0);
    kiln!("compare", &golden, &bundle).code(0);
}

#[test]
fn a_server_that_answers_one_tile_wrongly_is_found_by_name() {
    let fixture = fixture();
    let bundle = fixture.bundle(Kind::Cnn);
    let server = Served::new(&bundle, for_one(Act::Halved));
    let said = kiln!("--json", "compare", &bundle, server.side(), "--data", fixture.tiles()).code(1);
    let pair = &said.json()["comparisons"][0];
    let score = pair["outputs"].as_array().unwrap().iter().find(|output| output["name"] == "score").unwrap();
    assert_eq!((&score["outside"], &score["worst"][0]["path"]), (&Value::from(1), &Value::from(odd())), "{score}");
    assert!(pair["findings"].to_string().contains(&odd()), "{}", pair["findings"]);
}

#[test]
fn a_server_that_fails_has_no_figures_and_spares_the_other_sides() {
    let (fixture, folder) = (fixture(), scratch());
    let (bundle, tiles, saved) = (fixture.bundle(Kind::Cnn), fixture.tiles(), folder.path().join("saved"));
    let server = Served::new(&bundle, for_one(Act::Status(500)));
    let said = kiln!("--json", "compare", &bundle, server.side(), &bundle, "--data", &tiles, "--save", &saved);
    let json = said.code(1).json();
    let [failed, other] = json["comparisons"].as_array().unwrap().as_slice() else { panic!("{json}") };
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("HTTP 500") && error.contains("out of memory"), "{error}");
    assert!(!error.contains("127.0.0.1"), "{error}");
    assert_eq!((&failed["outputs"], &failed["decisions"]), (&Value::Array(Vec::new()), &Value::Null));
    assert_eq!(other["passed"], true, "{other}");
    let names: Vec<_> = files(&saved).iter().map(|file| file.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["a-cnn-fp32-cpu.npz", "c-cnn-fp32-cpu.npz"], "no file of half of the answers");
    // The reference must answer.
    let none = folder.path().join("none");
    kiln!("compare", server.side(), &bundle, "--data", &tiles, "--save", &none)
        .code(3)
        .says(&["out of memory", &server.url()]);
    assert!(files(&none).is_empty());
}

#[test]
fn a_server_that_never_answers_is_a_failed_check_within_its_time_limit() {
    let fixture = fixture();
    let bundle = fixture.bundle(Kind::Cnn);
    let broken = Served::new(&bundle, |_| Act::Status(500));
    let said = kiln!("compare", &bundle, broken.side(), "--outputs", "score").code(1).stdout();
    assert!(said.contains("did not answer") && said.contains("FAILED"), "{said}");
    let busy = Served::new(&bundle, |_| Act::Status(503));
    let said = kiln!("compare", &bundle, busy.side(), "--retry-for", "0.3").code(1).stdout();
    assert!(said.contains("is not ready") && said.contains("tried"), "{said}");
    kiln!("compare", busy.side(), &bundle, "--retry-for", "0.3").code(3).says(&["is not ready", "--retry-for"]);
}

#[test]
fn a_server_that_cannot_be_a_side_is_refused_with_the_word_that_helps() {
    let (fixture, folder) = (fixture(), scratch());
    let bundle = fixture.bundle(Kind::Cnn);
    let server = Served::new(&bundle, |_| Act::Right);
    let url = server.url();
    kiln!("compare", fixture.run(Kind::Cnn), server.side()).code(2).says(&["is not known", "--bundle"]);
    kiln!("compare", &bundle, format!("{url}#n")).code(1).says(&["`n`", "URL#MODEL"]);
    kiln!("compare", &bundle, format!("{url}#")).code(2).says(&["URL[#MODEL]"]);
    kiln!("compare", &bundle, server.side(), "--outputs", "depth").code(2).says(&["`depth`", "--outputs"]);
    kiln!("compare", server.side(), "--bundle", &bundle, "--outputs", "depth", "--save", folder.path().join("a.npz"))
        .code(2)
        .says(&["`depth`", "score, probabilities"]);
    kiln!("compare", fixture.bundle(Kind::Vae), server.side()).code(1).says(&["is not this bundle", "`error_map`"]);
    let inside = bundle.join("page.html");
    kiln!("compare", server.side(), server.side(), "--bundle", &bundle, "--html", inside)
        .code(2)
        .says(&["--html", "the bundle"]);
    let side = server.side();
    drop(server);
    kiln!("compare", &bundle, side).code(3).says(&["did not answer"]);
}
