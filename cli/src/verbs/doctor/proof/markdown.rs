//! `report.md`: the report for an issue, made of the same document as `report.json`.

use std::fmt::Write as _;

use kiln_files::text::{markdown_cell, one_line};
use serde_json::Value;

/// Characters of a cell: a crash may print thousands of lines, and an issue has a limit.
const LONGEST: usize = 1_000;

/// Formats a report. `machine` is the machine's class in one line.
pub(super) fn markdown(document: &Value, machine: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let bundle = &document["bundle"];
    let precisions: Vec<_> = items(&bundle["precisions"]).iter().map(text).collect();
    let mut page = format!(
        "# Kiln on execution providers\n\nkiln {}, {}\n\n- machine: {machine}\n- model: {}, {} weights, {}\n",
        text(&document["kiln"]),
        text(&document["time"]),
        text(&bundle["kind"]),
        bundle["parameters"],
        precisions.join(", ")
    );
    for gpu in items(&document["nvidia_smi"]) {
        let memory = gpu["memory_mib"].as_u64().map_or_else(String::new, |mib| format!(", {mib} MiB"));
        // Writing to a string cannot fail.
        let _ = writeln!(page, "- GPU: {}{memory}, driver {}", text(&gpu["name"]), text(&gpu["driver"]));
    }
    if document["complete"] == false {
        let _ = writeln!(page, "- **not complete**: the time limit of {} minutes was reached", document["minutes"]);
    }
    let is_tried = |provider: &&Value| items(&provider["steps"]).iter().any(|step| step["status"] != "skipped");
    let (tried, others): (Vec<_>, Vec<_>) = items(&document["providers"]).iter().partition(is_tried);
    for provider in tried {
        table(provider, &mut page);
    }
    list(&others, &mut page);
    page.push_str(
        "\nYour folders and the host names in CUDA's errors are replaced by placeholders; other paths of libraries stay. \
         `report.json` has every figure and the whole output of every check.\n",
    );
    page
}

/// The providers without any step that was taken, each with the reason.
fn list(providers: &[&Value], page: &mut String) {
    if !providers.is_empty() {
        page.push_str("\n## Not tried\n\n");
    }
    for provider in providers {
        let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
        let _ = writeln!(page, "- {}: {}", text(&provider["provider"]), text(&provider["steps"][0]["reason"]));
    }
}

/// The steps of one provider, without those that another step blocks.
fn table(provider: &Value, page: &mut String) {
    let passed = if provider["passed"] == true { "passed" } else { "did not pass" };
    let name = provider["provider"].as_str().unwrap_or_default();
    let _ =
        writeln!(page, "\n## {name}: {passed}\n\n| step | precision | status | reason or figures |\n|---|---|---|---|");
    for step in items(&provider["steps"]).iter().filter(|step| step["blocked_by"].is_null()) {
        let cell = |key: &str| escaped(step[key].as_str().unwrap_or_default());
        let words = if step["reason"].is_string() { cell("reason") } else { escaped(&figures(&step["figures"])) };
        let _ = writeln!(page, "| {} | {} | {} | {words} |", cell("step"), cell("precision"), cell("status"));
    }
}

/// The figures as JSON on one line: the page quotes them and the document has them with their names.
fn figures(figures: &Value) -> String {
    match figures {
        Value::Null => String::new(),
        Value::Object(fields) => {
            let known = fields.iter().filter(|(_, value)| !value.is_null());
            known.map(|(key, value)| format!("{key} {}", short(value))).collect::<Vec<_>>().join("; ")
        }
        other => short(other),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(figure) if number.is_f64() && figure.abs() >= 0.01 => format!("{figure:.2}"),
            Some(figure) if number.is_f64() && figure != 0.0 => format!("{figure:.2e}"),
            _ => number.to_string(),
        },
        Value::Array(list) => list.iter().map(short).collect::<Vec<_>>().join(", "),
        Value::Object(_) => format!("({})", figures(value)),
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Text as one cell of a table, shortened to [`LONGEST`], without the characters that Markdown and HTML act on.
fn escaped(text: &str) -> String {
    let text = one_line(text);
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    let cut = if end < text.len() { " …" } else { "" };
    markdown_cell(&text[..end]).replace('>', "&gt;") + cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_step_is_a_row_and_reasons_cannot_break_the_table() {
        let step = |status: &str, reason: Value, figures: Value| json!({ "step": "session", "precision": "fp32", "status": status, "reason": reason, "figures": figures });
        let opened = json!({ "load_ms": 12.3456, "nodes": { "cpu": 9 }, "share": 1.0, "engine": null });
        let document = json!({
            "kiln": "0.1.0", "time": "2026-03-01T09:30:00.250Z", "minutes": 10.0, "complete": false,
            "bundle": { "kind": "cnn", "parameters": 290_000, "precisions": ["fp32", "int8"] },
            "nvidia_smi": [{ "name": "NVIDIA L4", "driver": "580.95.05", "memory_mib": 23_034 }],
            "providers": [
                { "provider": "cpu", "passed": true, "steps": [step("ok", Value::Null, opened)] },
                { "provider": "cuda", "passed": false, "steps": [
                    step("failed", json!("a | b\n<c>"), Value::Null),
                    json!({ "step": "latency", "status": "skipped", "blocked_by": "session" }),
                ] },
                { "provider": "webgpu", "passed": false, "steps": [step("skipped", json!("not installed"), Value::Null)] },
            ],
        });
        let page = markdown(&document, "linux x86_64, 2 cores");
        for line in [
            "- model: cnn, 290000 weights, fp32, int8",
            "- GPU: NVIDIA L4, 23034 MiB, driver 580.95.05",
            "- **not complete**: the time limit of 10.0 minutes was reached",
            "## cuda: did not pass",
            "| session | fp32 | ok | load_ms 12.35; nodes (cpu 9); share 1.00 |",
            "| session | fp32 | failed | a \\| b &lt;c&gt; |",
            "- webgpu: not installed",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(!page.contains("latency") && !page.contains("## webgpu"), "{page}");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(escaped(&"é".repeat(LONGEST)), "é".repeat(LONGEST));
        assert_eq!(escaped(&"é".repeat(LONGEST + 1)), "é".repeat(LONGEST) + " …");
    }
}
