//! The report as JUnit XML, for the test view of a CI server: a suite for each candidate, a case for each output and one for
//! the decisions. Text from files is escaped, and characters that XML does not allow are left out.

use super::text::{decisions_line, small};
use super::{PairReport, Report};

/// Tiles that a failure lists at most.
const LISTED: usize = 10;

/// One case.
struct Case {
    name: String,
    /// Message and details of a failure.
    failure: Option<(String, String)>,
    /// Figures of a case that passed.
    output: String,
}

/// Renders the report as JUnit XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let suites: Vec<(String, f64, Vec<Case>)> = report
        .comparisons
        .iter()
        .map(|pair| {
            let name = format!("{} against {}", pair.candidate.facts.label, report.reference.facts.label);
            (name, pair.candidate.answer_seconds.unwrap_or_default(), cases(pair, report))
        })
        .collect();
    let count = |cases: &[Case]| (cases.len(), cases.iter().filter(|case| case.failure.is_some()).count());
    let (tests, failures) = suites.iter().map(|(_, _, cases)| count(cases)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    xml.push_str(&format!(
        "<testsuites name=\"kiln compare\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n"
    ));
    for (name, seconds, cases) in &suites {
        let (tests, failures) = count(cases);
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" \
             time=\"{seconds:.3}\">\n",
            escaped(name)
        ));
        cases.iter().for_each(|case| xml.push_str(&element(name, case)));
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn element(suite: &str, case: &Case) -> String {
    let open = format!("    <testcase classname=\"{}\" name=\"{}\"", escaped(suite), escaped(&case.name));
    match &case.failure {
        Some((message, details)) => format!(
            "{open}>\n      <failure message=\"{}\" type=\"difference\">{}</failure>\n    </testcase>\n",
            escaped(message),
            escaped(details)
        ),
        None => format!("{open}>\n      <system-out>{}</system-out>\n    </testcase>\n", escaped(&case.output)),
    }
}

fn cases(pair: &PairReport, report: &Report) -> Vec<Case> {
    if let Some(error) = &pair.error {
        let failure = Some(("the candidate did not answer".to_owned(), error.clone()));
        return vec![Case { name: "answers".to_owned(), failure, output: String::new() }];
    }
    let findings: String = pair.findings.iter().map(|finding| format!("\n{}", finding.text)).collect();
    let mut cases: Vec<Case> = pair
        .outputs
        .iter()
        .map(|output| {
            let figures = format!(
                "max abs {}, mean abs {}, p99 {}, cosine {:.7}, outside {} of {}, tolerance {}",
                small(output.max_abs),
                small(output.mean_abs),
                small(output.quantiles.p99),
                output.cosine,
                output.outside,
                output.elements,
                small(output.tolerance)
            );
            let worst: String = output
                .worst
                .iter()
                .take(LISTED)
                .map(|tile| format!("\n{}: max abs {} at {:?}", tile.path, small(tile.max_abs), tile.at))
                .collect();
            let failure = (!output.passed).then(|| {
                let message = output.problem.clone().unwrap_or_else(|| "over its limits".to_owned());
                (message, format!("{figures}{findings}{worst}"))
            });
            Case { name: format!("output {}", output.name), failure, output: figures }
        })
        .collect();
    if let Some(decisions) = &pair.decisions {
        let line = decisions_line(decisions);
        let flips: String = decisions
            .flipped
            .iter()
            .take(LISTED)
            .map(|flip| {
                format!(
                    "\n{}: score {} and {}, margins {:+.4} and {:+.4}",
                    flip.path, flip.reference, flip.candidate, flip.reference_margin, flip.candidate_margin
                )
            })
            .collect();
        let failure = (!decisions.passed).then(|| {
            (
                decisions.problem.clone().unwrap_or_else(|| "over its limits".to_owned()),
                format!("{line}{findings}{flips}"),
            )
        });
        cases.push(Case { name: "decisions".to_owned(), failure, output: line });
    }
    if cases.is_empty() {
        let message = format!("nothing was compared on {} tiles", report.tiles.count);
        cases.push(Case { name: "answers".to_owned(), failure: Some((message, String::new())), output: String::new() });
    }
    cases
}

/// Text for an attribute or an element.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' => xml.push_str("&#10;"),
            // XML 1.0 has no form for these at all.
            letter if (letter.is_control() && letter != '\t') || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => xml.push(letter),
        }
    }
    xml
}
