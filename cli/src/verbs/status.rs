//! `kiln status`: the state of a watching process, and whether it is alive.

use std::path::PathBuf;
use std::time::Duration;

use kiln_runtime::watch::{State, Status};
use serde::Serialize;

use super::number::time_span;
use crate::exit::Exit;
use crate::output::Output;

/// Print the status file of `kiln score --watch`, and check that the process is alive.
///
/// With --max-age the exit status is 1 if the process has ended, or has not replaced the file for longer.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln status scores.jsonl.status.json\n  \
    kiln status scores.jsonl.status.json --max-age 60s")]
pub(crate) struct Args {
    /// Status file.
    file: PathBuf,

    /// Greatest age of the file, such as 60s or 5m. A process that works replaces it every five seconds.
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    max_age: Option<Duration>,
}

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    status: &'a Status,
    /// Seconds since the file was replaced.
    age_s: f64,
    /// True if the process has not ended and the file is no older than `--max-age`; absent without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<bool>,
}

pub(crate) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let status = Status::read(&args.file)?;
    let age = status.updated.age();
    let alive = args.max_age.map(|most| status.is_alive(most));
    if out.json {
        out.document(&Document { status: &status, age_s: age.as_secs_f64(), alive })?;
    } else {
        print(&status, age, out);
    }
    if alive == Some(false) {
        let ended = matches!(status.state, State::Stopped | State::Failed);
        let reason = if ended { "the process has ended".to_owned() } else { format!("{:.1} s old", age.as_secs_f64()) };
        out.failure(&format!("{}: {reason}", args.file.display()), None);
        return Ok(Exit::CheckFailed);
    }
    Ok(Exit::Done)
}

fn print(status: &Status, age: Duration, out: &Output) {
    let Status {
        kiln, pid, folder, out: file, bundle, bundle_sha256, started, scored, failed, waiting, copies, ..
    } = status;
    let state = serde_json::to_value(status.state).ok();
    let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default();
    out.line(format_args!("state      {state}, {:.1} s ago", age.as_secs_f64()));
    out.line(format_args!("process    {pid}, kiln {kiln}, started {started}"));
    let scan = status.last_scan.map_or_else(|| "none yet".to_owned(), |scan| scan.to_string());
    out.line(format_args!("folder     {}, last search {scan}", folder.display()));
    out.line(format_args!("rows       {scored} with a score, {failed} without, in {}", file.display()));
    out.line(format_args!("files      {waiting} waiting, {copies} copies"));
    out.line(format_args!("bundle     {} (manifest {bundle_sha256})", bundle.display()));
    if let Some(error) = &status.last_error {
        out.line(format_args!("last error {}: {}", error.at, kiln_files::text::one_line(&error.message)));
    }
}
