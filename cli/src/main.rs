//! `kiln`: tile models from burn to ONNX to wherever they run. Arguments become calls into the libraries; what a verb
//! knows lives there.

mod exit;
mod hint;
mod output;
mod verbs;

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::exit::Exit;
use crate::output::Output;

/// Over the flags of every verb in the help text, after the verb's own.
const GLOBAL: &str = "Global options";

/// Fires tissue-tile models into ONNX, proves that nothing changed on the way, and runs them anywhere.
#[derive(Parser)]
#[command(name = "kiln", version, propagate_version = true, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    /// Print JSON with stable field names on stdout, and nothing else there.
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,

    /// How much to log on stderr: error, warn, info, debug, trace, or a filter such as `ort=debug`.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", help_heading = GLOBAL)]
    log: String,

    /// The ONNX Runtime library to load, instead of the installed one [env: ORT_DYLIB_PATH].
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    onnxruntime: Option<PathBuf>,

    #[command(subcommand)]
    verb: verbs::Verb,
}

fn main() -> ExitCode {
    // SAFETY: this process has one thread yet, so nothing else reads or writes the environment.
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
            out.note(format_args!("error: --log {}: {error}", cli.log));
            Exit::Input
        }
    };
    finish(exit, out.finish()).into()
}

/// Runs the verb to its end, and shows its error.
fn run(verb: verbs::Verb, out: &Output) -> Exit {
    verbs::run(verb, out).unwrap_or_else(|error| {
        out.error(&error);
        exit::of_error(&error)
    })
}

/// The exit status of a verb that ended with `exit`, and of the stream that it wrote to. A failure of the verb itself stays:
/// its status must not depend on the disk that its report went to.
fn finish(exit: Exit, stdout: io::Result<()>) -> Exit {
    let Err(error) = stdout else { return exit };
    let _ = writeln!(io::stderr().lock(), "error: cannot write to standard output: {error}");
    if exit == Exit::Done { Exit::Environment } else { exit }
}

/// Help and version on stdout, errors of usage on stderr.
fn show_usage(usage: &clap::Error) -> ExitCode {
    let printed = usage.print().and_then(|()| io::stdout().lock().flush());
    if usage.use_stderr() {
        return Exit::Input.into();
    }
    let printed = printed.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) });
    finish(Exit::Done, printed).into()
}

/// A file that grows over the limit of its process (`ulimit -f`) is a write error as a full disk is, and not the end of the
/// process by a signal.
fn ignore_size_signal() {
    #[cfg(unix)]
    // SAFETY: no handler is installed, and no other thread runs yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// An environment variable. One that is set and empty counts as unset, as `VARIABLE= kiln …` means it; clap's own support
/// of variables takes it for an empty value.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    // Without `log_internal_errors(false)`, a line that stderr does not take is reported there with a panic.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time();
    log.log_internal_errors(false).init();
    Ok(())
}
