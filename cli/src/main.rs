//! `kiln`: tile models from burn to ONNX and to any machine. The binary turns arguments into calls of the libraries and
//! prints the results; everything that a library user needs is in the libraries.

mod destination;
#[cfg(all(test, feature = "compare", feature = "endpoint"))]
mod documented;
mod environment;
mod exit;
mod hint;
mod output;
#[cfg(feature = "compare")]
mod unanswered;
mod verbs;

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::environment::variable;
use crate::exit::Exit;
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return show_usage(&usage),
    };
    let out = Output::new(cli.json, cli.onnxruntime.or_else(|| variable("ORT_DYLIB_PATH")));
    let exit = match start_logging(&cli.log) {
        Ok(()) => run(cli.verb, &out),
        Err(error) => {
            out.note(format_args!("error: --log {}: {error}\nhint: use a level such as debug, or ort=debug", cli.log));
            Exit::Input
        }
    };
    finish(exit, out.finish()).into()
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
    let _ = writeln!(io::stderr().lock(), "error: cannot write to standard output: {error}");
    if exit == Exit::Done { Exit::Environment } else { exit }
}

/// Prints help and version on stdout, and usage errors on stderr.
fn show_usage(usage: &clap::Error) -> ExitCode {
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

fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    // Without `log_internal_errors(false)`, a failed write to stderr is reported there with a panic.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time();
    log.log_internal_errors(false).init();
    Ok(())
}
