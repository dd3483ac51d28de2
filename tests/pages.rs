//! Report pages in a browser at 800, 1,200 and 1,920 pixels, with long labels, long names and many classes: nothing is cut
//! off and nothing overlaps.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::browser::{WIDTHS, chromium, misfits};
use crate::support::{Kind, fixture, kiln, scratch, skip};

/// A name that cannot be broken at a space.
const LONG: &str = "adenocarcinoma_of_the_colon_poorly_differentiated_with_signet_ring_cells_and_necrosis_grade";

/// Tiles of six classes with long labels, in groups with long names.
fn tiles(folder: &Path) -> std::path::PathBuf {
    let mut list = "path,label,group\n".to_owned();
    for number in 0..72 {
        let label = match number % 6 {
            0 | 2 => "benign".to_owned(),
            other => format!("{LONG}_{other}"),
        };
        let name = format!("{LONG}-{number}.png");
        fs::hard_link(fixture().tile(number), folder.join(&name)).unwrap();
        writeln!(list, "{name},{label},{LONG}_slide_{}", number / 6).unwrap();
    }
    let path = folder.join("tiles.csv");
    fs::write(&path, list).unwrap();
    path
}

#[test]
fn nothing_is_cut_off_on_any_page_at_any_width() {
    let Some(browser) = chromium() else { return skip("there is no Chromium on this machine") };
    let folder = scratch();
    let tiles = tiles(folder.path());
    let run = folder.path().join("run");
    let config = fixture().config(Kind::Cnn);
    let name = format!("name={LONG}{LONG}");
    kiln!("train", config, "--data", &tiles, "--out", &run, "--set", "training.epochs=1", "--set", name).code(0);
    let evaluated = folder.path().join("evaluated");
    kiln!("evaluate", &run, "--split", "all", "--resamples", "100", "--out", &evaluated).code(0);
    let studied = folder.path().join("studied");
    let study = folder.path().join("study.yaml");
    let net = "{name: n, model: {kind: cnn, filters: [2], head: pooled, dense: [4]}, training: {epochs: 1, crop: 32}}";
    fs::write(
        &study,
        format!(
            "name: {LONG}\ndata: {{normal_classes: [benign]}}\nsplit: {{fractions: {{train: 0.6, val: 0.2, test: 0.2}}}}\n\
             bootstrap_resamples: 100\nmodels: [{{name: {LONG}, config: {net}}}]\n\
             ablations: [{{of: {LONG}, changes: [{{name: without dropout in any of the dense layers, set: [model.dropout=0.0]}}]}}]\n\
             search: {{of: {LONG}, trials: 2, space: {{training.learning_rate: {{log: [0.0001, 0.01]}}, \
             model.dropout: {{uniform: [0.0, 0.5]}}, data.augmentation.colour_jitter.saturation: {{uniform: [0.0, 0.2]}}}}}}\n"
        ),
    )
    .unwrap();
    kiln!("study", &study, "--data", &tiles, "--out", &studied).code(0);
    for page in [&run, &evaluated, &studied] {
        let text = fs::read_to_string(page.join("report.html")).unwrap();
        for width in WIDTHS {
            let found = misfits(browser, &text, width, folder.path());
            assert_eq!(found, "", "{} at {width} pixels", page.display());
        }
    }
}
