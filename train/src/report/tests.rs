#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

#[path = "../../../tests/support/browser.rs"]
mod browser;

use super::*;
use crate::metrics::{Bootstrap, Scored, measure};
use crate::picture::roc_and_pr;

fn report() -> Report {
    let tile = |at: usize| {
        let anomalous = at.is_multiple_of(3);
        let score = (at * 37 % 100) as f64 / 200.0 + if anomalous { 0.4 } else { 0.0 };
        Scored { score, anomalous, group: (at / 4).to_string() }
    };
    let scored: Vec<Scored> = (0..120).map(tile).collect();
    let metrics = measure(&scored, 0.5, Some(&scored), Bootstrap { resamples: 100, seed: 1 }).unwrap();
    let parity = serde_json::json!({
        "passed": true, "decisions_changed": 0, "tiles": 160, "provider": "cpu", "nodes": {"cpu": 14},
        "outputs": [{"name": "score", "max_abs": 2e-7, "mean_abs": 1e-8, "max_rel": 1e-6, "cosine": 1.0, "tolerance": 1e-5}],
        "batches": [1, 3, 8],
    });
    let latency = serde_json::json!({
        "verdict": "valid", "reasons": [], "load_ms": 12.0, "first_ms": 9.5,
        "results": [{"provider": "cpu", "precision": "fp32", "batch": 1, "threads": 2, "p50_ms": 4.0, "p90_ms": 4.4,
                     "p95_ms": 4.5, "p99_ms": 5.0, "tiles_per_s": 250.0, "cv": 0.04, "nodes": {"cpu": 14}}],
    });
    Report {
        title: "cnn on <tiles> & more".to_owned(),
        summary: "Trained on 80 tiles.".to_owned(),
        facts: vec![("Seed".to_owned(), "7".to_owned())],
        figures: vec![Figure {
            title: "Ranking".to_owned(),
            alternative: "ROC and precision-recall curves".to_owned(),
            caption: "Further up and left is better.".to_owned(),
            picture: roc_and_pr(&scored, None, &metrics).unwrap(),
        }],
        metrics: Some(metrics),
        parity: Some(serde_json::from_value(parity).unwrap()),
        latency: Some(serde_json::from_value(latency).unwrap()),
        config: Some("model:\n  kind: cnn\n".to_owned()),
    }
}

#[test]
fn a_report_holds_everything_and_asks_for_nothing() {
    let html = render(&report());
    for part in ["AUROC", "by colour alone", "<figcaption>", "Parity", "Latency", "kind: cnn", "data:image/png;base64,"]
    {
        assert!(html.contains(part), "{part} is missing");
    }
    for outside in ["<script", "http://", "https://", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "{outside} reaches outside");
    }
    assert!(html.len() < 400_000, "{} bytes", html.len());
}

#[test]
fn text_from_outside_is_escaped() {
    let html = render(&report());
    assert!(html.contains("cnn on &lt;tiles&gt; &amp; more"));
    assert!(!html.contains("<tiles>"));
}

#[test]
fn a_report_can_be_followed_without_seeing_it() {
    let html = render(&report());
    assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    assert_eq!(html.matches("<img ").count(), html.matches(" alt=\"").count());
    assert_eq!(html.matches("<table>").count(), html.matches("<caption>").count());
    assert!(html.contains("scope=\"row\"") && html.contains("scope=\"col\""));
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn sections_without_content_are_left_out() {
    let html = render(&Report { title: "bare".to_owned(), ..Report::default() });
    for part in ["Parity", "Latency", "Configuration", "<figure>", "<dl>"] {
        assert!(!html.contains(part), "{part} is there");
    }
}

#[test]
fn a_report_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    write(&path, &report()).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), render(&report()));
    let error = write(&path.join("under-a-file.html"), &report()).unwrap_err();
    assert!(error.to_string().contains("under-a-file.html"), "{error}");
}

