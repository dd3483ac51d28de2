//! Slide scores against plain definitions, statuses, and `slides.csv`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use kiln_slide::{
    Bounds, SlideRow, SlideRule, SlideScore, SlideScoreError, SlideScoreOptions, SlideScorer, read_slides,
    write_slides, write_slides_file,
};
use proptest::prelude::*;

fn score(options: SlideScoreOptions, scores: &[Option<f32>]) -> SlideScore {
    let mut scorer = SlideScorer::new(options).unwrap();
    scores.iter().for_each(|&score| scorer.push(score));
    scorer.finish()
}

fn options(rule: SlideRule) -> SlideScoreOptions {
    SlideScoreOptions { tile_mm2: Some(0.016_384), ..SlideScoreOptions::new(rule, 0.5) }
}

proptest! {
    #[test]
    fn scores_are_those_of_the_definition(
        scores in prop::collection::vec(prop::option::weighted(0.9, -2.0_f32..2.0), 0..60), tiles in 1_u32..30,
        least_mm2 in 0.0_f64..0.4,
    ) {
        let mut sorted: Vec<f32> = scores.iter().flatten().copied().collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let mean = |n: usize| {
            let top = &sorted[..n.min(sorted.len())];
            (!top.is_empty()).then(|| (top.iter().map(|&score| f64::from(score)).sum::<f64>() / top.len() as f64) as f32)
        };
        let tumour = sorted.iter().filter(|&&score| score >= 0.5).count();
        let area = tumour as f64 * 0.016_384;
        for rule in [SlideRule::Max, SlideRule::TopMean { tiles }, SlideRule::TumourArea { least_mm2 }] {
            let slide = score(options(rule), &scores);
            let (expected, positive) = match rule {
                SlideRule::Max => (sorted.first().copied(), sorted.first().is_some_and(|&max| max >= 0.5)),
                SlideRule::TopMean { tiles } => (mean(tiles as usize), mean(tiles as usize).is_some_and(|mean| mean >= 0.5)),
                SlideRule::TumourArea { .. } => {
                    (sorted.first().map(|_| area as f32), tumour > 0 && area >= least_mm2)
                }
            };
            prop_assert_eq!(slide.score, expected);
            prop_assert_eq!(slide.label.as_deref(), expected.map(|_| if positive { "anomalous" } else { "normal" }));
            prop_assert_eq!((slide.max, slide.top10_mean), (sorted.first().copied(), mean(10)));
            prop_assert_eq!(slide.tumour_area_mm2, sorted.first().map(|_| area));
            prop_assert_eq!((slide.tiles, slide.failed), (scores.len() as u64, (scores.len() - sorted.len()) as u64));
            // Stopped runs continue, and parallel ones finish, in another order.
            let mut reversed = scores.clone();
            reversed.reverse();
            prop_assert_eq!(score(options(rule), &reversed), slide);
        }
    }

    #[test]
    fn rules_are_read_as_they_are_written(tiles in 1_u32..=100_000, area in 0.0_f64..1e6) {
        for rule in [SlideRule::Max, SlideRule::TopMean { tiles }, SlideRule::TumourArea { least_mm2: area }] {
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
            let json = serde_json::to_string(&rule).unwrap();
            prop_assert_eq!(serde_json::from_str::<SlideRule>(&json).unwrap(), rule);
        }
    }
}

