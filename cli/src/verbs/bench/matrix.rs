//! Several providers. Each one is measured in a separate process, one after the other, because a process can load only one
//! ONNX Runtime and a figure must not depend on earlier measurements.

use std::process::Stdio;

use anyhow::Context as _;
use kiln_runtime::bench::Report;

use super::Args;
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::again::again_beside;

/// Measures every provider list in turn, after all of them have opened. If a provider cannot run, nothing is measured: its
/// process has printed the reason, and its exit status is returned.
pub(super) fn measure(args: &Args, providers: &[String], out: &Output) -> anyhow::Result<Result<Report, Exit>> {
    for provider in providers {
        if let Err(exit) = child(args, provider, &["--open-only"], out)? {
            return Ok(Err(exit));
        }
    }
    let mut whole: Option<Report> = None;
    for provider in providers {
        let printed = match child(args, provider, &[], out)? {
            Ok(printed) => printed,
            Err(exit) => return Ok(Err(exit)),
        };
        let report: Report =
            serde_json::from_slice(&printed).context("cannot read the report of the measuring process")?;
        whole = Some(match whole {
            Some(before) => before.and(report),
            None => report,
        });
    }
    Ok(Ok(whole.context("--provider is empty")?))
}

/// Runs the process for one list. Returns the document that it printed, or its exit status.
fn child(args: &Args, provider: &str, more: &[&str], out: &Output) -> anyhow::Result<Result<Vec<u8>, Exit>> {
    let mut command = again_beside(out.onnxruntime.as_deref())?;
    command.arg("bench").arg(&args.bundle).args(["--provider", provider]).args(args.flags()).args(more);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let output = child.output().context("cannot start this program again")?;
    match output.status.code() {
        // An INVALID benchmark is a report too.
        Some(0) => Ok(Ok(output.stdout)),
        Some(1) if !output.stdout.is_empty() => Ok(Ok(output.stdout)),
        Some(3) => Ok(Err(Exit::Environment)),
        Some(2) => Ok(Err(Exit::Input)),
        _ => anyhow::bail!("the process that measured {provider} ended with {}", output.status),
    }
}

impl Args {
    /// The flags that are passed on to a measuring process.
    fn flags(&self) -> Vec<String> {
        let list = |values: Vec<String>| values.join(",");
        let numbers = |values: &[usize]| list(values.iter().map(ToString::to_string).collect());
        let scenarios = list(self.scenario.iter().map(ToString::to_string).collect());
        let mut flags = vec![
            ("--precision", list(self.precision.clone())),
            ("--scenario", scenarios),
            ("--batch", numbers(&self.batch)),
            ("--bound", self.bound.to_string()),
            ("--seconds", self.seconds.to_string()),
            ("--warm-up", self.warm_up.to_string()),
        ];
        if !self.threads.is_empty() {
            flags.push(("--threads", numbers(&self.threads)));
        }
        flags.extend(self.qps.map(|qps| ("--qps", qps.to_string())));
        flags.extend(self.queries.map(|queries| ("--queries", queries.to_string())));
        let pairs = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
        pairs.chain(self.options.flags()).collect()
    }
}
