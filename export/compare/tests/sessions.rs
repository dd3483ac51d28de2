//! Sides of ONNX Runtime: bundles on disk, their precisions, and their saved answers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../runtime/tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};

use kiln_compare::{Comparison, SideOptions, SideSpec, TileSet, Tolerances, open, open_each};
use kiln_tile::{TILE_BYTES, Tile};

fn bundle(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    common::bundle::write(&path, &common::onnx::class_model(None));
    path
}

fn tiles(n: u8) -> TileSet {
    let tile =
        |at: u8| Tile::from_pixels((0..TILE_BYTES).map(|i| at.wrapping_mul(20).wrapping_add((i % 50) as u8)).collect());
    TileSet::from_memory("made tiles", (0..n).map(|at| (format!("{at}.png"), tile(at).unwrap())))
}

fn options() -> SideOptions {
    SideOptions { library: Some(common::runtime().library().path.clone()), ..SideOptions::default() }
}

#[test]
fn a_bundle_answers_as_itself_with_and_without_the_optimiser() {
    let folder = tempfile::tempdir().unwrap();
    let path = bundle(folder.path(), "bundle");
    let specs: Vec<SideSpec> = [String::new(), ":cpu:noopt".to_owned(), "@fp32:cpu".to_owned()]
        .iter()
        .map(|words| format!("{}{words}", path.display()).parse().unwrap())
        .collect();
    let sides = open(&specs, &options()).unwrap();
    assert_eq!(sides[1].facts.label, "bundle@fp32:cpu:noopt");
    assert!(sides[1].facts.unoptimised && sides[0].facts.nodes.values().sum::<usize>() > 0);
    let report = Comparison::new(Tolerances::default()).run(sides, &tiles(20), &mut |_| {}).unwrap().report;
    assert!(report.passed, "{report:#?}");
    assert_eq!(report.comparisons.len(), 2);
    assert_eq!(
        report.comparisons[0].outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>(),
        ["probabilities", "score"]
    );
    // Two sides with one label are given a letter each.
    let labels = [&report.reference.facts.label, &report.comparisons[1].candidate.facts.label];
    assert_eq!(labels, ["bundle@fp32:cpu (A)", "bundle@fp32:cpu (C)"]);
}

#[test]
fn a_graph_with_swapped_classes_is_found_by_its_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let good = bundle(folder.path(), "good");
    let bad = folder.path().join("bad");
    let model = common::onnx::class_model(None);
    common::bundle::write(&bad, &model);
    let mut manifest = common::bundle::manifest(&model);
    manifest["threshold"]["value"] = serde_json::json!(0.1);
    common::bundle::write_manifest(&bad, &manifest);
    let sides = open(&[SideSpec::path(&good), SideSpec::path(&bad)], &options()).unwrap();
    let report = Comparison::new(Tolerances::default()).run(sides, &tiles(20), &mut |_| {}).unwrap().report;
    let decisions = report.comparisons[0].decisions.as_ref().unwrap();
    assert!(!report.passed && decisions.flips > 0 && decisions.to_normal == 0);
}

#[test]
fn outputs_that_nobody_asked_for_are_not_computed() {
    let folder = tempfile::tempdir().unwrap();
    let path = bundle(folder.path(), "bundle");
    let options = SideOptions { outputs: Some(vec!["score".to_owned()]), ..options() };
    let sides = open(&[SideSpec::path(&path), SideSpec::path(&path)], &options).unwrap();
    let comparison = Comparison { outputs: options.outputs.clone(), ..Comparison::new(Tolerances::default()) };
    let report = comparison.run(sides, &tiles(5), &mut |_| {}).unwrap().report;
    assert_eq!(report.comparisons[0].outputs.len(), 1);
    assert!(report.passed);
}

#[test]
fn sides_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = bundle(folder.path(), "bundle");
    let spec = |words: &str| format!("{}{words}", path.display()).parse::<SideSpec>().unwrap();
    let specs = [spec(""), spec("@int8"), spec(":rocm"), spec(":gpu"), SideSpec::path(&folder.path().join("nowhere"))];
    // A provider that is no name at all is found before anything is opened.
    assert!(open_each(&specs, &options()).is_err());
    let opened =
        open_each(&[specs[0].clone(), specs[1].clone(), specs[2].clone(), specs[4].clone()], &options()).unwrap();
    let reasons: Vec<String> =
        opened.into_iter().map(|side| side.map_or_else(|error| error.to_string(), |_| String::new())).collect();
    assert!(reasons[0].is_empty() && reasons[1].contains("no precision `int8`"), "{reasons:?}");
    assert!(reasons[2].contains("rocm") && reasons[3].contains("no such file or folder"), "{reasons:?}");
    std::fs::write(folder.path().join("answers.npz"), "no archive").unwrap();
    let saved: SideSpec = format!("{}:cpu", folder.path().join("answers.npz").display()).parse().unwrap();
    assert!(open(&[saved], &options()).unwrap_err().to_string().contains("a file of answers"));
}

#[test]
fn golden_tiles_are_those_of_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = bundle(folder.path(), "bundle");
    let side = open(&[SideSpec::path(&path)], &options()).unwrap().remove(0);
    // This bundle has none.
    assert!(TileSet::golden(&side).unwrap_err().to_string().contains("golden"));
}
