#![allow(clippy::unwrap_used)]

use super::*;

fn pair<'a>(precision: &'a str, gate: &'a BTreeMap<String, f64>, none: &'a BTreeMap<String, f64>) -> Pair<'a> {
    Pair { precisions: ["fp32", precision], gates: [none, gate], classifier: true }
}

fn read(text: &str) -> Result<Tolerances> {
    Tolerances::parse(text, "t.yaml")
}

#[test]
fn lower_precision_has_the_limits_of_its_gate() {
    let (gate, none) = (BTreeMap::from([("score".to_owned(), 0.01)]), BTreeMap::new());
    let usual = Tolerances::default();
    let int8 = usual.output("score", &pair("int8", &gate, &none));
    assert!((int8.tolerance.absolute - 0.02).abs() < 1e-12 && int8.outside == LOWER_PRECISION_OUTSIDE);
    assert!((usual.output("score", &pair("fp32", &none, &none)).tolerance.absolute - 1e-5).abs() < 1e-12);
    assert_eq!(usual.decisions(&pair("fp32", &none, &none)).flips, 0.0);
    assert_eq!(usual.decisions(&pair("int8", &gate, &none)).flips, LOWER_PRECISION_FLIPS);
}

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let none = BTreeMap::new();
    let text = "default: {absolute: 1e-3}\noutputs: {score: {relative: 0.5, ulp: 9, cosine: 0.9, snr_db: 40}}\n\
                decisions: {flips: 0.25}\nprecisions: {int8: {outputs: {score: {outside: 0.125}}}}\n";
    let limits = read(text).unwrap();
    let score = limits.output("score", &pair("fp32", &none, &none));
    assert_eq!((score.tolerance.absolute, score.tolerance.relative, score.ulp), (0.0, 0.5, Some(9)));
    assert_eq!((score.outside, score.cosine, score.snr_db), (0.0, Some(0.9), Some(40.0)));
    assert_eq!(limits.output("other", &pair("fp32", &none, &none)).tolerance.absolute, 1e-3);
    assert_eq!(limits.output("score", &pair("int8", &none, &none)).outside, 0.125);
    assert_eq!(limits.decisions(&pair("fp32", &none, &none)).flips, 0.25);
}

#[test]
fn wrong_keys_and_values_are_named() {
    let cases = [
        ("output: {}", "unknown key `output`, nearest `outputs`"),
        ("outputs: {score: {absolut: 1}}", "`outputs.score.absolut`, nearest `absolute`"),
        ("decisions: {flip: 1}", "`decisions.flip`, nearest `flips`"),
        ("precisions: {int4: {}}", "`precisions.int4`, nearest `int8`"),
        ("precisions: {int8: {output: {}}}", "`precisions.int8.output`, nearest `outputs`"),
        ("outputs: {score: {outside: 2}}", "`outputs.score.outside`: a number from 0 to 1"),
        ("outputs: {score: {absolute: -1}}", "`outputs.score.absolute`: a number of at least 0"),
        ("outputs: {score: {absolute: .nan}}", "`outputs.score.absolute`"),
        ("outputs: {score: {absolute: small}}", "`outputs.score.absolute`"),
        ("outputs: 3", "`outputs`: keys with values"),
        ("- 1", "the file: keys with values"),
        ("outputs: {a: {}, a: {}}", "duplicate"),
    ];
    for (text, expected) in cases {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with("t.yaml: ") && error.contains(expected), "{text}: {error}");
    }
    let error = read("outputs: {scores: {}}").unwrap().check_outputs(&["score".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("no output `scores`, nearest `score`"), "{error}");
}

#[test]
fn every_limit_can_fail() {
    let tolerance = Tolerance { absolute: 1.0, relative: 0.0, reason: "test" };
    let limits = OutputLimits { ulp: Some(3), cosine: Some(0.9), snr_db: Some(30.0), ..OutputLimits::new(tolerance) };
    let good = TileDifference {
        elements: 4,
        compared: 4,
        max_ulp: 2,
        dot: 1.0,
        reference_square: 1.0,
        candidate_square: 1.0,
        sum_square: 1e-6,
        ..TileDifference::default()
    };
    assert_eq!(limits.problem(&good, 0.0), None);
    let bad = [
        (TileDifference { max_ulp: 4, ..good }, 0.0, "units in the last place"),
        (TileDifference { dot: 0.5, ..good }, 0.0, "cosine"),
        (TileDifference { sum_square: 0.1, ..good }, 0.0, "dB"),
        (TileDifference { outside: 1, ..good }, 0.25, "beyond the tolerance"),
        (TileDifference { candidate_non_finite: 1, ..good }, 0.0, "not finite"),
        (TileDifference::default(), 0.0, "nothing"),
    ];
    for (all, outside, expected) in bad {
        assert!(limits.problem(&all, outside).unwrap().contains(expected), "{expected}");
    }
}
