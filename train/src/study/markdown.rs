//! The report as Markdown. Times are at its end; everything before them is the same for a study that was killed and
//! resumed.

use std::fmt::Write as _;

use super::results::Results;
use super::summary::{facts, summary};
use super::tables::{Table, result_tables, time_table};
use super::times::Times;

/// Renders the document.
pub(super) fn render(results: &Results, times: &Times) -> String {
    let mut text = format!("# {}\n\n{}\n\n", plain(&results.name), plain(&summary(results)));
    for (name, value) in facts(results) {
        let _ = writeln!(text, "- {name}: {}", plain(&value));
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
    let _ = writeln!(text, "\n**{}**\n", plain(&table.caption));
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.map(plain).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    text.push_str(&line(&mut table.columns.iter().copied()));
    text.push_str(&line(&mut table.columns.iter().map(|_| "---")));
    for row in &table.rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
}

/// Text that Markdown shows as it is: names of studies, models and centres are anything.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let after = letters.peek().copied().unwrap_or(' ');
        match letter {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '|' | '*' | '`' | '~' | '\\' => plain.extend(['\\', letter]),
            // Inside a word it is a letter.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => plain.push_str("\\_"),
            '#' if before.is_whitespace() => plain.push_str("\\#"),
            ']' if after == '(' => plain.push_str("\\]"),
            letter if letter.is_control() => plain.push(' '),
            letter => plain.push(letter),
        }
        before = letter;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are() {
        let cases = [
            ("a <b>x | *y* `z`", "a &lt;b>x \\| \\*y\\* \\`z\\`"),
            ("colour_neighbours, _x_ # [a](b)", "colour_neighbours, \\_x\\_ \\# [a\\](b)"),
            ("two\nlines & a\\b", "two lines &amp; a\\\\b"),
            ("model.filters=[4, 8], 0.95 (0.90 to 1.00)", "model.filters=[4, 8], 0.95 (0.90 to 1.00)"),
        ];
        for (name, shown) in cases {
            assert_eq!(plain(name), shown);
        }
        let table =
            Table { caption: "minus *a*".to_owned(), columns: vec!["model"], rows: vec![vec!["a|b".to_owned()]] };
        let mut text = String::new();
        write_table(&mut text, &table);
        assert_eq!(text, "\n**minus \\*a\\***\n\n| model |\n| --- |\n| a\\|b |\n");
    }
}
