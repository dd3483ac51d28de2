#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::folders::first_copy;
use super::spelling::difference;
use super::*;
use crate::data::dataset::Entry;

#[test]
fn labels_that_a_reader_takes_for_one_look_alike() {
    for (one, other) in [
        ("benign", "Benign"),
        ("benign", "BENIGN"),
        ("benign", "benign "),
        ("benign", "\u{a0}benign"),
        ("grade 1", "grade  1"),
        ("grade 1", "grade\u{a0}1"),
        ("grade 1", "grade1"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("Caf\u{e9}", "cafe\u{301}"),
        ("benign", "b\u{435}nign"),
        ("benign", "\u{412}enign"),
        ("alpha", "\u{3b1}lpha"),
        ("tumour", "tum\u{43e}ur"),
        ("benign", "\u{ff42}\u{ff45}\u{ff4e}\u{ff49}\u{ff47}\u{ff4e}"),
        ("benign", "be\u{200b}nign"),
        ("benign", "be\u{ad}nign"),
        ("benign", "\u{feff}benign"),
        ("strasse", "stra\u{df}e"),
        ("file", "\u{fb01}le"),
        ("O", "0"),
        ("benign", "\u{1d41b}enign"),
        ("\u{130}x", "ix"),
        ("benign", "be\u{fff9}nign"),
        ("0", "0.0"),
        ("0", "00"),
        ("0", "-0"),
        ("1", "1.0"),
        ("1", "01"),
        ("1", "+1"),
        ("0", "\u{ff10}.0"),
        ("grade-0", "grade_0"),
        ("grade-0", "grade 0"),
        ("grade_0", "Grade 0"),
        ("grade\u{2013}0", "grade 0"),
        ("grade - 0", "grade_0"),
        ("a.b", "a-b"),
        ("benign", "benign_"),
        ("benign", "Benign."),
        ("grade1", "grade1."),
        ("grade 1", "grade1_"),
        ("HER2+", "HER2+_"),
    ] {
        assert!(look_alike(one, other), "{one:?} and {other:?}");
        assert!(look_alike(other, one), "{other:?} and {one:?}");
    }
}

#[test]
fn labels_that_differ_stay_two() {
    let words = [
        "benign",
        "malignant",
        "normal",
        "abnormal",
        "anormal",
        "colon_n",
        "colon_aca",
        "grade 1",
        "grade 2",
        "tumour",
        "tumor",
        "caf\u{e9}",
        "cafe",
        "腫瘍",
        "正常",
        "опухоль",
        "здоровая",
    ];
    let digits = ["0", "1", "2", "5", "8", "10", "11", "12", "-1", "1.5", "15", "inf", "-inf"];
    let signs = ["HER2+", "HER2-", "HER2", "ER+", "ER-", "ER- PR+", "ER+ PR-", "ER- PR", "ER PR", "_", "."];
    let letters = ["N", "I", "L", "IL", "LI", "IV", "II", "O", "S", "B"];
    for all in [&words[..], &digits, &signs, &letters] {
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert!(!look_alike(one, other), "{one:?} and {other:?}");
            }
        }
    }
}

#[test]
fn what_two_labels_differ_in_has_a_name() {
    for (one, other, word) in [
        ("0", "0.0", "how one number is written"),
        ("grade-0", "grade_0", "separators"),
        ("benign", "benign_", "separators"),
        ("\u{130}x", "ix", "case"),
    ] {
        assert_eq!(difference(one, other), word, "{one:?} and {other:?}");
    }
}

#[test]
fn a_label_that_stands_for_a_missing_value_is_refused() {
    for label in ["nan", "NaN", "NAN"] {
        let problem = label_problem(label).unwrap();
        assert_eq!(problem, format!("`{label}` usually means a missing value"));
    }
    for label in ["nancy", "na", "null", "none"] {
        assert_eq!(label_problem(label), None, "{label}");
    }
    assert_eq!(problem("nan"), None);
    assert!(folder_problem(Path::new("tiles"), Path::new("NaN/1.png")).unwrap().contains("`NaN`"));
}

#[test]
fn a_normal_and_an_anomalous_label_that_are_one_slip_apart_are_close() {
    let row = |label: &str, counts_as| LabelCount { label: label.to_owned(), tiles: 1, counts_as };
    let close = |other: &str| {
        let rows = [row("benign", LabelKind::Normal), row(other, LabelKind::Anomalous)];
        !close_labels(&rows).is_empty()
    };
    for other in ["benigm", "bening", "begnin", "Bengin", "benigne", "benin"] {
        assert!(close(other), "{other}");
    }
    for other in ["malign", "tumour", "begin", "nbegin"] {
        assert!(!close(other), "{other}");
    }
}

