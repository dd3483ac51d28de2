//! A bench run as Markdown, for a page or a pull request.

use std::fmt::Write as _;

use super::{Comparison, Report, Verdict};

/// Formats a report, and its comparison with an earlier run.
#[must_use]
pub fn markdown(report: &Report, comparisons: &[Comparison]) -> String {
    let mut text = String::from("# Latency\n\n");
    let cpu = report.machine.cpu.as_deref().unwrap_or("unknown CPU");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}, {} cores{}\n", cpu, report.machine.cores, gpus(&report.machine.gpus));
    text.push_str(
        "| provider | precision | scenario | batch | threads | judged by | p50 ms | p90 | p95 | p99 | p99.9 | CV | tiles/s | nodes |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for result in &report.results {
        let latency = &result.latency;
        let (judged, unit) = result.judged();
        let nodes: Vec<_> = result.nodes.iter().map(|(provider, nodes)| format!("{provider} {nodes}")).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {judged:.2} {unit} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.1} % | {:.1} | {} |",
            result.provider,
            result.precision,
            result.scenario,
            result.batch,
            result.threads,
            latency.p50_ms,
            latency.p90_ms,
            latency.p95_ms,
            latency.p99_ms,
            latency.p999_ms,
            100.0 * latency.cv,
            result.tiles_per_s,
            nodes.join(", ")
        );
    }
    stages(report, &mut text);
    comparison(comparisons, &mut text);
    verdict(report, &mut text);
    text
}

fn gpus(gpus: &[String]) -> String {
    if gpus.is_empty() { String::new() } else { format!(", {}", gpus.join(", ")) }
}

fn stages(report: &Report, text: &mut String) {
    text.push_str("\nMilliseconds for one tile, each stage measured apart:\n\n");
    text.push_str("| measurement | load | engine build | first | decode | preprocess | transfer | compute |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for result in &report.results {
        let build = result.engine_build_ms.map_or("none".to_owned(), |ms| format!("{ms:.0}"));
        let stages = result.stages.map_or("| | | |".to_owned(), |stages| {
            let (decode, preprocess) = (stages.decode_ms, stages.preprocess_ms);
            format!("{decode:.3} | {preprocess:.3} | {:.3} | {:.3} |", stages.transfer_ms, stages.compute_ms)
        });
        let _ =
            writeln!(text, "| {} | {:.1} | {build} | {:.1} | {stages}", result.name(), result.load_ms, result.first_ms);
    }
    if let Some(bytes) = report.peak_memory_bytes {
        let _ = writeln!(text, "\nPeak memory of the process: {} MiB.", bytes >> 20);
    }
}

fn comparison(comparisons: &[Comparison], text: &mut String) {
    if comparisons.is_empty() {
        return;
    }
    text.push_str("\n| measurement | time now / before | 95 % interval | |\n|---|---|---|---|\n");
    for comparison in comparisons {
        let ratio = comparison.ratio.map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let interval = comparison.low.zip(comparison.high);
        let interval = interval.map_or(String::new(), |(low, high)| format!("{low:.3} to {high:.3}"));
        let _ = writeln!(text, "| {} | {ratio} | {interval} | {} |", comparison.measurement, comparison.outcome);
    }
}

fn verdict(report: &Report, text: &mut String) {
    let word = match report.verdict {
        Verdict::Valid => "VALID",
        Verdict::Invalid => "INVALID",
    };
    let _ = writeln!(text, "\n**{word}**");
    for (kind, words) in [("", &report.reasons), ("warning: ", &report.warnings)] {
        for words in words {
            let _ = writeln!(text, "- {kind}{words}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::measurement;
    use super::*;

    #[test]
    fn every_measurement_has_a_row_and_the_verdict_its_reasons() {
        let reasons = vec!["it fell back".to_owned()];
        let report = Report { verdict: Verdict::Invalid, reasons, results: vec![measurement()], ..Report::default() };
        let text = markdown(&report, &[]);
        assert!(text.contains("| cpu | fp32 | single_stream | 1 | 2 | 1.01 ms p90 |"), "{text}");
        assert!(text.contains("**INVALID**\n- it fell back"), "{text}");
    }
}
