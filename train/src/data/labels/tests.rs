#![allow(clippy::unwrap_used)]

use super::*;

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
    let digits = ["0", "1", "2", "5", "8", "10", "01", "11", "12"];
    let letters = ["N", "I", "L", "IL", "LI", "IV", "II", "O", "S", "B"];
    for all in [&words[..], &digits, &letters] {
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert!(!look_alike(one, other), "{one:?} and {other:?}");
            }
        }
    }
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
    ] {
        assert_eq!(problem(path), None, "{path}");
    }
}
