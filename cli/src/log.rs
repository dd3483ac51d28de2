//! Lines on standard error: notes, errors and the events of the libraries, as text for people or as JSON lines for programs;
//! and whether colours are used. `--color` and `--log-format` are read before all other arguments, because the errors of
//! arguments follow them too.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ColorChoice, ValueEnum};
use kiln_files::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Form of the lines on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain lines.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The arguments that are read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Early {
    pub(crate) color: ColorChoice,
    pub(crate) format: LogFormat,
}

/// The filter and the colours of [`start`].
static STARTED: OnceLock<(String, ColorChoice)> = OnceLock::new();

/// True if lines are JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

impl Early {
    /// Finds `--color` and `--log-format` among the arguments. What is wrong with them is reported with all arguments.
    pub(crate) fn find(arguments: impl Iterator<Item = OsString>) -> Self {
        let mut early = Self { color: ColorChoice::Auto, format: LogFormat::Text };
        let arguments: Vec<_> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        let named = |at: usize, flag: &str| {
            let rest = arguments[at].strip_prefix(flag)?;
            if rest.is_empty() { arguments.get(at + 1).map(String::as_str) } else { rest.strip_prefix('=') }
        };
        for at in (1..arguments.len()).take_while(|at| arguments[*at] != "--") {
            if let Some(Ok(color)) = named(at, "--color").map(|word| ColorChoice::from_str(word, false)) {
                early.color = color;
            }
            if let Some(Ok(format)) = named(at, "--log-format").map(|word| LogFormat::from_str(word, false)) {
                early.format = format;
            }
        }
        early
    }
}

/// Sets the form of all lines that follow.
pub(crate) fn set_format(format: LogFormat) {
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

/// True if lines are JSON.
pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Starts printing the events that `filter` admits.
///
/// # Errors
/// If the filter is malformed.
pub(crate) fn start(filter: &str, color: ColorChoice) -> anyhow::Result<()> {
    let _ = STARTED.set((filter.to_owned(), color));
    let filter = EnvFilter::try_new(filter)?;
    if is_json() {
        tracing_subscriber::registry().with(filter).with(JsonLines).init();
        return Ok(());
    }
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time();
    // Without `log_internal_errors(false)`, a failed write to stderr is reported there with a panic.
    log.with_ansi(is_coloured(color, io::stderr().is_terminal(), variable)).log_internal_errors(false).init();
    Ok(())
}

/// The arguments that give another process of this program the same lines on stderr.
#[cfg(feature = "bench")]
pub(crate) fn arguments() -> Vec<String> {
    let format = if is_json() { "json" } else { "text" };
    let mut arguments = vec!["--log-format".to_owned(), format.to_owned()];
    if let Some((filter, color)) = STARTED.get() {
        arguments.extend(["--log".to_owned(), filter.clone(), "--color".to_owned(), color.to_string()]);
    }
    arguments
}

/// True if colours are used. `--color` decides. Without it, `NO_COLOR` turns them off everywhere, then `CLICOLOR_FORCE` on
/// everywhere; otherwise a terminal has colours, unless `CLICOLOR=0` or `TERM=dumb` is set. Clap has the same rule.
fn is_coloured(color: ColorChoice, is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    match color {
        ColorChoice::Always => return true,
        ColorChoice::Never => return false,
        ColorChoice::Auto => {}
    }
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    if variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") {
        return true;
    }
    let refused = variable("CLICOLOR").is_some_and(|value| value == "0");
    is_terminal && !refused && variable("TERM").is_none_or(|value| value != "dumb")
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// A JSON line.
#[derive(Serialize)]
struct Line<'a> {
    timestamp: Timestamp,
    level: &'a str,
    /// The part of the program: a module, or `kiln` for the notes of a verb.
    target: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

/// Prints a JSON line. Failures of standard error are ignored, as everywhere.
pub(crate) fn json_line(level: &str, target: &str, message: &str, fields: Map<String, Value>) {
    let line = Line { timestamp: Timestamp::now(), level, target, message, fields };
    if let Ok(mut line) = serde_json::to_vec(&line) {
        line.push(b'\n');
        let _ = io::stderr().lock().write_all(&line);
    }
}

/// Prints the libraries' events as JSON lines.
struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        json_line(&level, event.metadata().target(), &fields.message, fields.others);
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.others.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn early(words: &str) -> Early {
        Early::find(format!("kiln {words}").split(' ').map(OsString::from))
    }

    #[test]
    fn colour_and_format_are_found_before_the_arguments_are_read() {
        let none = Early { color: ColorChoice::Auto, format: LogFormat::Text };
        assert_eq!(early("score bundle tile.png"), none);
        assert_eq!(early("--color=never x").color, ColorChoice::Never);
        assert_eq!(early("score --color always --log-format json").color, ColorChoice::Always);
        assert_eq!(early("--log-format=json").format, LogFormat::Json);
        for other in ["--color", "--color purple", "--log-format=yaml", "-- --color always", "--colour never"] {
            assert_eq!(early(other), none, "{other}");
        }
    }

    #[test]
    fn the_environment_decides_about_colours_where_the_user_does_not() {
        let coloured = |color, terminal, set: &[(&str, &str)]| {
            let value = |name: &str| set.iter().find(|one| one.0 == name).map(|one| one.1.to_owned());
            is_coloured(color, terminal, value)
        };
        use ColorChoice::{Always, Auto, Never};
        assert!(coloured(Auto, true, &[]) && !coloured(Auto, false, &[]));
        assert!(coloured(Auto, true, &[("NO_COLOR", ""), ("TERM", "xterm")]));
        for refusal in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
            assert!(!coloured(Auto, true, &[refusal]) && coloured(Always, false, &[refusal]), "{refusal:?}");
        }
        assert!(
            coloured(Auto, false, &[("CLICOLOR_FORCE", "1")]) && !coloured(Auto, false, &[("CLICOLOR_FORCE", "0")])
        );
        assert!(!coloured(Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
