#![allow(clippy::unwrap_used, clippy::expect_used)]

use kiln_files::Fault;
use kiln_tile::SizePolicy;

use super::*;

/// Forty tiles of one grey each: normal ones darker, in groups of two.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut list = "path,label,group\n".to_owned();
    for at in 0..40_u8 {
        let label = if at.is_multiple_of(2) { "benign" } else { "tumour" };
        let grey = 60 + at + if label == "benign" { 0 } else { 30 };
        let name = format!("{at}.png");
        image::RgbImage::from_pixel(256, 256, image::Rgb([grey; 3])).save(folder.path().join(&name)).unwrap();
        list.push_str(&format!("{name},{label},slide-{}\n", at / 4));
    }
    std::fs::write(folder.path().join("tiles.csv"), list).unwrap();
    folder
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn scores_become_figures_beside_what_colour_tells() {
    let folder = folder();
    let dataset = Dataset::open(folder.path()).unwrap();
    let (classes, normal) = (names(&["benign", "tumour"]), names(&["benign"]));
    let scores: Vec<(usize, f64)> = (20..40).map(|at| (at, if at % 2 == 1 && at != 25 { 0.9 } else { 0.1 })).collect();
    let train: Vec<usize> = (0..20).collect();
    let evaluation = Evaluation {
        dataset: &dataset,
        decoder: Decoder::new(SizePolicy::Error),
        classes: &classes,
        normal_classes: &normal,
        scores: &scores,
        squared_errors: None,
        train: &train,
        threshold: 0.5,
        subgroups: &[],
        clusters: None,
        bootstrap: Bootstrap { resamples: 100, seed: 0 },
    };
    let findings = evaluation.measure().unwrap();
    assert!(findings.metrics.subgroups.is_empty());
    assert_eq!((findings.metrics.n, findings.metrics.anomalous, findings.metrics.groups), (20, 10, 5));
    assert_eq!(findings.metrics.confusion.false_negative, 1);
    let colour = findings.metrics.baseline.colour_auroc.unwrap();
    assert!(colour.value > 0.9, "{colour:?}");
    let neighbours = findings.metrics.baseline.neighbours_auroc.unwrap();
    // Each tile has one grey value; the test tiles are in bins without training tiles, and so equally distant.
    assert_eq!(neighbours.value, 0.5);
    let failures = findings.metrics.failures.as_ref().unwrap();
    assert_eq!((failures.groups_with_failures, failures.groups[0].false_negative), (1, 1));
    assert!(findings.metrics.calibration.is_some() && findings.metrics.reconstruction.is_none());
    let out_of_fold = Evaluation { train: &[], ..evaluation }.measure().unwrap();
    assert!(out_of_fold.metrics.baseline.colour_auroc.unwrap().value > 0.9);
    let figures = save(evaluation.figures(&findings).unwrap(), folder.path()).unwrap();
    assert_eq!(figures.len(), 2);
    assert!(folder.path().join("roc_pr.png").is_file() && folder.path().join("scores.png").is_file());

    let unknown = Evaluation { classes: &normal, ..evaluation }.measure().unwrap_err();
    assert!(unknown.to_string().contains("`tumour`"), "{unknown}");
    std::fs::write(folder.path().join("25.png"), b"no picture").unwrap();
    let damaged = evaluation.measure().unwrap_err();
    assert!(damaged.to_string().contains("25.png"), "{damaged}");
    assert_eq!(damaged.fault(), Fault::Input);
}

/// Forty tiles of two centres and two hues, half of them anomalous in each.
fn coloured() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut list = "path,label,group,centre\n".to_owned();
    for at in 0..40_u8 {
        let (label, pink) = (if at.is_multiple_of(2) { "benign" } else { "tumour" }, at % 4 < 2);
        let colour = if pink { [190 + at, 120, 150 + at] } else { [120 + at, 100, 150 + at] };
        let centre = if at < 20 { "north" } else { "south" };
        let name = format!("{at}.png");
        image::RgbImage::from_pixel(256, 256, image::Rgb(colour)).save(folder.path().join(&name)).unwrap();
        list.push_str(&format!("{name},{label},slide-{},{centre}\n", at / 4));
    }
    std::fs::write(folder.path().join("tiles.csv"), list).unwrap();
    folder
}

#[test]
fn subgroups_are_of_a_column_or_of_the_hues_of_the_training_tiles() {
    let folder = coloured();
    let dataset = Dataset::open(folder.path()).unwrap();
    let (classes, normal) = (names(&["benign", "tumour"]), names(&["benign"]));
    let scores: Vec<(usize, f64)> = (0..40).map(|at| (at, if at % 2 == 1 && at < 24 { 0.9 } else { 0.1 })).collect();
    let keys = [SubgroupKey::Column("centre".to_owned()), SubgroupKey::Colour];
    let evaluation = Evaluation {
        dataset: &dataset,
        decoder: Decoder::new(SizePolicy::Error),
        classes: &classes,
        normal_classes: &normal,
        scores: &scores,
        squared_errors: None,
        train: &[],
        threshold: 0.5,
        subgroups: &keys,
        clusters: None,
        bootstrap: Bootstrap { resamples: 100, seed: 0 },
    };
    let found = evaluation.measure().unwrap().metrics.subgroups;
    let sizes = |at: usize| -> Vec<(&str, usize, usize)> {
        found[at].subgroups.iter().map(|one| (one.name.as_str(), one.n, one.anomalous)).collect()
    };
    assert_eq!(sizes(0), [("north", 20, 10), ("south", 20, 10)]);
    assert_eq!(sizes(1), [("pink", 20, 10), ("purple", 20, 10)]);
    assert_eq!(found[0].subgroups.iter().map(|one| one.confusion.true_positive).collect::<Vec<_>>(), [10, 2]);
    let clusters = found[1].clusters.unwrap();
    assert_eq!(clusters.tiles, 40);
    // Clusters of the training divide the same tiles otherwise: all are purple.
    let moved = Some(ColourClusters { boundary: -0.9, ..clusters });
    let by_training = Evaluation { clusters: moved, ..evaluation }.measure().unwrap().metrics.subgroups;
    assert_eq!(by_training[1].subgroups.len(), 1);
    let train: Vec<usize> = (0..20).collect();
    let of_train = Evaluation { train: &train, scores: &scores[20..], ..evaluation }.measure().unwrap();
    assert_eq!(of_train.metrics.subgroups[1].clusters.unwrap().tiles, 20);

    let keys = [SubgroupKey::Column("scanner".to_owned())];
    let missing = Evaluation { subgroups: &keys, ..evaluation }.measure().unwrap_err();
    assert!(missing.to_string().contains("has no column `scanner`; its further columns: centre"), "{missing}");
    assert_eq!(missing.fault(), Fault::Input);
}
