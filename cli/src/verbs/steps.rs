//! Progress of epochs and their steps: a bar on a terminal, elsewhere a plain line every few seconds.

use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::output::Output;

/// Shortest time between two plain lines about steps.
const BETWEEN_LINES: Duration = Duration::from_secs(15);

/// The progress of a training or a pre-training.
pub(super) struct Steps<'a> {
    out: &'a Output,
    bar: ProgressBar,
    terminal: bool,
    last_line: Instant,
}

impl<'a> Steps<'a> {
    pub(super) fn new(out: &'a Output, label: &str) -> Self {
        let bar = out.progress(Some(1), label);
        Self { out, bar, terminal: out.is_interactive(), last_line: Instant::now() }
    }

    /// Prints a note above the bar.
    pub(super) fn say(&self, text: impl Display) {
        if self.terminal { self.bar.suspend(|| self.out.note(text)) } else { self.out.note(text) }
    }

    /// Shows that `done` of `all` parts of the work `name` are done; `line` is the plain line.
    pub(super) fn show(&mut self, name: String, [done, all]: [usize; 2], line: impl Display) {
        self.bar.set_length(all as u64);
        self.bar.set_prefix(name);
        self.bar.set_position(done as u64);
        if !self.terminal && self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            self.out.note(line);
        }
    }

    /// Shows an optimiser step of an epoch, and the mean loss of the epoch so far.
    pub(super) fn step(&mut self, epoch: u64, step: usize, steps: usize, loss: f64) {
        self.bar.set_message(format!("loss {loss:.4}"));
        let line = format!("epoch {epoch}  step {step}/{steps}  loss {loss:.4}");
        self.show(format!("epoch {epoch}"), [step, steps], line);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
