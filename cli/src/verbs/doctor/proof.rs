//! One file as proof of this machine: the doctor's report, and the results of `kiln verify` and `kiln bench` on a bundle
//! for every provider that runs here. For sending to somebody without such a machine.

use std::path::Path;

use anyhow::Context as _;
use kiln_files::publish;
use kiln_runtime::{Bundle, Error};
use serde::Serialize;
use serde_json::Value;

use super::{Report, places};
use crate::output::Output;
use crate::verbs::again::again;

/// The whole file.
#[derive(Serialize)]
struct Proof<'a> {
    doctor: &'a Report,
    checks: Vec<Check>,
}

/// One command and its result.
#[derive(Serialize)]
pub(super) struct Check {
    command: String,
    exit: Option<i32>,
    /// The document that it printed; none if it printed none.
    said: Option<Value>,
    /// Its text on stderr.
    remarks: String,
}

impl Check {
    /// True if `kiln verify` found wrong outputs.
    pub(super) fn is_red(&self) -> bool {
        self.command.starts_with("verify ") && self.exit == Some(1)
    }
}

/// Runs every check, one after the other.
pub(super) fn checks(report: &Report, bundle: &Bundle, out: &Output) -> anyhow::Result<Vec<Check>> {
    let path = bundle.path.display().to_string();
    let precisions: Vec<_> = bundle.manifest.variants.iter().map(|variant| variant.precision.as_str()).collect();
    let mut checks = Vec::new();
    for (library, provider) in places(&report.libraries) {
        for precision in &precisions {
            let verify = ["verify", &path, "--provider", provider, "--precision", precision];
            checks.push(check(&library.path, &verify, out)?);
        }
        if cfg!(feature = "bench") {
            let precisions = precisions.join(",");
            let bench = ["bench", &path, "--provider", provider, "--precision", &precisions, "--batch", "1,8"];
            checks.push(check(&library.path, &bench, out)?);
        }
    }
    Ok(checks)
}

/// Writes the file.
pub(super) fn write(file: &Path, report: &Report, checks: Vec<Check>, out: &Output) -> anyhow::Result<()> {
    let bytes = serde_json::to_vec_pretty(&Proof { doctor: report, checks })?;
    publish::write_file(file, &bytes).map_err(|source| Error::Write { path: file.to_owned(), source })?;
    out.note(format_args!("wrote {}", file.display()));
    Ok(())
}

fn check(library: &str, arguments: &[&str], out: &Output) -> anyhow::Result<Check> {
    let command = arguments.join(" ");
    out.note(format_args!("kiln {command}"));
    let output =
        again(Some(library.as_ref()), "warn")?.args(arguments).output().context("cannot run this program again")?;
    Ok(Check {
        command,
        exit: output.status.code(),
        said: serde_json::from_slice(&output.stdout).ok(),
        remarks: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
