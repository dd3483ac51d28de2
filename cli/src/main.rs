//! `kiln`: tile models from burn to ONNX and to any machine. The binary turns arguments into calls of the libraries and
//! prints the results; everything that a library user needs is in the libraries.

mod destination;
#[cfg(all(
    test,
    feature = "bench",
    feature = "compare",
    feature = "debug",
    feature = "endpoint",
    feature = "package",
    feature = "sign",
    feature = "slide"
))]
mod documented;
mod environment;
mod exit;
mod hint;
mod log;
#[cfg(feature = "train")]
mod memory;
mod output;
mod signal;
#[cfg(feature = "compare")]
mod unanswered;
mod verbs;

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser};
use serde_json::Map;

use crate::environment::variable;
use crate::exit::Exit;
use crate::log::{Early, LogFormat};
use crate::output::Output;

/// Heading of the flags that every verb has; they come last in the help text.
const GLOBAL: &str = "Global options";

/// Train tissue-tile models with burn, export them to ONNX with verified outputs, and run them anywhere.
#[derive(Parser)]
#[command(name = "kiln", version, propagate_version = true, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    /// Print JSON with stable field names on stdout, and no other text there.
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,

    /// Log level on stderr: error, warn, info, debug, trace, or a filter such as `ort=debug`.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", help_heading = GLOBAL)]
    log: String,

    /// Lines on stderr as text or json (one object a line).
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t, hide_possible_values = true,
          help_heading = GLOBAL)]
    log_format: LogFormat,

    /// Colours: always, never, or auto (none with NO_COLOR).
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_possible_values = true,
          help_heading = GLOBAL)]
    color: ColorChoice,

    /// ONNX Runtime library to load instead of an installed one [env: ORT_DYLIB_PATH].
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    onnxruntime: Option<PathBuf>,

    #[command(subcommand)]
    verb: verbs::Verb,
}

fn main() -> ExitCode {
    // SAFETY: this process still has a single thread, so nothing else reads or writes the environment.
    unsafe { kiln_runtime::library::disable_telemetry() };
    ignore_size_signal();
    let early = Early::find(std::env::args_os());
    log::set_format(early.format);
    let cli = match parse(early.color) {
        Ok(cli) => cli,
        Err(usage) => return show_usage(&usage),
    };
    log::set_format(cli.log_format);
    let out = Output::new(cli.json, cli.onnxruntime.or_else(|| variable("ORT_DYLIB_PATH")));
    let exit = match log::start(&cli.log, cli.color) {
        Ok(()) => run(cli.verb, &out),
        Err(error) => {
            out.failure(&format!("--log {}: {error}", cli.log), Some("use a level such as debug, or ort=debug"));
            Exit::Input
        }
    };
    finish(exit, out.finish()).into()
}

/// Reads the arguments. Usage errors and help texts have colours as asked for.
fn parse(color: ColorChoice) -> Result<Cli, clap::Error> {
    let mut command = Cli::command().color(color);
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Runs the verb and prints its error.
fn run(verb: verbs::Verb, out: &Output) -> Exit {
    verbs::run(verb, out).unwrap_or_else(|error| {
        out.error(&error);
        exit::of_error(&error)
    })
}

/// Combines the exit status of a verb with the result of writing to stdout. A failure of the verb takes precedence: its
/// status must not depend on the disk that its report was written to.
fn finish(exit: Exit, stdout: io::Result<()>) -> Exit {
    let Err(error) = stdout else { return exit };
    output::print_error(&format!("cannot write to standard output: {error}"), None);
    if exit == Exit::Done { Exit::Environment } else { exit }
}

/// Prints help and version on stdout, and usage errors on stderr.
fn show_usage(usage: &clap::Error) -> ExitCode {
    if usage.use_stderr() && log::is_json() {
        let text = usage.render().to_string();
        log::json_line("error", "kiln", text.trim_end().trim_start_matches("error: "), Map::new());
        return Exit::Input.into();
    }
    let printed = usage.print().and_then(|()| io::stdout().lock().flush());
    if usage.use_stderr() {
        return Exit::Input.into();
    }
    let printed = printed.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) });
    finish(Exit::Done, printed).into()
}

/// Makes a file that exceeds the size limit of the process (`ulimit -f`) a write error, like a full disk, instead of a signal
/// that ends the process.
fn ignore_size_signal() {
    #[cfg(unix)]
    // SAFETY: no handler is installed, and no other thread runs yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
