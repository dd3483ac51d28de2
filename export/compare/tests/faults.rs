//! Faults planted in the answers of one side: each is found, and named.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use kiln_compare::{Answerer, Cause, Comparison, Side, Tolerances};
use kiln_tile::Decoder;

use support::{MAP, Row, Rows, compare, facts, findings, id, model, side, tile, tiles};

/// Changes one output of the honest row.
fn changed(pixels: &[u8], name: &str, change: impl Fn(&[f32]) -> Vec<f32>) -> Row {
    let mut row = model(pixels);
    let (_, values) = row.get_mut(name).unwrap();
    *values = change(values);
    row
}

fn map(values: &[f32], source: impl Fn(usize, usize) -> (usize, usize)) -> Vec<f32> {
    (0..MAP * MAP)
        .map(|at| {
            let (y, x) = source(at / MAP, at % MAP);
            values[y * MAP + x]
        })
        .collect()
}

/// The model on a tile whose channels are reversed.
fn reversed(pixels: &[u8]) -> Row {
    let turned: Vec<u8> = pixels.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
    model(&turned)
}

type Fault = (&'static str, fn(&[u8]) -> Row, Cause, &'static [&'static str]);

const FAULTS: &[Fault] = &[
    (
        "off by one",
        |pixels| model(tile(id(pixels) + 1).pixels()),
        Cause::Order,
        &["outputs of tile k are those of tile k+1", "tile-0.png", "tile-1.png"],
    ),
    (
        "off by minus two",
        |pixels| model(tile(id(pixels).saturating_sub(2)).pixels()),
        Cause::Order,
        &["outputs of tile k are those of tile k−2"],
    ),
    (
        "two tiles exchanged",
        |pixels| {
            let other = match id(pixels) {
                7 => 31,
                31 => 7,
                same => same,
            };
            model(tile(other).pixels())
        },
        Cause::Order,
        &["2 tiles", "tile-7.png has the answer of tile-31.png"],
    ),
    (
        "one answer for a batch",
        |pixels| model(tile(id(pixels) / 4 * 4).pixels()),
        Cause::SameForBatch,
        &["all 4 tiles of a batch", "first"],
    ),
    (
        "classes swapped",
        |pixels| changed(pixels, "probabilities", |values| vec![values[0], values[2], values[1]]),
        Cause::ClassesSwapped,
        &["classes 1 (tumour) and 2 (necrosis) are swapped"],
    ),
    (
        "classes in another order",
        |pixels| changed(pixels, "probabilities", |values| vec![values[2], values[0], values[1]]),
        Cause::ClassesSwapped,
        &["in another order", "[2, 0, 1]"],
    ),
    (
        "the other side of the score",
        |pixels| changed(pixels, "score", |values| vec![1.0 - values[0]]),
        Cause::Function,
        &["1 minus the reference"],
    ),
    (
        "a sign",
        |pixels| changed(pixels, "latent", |values| values.iter().map(|value| -value).collect()),
        Cause::Function,
        &["negative"],
    ),
    (
        "a second softmax",
        |pixels| {
            changed(pixels, "probabilities", |values| {
                let sum: f32 = values.iter().map(|value| value.exp()).sum();
                values.iter().map(|value| value.exp() / sum).collect()
            })
        },
        Cause::Function,
        &["a softmax more"],
    ),
    (
        "a missing softmax",
        |pixels| changed(pixels, "probabilities", |values| values.iter().map(|value| value.ln() + 3.0).collect()),
        Cause::Function,
        &["a softmax less"],
    ),
    (
        "a second sigmoid",
        |pixels| changed(pixels, "score", |values| vec![1.0 / (1.0 + (-values[0]).exp())]),
        Cause::Function,
        &["a sigmoid more"],
    ),
    (
        "scaled by two",
        |pixels| changed(pixels, "error_map", |values| values.iter().map(|value| 2.0 * value).collect()),
        Cause::Scaled,
        &["scaled by 2.0"],
    ),
    (
        "a map in 0..255",
        |pixels| changed(pixels, "error_map", |values| values.iter().map(|value| 255.0 * value).collect()),
        Cause::Scaled,
        &["scaled by 255"],
    ),
    (
        "an offset",
        |pixels| changed(pixels, "latent", |values| values.iter().map(|value| value + 0.25).collect()),
        Cause::Scaled,
        &["plus 0.2500"],
    ),
    (
        "saturated",
        |pixels| changed(pixels, "error_map", |values| values.iter().map(|value| value.min(0.3)).collect()),
        Cause::Saturated,
        &["saturates", "0.3000"],
    ),
    (
        "coarse steps",
        |pixels| changed(pixels, "latent", |values| values.iter().map(|value| (value * 8.0).round() / 8.0).collect()),
        Cause::Quantised,
        &["distinct values", "quantisation"],
    ),
    (
        "one answer for all",
        |pixels| changed(pixels, "latent", |values| vec![0.5; values.len()]),
        Cause::Constant,
        &["one answer for every tile", "0.5"],
    ),
    (
        "one bad tile",
        |pixels| {
            if id(pixels) == 77 {
                changed(pixels, "score", |values| vec![values[0] * 0.5 + 0.4])
            } else {
                model(pixels)
            }
        },
        Cause::FewTiles,
        &["1 of 100 tiles differs", "tile-77.png", "the others agree"],
    ),
    (
        "NaN on a tile",
        |pixels| {
            if id(pixels) == 42 {
                changed(pixels, "latent", |values| vec![f32::NAN; values.len()])
            } else {
                model(pixels)
            }
        },
        Cause::NotFinite,
        &["16 values of the candidate", "tile-42.png"],
    ),
    (
        "a map transposed",
        |pixels| changed(pixels, "error_map", |values| map(values, |y, x| (x, y))),
        Cause::MapTurned,
        &["transposed"],
    ),
    (
        "a map mirrored",
        |pixels| changed(pixels, "error_map", |values| map(values, |y, x| (y, MAP - 1 - x))),
        Cause::MapTurned,
        &["mirrored left to right"],
    ),
    (
        "a map upside down",
        |pixels| changed(pixels, "error_map", |values| map(values, |y, x| (MAP - 1 - y, MAP - 1 - x))),
        Cause::MapTurned,
        &["turned by 180 degrees"],
    ),
    (
        "a map moved",
        |pixels| changed(pixels, "error_map", |values| map(values, |y, x| (y.saturating_sub(1), (x + 2).min(MAP - 1)))),
        Cause::MapShifted,
        &["1 rows down and -2 columns"],
    ),
    (
        "a picture in BGR",
        |pixels| changed(pixels, "picture", |values| values.chunks_exact(MAP * MAP).rev().flatten().copied().collect()),
        Cause::MapChannels,
        &["channels reversed"],
    ),
    (
        "another padding",
        |pixels| {
            changed(pixels, "error_map", |values| {
                let edge = |at: usize| [at / MAP, at % MAP].iter().any(|place| *place == 0 || *place == MAP - 1);
                values
                    .iter()
                    .enumerate()
                    .map(|(at, value)| if edge(at) { value * 0.6 } else { value + 2e-4 * (at % 7) as f32 })
                    .collect()
            })
        },
        Cause::Border,
        &["outer 8 pixels", "padding"],
    ),
    ("tiles in BGR", reversed, Cause::InputChannels, &["channels reversed (BGR for RGB)"]),
    (
        "inverted tiles",
        |pixels| model(&pixels.iter().map(|value| 255 - value).collect::<Vec<u8>>()),
        Cause::InputPixels,
        &["inverted"],
    ),
    (
        "an output missing",
        |pixels| {
            let mut row = model(pixels);
            row.remove("latent");
            row
        },
        Cause::Missing,
        &["`latent`", "no such output"],
    ),
    (
        "channels last",
        |pixels| {
            let mut row = model(pixels);
            let (shape, values) = row.get_mut("picture").unwrap();
            *values = (0..3 * MAP * MAP).map(|at| values[at % 3 * MAP * MAP + at / 3]).collect();
            *shape = vec![MAP, MAP, 3];
            row
        },
        Cause::Layout,
        &["layout"],
    ),
    (
        "an axis more",
        |pixels| {
            let mut row = model(pixels);
            row.get_mut("score").unwrap().0 = vec![1];
            row
        },
        Cause::Layout,
        &["`score`", "layout"],
    ),
    (
        "rounding",
        |pixels| {
            changed(pixels, "latent", |values| {
                values.iter().enumerate().map(|(at, value)| value + if at % 2 == 0 { 3e-4 } else { -3e-4 }).collect()
            })
        },
        Cause::Rounding,
        &["rounding"],
    ),
];

#[test]
fn every_fault_is_found_and_named() {
    let mut missed = Vec::new();
    for (name, fault, cause, words) in FAULTS {
        let compared = compare(100, fault);
        let found = findings(&compared);
        let named =
            found.iter().any(|finding| finding.cause == *cause && words.iter().all(|word| finding.text.contains(word)));
        if compared.report.passed || !named {
            missed.push(format!("{name}: {found:#?}"));
        }
    }
    assert!(missed.is_empty(), "{} of {} faults:\n{}", missed.len(), FAULTS.len(), missed.join("\n"));
}

#[test]
fn equal_sides_pass_and_nothing_is_named() {
    let compared = compare(40, model);
    assert!(compared.report.passed);
    assert!(findings(&compared).is_empty());
    let pair = &compared.report.comparisons[0];
    assert!(pair.outputs.iter().all(|output| output.max_abs == 0.0 && output.cosine > 0.999_999));
    assert_eq!(pair.outputs.len(), 5);
}

#[test]
fn a_flipped_threshold_is_named_and_its_flips_are_counted() {
    let mut other = side("candidate", model);
    other.facts.threshold = Some(0.8);
    let compared = Comparison::new(Tolerances::default())
        .run(vec![side("reference", model), other], &tiles(60), &mut |_| {})
        .unwrap();
    let pair = &compared.report.comparisons[0];
    let decisions = pair.decisions.as_ref().unwrap();
    assert!(decisions.flips > 0 && decisions.flips == decisions.to_normal && !compared.report.passed);
    let found = findings(&compared);
    assert!(found[0].cause == Cause::Threshold && found[0].text.contains("0.6 of the reference, 0.8 of the candidate"));
    assert!(found[0].text.contains("the scores agree"));
    assert!(pair.outputs.iter().all(|output| output.passed));
}

#[test]
fn other_weights_are_named() {
    let with = |label: &str, digest: &str| {
        let mut side = side(label, model);
        side.facts.weights_sha256 = Some(digest.to_owned());
        side
    };
    let noisy =
        |pixels: &[u8]| changed(pixels, "score", |values| vec![values[0] * 0.9 + 0.01 * (id(pixels) % 5) as f32]);
    let mut candidate = side("candidate", noisy);
    candidate.facts.weights_sha256 = Some("bb".to_owned());
    let sides = vec![with("reference", "aa"), candidate];
    let compared = Comparison::new(Tolerances::default()).run(sides, &tiles(30), &mut |_| {}).unwrap();
    assert!(findings(&compared).iter().any(|finding| finding.cause == Cause::Weights));
}

#[test]
fn figures_do_not_depend_on_threads_and_batches() {
    let noisy = |pixels: &[u8]| {
        changed(pixels, "error_map", |values| {
            values
                .iter()
                .enumerate()
                .map(|(at, value)| value + support::noise((id(pixels) * 1024 + at) as u64) as f32 * 1e-3)
                .collect()
        })
    };
    let report = |threads: usize, batch: usize, answerers: usize| {
        let many = |label: &str, row: fn(&[u8]) -> Row| {
            let answerers = (0..answerers).map(|_| Answerer::Scorer(Box::new(Rows(row)), None)).collect();
            Side::new(facts(label, 0.6), Decoder::default(), answerers)
        };
        let sides = vec![many("reference", model), many("candidate", noisy)];
        let comparison = Comparison { threads, batch, ..Comparison::new(Tolerances::default()) };
        let mut report = comparison.run(sides, &tiles(37), &mut |_| {}).unwrap().report;
        report.reference.answer_seconds = None;
        report.comparisons[0].candidate.answer_seconds = None;
        report
    };
    let one = report(1, 8, 1);
    assert!(!one.passed);
    for (threads, batch, answerers) in [(2, 8, 1), (4, 3, 4), (3, 1, 2), (2, 64, 2)] {
        assert_eq!(report(threads, batch, answerers), one, "{threads} threads, batches of {batch}");
    }
}

#[test]
fn a_candidate_that_fails_is_part_of_the_report_and_a_reference_is_an_error() {
    struct Broken;
    impl kiln_runtime::Scorer for Broken {
        fn run(&mut self, _: &[u8], _: usize) -> kiln_runtime::Result<kiln_runtime::Outputs> {
            Err(kiln_runtime::Error::Ended { worker: "the test" })
        }
        fn fixed_batch(&self) -> Option<usize> {
            None
        }
        fn provider(&self) -> String {
            "broken".to_owned()
        }
        fn nodes(&self) -> std::collections::BTreeMap<String, usize> {
            std::collections::BTreeMap::new()
        }
    }
    let broken = || Side::new(facts("broken", 0.6), Decoder::default(), vec![Answerer::Scorer(Box::new(Broken), None)]);
    let sides = vec![side("reference", model), broken(), side("candidate", model)];
    let report = Comparison::new(Tolerances::default()).run(sides, &tiles(20), &mut |_| {}).unwrap().report;
    assert!(!report.passed && report.comparisons[1].passed);
    // Batches of eight tiles run on several threads, and the error names the first tile of the one that failed first.
    let error = report.comparisons[0].error.as_ref().unwrap();
    assert!(["tile-0.png", "tile-8.png", "tile-16.png"].iter().any(|first| error.contains(first)), "{error}");
    assert!(report.comparisons[0].outputs.is_empty(), "no figures of some of the tiles");
    // The reference alone has the output that was asked for.
    let only = Comparison { outputs: Some(vec!["score".to_owned()]), ..Comparison::new(Tolerances::default()) };
    let compared = only.run(vec![side("reference", model), broken()], &tiles(20), &mut |_| {}).unwrap();
    assert!(compared.report.comparisons[0].error.is_some() && compared.scores == [Vec::<[f32; 2]>::new()]);
    let sides = vec![broken(), side("candidate", model)];
    assert!(Comparison::new(Tolerances::default()).run(sides, &tiles(20), &mut |_| {}).is_err());
}

#[test]
fn nan_on_both_sides_is_no_small_difference() {
    let nan = |pixels: &[u8]| {
        if id(pixels) == 3 { changed(pixels, "latent", |values| vec![f32::NAN; values.len()]) } else { model(pixels) }
    };
    let sides = vec![side("reference", nan), side("candidate", nan)];
    let compared = Comparison::new(Tolerances::default()).run(sides, &tiles(8), &mut |_| {}).unwrap();
    let found = findings(&compared);
    let [finding] = found else { panic!("{found:?}") };
    assert_eq!(finding.cause, Cause::NotFinite);
    let expected =
        "16 values of the reference and 16 of the candidate are NaN or infinite, of 128; the first tile is tile-3.png";
    assert!(finding.text.contains(expected), "{}", finding.text);
}