/// A report whose every text is long and has no space to break at.
fn awkward() -> Report {
    let long = "adenocarcinoma_of_the_colon_poorly_differentiated_with_signet_ring_cells_and_necrosis_grade".repeat(2);
    let labels: Vec<String> = (0..120).map(|at| format!("{long}_{}", at % 14)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let tile = |at: usize| {
        let anomalous = at.is_multiple_of(3);
        Scored { score: (at * 37 % 100) as f64 / 100.0, anomalous, group: format!("{long}_slide_{}", at / 4) }
    };
    let scored: Vec<Scored> = (0..120).map(tile).collect();
    let options = crate::metrics::MeasureOptions {
        probabilities: true,
        colour: Some(&scored),
        neighbours: Some(&scored),
        labels: Some(&labels),
        ..crate::metrics::MeasureOptions::new(0.5, Bootstrap { resamples: 100, seed: 1 })
    };
    let mut report = report();
    report.metrics = Some(crate::metrics::measure_with(&scored, &options).unwrap());
    report.title = format!("{long} on {long}");
    report.summary = long.clone();
    report.facts =
        vec![("Data".to_owned(), format!("/{long}/{long}")), ("SHA-256".to_owned(), "0123456789abcdef".repeat(4))];
    report.figures[0].title.clone_from(&long);
    report.figures[0].caption.clone_from(&long);
    report.config = Some(format!("data:\n  path: /{long}/{long}\n"));
    let parity = report.parity.as_mut().unwrap();
    parity.outputs[0].name.clone_from(&long);
    parity.nodes.insert(long.clone(), 3);
    let latency = report.latency.as_mut().unwrap();
    latency.reasons.push(long.clone());
    latency.results[0].provider.clone_from(&long);
    report
}

#[test]
fn long_words_wrap_and_nothing_is_cut_off() {
    // Rules that a page needs to fit; the browser, where there is one, looks at what they come to.
    let style = include_str!("report.css");
    for rule in ["overflow-wrap: anywhere", "white-space: pre-wrap", "max-width: 100%"] {
        assert!(style.contains(rule), "{rule} is missing");
    }
    assert!(!style.contains("nowrap"), "text that does not wrap is cut off");
    let Some(browser) = browser::chromium() else {
        eprintln!("skipped: there is no Chromium on this machine");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for report in [report(), awkward()] {
        for width in browser::WIDTHS {
            let found = browser::misfits(browser, &render(&report), width, folder.path());
            assert_eq!(found, "", "{} at {width} pixels", report.title);
        }
    }
}

#[test]
fn a_report_shows_a_collapsed_autoencoder() {
    use crate::metrics::{LatentTile, LatentUse};
    let (still, moved) = (vec![0.0; 16], vec![1.0; 16]);
    let used = |mean| LatentTile { mean, log_variance: Some(&still), rebuilt: None };
    let page = |latents: &[LatentTile<'_>]| {
        let mut report = report();
        report.metrics.as_mut().unwrap().latent = LatentUse::new(latents);
        render(&report)
    };
    let collapsed = page(&[used(&still), used(&still)]);
    assert!(collapsed.contains("the autoencoder has collapsed: 0 of 16 latent units are active"), "{collapsed}");
    assert!(page(&[used(&still), used(&moved)]).contains("The latent space is in use"));
    assert!(!page(&[]).contains("latent space"));
}

#[test]
fn a_report_shows_that_scores_separate_nothing() {
    let page = |caution: Option<&str>| {
        let mut report = report();
        report.metrics.as_mut().unwrap().caution = caution.map(str::to_owned);
        render(&report)
    };
    assert!(page(Some("the AUROC may be chance")).contains("✗ the AUROC may be chance"));
    assert!(!page(None).contains("may be chance"));
}

#[test]
fn a_report_has_a_table_for_each_key_of_subgroups() {
    use crate::metrics::{MeasureOptions, Subgroups};
    let mut report = report();
    let tile = |at: usize| {
        let anomalous = at.is_multiple_of(2) || at >= 40;
        Scored { score: (at * 37 % 100) as f64 / 100.0, anomalous, group: (at / 4).to_string() }
    };
    let scored: Vec<Scored> = (0..50).map(tile).collect();
    let names: Vec<Option<&str>> = (0..50).map(|at| Some(if at < 40 { "north <1>" } else { "south" })).collect();
    let options = MeasureOptions::new(0.5, Bootstrap { resamples: 100, seed: 1 });
    assert!(!render(&report).contains("By centre"));
    report.metrics.as_mut().unwrap().subgroups = vec![Subgroups::new("centre", &names, &scored, &options).unwrap()];
    let html = render(&report);
    for part in ["By centre", "north &lt;1&gt;", "all 10 tiles are anomalous", "south has few tiles: 10"] {
        assert!(html.contains(part), "{part} is missing");
    }
}