#[test]
fn rules_have_short_names() {
    let read = |text: &str| text.parse::<SlideRule>();
    assert_eq!(read("max"), Ok(SlideRule::Max));
    assert_eq!(read("top_mean"), Ok(SlideRule::TopMean { tiles: 10 }));
    assert_eq!(read("area_mm2"), Ok(SlideRule::TumourArea { least_mm2: 0.0 }));
    assert_eq!(SlideRule::TumourArea { least_mm2: 0.0 }.to_string(), "area_mm2");
    assert_eq!(serde_json::to_string(&SlideRule::TopMean { tiles: 10 }).unwrap(), r#""top_mean:10""#);
    for text in [
        "",
        "Max",
        "max:1",
        "top_mean:0",
        "top_mean:-1",
        "top_mean:1.5",
        "top_mean:100001",
        "top_mean:",
        "area_mm2:-1",
        "area_mm2:NaN",
        "area_mm2:inf",
        "area_mm2:",
        "mean",
        " max",
        "area_mm2:0.1:2",
    ] {
        let error = read(text).unwrap_err();
        // Texts in errors are one line without spaces around it.
        assert_eq!(error, SlideScoreError::Rule(text.trim().to_owned()));
        assert!(error.to_string().contains("`max`, `top_mean:N`"), "{error}");
        assert!(serde_json::from_str::<SlideRule>(&format!("{text:?}")).is_err());
    }
}

#[test]
fn statuses_are_words_with_reasons() {
    let rule = SlideRule::Max;
    let none = score(options(rule), &[]);
    assert_eq!(none.status, "no_tissue: no tile of the slide has tissue");
    assert_eq!((none.score, none.label, none.max, none.tumour_area_mm2), (None, None, None, None));
    let failed = score(options(rule), &[None, Some(f32::NAN), Some(f32::INFINITY)]);
    assert_eq!(failed.status, "all_failed: none of the 3 tiles has a score");
    assert_eq!((failed.score, failed.failed), (None, 3));
    let mut scores = vec![Some(0.1); 9];
    scores.push(None);
    assert_eq!(score(options(rule), &scores).status, "ok");
    scores.push(None);
    let many = score(options(rule), &scores);
    assert_eq!(many.status, "tiles_failed: 2 of 11 tiles have no score, more than the accepted 10.000 %");
    assert_eq!((many.score, many.label.as_deref()), (Some(0.1), Some("normal")));
    assert_eq!(score(SlideScoreOptions { most_failed: 1.0, ..options(rule) }, &scores).status, "ok");
    assert!(score(SlideScoreOptions { most_failed: 0.0, ..options(rule) }, &scores).status.starts_with("tiles_failed"));
}

#[test]
fn areas_reach_their_limit_in_spite_of_rounding() {
    // 3 * 0.1 is above 0.3, 0.1 * 3 tiles of a limit that is a product is not below it.
    for tiles in 1..200_u32 {
        let tile_mm2 = Some(0.1_f64.powi(2) * 1.37);
        let least_mm2 = (0..tiles).map(|_| 0.1_f64.powi(2) * 1.37).sum();
        let options = SlideScoreOptions { tile_mm2, ..options(SlideRule::TumourArea { least_mm2 }) };
        let label = |count: u32| score(options.clone(), &vec![Some(0.5); count as usize]).label.unwrap();
        assert_eq!(
            (label(tiles).as_str(), label(tiles - 1 + u32::from(tiles == 1)).as_str()),
            ("anomalous", if tiles == 1 { "anomalous" } else { "normal" }),
            "{tiles}"
        );
    }
    // One tile below the threshold has no area.
    assert_eq!(score(options(SlideRule::TumourArea { least_mm2: 0.0 }), &[Some(0.4)]).label.unwrap(), "normal");
}

#[test]
fn wrong_options_are_refused() {
    let good = options(SlideRule::Max);
    for wrong in [
        SlideScoreOptions { tile_threshold: f64::NAN, ..good.clone() },
        SlideScoreOptions { slide_threshold: f64::INFINITY, ..good.clone() },
        SlideScoreOptions { most_failed: 1.1, ..good.clone() },
        SlideScoreOptions { tile_mm2: Some(0.0), ..good.clone() },
        SlideScoreOptions { tile_mm2: None, ..options(SlideRule::TumourArea { least_mm2: 0.1 }) },
        options(SlideRule::TopMean { tiles: 0 }),
        options(SlideRule::TumourArea { least_mm2: f64::NAN }),
    ] {
        assert!(SlideScorer::new(wrong).is_err());
    }
    // Without a resolution there is no area, and other rules work.
    let slide = score(SlideScoreOptions { tile_mm2: None, ..good }, &[Some(0.9)]);
    assert_eq!((slide.score, slide.tumour_area_mm2), (Some(0.9), None));
}

fn rows() -> Vec<SlideRow> {
    let slide = score(options(SlideRule::Max), &[Some(0.9), Some(0.1), None]);
    vec![
        SlideRow::new("a, \"b\".svs", slide, 0.2526, "direct")
            .with_size((4_096, 2_048))
            .with_rule(SlideRule::TopMean { tiles: 10 }),
        SlideRow::new("glass.svs", score(options(SlideRule::Max), &[]), 0.5, "openslide").with_bounds(Some(Bounds {
            x: 12,
            y: 7,
            width: 100,
            height: 80,
        })),
        SlideRow::failed("broken.svs", "not_a_slide: line one\nline two"),
    ]
}

#[test]
fn rows_are_csv_with_empty_cells() {
    let mut bytes = Vec::new();
    write_slides(&mut bytes, &rows()).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "slide,score,label,status,max,top10_mean,tumour_area_mm2,tiles,failed,mpp,reader,bounds_minx,bounds_miny,width,height,rule",
            "\"a, \"\"b\"\".svs\",0.9,anomalous,\"tiles_failed: 1 of 3 tiles have no score, more than the accepted 10.000 %\",0.9,0.5,0.016384,3,1,0.2526,direct,,,4096,2048,top_mean:10",
            "glass.svs,,,no_tissue: no tile of the slide has tissue,,,,0,0,0.5,openslide,12,7,,,",
            "broken.svs,,,not_a_slide: line one line two,,,,0,0,,,,,,,",
        ]
    );
    assert_eq!(read_slides(bytes.as_slice()).unwrap(), rows());
    assert!(!rows()[0].is_ok());
    assert_eq!((rows()[0].origin(), rows()[1].origin()), ((0, 0), (12, 7)));
    assert_eq!((rows()[0].size(), rows()[1].size()), (Some((4_096, 2_048)), None));
    // Files of earlier versions lack the last columns.
    let without = |columns: usize| {
        let lines: Vec<&str> = lines.iter().map(|line| line.rsplitn(columns + 1, ',').last().unwrap()).collect();
        read_slides(lines.join("\n").as_bytes())
    };
    let before_bounds = |row: SlideRow| SlideRow { width: None, height: None, rule: None, ..row }.with_bounds(None);
    assert_eq!(without(5).unwrap(), rows().into_iter().map(before_bounds).collect::<Vec<_>>());
    assert!(without(1).is_err() && without(3).is_err() && without(4).is_err());
    let wrong = String::from_utf8(bytes).unwrap().replace("top_mean:10", "top_mean:0");
    assert!(read_slides(wrong.as_bytes()).unwrap_err().to_string().contains("unknown slide rule"));
}

#[test]
fn no_slides_are_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slides.csv");
    write_slides_file(&path, &[]).unwrap();
    assert_eq!(read_slides(std::fs::File::open(&path).unwrap()).unwrap(), []);
    let error = read_slides("slide,score\na,1\n".as_bytes()).unwrap_err();
    assert!(error.to_string().contains("expected [\"slide\", \"score\", \"label\""), "{error}");
}

#[test]
fn rows_are_json_with_the_names_of_the_columns() {
    let json = serde_json::to_value(&rows()[2]).unwrap();
    assert_eq!(
        (json["slide"].as_str(), json["score"].is_null(), json["tiles"].as_u64()),
        (Some("broken.svs"), true, Some(0))
    );
    assert_eq!(serde_json::from_value::<SlideRow>(json).unwrap(), rows()[2]);
}
