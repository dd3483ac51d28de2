//! Output of all verbs. Data goes to stdout, everything else to stderr; with `--json` stdout is JSON alone. A stream that
//! cannot be written never changes or interrupts the work of a verb: the first failure of stdout is kept, and `main` reads it
//! at the end ([`Output::finish`]); failures of stderr are ignored.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kiln_files::text::escaped;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::hint::hint;
use crate::log;

/// The part of the program that notes and errors are from, in JSON lines.
const TARGET: &str = "kiln";

/// The output streams of a verb, and the global flags that it may read.
pub(crate) struct Output {
    /// `--json`: stdout is JSON.
    pub(crate) json: bool,
    /// `--onnxruntime`: the library that the user named.
    pub(crate) onnxruntime: Option<PathBuf>,
    /// True if nothing is written to stdout.
    silent: bool,
    /// The first failure of writing to stdout.
    failure: OnceLock<io::Error>,
}

impl Output {
    pub(crate) fn new(json: bool, onnxruntime: Option<PathBuf>) -> Self {
        Self { json, onnxruntime, silent: false, failure: OnceLock::new() }
    }

    /// The same output without stdout, for a verb that is a step of another one.
    #[cfg(all(feature = "export", feature = "bench", feature = "slide"))]
    pub(crate) fn without_stdout(&self) -> Self {
        Self { silent: true, ..Self::new(false, self.onnxruntime.clone()) }
    }

    /// Prints a line of data for a person; nothing with `--json`.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.json {
            self.write(&text);
        }
    }

    /// Prints a JSON document on stdout.
    pub(crate) fn document(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.write(&serde_json::to_string_pretty(value)?);
        Ok(())
    }

    /// Flushes stdout.
    ///
    /// # Errors
    /// The first failure of stdout. A reader that closed the pipe (`kiln … | head`) does not count.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.failure.get().is_none() {
            self.keep(io::stdout().lock().flush());
        }
        match self.failure.into_inner() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes one line to stdout, unless an earlier one failed: a report with a gap would look complete.
    fn write(&self, text: &impl Display) {
        if !self.silent && self.failure.get().is_none() {
            self.keep(writeln!(io::stdout().lock(), "{text}"));
        }
    }

    fn keep(&self, written: io::Result<()>) {
        if let Err(error) = written {
            let _ = self.failure.set(error);
        }
    }

    /// Prints a note on stderr. Control characters, which come from files and their names, are escaped, except line breaks.
    pub(crate) fn note(&self, text: impl Display) {
        self.event(text, Map::new());
    }

    /// A note with values for programs, which JSON lines have beside the text.
    pub(crate) fn event(&self, text: impl Display, fields: Map<String, Value>) {
        let text = text.to_string();
        if log::is_json() {
            return log::json_line("info", TARGET, &text, fields);
        }
        print_text(&text);
    }

    /// An error on stderr, and its hint on a second line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        print_error(&kiln_runtime::chain(error.as_ref()), hint(error).as_deref());
    }

    /// An error that has no type, and its hint.
    pub(crate) fn failure(&self, error: &str, hint: Option<&str>) {
        print_error(error, hint);
    }

    /// True if stderr is a terminal for a person: progress is drawn there.
    pub(crate) fn is_interactive(&self) -> bool {
        io::stderr().is_terminal() && !log::is_json()
    }

    /// A progress bar on a terminal. It is hidden elsewhere; the verb prints plain lines there.
    pub(crate) fn progress(&self, len: Option<u64>, label: &str) -> ProgressBar {
        let bar = len.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if !self.is_interactive() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{prefix} {wide_bar} {pos}/{len} {per_sec} {eta} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.with_prefix(label.to_owned())
    }
}

/// Prints an error and its hint on stderr.
pub(crate) fn print_error(error: &str, hint: Option<&str>) {
    if log::is_json() {
        let hint = hint.map(|hint| ("hint".to_owned(), Value::from(hint)));
        return log::json_line("error", TARGET, error, hint.into_iter().collect());
    }
    print_text(&format!("error: {error}"));
    if let Some(hint) = hint {
        print_text(&format!("hint: {hint}"));
    }
}

fn print_text(text: &str) {
    let lines: Vec<_> = text.split('\n').map(escaped).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}