#[test]
fn a_folder_that_is_a_copy_of_another_is_found_by_its_name() {
    for copy in [
        "benign copy",
        "benign copy 2",
        "benign - Copy",
        "benign - Copy (2)",
        "benign (1)",
        "benign(1)",
        "benign.bak",
        "benign_old",
        "benign_backup",
        "Copy of benign",
        "Copy of Benign (1)",
        "benign_old copy",
    ] {
        assert_eq!(first_copy(&["tumour", copy, "benign"]), Some((copy, "benign")), "{copy}");
        assert_eq!(first_copy(&["tumour", copy]), None, "{copy}");
    }
    assert_eq!(first_copy(&["grade 0", "grade_0 copy"]), Some(("grade_0 copy", "grade 0")));
    assert_eq!(first_copy(&["grade", "grade 1", "f", "fold", "old", "copy", "benign", "benign (mild)"]), None);
}

#[test]
fn a_list_may_call_a_label_a_copy_and_a_folder_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let entry =
        |label: &str| Entry { path: Path::new(label).join("1.png"), label: label.to_owned(), group: None, split: None };
    let entries = ["benign", "benign_old"].map(entry);
    let message = check(folder.path(), &entries).unwrap_err().to_string();
    assert!(message.contains("`benign_old` is a copy of `benign`"), "{message}");
    assert!(check(&folder.path().join("tiles.csv"), &entries).is_ok());
}

#[test]
fn the_nearest_label_is_the_one_that_was_meant() {
    let labels = ["healthy", "Benign", "tumour"];
    for (word, meant) in [("helthy", "healthy"), ("benign", "Benign"), ("b\u{435}nign", "Benign"), ("tumor", "tumour")]
    {
        assert_eq!(nearest(word, labels), Some(meant), "{word}");
    }
    assert_eq!(nearest("x", []), None);
}

#[test]
fn only_a_typing_error_makes_a_label_likely() {
    let labels = ["benign", "anomalous"];
    for (word, meant) in [("bening", "benign"), ("Benign", "benign"), ("anomalus", "anomalous")] {
        assert_eq!(likely(word, labels), Some(meant), "{word}");
    }
    for word in ["normal", "tumour", "adenoma", "x", ""] {
        assert_eq!(likely(word, labels), None, "{word}");
    }
    assert_eq!(likely("normal", ["anormal", "tumour"]), None, "a label of the other side");
    assert_eq!(likely("Normal", ["anormal", "normal"]), Some("normal"));
    assert_eq!(likely("1.5", ["1.50", "2"]), Some("1.50"));
}

#[test]
fn what_cannot_be_seen_is_written_out() {
    assert_eq!(shown("grade 1"), "`grade 1`");
    assert_eq!(shown("benign "), "`benign\\u{20}`");
    assert_eq!(shown("be\u{200b}nign"), "`be\\u{200b}nign`");
    assert_eq!(shown("a\nb"), "`a\\nb`");
    assert_eq!(shown("腫瘍"), "`腫瘍`");
}

#[test]
fn folders_that_are_no_classes_are_known_by_name() {
    let problem = |path: &str| folder_problem(Path::new("tiles"), Path::new(path));
    for path in [
        "masks/1.png",
        "Mask/1.png",
        "tumour_masks/1.png",
        "benign/masks/1.png",
        "benign/slide 1/Annotations/1.png",
        "thumbnails/1.png",
        "benign/@eaDir/1.png",
        "__MACOSX/1.png",
        "ipynb_checkpoints/1.png",
        "results/1.png",
        "Predictions/1.png",
        "train/benign/1.png",
        "Test/1.png",
        "val_set/1.png",
        "fold_3/1.png",
        "hold-out/1.png",
        "train 2/benign/1.png",
        "split1/benign/1.png",
        "train_split/benign/1.png",
        "labels/1.png",
        "label/1.png",
        "benign/gt/1.png",
        "seg/1.png",
        "xml/1.png",
        "tumourmask/1.png",
        "TumourMasks/1.png",
        "cache/1.png",
        "__pycache__/1.png",
        "images/1.png",
        "Image/1.png",
        "img/1.png",
        "tiles/1.png",
        "patches/1.png",
        "plots/1.png",
    ] {
        assert!(problem(path).is_some(), "{path}");
    }
    for path in [
        "benign/1.png",
        "benign/train/1.png",
        "benign/results/1.png",
        "fold change/1.png",
        "testis/1.png",
        "training effect/1.png",
        "unmasked/1.png",
        "0/1.png",
        "data/1.png",
        "validated tumour/1.png",
        "benign/images/1.png",
        "benign/split1/1.png",
        "split tumour/1.png",
        "labelled/1.png",
        "patch/1.png",
    ] {
        assert_eq!(problem(path), None, "{path}");
    }
}
