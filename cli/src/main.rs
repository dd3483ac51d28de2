//! `kiln`: tile models from burn to ONNX to wherever they run. Arguments become calls into the libraries; what a verb
//! knows lives there.

mod exit;
mod output;
mod verbs;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

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
    let cli = Cli::parse();
    let out = Output { json: cli.json, onnxruntime: cli.onnxruntime.or_else(|| variable("ORT_DYLIB_PATH")) };
    if let Err(error) = start_logging(&cli.log) {
        out.note(format_args!("error: --log {}: {error}", cli.log));
        return exit::Exit::Input.into();
    }
    match verbs::run(cli.verb, &out) {
        Ok(exit) => exit.into(),
        Err(error) => {
            out.note(format_args!("error: {}", kiln_runtime::chain(error.as_ref())));
            exit::of_error(&error).into()
        }
    }
}

/// An environment variable. One that is set and empty counts as unset, as `VARIABLE= kiln …` means it; clap's own support
/// of variables takes it for an empty value.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    Ok(())
}
