//! What a person or a program sees. Data goes to stdout, everything else to stderr; with `--json` stdout is JSON alone.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kiln_tile::text::escaped;
use serde::Serialize;

/// Where a verb's words go, and the global flags that every verb may read.
pub(crate) struct Output {
    /// Stdout is JSON.
    pub(crate) json: bool,
    /// The ONNX Runtime library that the user named.
    pub(crate) onnxruntime: Option<PathBuf>,
}

impl Output {
    /// A line of data for a person. Silent under `--json`.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.json {
            write_or_leave(&mut std::io::stdout().lock(), &text);
        }
    }

    /// A JSON document on stdout.
    pub(crate) fn document(&self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        write_or_leave(&mut std::io::stdout().lock(), &text);
        Ok(())
    }

    /// A remark on stderr. Control characters in it come from file names and files, and are escaped: only lines may end.
    pub(crate) fn note(&self, text: impl Display) {
        let text = text.to_string();
        let lines: Vec<_> = text.split('\n').map(escaped).collect();
        let _ = writeln!(std::io::stderr().lock(), "{}", lines.join("\n"));
    }

    /// A progress bar on a terminal; hidden elsewhere, where the verb prints plain lines instead.
    pub(crate) fn progress(&self, len: Option<u64>, label: &str) -> ProgressBar {
        let bar = len.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{prefix} {wide_bar} {pos}/{len} {per_sec} {eta} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.with_prefix(label.to_owned())
    }
}

/// A reader that went away (`kiln … | head`) is no error: the process ends quietly, as a filter should.
fn write_or_leave(stdout: &mut impl Write, text: &impl Display) {
    if writeln!(stdout, "{text}").is_err() {
        std::process::exit(0);
    }
}
