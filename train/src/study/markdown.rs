//! The report as Markdown. Times are at its end; everything before them is the same for a study that was killed and
//! resumed.

use std::fmt::Write as _;

use super::results::Results;
use super::summary::{facts, summary};
use super::tables::{Table, result_tables, time_table};
use super::times::Times;

/// Renders the document.
pub(super) fn render(results: &Results, times: &Times) -> String {
    let mut text = format!("# {}\n\n{}\n\n", results.name, summary(results));
    for (name, value) in facts(results) {
        let _ = writeln!(text, "- {name}: {value}");
    }
    for table in result_tables(results) {
        write_table(&mut text, &table);
    }
    if let Some(table) = time_table(times) {
        text.push_str("\n## Time\n");
        write_table(&mut text, &table);
    }
    text
}

fn write_table(text: &mut String, table: &Table) {
    let _ = writeln!(text, "\n**{}**\n", table.caption);
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|").replace('<', "&lt;")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    text.push_str(&line(&mut table.columns.iter().copied()));
    text.push_str(&line(&mut table.columns.iter().map(|_| "---")));
    for row in &table.rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
}
