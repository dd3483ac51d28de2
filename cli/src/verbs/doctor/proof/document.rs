//! `report.json`: the whole report as one document, without paths of the user and names of hosts. docs/gpu.md lists its fields.

use std::path::{Path, PathBuf};

use kiln_files::time::Timestamp;
use kiln_runtime::{Bundle, library};
use serde::Serialize;
use serde_json::Value;

use super::super::Report;
use super::check::Check;
use super::markdown::markdown;
use super::nvidia_smi::{self, Gpu};
use super::redaction::Redaction;
use super::step::ProviderProof;
use super::{Proof, Target};
use crate::output::Output;

/// Version of the document. Fields may be added without a new one.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    kiln: &'static str,
    time: Timestamp,
    /// The time limit in minutes.
    minutes: f64,
    /// False if a step had not begun at the time limit.
    complete: bool,
    bundle: Model<'a>,
    /// The GPUs that `nvidia-smi` lists.
    nvidia_smi: Vec<Gpu>,
    providers: &'a [ProviderProof],
    doctor: &'a Report,
    checks: &'a [Check],
}

/// The bundle, without its name: that is the user's.
#[derive(Serialize)]
struct Model<'a> {
    kind: &'a str,
    parameters: u64,
    precisions: Vec<&'a str>,
}

/// Writes the report.
pub(in crate::verbs::doctor) fn write(
    target: &Target,
    proof: &Proof,
    (report, bundle): (&Report, &Bundle),
    minutes: f64,
    out: &Output,
) -> anyhow::Result<()> {
    let variants = bundle.manifest.variants.iter();
    let document = Document {
        schema: SCHEMA,
        kiln: env!("CARGO_PKG_VERSION"),
        time: Timestamp::now(),
        minutes,
        complete: !proof.providers.iter().any(ProviderProof::is_cut_short),
        bundle: Model {
            kind: &bundle.manifest.model.kind,
            parameters: bundle.manifest.model.parameters,
            precisions: variants.map(|variant| variant.precision.as_str()).collect(),
        },
        nvidia_smi: nvidia_smi::gpus(),
        providers: &proof.providers,
        doctor: report,
        checks: &proof.checks,
    };
    let mut document = serde_json::to_value(&document)?;
    redaction(report, bundle).value(&mut document);
    // The doctor's part has the name for the terminal.
    if let Some(model) = document.pointer_mut("/doctor/bundle/model") {
        *model = Value::from(bundle.manifest.model.kind.as_str());
    }
    let json = serde_json::to_vec_pretty(&document)?;
    target.write(&json, &markdown(&document, &report.machine.summary()))?;
    out.note(format_args!("wrote {}", target.path().display()));
    Ok(())
}

/// The folders of the user and of this run.
fn redaction(report: &Report, bundle: &Bundle) -> Redaction {
    let libraries = report.libraries.iter().filter(|library| library.origin == "explicit");
    let libraries = libraries.filter_map(|library| Some((Path::new(&library.path).parent()?.to_owned(), "LIBRARY")));
    let folders = [
        (Some(bundle.path.clone()), "BUNDLE"),
        (library::cache_dir().ok(), "CACHE"),
        (library::compiled_dir().ok(), "CACHE"),
        (std::env::home_dir(), "~"),
        (std::env::current_dir().ok(), "HERE"),
        (Some(std::env::temp_dir()), "TEMPORARY"),
    ];
    let folders = folders.into_iter().filter_map(|(folder, word): (Option<PathBuf>, _)| Some((folder?, word)));
    Redaction::new(folders.chain(libraries))
}
