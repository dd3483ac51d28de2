//! The text that a person or a program sees. Data goes to stdout, everything else to stderr; with `--json` stdout is JSON
//! alone. A stream that cannot be written never changes or interrupts the work of a verb: the first failure of stdout is
//! kept, and `main` asks for it at the end ([`Output::finish`]); failures of stderr are ignored.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kiln_files::text::escaped;
use serde::Serialize;

use crate::hint::hint;

/// Where a verb's output goes, and the global flags that every verb may read.
pub(crate) struct Output {
    /// Stdout is JSON.
    pub(crate) json: bool,
    /// The ONNX Runtime library that the user named.
    pub(crate) onnxruntime: Option<PathBuf>,
    /// The first failure of stdout.
    failure: OnceLock<io::Error>,
}

impl Output {
    pub(crate) fn new(json: bool, onnxruntime: Option<PathBuf>) -> Self {
        Self { json, onnxruntime, failure: OnceLock::new() }
    }

    /// A line of data for a person. Silent under `--json`.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.json {
            self.write(&text);
        }
    }

    /// A JSON document on stdout.
    pub(crate) fn document(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.write(&serde_json::to_string_pretty(value)?);
        Ok(())
    }

    /// Writes out what is still buffered for stdout.
    ///
    /// # Errors
    /// The first failure of stdout, unless its reader went away (`kiln … | head`): that is no failure.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.failure.get().is_none() {
            self.keep(io::stdout().lock().flush());
        }
        match self.failure.into_inner() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// One line on stdout, unless an earlier one failed: a report with a gap would look whole.
    fn write(&self, text: &impl Display) {
        if self.failure.get().is_none() {
            self.keep(writeln!(io::stdout().lock(), "{text}"));
        }
    }

    fn keep(&self, written: io::Result<()>) {
        if let Err(error) = written {
            let _ = self.failure.set(error);
        }
    }

    /// A remark on stderr. Control characters in it come from file names and files, and are escaped: only lines may end.
    pub(crate) fn note(&self, text: impl Display) {
        let text = text.to_string();
        let lines: Vec<_> = text.split('\n').map(escaped).collect();
        let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
    }

    /// An error on stderr, and its hint on a second line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        self.note(format_args!("error: {}", kiln_runtime::chain(error.as_ref())));
        if let Some(hint) = hint(error) {
            self.note(format_args!("hint: {hint}"));
        }
    }

    /// A progress bar on a terminal; hidden elsewhere, where the verb prints plain lines instead.
    pub(crate) fn progress(&self, len: Option<u64>, label: &str) -> ProgressBar {
        let bar = len.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{prefix} {wide_bar} {pos}/{len} {per_sec} {eta} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.with_prefix(label.to_owned())
    }
}
